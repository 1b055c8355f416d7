// The packages on Debian 12, which has an older C library: they are installed, run, upgraded, removed and purged.

import { execFileSync } from 'node:child_process';
import {
  appendFileSync,
  copyFileSync,
  existsSync,
  lstatSync,
  mkdirSync,
  mkdtempSync,
  readFileSync,
  rmSync,
  writeFileSync,
} from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { version } from '../../agent/version.ts';
import { readHunts, shippedHunts } from '../../detectors/hunts/load-hunts.ts';
import { titled } from '../needs.ts';
import { asVersion } from './as-version.ts';
import { cannotBuild, debFile, rpmFile } from './built.ts';
import { type Chroot, chrootMissing, makeChroot, tracesIn } from './chroot.ts';

const missing = cannotBuild ?? chrootMissing;
const enabled = '/etc/systemd/system/multi-user.target.wants/stepparent.service';
const { hunts } = readHunts([shippedHunts]);

/** A version above that of the package. */
const nextVersion = `${version}+next`;

/** Runs the installed agent until it is ready, then ends it with SIGTERM; returns its output and exit code. */
async function runAgent(root: Chroot): Promise<{ output: string; code: number | null }> {
  const agent = root.spawn('/usr/lib/stepparent/start', 'run');
  let output = '';
  const ended = new Promise<number | null>((resolve) => agent.once('close', resolve));
  await new Promise<void>((resolve) => {
    for (const stream of [agent.stdout, agent.stderr]) {
      stream?.setEncoding('utf8').on('data', (text: string) => {
        output += text;
        if (/^ready /m.test(output)) resolve();
      });
    }
    agent.once('close', () => resolve());
  });
  agent.kill('SIGTERM');
  return { output, code: await ended };
}

describe.skipIf(missing)(titled('on Debian 12', missing), () => {
  const scratch = mkdtempSync(join(tmpdir(), 'stepparent-install-'));
  let root: Chroot;
  const pathOf = (path: string): string => join(root.directory, path);
  const bring = (file: string): string => {
    copyFileSync(file, pathOf('tmp/package'));
    return '/tmp/package';
  };
  /** Whether the system's message catalogue, which `journalctl -x` reads, has the agent's messages. */
  const isCatalogued = (): boolean =>
    readFileSync(pathOf('var/lib/systemd/catalog/database'), 'latin1').includes(hunts[0]?.name ?? 'no hunt');

  beforeAll(() => {
    root = makeChroot(join(scratch, 'root'), 'bookworm', 'systemd');
  });
  afterAll(() => rmSync(scratch, { recursive: true, force: true }));

  test('dpkg -i installs the .deb and enables the service', () => {
    const output = root.run('sh', '-c', 'dpkg -i "$0" 2>&1', bring(debFile));
    expect(output).not.toContain('warning');
    expect(output).toContain('stepparent is installed but not started: systemd is not running');
    expect(lstatSync(pathOf(enabled)).isSymbolicLink()).toBe(true);
    expect(lstatSync(pathOf('etc/stepparent/config.toml')).mode & 0o777).toBe(0o600);
    for (const name of ['conf.d', 'rules.d', 'hunts.d'])
      expect(existsSync(pathOf(`etc/stepparent/${name}`))).toBe(true);
    expect(isCatalogued()).toBe(true);
  });

  test('the commands run without the agent', () => {
    expect(root.run('stepparent', '--version')).toBe(`${version}\n`);
    expect(root.run('sh', '-c', 'stepparent rules check 2>&1')).toMatch(/^\d\d+ \D+ 0 \D+$/m);
    expect(root.run('sh', '-c', 'stepparent run --check 2>&1')).toMatch(/^\d\d+ \D+ 0 \D+$/m);
  });

  test('the agent starts and becomes ready', async () => {
    const { output, code } = await runAgent(root);
    expect({ code, output: code === 0 ? '' : output }).toEqual({ code: 0, output: '' });
    expect(output).toMatch(/^ready /m);
    expect(existsSync(pathOf('var/lib/stepparent/stepparent.db'))).toBe(true);
  });

  test('an upgrade keeps configuration and baseline', () => {
    appendFileSync(pathOf('etc/stepparent/config.toml'), '# changed here\n');
    writeFileSync(pathOf('etc/stepparent/conf.d/own.toml'), '');
    const database = readFileSync(pathOf('var/lib/stepparent/stepparent.db'));
    root.run('dpkg', '-i', bring(asVersion(scratch, debFile, nextVersion)));
    expect(readFileSync(pathOf('etc/stepparent/config.toml'), 'utf8')).toMatch(/# changed here\n$/);
    expect(readFileSync(pathOf('var/lib/stepparent/stepparent.db')).equals(database)).toBe(true);
    expect(root.run('dpkg', '-s', 'stepparent')).toContain(`\nVersion: ${nextVersion}\n`);
  });

  test('an upgrade keeps a disabled service disabled', () => {
    root.run('systemctl', 'disable', 'stepparent.service');
    root.run('dpkg', '-i', bring(debFile));
    expect(() => lstatSync(pathOf(enabled))).toThrow('ENOENT');
  });

  test('a removal keeps configuration, baseline and alerts', () => {
    root.run('dpkg', '-r', 'stepparent');
    const left = tracesIn(root);
    expect(left).toEqual(
      expect.arrayContaining(['/etc/stepparent', '/var/lib/stepparent', '/var/lib/stepparent/stepparent.db']),
    );
    expect(left.filter((path) => path.startsWith('/usr/') || path.startsWith('/run/'))).toEqual([]);
    expect(existsSync(pathOf('etc/stepparent/config.toml'))).toBe(true);
    expect(isCatalogued()).toBe(false);
  });

  test('a purge keeps only the files that the administrator added', () => {
    root.run('dpkg', '-P', 'stepparent');
    expect(tracesIn(root)).toEqual(['/etc/stepparent']);
    expect(existsSync(pathOf('etc/stepparent/config.toml'))).toBe(false);
    rmSync(pathOf('etc/stepparent'), { recursive: true });
  });

  test('a purge succeeds when a directory of the package cannot be removed', () => {
    root.run('dpkg', '-i', bring(debFile));
    mkdirSync(pathOf('var/lib/stepparent'));
    root.run('sh', '-c', 'mount -t tmpfs tmpfs /var/lib/stepparent && dpkg -P stepparent');
    expect(root.run('sh', '-c', 'dpkg -s stepparent 2>&1 || true')).toContain('is not installed');
    expect(tracesIn(root)).toEqual(['/var/lib/stepparent']);
    rmSync(pathOf('var/lib/stepparent'), { recursive: true });
  });

  test('the .rpm is installed, runs, is reinstalled and removed', () => {
    // The libraries come from .deb packages: rpm's database cannot satisfy the dependencies.
    const rpm = (...args: string[]): string =>
      execFileSync('rpm', ['--root', root.directory, '--dbpath', '/var/lib/rpm', '--nodeps', ...args], {
        encoding: 'utf8',
        stdio: 'pipe',
      });
    mkdirSync(pathOf('var/lib/rpm'), { recursive: true });
    rpm('-i', rpmFile);
    expect(lstatSync(pathOf(enabled)).isSymbolicLink()).toBe(true);
    expect(isCatalogued()).toBe(true);
    expect(root.run('sh', '-c', 'stepparent rules check 2>&1')).toMatch(/^\d\d+ \D+ 0 \D+$/m);
    expect(rpm('-V', 'stepparent')).toBe('');
    appendFileSync(pathOf('etc/stepparent/config.toml'), '# changed here\n');
    rpm('-i', '--replacepkgs', rpmFile);
    expect(readFileSync(pathOf('etc/stepparent/config.toml'), 'utf8')).toMatch(/# changed here\n$/);
    rpm('-e', 'stepparent');
    expect(() => lstatSync(pathOf(enabled))).toThrow('ENOENT');
    expect(isCatalogued()).toBe(false);
    expect(tracesIn(root)).toEqual(['/etc/stepparent']);
    expect(readFileSync(pathOf('etc/stepparent/config.toml.rpmsave'), 'utf8')).toMatch(/# changed here\n$/);
  });
});

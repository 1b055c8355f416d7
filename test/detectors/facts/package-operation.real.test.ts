// Runs dpkg and rpm on scratch roots, and compares the parser's result with the packages that are installed then.

import { execFileSync, spawnSync } from 'node:child_process';
import { existsSync, mkdirSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { parsePackageOperation } from '../../../detectors/facts/package-operation.ts';
import { missingTools, titled, unmet } from '../../needs.ts';

const dpkgMissing = unmet(missingTools('dpkg', 'dpkg-deb'));
const rpmMissing = unmet(missingTools('rpm', 'rpmbuild'));

let directory = '';
const payload = 'usr/share/probe/file';

beforeAll(() => {
  directory = mkdtempSync(join(tmpdir(), 'package-operation-'));
});
afterAll(() => {
  rmSync(directory, { recursive: true, force: true });
});

/** Whether the parser says that the command puts a package's files in place. */
function saysInstalled(tool: string, args: string[]): boolean {
  const parsed = parsePackageOperation(tool, args);
  return parsed !== undefined && /^(install|upgrade|unpack)$/.test(parsed.operation) && !parsed.dry_run;
}

/** A fresh root, and the environment without anything of this host's that changes how dpkg and rpm read a command line. */
function scratch(): { root: string; env: NodeJS.ProcessEnv } {
  const root = mkdtempSync(join(directory, 'root-'));
  return { root, env: { PATH: process.env.PATH, HOME: directory, LC_ALL: 'C' } };
}

const dpkgLines: string[] = [
  '-i probe.deb',
  '--install probe.deb',
  '--unpack probe.deb',
  '-iE probe.deb',
  '-Ei probe.deb',
  '-BiE probe.deb',
  '-Ri packages',
  '-iR packages',
  '-iGREB packages',
  '-ai probe.deb',
  '-iD2 probe.deb',
  '-iD 2 probe.deb',
  '-D=2 -i probe.deb',
  '-D2i probe.deb',
  '-D 2 -i probe.deb',
  '-i -D probe.deb',
  '-iDh probe.deb',
  '--debug=2 -i probe.deb',
  '--install -- probe.deb',
  '-i probe.deb --dry-run',
  'probe.deb -i',
  '- -i probe.deb',
  '-i',
  '-i --dry-run probe.deb',
  '--no-act -i probe.deb',
  '--simulate --unpack probe.deb',
  '--no-dry-run -i probe.deb',
  '--inst probe.deb',
  '--install=probe.deb',
  '-i=probe.deb',
  '-i -i probe.deb',
  '-i --unpack probe.deb',
  '-ir probe.deb',
  '-iI probe.deb',
  '-I probe.deb',
  '-c probe.deb',
  '-A probe.deb',
  '-l probe.deb',
  '-s -i',
  '-S -i',
  '--help -i probe.deb',
  '-i --version probe.deb',
  '--status-fd 2 -i probe.deb',
  '--status-fd=2 --no-triggers --unpack --auto-deconfigure probe.deb',
  '--status-fd x -i probe.deb',
  '--abort-after=x -i probe.deb',
  '--log -i probe.deb',
  '--log=/dev/null -i probe.deb',
  '--force-confnew,confold -i probe.deb',
  '--force confnew -i probe.deb',
  '--force=all -i probe.deb',
  '-i --force-help probe.deb',
  '--refuse-downgrade -Gi probe.deb',
  '--ignore-depends= -i probe.deb',
  '--ignore-depends=, -i probe.deb',
  '--configure -a',
  '--configure -i probe.deb',
  '--compare-versions 1 -i 2',
  '--nonsense -i probe.deb',
  '-h -i probe.deb',
  '--admindir -i probe.deb',
];

describe.skipIf(dpkgMissing)(titled('dpkg', dpkgMissing), () => {
  beforeAll(() => {
    const tree = join(directory, 'deb');
    mkdirSync(join(tree, 'DEBIAN'), { recursive: true });
    mkdirSync(join(tree, 'usr/share/probe'), { recursive: true });
    mkdirSync(join(directory, 'packages'));
    writeFileSync(join(tree, payload), 'harmless\n');
    writeFileSync(
      join(tree, 'DEBIAN/control'),
      'Package: probe\nVersion: 1\nArchitecture: all\nMaintainer: Nobody <nobody@example.org>\nDescription: harmless\n',
    );
    for (const file of ['probe.deb', '--dry-run', 'packages/probe.deb']) {
      execFileSync('dpkg-deb', ['--root-owner-group', '--build', '--', tree, join(directory, file)]);
    }
  });

  test.each(dpkgLines)('dpkg %s', (line) => {
    const { root, env } = scratch();
    for (const part of ['info', 'updates', 'triggers'])
      mkdirSync(join(root, 'var/lib/dpkg', part), { recursive: true });
    for (const part of ['status', 'available']) writeFileSync(join(root, 'var/lib/dpkg', part), '');
    const args = ['dpkg', `--root=${root}`, '--force-not-root', ...line.split(' ')];
    spawnSync('dpkg', args.slice(1), { cwd: directory, env });
    expect(saysInstalled('dpkg', args)).toBe(existsSync(join(root, payload)));
  });
});

describe.skipIf(dpkgMissing)(titled('dpkg shows that it would force a bad package', dpkgMissing), () => {
  test.each([
    '--force-bad-verify',
    '--force-all',
    '--force depends,bad-verify',
    '--force-depends',
    '--force-all --no-force-bad-verify',
    '--force-bad-verify --refuse-all',
    '--force-bad-verify --refuse bad-verify,depends',
    '--refuse-all --force-bad-verify',
  ])('%s', (line) => {
    const { env } = scratch();
    const words = line.split(' ');
    const shown = spawnSync('dpkg', [...words, '--force-help'], { env, encoding: 'utf8' }).stdout;
    const [, enabled] = shown.split('enabled options:');
    const forced = enabled?.includes('bad-verify');
    expect(enabled).toBeDefined();
    const parsed = parsePackageOperation('dpkg', ['dpkg', ...words, '-i', 'probe.deb']);
    expect(parsed?.verification_off).toEqual(forced ? ['force_bad_verify'] : undefined);
  });
});

const rpmLines: string[] = [
  '-i probe.rpm',
  '-ivh probe.rpm',
  '-hi probe.rpm',
  '-vvih probe.rpm',
  '--install probe.rpm',
  '-U probe.rpm',
  '-Uvh probe.rpm',
  '--upgrade probe.rpm',
  '--reinstall probe.rpm',
  '-U --reinstall probe.rpm',
  '-F old.rpm',
  'probe.rpm -i',
  'probe.rpm --install -v',
  '-i -- probe.rpm',
  '-- -i probe.rpm',
  '-i',
  '-qi probe',
  '-iq probe',
  '-q -i probe',
  '-i -q probe',
  '-qip probe.rpm',
  '-qpi probe.rpm',
  '--install --query -p probe.rpm',
  '-Vip probe.rpm',
  '-iVp probe.rpm',
  '-ilp probe.rpm',
  '-ia probe.rpm',
  '-iaf probe.rpm',
  '-ie probe.rpm',
  '-eU probe.rpm',
  '-e probe',
  '-i --restore probe.rpm',
  '-i --test probe.rpm',
  '--test -U probe.rpm',
  '-i --justdb probe.rpm',
  '-i --nodb probe.rpm',
  '-i --noscripts --nodeps --percent --noglob probe.rpm',
  '--prefix / -i probe.rpm',
  '--prefix relative -i probe.rpm',
  '--excludepath /usr -i probe.rpm',
  '-i --define probe.rpm',
  '-D -i probe.rpm',
  '--eval -i probe.rpm',
  '--eval %_dbpath -i probe.rpm',
  '-iE %_dbpath probe.rpm',
  '-iEprobe.rpm',
  '--pipe cat -i probe.rpm',
  '--pipe -i probe.rpm',
  '--qf -i probe.rpm',
  '--qf x -i probe.rpm',
  '--target noarch -i probe.rpm',
  '--undefine x -i probe.rpm',
  '--color auto -i probe.rpm',
  '--color -i probe.rpm',
  '--color=auto -i probe.rpm',
  'probe.rpm -i --color',
  '--last=probe.rpm -i',
  '--last=-i probe.rpm',
  '-i -last probe.rpm',
  '-i -R -P probe.rpm',
  '-info probe.rpm',
  '-import probe.rpm -i',
  '-i --import probe.rpm',
  '-iK probe.rpm',
  '--initdb -i probe.rpm',
  '-install probe.rpm',
  '--inst probe.rpm',
  '-i --version probe.rpm',
  '-i --showrc probe.rpm',
  '-i --nonsense probe.rpm',
  '-bb probe.rpm',
  '--rebuild probe.rpm',
  '-q --nodeps -i probe.rpm',
  '-i --allmatches probe.rpm',
  '-i --excludedocs --includedocs probe.rpm',
  '-i --root=relative probe.rpm',
];

describe.skipIf(rpmMissing)(titled('rpm', rpmMissing), () => {
  const base = () => mkdtempSync(join(directory, 'base-'));

  beforeAll(() => {
    for (const [file, version] of Object.entries({ old: 1, probe: 2 })) {
      const spec = join(directory, `${file}.spec`);
      writeFileSync(
        spec,
        `Name: probe\nVersion: ${version}\nRelease: 1\nSummary: harmless\nLicense: none\nBuildArch: noarch\nPrefix: /usr\n` +
          `%description\nharmless\n%install\nmkdir -p %{buildroot}/usr/share/probe\n` +
          `echo harmless > %{buildroot}/${payload}\n%files\n/${payload}\n`,
      );
      const top = base();
      const macros = { _topdir: top, _rpmdir: directory, _build_name_fmt: `${file}.rpm` };
      const defines = Object.entries(macros).flatMap(([name, value]) => ['--define', `${name} ${value}`]);
      execFileSync('rpmbuild', [...defines, '-bb', spec], { stdio: 'pipe' });
    }
  });

  test.each(rpmLines)('rpm %s', (line) => {
    const { root, env } = scratch();
    const args = ['rpm', '--root', root, '--dbpath', '/var/lib/rpm', ...line.split(' ')];
    spawnSync('rpm', args.slice(1), { cwd: directory, env });
    const inDatabase =
      spawnSync('rpm', ['--root', root, '--dbpath', '/var/lib/rpm', '-q', 'probe'], { env }).status === 0;
    // -F puts nothing on a host that has no older version.
    const installed = inDatabase || existsSync(join(root, payload)) || line.startsWith('-F');
    expect(saysInstalled('rpm', args)).toBe(installed);
  });

  test.each<[string, ...string[]]>([
    [''],
    ['--nodigest'],
    ['--nosignature --nodigest'],
    ['--noverify'],
    ['--nofiledigest'],
    ['--nohdrchk'],
    ['--force'],
    ['--nodig'],
    ['', '-D', '_pkgverify_level none'],
    ['', '-D_pkgverify_level none'],
    ['', '--define=%-pkgverify-level none'],
    ['', '--predefine', ' _pkgverify_level\tnone'],
    ['', '--define', '_pkgverify_level() none'],
    ['', '-E', '%define _pkgverify_level none'],
    ['', '-E', '%global _pkgverify_level none'],
    ['', '-E', '_pkgverify_level none'],
    ['', '-D', '_pkgverify_level none', '-D', '_pkgverify_level all'],
    ['', '-D', '_pkgverify_level all', '-D', '_pkgverify_level none'],
    ['', '-D', '_pkgverify_flags 0x30000'],
    ['', '-D', 'my_pkgverify_level none'],
  ])('rpm takes a damaged package if verification is off: %j %j %j %j', (line, ...more) => {
    const bytes = readFileSync(join(directory, 'probe.rpm'));
    const last = bytes.length - 10;
    bytes.writeUInt8(bytes.readUInt8(last) ^ 0xff, last);
    writeFileSync(join(directory, 'damaged.rpm'), bytes);
    const { root, env } = scratch();
    const place = ['--root', root, '--dbpath', '/var/lib/rpm'];
    const args = [...place, '-U', '--test', ...(line === '' ? [] : line.split(' ')), ...more, 'damaged.rpm'];
    const { status } = spawnSync('rpm', args, { cwd: directory, env });
    const parsed = parsePackageOperation('rpm', ['rpm', ...args]);
    expect(parsed?.verification_off !== undefined).toBe(status === 0);
  });

  test('rpm -F replaces an older version', () => {
    const { root, env } = scratch();
    const run = (...args: string[]) =>
      spawnSync('rpm', ['--root', root, '--dbpath', '/var/lib/rpm', ...args], {
        cwd: directory,
        env,
        encoding: 'utf8',
      });
    run('-i', 'old.rpm');
    run('-F', 'probe.rpm');
    expect(run('-q', 'probe').stdout).toContain('probe-2-1');
  });
});

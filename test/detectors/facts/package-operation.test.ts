// Command lines and what they mean: each row a line that someone, or something, would type.

import { describe, expect, test } from 'vitest';
import type { PackageOperation } from '../../../collectors/event/event.ts';
import { parsePackageOperation } from '../../../detectors/facts/package-operation.ts';

type Row = [line: string, operation: PackageOperation['operation'], rest?: Partial<PackageOperation>];

const packages = (...names: string[]) => ({ packages: names, packages_count: names.length });
const dry = { dry_run: true };
const forced: Partial<PackageOperation> = { verification_off: ['force_bad_verify'] };

const dpkgRows: Row[] = [
  ['dpkg -i a.deb b.deb', 'install', packages('a.deb', 'b.deb')],
  ['dpkg --install a.deb', 'install', packages('a.deb')],
  ['dpkg -iE a.deb', 'install', packages('a.deb')],
  ['dpkg -Ei a.deb', 'install', packages('a.deb')],
  ['dpkg -BiE a.deb', 'install', packages('a.deb')],
  ['dpkg -iGROEB /var/cache', 'install', packages('/var/cache')],
  ['dpkg -iB -- -odd.deb', 'install', packages('-odd.deb')],
  ['dpkg --auto-deconfigure -i a.deb', 'install', packages('a.deb')],
  ['/usr/bin/dpkg --status-fd 23 --no-triggers --unpack --auto-deconfigure a.deb', 'unpack', packages('a.deb')],
  ['/usr/bin/dpkg --status-fd 23 --configure --pending', 'configure'],
  ['dpkg --configure -a', 'configure'],
  ['dpkg --configure a b', 'configure', packages('a', 'b')],
  ['dpkg --configure', 'other'],
  ['dpkg --configure -a a', 'other'],
  ['dpkg --triggers-only -a', 'configure'],
  ['dpkg -r a', 'remove', packages('a')],
  ['dpkg --remove -a', 'remove'],
  ['dpkg -P a', 'purge', packages('a')],
  ['dpkg --purge --force-all a', 'purge', { ...packages('a'), ...forced }],
  ['dpkg -V', 'verify'],
  ['dpkg --verify a', 'verify', packages('a')],
  ['dpkg -C', 'query'],
  ['dpkg -l', 'query'],
  ['dpkg -s a', 'query', packages('a')],
  ['dpkg -S /bin/ls', 'query', packages('/bin/ls')],
  ['dpkg -L a', 'query', packages('a')],
  ['dpkg -I a.deb', 'query', packages('a.deb')],
  ['dpkg -c a.deb', 'query', packages('a.deb')],
  ['dpkg --get-selections', 'query'],
  ['dpkg -x a.deb /tmp/x', 'other'],
  ['dpkg -b tree a.deb', 'build', packages('tree', 'a.deb')],
  ['dpkg --set-selections', 'select'],
  ['dpkg --clear-selections', 'select'],
  ['dpkg --print-architecture', 'other'],
  ['dpkg --compare-versions 1 gt -i', 'other'],
  ['dpkg --assert-multi-arch', 'other'],
  ['dpkg --help', 'other'],
  ['dpkg --version', 'other'],
  ['dpkg', 'other'],

  ['dpkg --dry-run -i a.deb', 'install', { ...packages('a.deb'), ...dry }],
  ['dpkg --no-act -i a.deb', 'install', { ...packages('a.deb'), ...dry }],
  ['dpkg --simulate --purge a', 'purge', { ...packages('a'), ...dry }],
  ['dpkg -i a.deb --dry-run', 'install', packages('a.deb', '--dry-run')],
  ['dpkg -i --no-dry-run a.deb', 'other'],

  ['dpkg -i -r a.deb', 'other'],
  ['dpkg -i -i a.deb', 'other'],
  ['dpkg -iI a.deb', 'other'],
  ['dpkg --version -i a.deb', 'other'],
  ['dpkg a.deb -i', 'other'],
  ['dpkg -i', 'other'],
  ['dpkg -i --', 'other'],
  ['dpkg --inst a.deb', 'other'],
  ['dpkg --install=a.deb', 'other'],
  ['dpkg -i=a.deb', 'other'],
  ['dpkg -Zi a.deb', 'other'],
  ['dpkg --unheard-of -i a.deb', 'other'],

  ['dpkg -D2 -i a.deb', 'install', packages('a.deb')],
  ['dpkg -iD2 a.deb', 'install', packages('a.deb')],
  ['dpkg -D2i a.deb', 'other'],
  ['dpkg -D -i a.deb', 'other'],
  ['dpkg -Dh -i a.deb', 'other'],
  ['dpkg --debug 77 -i a.deb', 'install', packages('a.deb')],
  ['dpkg --log -i a.deb', 'other'],
  ['dpkg --log=-i a.deb', 'other'],
  ['dpkg --log /x -i a.deb', 'install', packages('a.deb')],
  ['dpkg --status-fd=3 -i a.deb', 'install', packages('a.deb')],
  ['dpkg --status-fd three -i a.deb', 'other'],
  ['dpkg --abort-after 0x10 -i a.deb', 'install', packages('a.deb')],
  ['dpkg --ignore-depends=a,b -i a.deb', 'install', packages('a.deb')],
  ['dpkg --ignore-depends=a,,b -i a.deb', 'other'],
  ['dpkg --force-all -i a.deb', 'install', { ...packages('a.deb'), ...forced }],
  ['dpkg --force all -i a.deb', 'install', { ...packages('a.deb'), ...forced }],
  ['dpkg --force=all -i a.deb', 'other'],
  ['dpkg --force-help -i a.deb', 'other'],
  ['dpkg --no-force-downgrade --refuse-overwrite -i a.deb', 'install', packages('a.deb')],
  // A thing that only later releases may know.
  ['dpkg --force-unheard-of -i a.deb', 'install', packages('a.deb')],

  ['dpkg --root /mnt -i a.deb', 'install', { ...packages('a.deb'), root: '/mnt' }],
  ['dpkg --root=/mnt -i a.deb', 'install', { ...packages('a.deb'), root: '/mnt' }],
  ['dpkg --root=/ -i a.deb', 'install', { ...packages('a.deb'), root: '/' }],
  ['dpkg --root= -i a.deb', 'install', { ...packages('a.deb'), root: '/' }],
  ['dpkg --instdir=/mnt -i a.deb', 'install', { ...packages('a.deb'), root: '/mnt' }],
  ['dpkg --admindir=/db -i a.deb', 'install', { ...packages('a.deb'), database: '/db' }],
  ['dpkg --admindir=/db --root=/mnt -i a.deb', 'install', { ...packages('a.deb'), root: '/mnt' }],
  [
    'dpkg --root=/mnt --instdir=/a --admindir=/db -i a.deb',
    'install',
    { ...packages('a.deb'), root: '/a', database: '/db' },
  ],
  ['dpkg --root', 'other'],
];

const rpmRows: Row[] = [
  ['rpm -i a.rpm b.rpm', 'install', packages('a.rpm', 'b.rpm')],
  ['rpm -ivh a.rpm', 'install', packages('a.rpm')],
  ['rpm -hi a.rpm', 'install', packages('a.rpm')],
  ['rpm --install a.rpm', 'install', packages('a.rpm')],
  ['rpm a.rpm -i', 'install', packages('a.rpm')],
  ['rpm --reinstall a.rpm', 'install', packages('a.rpm')],
  ['rpm --reinstall -U a.rpm', 'install', packages('a.rpm')],
  ['rpm -U a.rpm', 'upgrade', packages('a.rpm')],
  ['rpm -Uvh a.rpm', 'upgrade', packages('a.rpm')],
  ['rpm -iU a.rpm', 'upgrade', packages('a.rpm')],
  ['rpm -F a.rpm', 'upgrade', packages('a.rpm')],
  ['rpm --freshen a.rpm', 'upgrade', packages('a.rpm')],
  [
    'rpm --root / --dbpath /var/lib/rpm -U --percent --noglob --force --nodeps -- a.rpm',
    'upgrade',
    { ...packages('a.rpm'), root: '/', database: '/var/lib/rpm' },
  ],
  ['rpm -e a', 'remove', packages('a')],
  ['rpm --erase a', 'remove', packages('a')],
  // Install goes before erase.
  ['rpm -ie a.rpm', 'install', packages('a.rpm')],
  ['rpm -q a', 'query', packages('a')],
  ['rpm -qa', 'query'],
  ['rpm -qi a', 'query', packages('a')],
  ['rpm -iq a', 'query', packages('a')],
  ['rpm -q -i a', 'query', packages('a')],
  ['rpm -i a --query', 'query', packages('a')],
  ['rpm -qpi a.rpm', 'query', packages('a.rpm')],
  ['rpm -ilp a.rpm', 'install', packages('a.rpm')],
  ['rpm -V a', 'verify', packages('a')],
  ['rpm -Va', 'verify'],
  ['rpm -qV a', 'verify', packages('a')],
  ['rpm -iV a', 'verify', packages('a')],
  ['/usr/bin/rpmquery -i a', 'query', packages('a')],
  ['rpmverify -U a', 'verify', packages('a')],
  ['rpm -K a.rpm', 'verify', packages('a.rpm')],
  ['rpm --import key -i', 'other'],
  ['rpm -import key', 'other'],
  ['rpm --initdb', 'other'],
  ['rpm --rebuilddb', 'other'],
  ['rpm --specfile a.spec', 'query', packages('a.spec')],
  ['rpm --restore a', 'other'],
  ['rpm --setperms a', 'other'],
  ['rpm -bb a.spec', 'other'],
  ['rpm --rebuild a.src.rpm', 'other'],

  ['rpm -i --test a.rpm', 'install', { ...packages('a.rpm'), ...dry }],
  ['rpm -U a.rpm --test', 'upgrade', { ...packages('a.rpm'), ...dry }],
  ['rpm -U -- a.rpm --test', 'upgrade', packages('a.rpm', '--test')],
  ['rpm -i --justdb a.rpm', 'install', packages('a.rpm')],

  ['rpm', 'other'],
  ['rpm -i', 'other'],
  ['rpm a.rpm', 'other'],
  ['rpm -q', 'other'],
  ['rpm -ia', 'other'],
  ['rpm -iaf a.rpm', 'other'],
  ['rpm -install a.rpm', 'other'],
  ['rpm --inst a.rpm', 'other'],
  ['rpm -Z -i a.rpm', 'other'],
  ['rpm --unheard-of -i a.rpm', 'other'],
  ['rpm --version -i a.rpm', 'other'],
  ['rpm -i a.rpm --help', 'other'],
  ['rpm -i a.rpm --showrc', 'other'],
  ['rpm -q --test a', 'other'],
  ['rpm -e --prefix /opt a', 'other'],
  ['rpm -i --prefix opt a.rpm', 'other'],
  ['rpm -i --prefix /opt --excludepath /usr a.rpm', 'other'],
  ['rpm -i --relocate /a=/b --excludepath /usr a.rpm', 'install', packages('a.rpm')],
  ['rpm -i --relocate /a a.rpm', 'other'],
  ['rpm -i --nodocs --includedocs a.rpm', 'other'],

  ['rpm --define -i a.rpm', 'other'],
  ['rpm -D -i a.rpm', 'other'],
  ['rpm -Dxi a.rpm', 'other'],
  ['rpm --eval -i', 'other'],
  ['rpm --eval %_dbpath -i a.rpm', 'install', packages('a.rpm')],
  ['rpm --pipe -i a.rpm', 'other'],
  ['rpm --pipe=cat -i a.rpm', 'install', packages('a.rpm')],
  ['rpm --queryformat=-i a.rpm', 'other'],
  ['rpm -i --qf', 'other'],
  // An alias takes its value wherever it finds one, and hands on one that it does not need.
  ['rpm -i --color auto a.rpm', 'install', packages('a.rpm')],
  ['rpm -i --color=auto a.rpm', 'install', packages('a.rpm')],
  ['rpm --color -i a.rpm', 'other'],
  ['rpm -i --last=a.rpm', 'install', packages('a.rpm')],
  ['rpm --last=-i a.rpm', 'install', packages('a.rpm')],
  // popt 1.19 refuses these; 1.18 installs.
  ['rpm --install=x a.rpm', 'install', packages('a.rpm')],
  ['rpm -i=v a.rpm', 'install', packages('a.rpm')],

  ['rpm --root /mnt -i a.rpm', 'install', { ...packages('a.rpm'), root: '/mnt' }],
  ['rpm -r/mnt -i a.rpm', 'install', { ...packages('a.rpm'), root: '/mnt' }],
  ['rpm --root=mnt -i a.rpm', 'other'],
  ['rpm --dbpath=/db -qa', 'query', { database: '/db' }],
];

describe.each([
  ['dpkg', dpkgRows],
  ['rpm', rpmRows],
] as const)('%s', (manager, rows) => {
  test.each(rows)('%s: %s', (line, operation, rest = {}) => {
    expect(parsePackageOperation(manager, line.split(' '))).toEqual({
      manager,
      operation,
      packages: [],
      packages_count: 0,
      dry_run: false,
      ...rest,
    });
  });
});

test('reads a macro that moves the database', () => {
  const parsed = parsePackageOperation('rpm', ['rpm', '--define', '_dbpath /tmp/db', '-i', 'a.rpm']);
  expect(parsed).toMatchObject({ operation: 'install', database: '/tmp/db' });
});

test('reads a macro that --eval defines', () => {
  const parsed = parsePackageOperation('rpm', ['rpm', '--eval', '%global _dbpath /tmp/db', '-i', 'a.rpm']);
  expect(parsed).toMatchObject({ operation: 'install', database: '/tmp/db' });
  expect(parsePackageOperation('rpm', ['rpm', '--eval', '_dbpath /tmp/db', '-qa'])).not.toHaveProperty('database');
});

describe('what turns verification off', () => {
  test.each<[args: string[], off: string[] | undefined]>([
    [['rpm', '-i', '--nosignature', 'a.rpm'], ['nosignature']],
    [
      ['rpm', '-i', 'a.rpm', '--nodigest', '--nosignature', '--nodigest'],
      ['nodigest', 'nosignature'],
    ],
    [['rpm', '--noverify', '-U', 'a.rpm'], ['noverify']],
    [['rpm', '-D', '_pkgverify_level none', '-i', 'a.rpm'], ['pkgverify_level']],
    [['rpm', '-D_pkgverify_level none', '-i', 'a.rpm'], ['pkgverify_level']],
    [['rpm', '--define=_pkgverify_level digest', '-i', 'a.rpm'], ['pkgverify_level']],
    [['rpm', '--predefine', '%-pkgverify-level() none', '-i', 'a.rpm'], ['pkgverify_level']],
    [['rpm', '--define', ' _pkgverify_level\tnone', '-i', 'a.rpm'], ['pkgverify_level']],
    [['rpm', '-E', '%global _pkgverify_level none', '-i', 'a.rpm'], ['pkgverify_level']],
    [['rpm', '-D', '_pkgverify_level all', '-D', '_pkgverify_level none', '-i', 'a.rpm'], ['pkgverify_level']],
    [['dpkg', '-i', '--force-bad-verify', 'a.deb'], ['force_bad_verify']],
    [['dpkg', '--force', 'depends,bad-verify', '-i', 'a.deb'], ['force_bad_verify']],
    [['dpkg', '--refuse-all', '--force-all', '-i', 'a.deb'], ['force_bad_verify']],
    [['dpkg', '--no-debsig', '-i', 'a.deb'], ['no_debsig']],

    [['rpm', '-i', 'a.rpm'], undefined],
    [['rpm', '-i', '--force', '--nodeps', '--nofiledigest', '--nohdrchk', 'a.rpm'], undefined],
    [['rpm', '-i', '--', '--nosignature', 'a.rpm'], undefined],
    [['rpm', '-i', '--nosig', 'a.rpm'], undefined],
    [['rpm', '-i', '-nosignature', 'a.rpm'], undefined],
    [['rpm', '-i', '--root', '/--nosignature', 'a.rpm'], undefined],
    [['rpm', '-D', '_pkgverify_level none', '-D', '_pkgverify_level all', '-i', 'a.rpm'], undefined],
    [['rpm', '-D', '_pkgverify_level signature', '-i', 'a.rpm'], undefined],
    [['rpm', '-D', '_pkgverify_level', 'none', '-i', 'a.rpm'], undefined],
    [['rpm', '-E', '_pkgverify_level none', '-i', 'a.rpm'], undefined],
    [['rpm', '-D', '_pkgverify_flags 0x30000', '-i', 'a.rpm'], undefined],
    [['rpm', '-D', 'my_pkgverify_level none', '-i', 'a.rpm'], undefined],
    [['dpkg', '-i', '--force-depends', 'a.deb'], undefined],
    [['dpkg', '--force-all', '--no-force-bad-verify', '-i', 'a.deb'], undefined],
    [['dpkg', '--force-bad-verify', '--refuse=all', '-i', 'a.deb'], undefined],
    [['dpkg', '--force-bad-verify', '--refuse-all', '-i', 'a.deb'], undefined],
    [['dpkg', '-i', 'a.deb', '--force-bad-verify'], undefined],
    [['dpkg', '--force-not-bad-verify', '-i', 'a.deb'], undefined],
  ])('%j: %j', (args, off) => {
    expect(parsePackageOperation(args[0] ?? '', args)?.verification_off).toEqual(off);
  });
});

test('keeps at most 64 packages and counts all', () => {
  const many = Array.from({ length: 1000 }, (_, n) => `${n}.deb`);
  const parsed = parsePackageOperation('dpkg', ['dpkg', '-i', ...many]);
  expect(parsed?.packages).toEqual(many.slice(0, 64));
  expect(parsed?.packages_count).toBe(1000);
});

test.each(['dnf', 'rpmbuild', 'dpkg-deb', 'constructor', ''])('%j is not a package tool', (name) => {
  expect(parsePackageOperation(name, [name, '-i', 'a.deb'])).toBeUndefined();
});

test.each([[[]], [['']], [['rpm', '']], [['rpm', '-']], [['rpm', '--']], [['rpm', '-i', '-\n', 'a']]])(
  '%j does not throw',
  (args) => {
    for (const name of ['dpkg', 'rpm']) expect(parsePackageOperation(name, args)?.operation).toBe('other');
  },
);

// Which pins, excludes and locks the files of apt, dnf, yum and zypper have, and files that are made to be slow.

import { expect, test } from 'vitest';
import { parseSourceFile } from '../../../collectors/package-sources/package-sources.ts';
import { isBlockFile, maxBlocks, parseBlocks } from '../../../collectors/package-sources/update-blocks.ts';

const preferences = '/etc/apt/preferences';
const dnfConf = '/etc/dnf/dnf.conf';
const repo = '/etc/yum.repos.d/a.repo';
const list = '/etc/dnf/plugins/versionlock.list';
const toml = '/etc/dnf/versionlock.toml';
const locks = '/etc/zypp/locks';
const pin = 'Package: a\nPin: release o=X\nPin-Priority: -1\n';

test.each<[name: string, path: string, text: string, names: string[]]>([
  ['a pin', preferences, pin, ['a release o=X -1']],
  ['a pin in a part', `${preferences}.d/a.pref`, pin, ['a release o=X -1']],
  ['a pin in a part without a suffix', `${preferences}.d/99-a_b`, pin, ['a release o=X -1']],
  ['a part that apt ignores', `${preferences}.d/a.bak`, pin, []],
  ['a part with a blank', `${preferences}.d/a b`, pin, []],
  [
    'pins',
    preferences,
    `${pin}\n \nPackage: b c\nPin: version 1*\nPin-Priority: 1001`,
    ['a release o=X -1', 'b version 1* 1001', 'c version 1* 1001'],
  ],
  ['a pin twice', preferences, `${pin}\n${pin}`, ['a release o=X -1']],
  ['a priority with more behind it', preferences, pin.replace('-1', '+900 x'), ['a release o=X 900']],
  ['no priority ever', preferences, 'Package: *\nPin: release o=X\nPin-Priority: never\n', ['* release o=X -32768']],
  ['which is not for single packages', preferences, pin.replace('-1', 'never'), []],
  ['a priority out of range', preferences, pin.replace('-1', '40000'), []],
  ['no package', preferences, 'Pin: release o=X\nPin-Priority: 1\n', []],
  ['what apt has as an example', preferences, '# Package: a\n# Pin: release o=X\n# Pin-Priority: 1\n', []],
  [
    'an exclude',
    dnfConf,
    '[main]\ngpgcheck=1\nexclude=kernel* vim, nano\n',
    ['exclude kernel*', 'exclude vim', 'exclude nano'],
  ],
  ['its other name', '/etc/yum.conf', '[main]\nexcludepkgs = a\n b\n', ['exclude a', 'exclude b']],
  ['one of a drop-in', '/etc/dnf/libdnf5.conf.d/x.conf', '[main]\nexcludepkgs=a', ['exclude a']],
  ['an empty exclude', dnfConf, '[main]\nexclude=\n#exclude=a\n', []],
  [
    'of a repository',
    repo,
    '[u]\nbaseurl=http://a/\nexclude=b\n[v]\nincludepkgs=c d\n',
    ['exclude b of u', 'includepkgs of v'],
  ],
  ['of one that is disabled', repo, '[u]\nbaseurl=http://a/\nexclude=b\nenabled=0\n', []],
  ['of an override', '/etc/dnf/repos.override.d/99.repo', '[u]\nexcludepkgs=b\n', ['exclude b of u']],
  [
    'version locks',
    list,
    '# Added\nbash-0:5.1-2.el9.*\n\n!vim-2:8-1.*\n',
    ['versionlock bash-0:5.1-2.el9.*', 'versionlock !vim-2:8-1.*'],
  ],
  ['those of yum', '/etc/yum/pluginconf.d/versionlock.list', '0:bash-4-1.*', ['versionlock 0:bash-4-1.*']],
  [
    'those of dnf5',
    toml,
    'version = "1.0"\n\n[[packages]]\nname = "bash"\ncomment = "name = x"\n[[packages.conditions]]\nkey = "evr"\ncomparator = "="\nvalue = "5.2-1"\n\n[[packages]]\nname = \'vim\'\n',
    ['versionlock bash = 5.2-1', 'versionlock vim'],
  ],
  [
    'locks of zypper',
    locks,
    '\ntype: package\nmatch_type: glob\ncase_sensitive: on\nsolvable_name: bash\n\ntype: patch\nsolvable_name: x\nrepo: main\nversion: < 2\n\n# none\n\n',
    ['zypper lock bash', 'zypper lock patch:x < 2 of main'],
  ],
  ['another file', '/etc/dnf/other.conf', '[main]\nexclude=a\n', []],
])('%s', (_, path, text, names) => {
  expect(parseBlocks(path, text).map(({ name }) => name)).toEqual(names);
  expect(parseSourceFile(path, text).sources.filter(({ kind }) => kind === 'pin' || kind === 'lock')).toMatchObject(
    names.map((name) => ({ name: expect.stringContaining(` ${name}`), file: path })),
  );
});

test('only files that managers read can block', () => {
  expect([preferences, dnfConf, repo, list, toml, locks].filter((path) => !isBlockFile(path))).toEqual([]);
  expect(['/etc/apt/preferences.save', '/etc/zypp/zypp.conf', '/etc/zypp/repos.d/a.repo'].filter(isBlockFile)).toEqual(
    [],
  );
});

test('a long pin is cut, and differs from others with the same beginning', () => {
  const names = ['x', 'y'].map(
    (end) =>
      parseBlocks(preferences, `Package: ${'a'.repeat(300)}${end}\nPin: release o=X\nPin-Priority: 1\n`)[0]?.name,
  );
  expect(names.map((name) => name?.length)).toEqual([256, 256]);
  expect(names[0]).not.toBe(names[1]);
});

test.each<[string, string, string]>([
  [
    'many packages',
    preferences,
    `Package: ${Array.from({ length: 30_000 }, (_, i) => `p${i}`).join(' ')}\nPin: release o=X\nPin-Priority: 1\n`,
  ],
  ['many stanzas', preferences, Array.from({ length: 5000 }, (_, i) => pin.replace('-1', String(i + 1))).join('\n')],
  ['many excludes', dnfConf, `[main]\nexclude=${Array.from({ length: 30_000 }, (_, i) => `p${i}`).join(' ')}`],
  ['many locks', list, Array.from({ length: 30_000 }, (_, i) => `p${i}`).join('\n')],
])('%s are cut', (_, path, text) => {
  expect(parseBlocks(path, text)).toHaveLength(maxBlocks);
});

test.each<[string, string, string]>([
  ['blanks', preferences, `Package:${' '.repeat(250_000)}\n`],
  ['blank lines', preferences, '\n \t'.repeat(80_000)],
  ['names without a value', toml, 'name '.repeat(50_000)],
  ['names with blanks', toml, `name${' '.repeat(250_000)}`],
  ['quotes', toml, `name="${'"'.repeat(250_000)}`],
  ['colons', locks, ':'.repeat(250_000)],
  ['carriage returns', locks, '\r'.repeat(250_000)],
])('a file of %s is read in linear time', (_, path, text) => {
  expect(parseBlocks(path, text).length).toBeLessThanOrEqual(1);
});

// What the files of apt, dnf and zypper configure, in every spelling that these accept, and files that are made to be slow or to confuse.

import { expect, test } from 'vitest';
import {
  concernsSources,
  maxSources,
  parseKeyring,
  parseOverrides,
  parseSourceFile,
  unverifiedBy,
} from '../../../collectors/package-sources/package-sources.ts';
import { armoredKey, binaryKey, fingerprint } from './example-key.ts';

const list = '/etc/apt/sources.list';
const stanzas = '/etc/apt/sources.list.d/a.sources';
const repo = '/etc/yum.repos.d/a.repo';
const zypp = '/etc/zypp/repos.d/a.repo';

/** `name | what it brings security updates for | components`, of each source. */
const linesOf = (path: string, text: string): string[] =>
  parseSourceFile(path, text).sources.map(({ name, security, components }) =>
    [name, security ?? '', components.join(' ')].join('|'),
  );

test.each<[name: string, path: string, text: string, sources: string[]]>([
  ['a line', list, 'deb http://a.example/debian stable main contrib', ['a.example/debian stable||main contrib']],
  ['a line with options', list, 'deb [ arch=amd64 lang=de ] http://a.example/ s main', ['a.example s||main']],
  ['lines of one suite', list, 'deb http://a/ s x\ndeb http://a/ s y x', ['a s||x y']],
  ['a comment behind it', list, 'deb http://a/ s main # deb http://b/ s main', ['a s||main']],
  ['what is commented out', list, '# deb http://a/ s main\n#deb http://a/ s main', []],
  ['sources of packages', list, 'deb-src http://a/ s main', []],
  ['a suite of security updates', list, 'deb http://a/ s-security main', ['a s-security|s-security|main']],
  ['the name of such a suite before', list, 'deb http://a/ s/updates main', ['a s/updates|s/updates|main']],
  ['the site of such an archive', list, 'deb http://security.a/x s main', ['security.a/x s|s|main']],
  ['its directory', list, 'deb http://a/debian-security s main', ['a/debian-security s|s|main']],
  [
    'a name that is only similar',
    list,
    'deb http://insecurity.a/x s-securityx main',
    ['insecurity.a/x s-securityx||main'],
  ],
  ['an account', list, 'deb http://me:pw@a/x s main', ['a/x s||main']],
  ['a directory', list, 'deb file:/srv/repo ./', ['/srv/repo ./||']],
  ['a list of mirrors', list, 'deb mirror+file:/etc/apt/mirrors/a.list s main', ['/etc/apt/mirrors/a.list s||main']],
  ['a line that is trusted', list, 'deb [arch=amd64 trusted=yes] http://a/ s main', ['a s [trusted=yes]||main']],
  [
    'one with other words for it',
    list,
    'deb [Allow-Insecure=TRUE] http://a/ s main',
    ['a s [allow-insecure=yes]||main'],
  ],
  ['one that is not', list, 'deb [trusted=no] http://a/ s main', ['a s||main']],
  ['a stanza', stanzas, 'Types: deb\nURIs: http://a/\nSuites: s t\nComponents: x\n', ['a s||x', 'a t||x']],
  ['a stanza in lower case', stanzas, 'types: deb-src deb\nuris: http://a/\nsuites:\n s\n', ['a s||']],
  ['a stanza of sources', stanzas, 'Types: deb-src\nURIs: http://a/\nSuites: s\n', []],
  ...['no', 'No', 'false', 'without', 'off', 'disable', '0'].map((value): [string, string, string, string[]] => [
    `a stanza with Enabled: ${value}`,
    stanzas,
    `Enabled: ${value}\nTypes: deb\nURIs: http://a/\nSuites: s\n`,
    [],
  ]),
  ['another value', stanzas, 'Enabled: maybe\nTypes: deb\nURIs: http://a/\nSuites: s\n', ['a s||']],
  ['only the first of two fields', stanzas, 'Types: deb\nURIs: http://a/\nSuites: s\nSuites: t\n', ['a s||']],
  ['a trusted stanza', stanzas, 'Types: deb\nURIs: http://a/\nSuites: s\nTrusted: 1\n', ['a s [trusted=yes]||']],
  [
    'two options',
    stanzas,
    'Types: deb\nURIs: http://a/\nSuites: s\nAllow-Weak: on\nAllow-Insecure: yes\n',
    ['a s [allow-insecure=yes allow-weak=yes]||'],
  ],
  ['a name that apt ignores', '/etc/apt/sources.list.d/a.list.save', 'deb http://a/ s main', []],
  ['a name with a blank', '/etc/apt/sources.list.d/a b.list', 'deb http://a/ s main', []],
  ['another directory', '/etc/apt/a.list', 'deb http://a/ s main', []],
  ['a repository', repo, '[updates]\nname=U\nbaseurl=https://a/u/$releasever\n', ['a/u/$releasever updates|updates|']],
  ['several addresses', repo, '[u]\nbaseurl=http://a/\n http://b/, http://c/\n', ['a u|u|', 'b u|u|', 'c u|u|']],
  ['a list of mirrors of it', repo, '[u]\nmetalink=https://m/?repo=u\n', ['m/?repo=u u|u|']],
  ['a disabled repository', repo, '[u]\nbaseurl=http://a/\nenabled = 0\n', []],
  ['the main section', repo, '[main]\nbaseurl=http://a/\n', []],
  ['one without signatures', repo, '[u]\nbaseurl=http://a/\ngpgcheck=False\n', ['a u [gpgcheck=0]|u|']],
  ['one of zypper', zypp, '[u]\nbaseurl=http://a/\npkg_gpgcheck=0\n', ['a u [pkg_gpgcheck=0]|u|']],
  ['one for debugging', repo, '[u-debuginfo]\nbaseurl=http://a/\n', ['a u-debuginfo||']],
  ['one for tests', repo, '[updates-testing]\nbaseurl=http://a/\n', ['a updates-testing||']],
  ['a file that is empty', stanzas, '', []],
  ['a file that is no text', list, '\0\xff\x01deb\0http://a/\0s', []],
])('%s', (_, path, text, sources) => {
  expect(linesOf(path, text)).toEqual(sources);
});

test('keys are files, fingerprints in the text, and URLs', () => {
  const inline = armoredKey.replaceAll(/^/gm, ' ').replaceAll(/^ $/gm, ' .');
  const text = `Types: deb\nURIs: http://a/\nSuites: s\nSigned-By:\n${inline}`;
  expect(parseSourceFile(stanzas, text)).toMatchObject({
    sources: [{ name: 'a s' }, { name: `key ${fingerprint}`, kind: 'key', file: stanzas }],
    keyFiles: [],
  });
  expect(parseSourceFile(list, 'deb [signed-by=/k/a.gpg,/k/b.asc] http://a/ s main').keyFiles).toEqual([
    '/k/a.gpg',
    '/k/b.asc',
  ]);
  const keys = 'gpgkey=file:///etc/pki/rpm-gpg/A https://a/key file:///etc/pki/rpm-gpg/B-$releasever';
  expect(parseSourceFile(repo, `[u]\nbaseurl=http://a/\n${keys}\n`)).toMatchObject({
    sources: [{ name: 'a u' }, { name: 'key https://a/key' }, { name: 'key file:///etc/pki/rpm-gpg/B-$releasever' }],
    keyFiles: ['/etc/pki/rpm-gpg/A'],
  });
});

test.each([
  ['binary', binaryKey],
  ['armored', Buffer.from(armoredKey)],
  ['twice, with other text', Buffer.from(`x\n${armoredKey}\n${armoredKey}`)],
])('the fingerprint of a key: %s', (_, bytes) => {
  expect(parseKeyring('/k', bytes).map(({ name }) => name)).toEqual([`key ${fingerprint}`]);
});

test.each([
  ['no key', Buffer.from('hello')],
  ['a key that is cut', binaryKey.subarray(0, 20)],
  ['a packet longer than the file', Buffer.from([0x9a, 0xff, 0xff, 0xff, 0xff, 4])],
  ['a packet without a length', Buffer.from([0x9b])],
  ['a MiB of zeros', Buffer.alloc(1024 ** 2)],
  ['a MiB of empty packets', Buffer.alloc(1024 ** 2, Buffer.from([0x98, 0]))],
])('a file that is no keyring counts with its content: %s', (_, bytes) => {
  expect(parseKeyring('/k', bytes).map(({ name }) => name)).toEqual([
    expect.stringMatching(/^key \/k sha256 [0-9a-f]{64}$/),
  ]);
});

test('of many keys in one file the first count', () => {
  const many = Buffer.concat(
    Array.from({ length: 5000 }, (_, i) => Buffer.from([0x98, 6, 4, 0, 0, i >> 8, i & 255, 1])),
  );
  expect(parseKeyring('/k', many)).toHaveLength(256);
});

const kib256 = 256 * 1024;
test.each<[name: string, path: string, text: string]>([
  ['100,000 stanzas', stanzas, 'Types: deb\nURIs: http://a/\nSuites: s\n\n'.repeat(100_000)],
  [
    'every URI with every suite',
    stanzas,
    `Types: deb\nURIs:${' a:b'.repeat(30_000)}\nSuites:${Array.from({ length: 30_000 }, (_, i) => ` s${i}`).join('')}\n`,
  ],
  ['a MiB of lines', list, Array.from({ length: 40_000 }, (_, i) => `deb http://a/ s${i} main`).join('\n')],
  ['a line of brackets', list, `deb ${'['.repeat(kib256)}`],
  ['lines of brackets', list, `deb ${'['.repeat(16_000)}\n`.repeat(64)],
  ['lines of quotes', list, `deb ${'" '.repeat(8000)}\n`.repeat(64)],
  ['a field with 100,000 lines', stanzas, `Types: deb\nURIs:${'\n a:b'.repeat(100_000)}\nSuites: s\n`],
  ['empty lines with blanks', stanzas, '\n \t\r'.repeat(kib256)],
  ['comments', stanzas, ' \t#\n'.repeat(kib256)],
  ['a value with 500,000 lines', repo, `[u]\nbaseurl=http://a/${'\n b'.repeat(500_000)}`],
  ['100,000 sections', repo, Array.from({ length: 100_000 }, (_, i) => `[${i}]\nbaseurl=http://a/`).join('\n')],
  [
    'a key without an end',
    stanzas,
    `Types: deb\nURIs: a:b\nSuites: s\nSigned-By:\n -----BEGIN ${'\n .'.repeat(kib256)}`,
  ],
])('a hostile file is read within bounds: %s', (_, path, text) => {
  const { sources, keyFiles } = parseSourceFile(path, text);
  expect(sources.length).toBeLessThanOrEqual(maxSources);
  expect(keyFiles.length).toBeLessThanOrEqual(maxSources);
});

test('a long name is cut', () => {
  const [source] = parseSourceFile(list, `deb http://${'a'.repeat(5000)}/ s-security ${'c'.repeat(5000)}`).sources;
  expect(source?.name).toHaveLength(256);
  expect(source?.components.map(({ length }) => length)).toEqual([256]);
});

test('the options of a name are those at its end', () => {
  expect(['a s', 'a s [trusted=yes]', '[x] s', 'a s [a=yes b=yes]'].map(unverifiedBy)).toEqual([
    undefined,
    'trusted=yes',
    undefined,
    'a=yes b=yes',
  ]);
});

test('overrides of dnf', () => {
  expect(parseOverrides('[a]\nenabled=0\n[b]\nname=x\n[c]\nenabled=true\n')).toEqual([
    ['a', false],
    ['c', true],
  ]);
  const text = '[a]\nbaseurl=http://a/\nenabled=1\n[b]\nbaseurl=http://b/\nenabled=0\n';
  const names = (overrides: [string, boolean][]): string[] =>
    parseSourceFile(repo, text, new Map(overrides)).sources.map(({ name }) => name);
  expect(names([])).toEqual(['a a']);
  expect(
    names([
      ['a', false],
      ['b', true],
    ]),
  ).toEqual(['b b']);
  expect(names([['*', false]])).toEqual([]);
});

test.each([
  ['/etc/apt/sources.list', true],
  ['/etc/apt/sources.list.d', true],
  ['/etc/apt/sources.list.d/a.list', true],
  ['/etc/apt/trusted.gpg', true],
  ['/etc/apt/trusted.gpg.d/a.gpg', true],
  ['/etc/apt/keyrings/a.gpg', true],
  ['/usr/share/keyrings/a.gpg', true],
  ['/etc/yum.repos.d/a.repo', true],
  ['/etc/dnf/repos.override.d/99-config_manager.repo', true],
  ['/etc/zypp/repos.d/a.repo', true],
  ['/etc/apt', true],
  ['/etc', true],
  ['/etc/apt/apt.conf.d/50unattended-upgrades', false],
  ['/etc/apt/preferences', true],
  ['/etc/apt/preferences.d/a.pref', true],
  ['/etc/apt/preferences.save', false],
  ['/etc/cron.d/x', false],
  ['/usr/share/keyrings', false],
])('%s concerns sources: %s', (path, expected) => {
  expect(concernsSources(path)).toBe(expected);
});

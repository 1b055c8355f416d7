// The differences between a list of the installed packages and the package ledger.

import { expect, test } from 'vitest';
import type { ListedPackage } from '../../collectors/packages/listed-package.ts';
import { listedChanges, presentChange } from '../../detectors/listed-packages.ts';

/** `NAME ARCHITECTURE VERSION STATE`. */
const packages = (...lines: string[]): ListedPackage[] =>
  lines.map((line) => {
    const [name = '', architecture = '', version = '', state = 'installed'] = line.split(' ');
    return { name, architecture, version, state, installedMs: undefined };
  });

type Case = [what: string, known: string[], listed: string[], changes: string[]];

const shown = (manager: 'dpkg' | 'rpm', known: string[], listed: string[]): string[] =>
  listedChanges(manager, packages(...known), packages(...listed)).map(({ change }) =>
    [change.action, change.name, change.architecture, change.formerVersion ?? '-', change.version].join(' '),
  );

test.each<Case>([
  ['no difference', ['a all 1'], ['a all 1'], []],
  ['a new package', ['a all 1'], ['a all 1', 'b all 1'], ['install b all - 1']],
  ['a package that is gone', ['a all 1', 'b all 1'], ['a all 1'], ['remove b all - 1']],
  ['an upgrade', ['a all 1'], ['a all 1:0'], ['upgrade a all 1 1:0']],
  ['a downgrade, by the order of dpkg', ['a all 1'], ['a all 1~rc1'], ['downgrade a all 1 1~rc1']],
  ['another architecture in its place', ['a all 1'], ['a amd64 2'], ['upgrade a amd64 1 2']],
  ['another architecture beside it', ['a amd64 1'], ['a amd64 1', 'a i386 1'], ['install a i386 - 1']],
  [
    'an upgrade of both architectures',
    ['a i386 1', 'a amd64 1'],
    ['a amd64 2', 'a i386 2'],
    ['upgrade a amd64 1 2', 'upgrade a i386 1 2'],
  ],
  ['a configuration', ['a all 1 unpacked'], ['a all 1 installed'], ['configure a all - 1']],
  ['a trigger that is due', ['a all 1 installed'], ['a all 1 triggers-pending'], []],
  ['a package that is half there, whatever its version', ['a all  half-installed'], ['a all 1 half-installed'], []],
  ['a version like the name of a member of all objects', [], ['constructor all 1'], ['install constructor all - 1']],
])('dpkg: %s', (_, known, listed, changes) => {
  expect(shown('dpkg', known, listed)).toEqual(changes);
});

test.each<Case>([
  ['a second version', ['k x86_64 6.1-1'], ['k x86_64 6.1-1', 'k x86_64 6.2-1'], ['install k x86_64 - 6.2-1']],
  [
    'one of two versions is gone',
    ['k x86_64 6.1-1', 'k x86_64 6.2-1'],
    ['k x86_64 6.2-1'],
    ['remove k x86_64 - 6.1-1'],
  ],
  [
    'a version for another',
    ['k x86_64 6.1-1', 'k x86_64 6.2-1'],
    ['k x86_64 6.2-1', 'k x86_64 6.3-1'],
    ['upgrade k x86_64 6.1-1 6.3-1'],
  ],
  [
    'a downgrade, by the order of rpm',
    ['a noarch 1.0^git1-1'],
    ['a noarch 1.0-1'],
    ['downgrade a noarch 1.0^git1-1 1.0-1'],
  ],
  ['an epoch', ['a noarch 2-1'], ['a noarch 1:1-1'], ['upgrade a noarch 2-1 1:1-1']],
])('rpm: %s', (_, known, listed, changes) => {
  expect(shown('rpm', known, listed)).toEqual(changes);
});

test('a package of the first list', () => {
  const [listed] = packages('a all 1 unpacked');
  if (listed === undefined) throw new Error('no package');
  expect(presentChange(listed)).toMatchObject({ action: 'present', version: '1', applied: true, state: 'unpacked' });
  expect(presentChange({ ...listed, state: '' }).state).toBeUndefined();
});

// Patterns of file names in SQL: the files that are read can be more than SQL accepts, never fewer.

import { expect, test } from 'vitest';
import { parsePathPattern } from '../../../collectors/host-tables/path-pattern.ts';

test.for([
  ['/etc/passwd', 'etc|passwd'],
  ['/etc//./passwd/', 'etc|passwd'],
  ['/', ''],
  ['/etc/%', 'etc|~'],
  ['/etc/%%', 'etc|**'],
  ['/etc/**', 'etc|**'],
  ['/etc/%%/x', 'etc|~|x'],
  ['/e_c/a*', '~|~'],
])('%s', ([text = '', parts]) => {
  const shown = parsePathPattern(text).map((part) =>
    part.kind === 'name' ? part.name : part.kind === 'below' ? '**' : '~',
  );
  expect(shown.join('|')).toBe(parts);
});

test.for([
  ['%', ['', 'a', '.hidden', 'a\nb'], []],
  ['%.list', ['a.list', 'A.LIST', '.list'], ['a.list-new', 'alist']],
  ['my_app', ['my_app', 'my-app', 'myXapp'], ['myapp', 'my__app']],
  ['__db.0*', ['__db.001', 'xxdb.0'], ['__db.1']],
  ['rpm-tmp.??????', ['rpm-tmp.a1B2c3'], ['rpm-tmp.a1B2c', 'rpm-tmpXa1B2c3']],
  ['[', ['['], ['x', '']],
  ['[a-c]x', ['ax', 'zx', '[a-c]x'], ['x']],
  ['[]x]%', [']', 'x1'], []],
  ['a(b)+%', ['a(b)+', 'a(b)+c'], ['abb']],
  ['ü_', ['üb', 'ü🙂'], ['u']],
] as const)('%s', ([pattern, hits, misses]) => {
  const [part] = parsePathPattern(`/${pattern}`);
  if (part?.kind !== 'pattern') throw new Error('no pattern');
  expect(hits.filter((name) => !part.matches(name))).toEqual([]);
  expect(misses.filter((name) => part.matches(name))).toEqual([]);
});

// The release of unused memory: which mappings lose their pages, and that a process keeps working without them.

import { readFileSync } from 'node:fs';
import { expect, test } from 'vitest';
import { releaseMemory, rereadableMappings } from '../../../agent/daemon/release-memory.ts';

const mapping = (line: string, anonymousKb: number): string => `${line}
Size:                 12 kB
Rss:                  12 kB
Anonymous:         ${String(anonymousKb).padStart(5)} kB
LazyFree:              0 kB
VmFlags: rd mr mw me
`;

const cases: [string, string, boolean][] = [
  ['code', mapping('00400000-00403000 r-xp 00001000 fe:00 4711       /usr/lib/stepparent/bin/node', 0), true],
  ['data that is only read', mapping('00400000-00403000 r--p 00000000 fe:00 4711 /usr/lib/libc.so.6', 0), true],
  ['a file that was replaced', mapping('00400000-00403000 r-xp 00000000 fe:00 4711 /usr/bin/node (deleted)', 0), true],
  ['code with a breakpoint', mapping('00400000-00403000 r-xp 00001000 fe:00 4711 /usr/bin/node', 4), false],
  ['data that was relocated', mapping('00400000-00403000 r--p 00001000 fe:00 4711 /usr/bin/node', 12), false],
  ['variables', mapping('00400000-00403000 rw-p 00001000 fe:00 4711 /usr/bin/node', 0), false],
  [
    'pages that are shared',
    mapping('00400000-00403000 r--s 00000000 fe:00 4711 /var/lib/stepparent/stepparent.db-shm', 0),
    false,
  ],
  ['pages that nothing may read', mapping('00400000-00403000 ---p 00000000 fe:00 4711 /usr/lib/libc.so.6', 0), false],
  ['memory', mapping('00400000-00403000 r--p 00000000 00:00 0', 0), false],
  ["the kernel's own code", mapping('00400000-00403000 r-xp 00000000 00:00 0                  [vdso]', 0), false],
];

test.each(cases)('%s', (_, text, isRereadable) => {
  const range = { start: 0x40_0000, bytes: 0x3000 };
  expect(rereadableMappings(text)).toEqual(isRereadable ? [range] : []);
});

test('parses all mappings of a file', () => {
  const text = cases.map(([, one]) => one).join('');
  expect(rereadableMappings(text)).toHaveLength(cases.filter(([, , isRereadable]) => isRereadable).length);
});

test('a process keeps working, and holds fewer pages of files', () => {
  const filePagesKb = (): number => Number(/^RssFile:\s+(\d+)/m.exec(readFileSync('/proc/self/status', 'utf8'))?.[1]);
  const before = filePagesKb();
  releaseMemory();
  expect(filePagesKb()).toBeLessThan(before);
  expect(JSON.parse(JSON.stringify({ a: [...'bc'].map((letter) => letter.toUpperCase()) }))).toEqual({ a: ['B', 'C'] });
});

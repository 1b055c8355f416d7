// The exported functions of shared libraries: of this machine's, compared with readelf, and of damaged ones.

import { execFileSync } from 'node:child_process';
import fs from 'node:fs';
import { describe, expect, test } from 'vitest';
import { parseSharedLibrary } from '../../../collectors/host/shared-library.ts';
import { missingTools, titled, unmet } from '../../needs.ts';

const directory = { x64: '/usr/lib/x86_64-linux-gnu', arm64: '/usr/lib/aarch64-linux-gnu' }[
  process.arch as 'x64' | 'arm64'
];
const file = `${directory}/libresolv.so.2`;
const missing = unmet(missingTools('readelf')) ?? (fs.existsSync(file) ? undefined : `needs ${file}`);

describe.skipIf(missing)(titled('a library of this machine', missing), () => {
  const content = missing === undefined ? fs.readFileSync(file) : Buffer.alloc(0);
  const readelf = (option: string): string => execFileSync('readelf', [option, '-W', file], { encoding: 'utf8' });

  test('has the functions that readelf shows, at their offsets', () => {
    const library = parseSharedLibrary(content);
    expect(library?.soname).toBe('libresolv.so.2');
    const [, offset = '', address = ''] =
      /LOAD +0x([0-9a-f]+) 0x([0-9a-f]+) 0x[0-9a-f]+ 0x[0-9a-f]+ 0x[0-9a-f]+ R E/.exec(readelf('-l')) ?? [];
    const shift = Number.parseInt(offset, 16) - Number.parseInt(address, 16);
    const symbols = [
      ...readelf('--dyn-syms').matchAll(/: ([0-9a-f]+) +\d+ FUNC +(?:GLOBAL|WEAK) +DEFAULT +\d+ (\w+)@/g),
    ];
    expect(symbols.length).toBeGreaterThan(10);
    const byName = Map.groupBy(symbols, ([, , name]) => name);
    for (const [name = '', versions] of byName) {
      const offsets = versions.map(([, value = '']) => Number.parseInt(value, 16) + shift);
      expect(offsets).toContain(library?.functionAt(name));
    }
  });

  test('has no function of another name, and none that it only uses', () => {
    const library = parseSharedLibrary(content);
    const [, used = ''] = /FUNC +GLOBAL +DEFAULT +UND (\w+)@/.exec(readelf('--dyn-syms')) ?? [];
    for (const name of ['', 'no_such_function', used]) expect(library?.functionAt(name)).toBe(undefined);
  });

  test('cut anywhere raises no error', () => {
    for (let bytes = 0; bytes < content.length; bytes += 501) {
      parseSharedLibrary(content.subarray(0, bytes))?.functionAt('__res_init');
    }
    expect(parseSharedLibrary(content.subarray(0, 1000))).toBe(undefined);
  });

  test('with bytes changed raises no error', () => {
    const damaged = Buffer.from(content);
    for (let at = 0; at < Math.min(8192, content.length); at += 3) {
      const before = damaged[at] ?? 0;
      for (const byte of [0xff, 0]) {
        damaged[at] = byte;
        parseSharedLibrary(damaged)?.functionAt('__res_init');
      }
      damaged[at] = before;
    }
    expect(parseSharedLibrary(damaged)?.soname).toBe('libresolv.so.2');
  });
});

test.each([
  ['a script', Buffer.from('#!/bin/sh\n'.padEnd(80))],
  ['an empty file', Buffer.alloc(0)],
  [
    'a program without dynamic symbols',
    Buffer.concat([Buffer.from('\x7fELF\x02\x01\x01', 'latin1'), Buffer.alloc(80)]),
  ],
])('%s is no library', (_what, content) => expect(parseSharedLibrary(content)).toBe(undefined));

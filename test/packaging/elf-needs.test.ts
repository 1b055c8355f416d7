// Which needs of a compiled file are refused, and that real files are read.

import { join } from 'node:path';
import { describe, expect, test } from 'vitest';
import { readNeeds, tooNew } from '../../packaging/elf-needs.ts';
import { missingTools, titled, unmet } from '../needs.ts';

test.each([
  ['GLIBC_2.34', false],
  ['GLIBC_2.2.5', false],
  ['GLIBC_2.34.1', true],
  ['GLIBC_2.35', true],
  ['GLIBC_3.0', true],
  ['GLIBCXX_3.4', false],
  ['GLIBCXX_3.4.29', false],
  ['GLIBCXX_3.4.30', true],
  ['CXXABI_1.3.13', false],
  ['CXXABI_1.3.14', true],
  ['GCC_3.4', false],
  ['GLIBC_PRIVATE', true],
  ['OPENSSL_3.0.0', true],
])('%s is too new: %s', (version, refused) => {
  expect(tooNew([{ library: 'lib.so', version }]).length > 0).toBe(refused);
});

const missing = unmet(missingTools('readelf'));

describe.skipIf(missing)(titled('real files', missing), () => {
  const modules = join(import.meta.dirname, '../../node_modules');

  test('Node runs on the oldest supported system', () => {
    const needs = readNeeds(join(modules, `node-linux-${process.arch}/bin/node`));
    expect(needs).toContainEqual({ library: 'libstdc++.so.6' });
    expect(needs).toContainEqual({ library: 'libc.so.6', version: 'GLIBC_2.28' });
    expect(tooNew(needs)).toEqual([]);
  });

  test.each(['x64', 'arm64'])('better-sqlite3 for %s is for systems as old as the floor', (arch) => {
    expect(tooNew(readNeeds(join(modules, `better-sqlite3/prebuilds/linux-${arch}.node`)))).toEqual([]);
  });
});

// Which needs of a compiled file are refused, and that real files are read.

import { join } from 'node:path';
import { describe, expect, test } from 'vitest';
import { readNeeds, tooNew } from '../../packaging/elf-needs.ts';
import { missingTools, titled, unmet } from '../needs.ts';

test.each([
  ['GLIBC_2.28', false],
  ['GLIBC_2.2.5', false],
  ['GLIBC_2.28.1', true],
  ['GLIBC_2.29', true],
  ['GLIBC_2.34', true],
  ['GLIBC_3.0', true],
  ['GLIBCXX_3.4', false],
  ['GLIBCXX_3.4.25', false],
  ['GLIBCXX_3.4.26', true],
  ['CXXABI_1.3.11', false],
  ['CXXABI_1.3.12', true],
  ['GCC_3.4', false],
  ['GLIBC_PRIVATE', true],
  ['OPENSSL_3.0.0', true],
])('%s is too new: %s', (version, refused) => {
  expect(tooNew([{ library: 'lib.so', version }]).length > 0).toBe(refused);
});

const missing = unmet(missingTools('readelf'));

describe.skipIf(missing)(titled('real files', missing), () => {
  const modules = join(import.meta.dirname, '../../node_modules');

  test('Node is for old systems', () => {
    const needs = readNeeds(join(modules, `node-linux-${process.arch}/bin/node`));
    expect(needs).toContainEqual({ library: 'libstdc++.so.6' });
    expect(needs).toContainEqual({ library: 'libc.so.6', version: 'GLIBC_2.28' });
    expect(tooNew(needs)).toEqual([]);
  });

  // Why the packages compile it anew: when this fails, that may not be needed any more.
  test('better-sqlite3, as it comes, is not', () => {
    const needs = readNeeds(join(modules, `better-sqlite3/prebuilds/linux-${process.arch}.node`));
    expect(tooNew(needs)).toContainEqual({ library: 'libc.so.6', version: 'GLIBC_2.34' });
  });
});

// What npm reads of the lock file on a host with another Node.

import { readFileSync } from 'node:fs';
import { expect, test } from 'vitest';
import { lockFile, withoutEngines } from '../../packaging/lock-file.ts';

test('removes engines from every package, and nothing else', () => {
  const pinned = { version: '1.0.0', integrity: 'sha512-x', engines: { node: '>=99' }, optional: true, os: ['linux'] };
  const { engines: _, ...left } = pinned;
  const lock = { name: 'x', lockfileVersion: 3, packages: { '': { name: 'x' }, 'node_modules/a': pinned } };
  expect(JSON.parse(withoutEngines(JSON.stringify(lock)))).toEqual({
    ...lock,
    packages: { '': { name: 'x' }, 'node_modules/a': left },
  });
});

test('package-lock.json names no engines; else: npm run lock', () => {
  const text = readFileSync(lockFile, 'utf8');
  expect(text).toBe(withoutEngines(text));
});

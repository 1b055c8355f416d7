// The agent's id: created once, and read afterwards.

import fs from 'node:fs';
import path from 'node:path';
import { expect, test } from 'vitest';
import { readAgentId } from '../../../agent/daemon/agent-id.ts';
import { temporaryDirectory } from '../../storage/temporary-store.ts';

const uuid = /^[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}$/;

test('creates the id and its directory for root only, and keeps the id', () => {
  const directory = path.join(temporaryDirectory(), 'state/stepparent');
  const id = readAgentId(directory);
  expect(id).toMatch(uuid);
  expect(readAgentId(directory)).toBe(id);
  expect(fs.statSync(path.join(directory, 'agent-id')).mode & 0o777).toBe(0o600);
  expect(fs.statSync(directory).mode & 0o777).toBe(0o700);
});

test.each([
  ['with a line feed', '0123abcd-0123-4567-89ab-0123456789ab\n', true],
  ['without', '0123abcd-0123-4567-89ab-0123456789ab', true],
  ['empty', '', false],
  ['torn', '0123abcd-0123-45', false],
  ['forged', '0123abcd-0123-4567-89ab-0123456789ab\nx', false],
])('a file %s', (_, text, kept) => {
  const directory = temporaryDirectory();
  const file = path.join(directory, 'agent-id');
  fs.writeFileSync(file, text);
  const id = readAgentId(directory);
  expect(id === text.trim()).toBe(kept);
  expect(id).toMatch(uuid);
  expect(fs.readFileSync(file, 'utf8').trim()).toBe(id);
});

test('throws if the directory cannot be created', () => {
  const file = path.join(temporaryDirectory(), 'file');
  fs.writeFileSync(file, '');
  expect(() => readAgentId(path.join(file, 'state'))).toThrow(/ENOTDIR/);
});

// The agent's id: made once, read ever after.

import fs from 'node:fs';
import path from 'node:path';
import { expect, test } from 'vitest';
import { readAgentId } from '../../../agent/daemon/agent-id.ts';
import { temporaryFolder } from '../../storage/temporary-store.ts';

const uuid = /^[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}$/;

test('is made with its folder, for root alone, and stays', () => {
  const folder = path.join(temporaryFolder(), 'state/stepparent');
  const id = readAgentId(folder);
  expect(id).toMatch(uuid);
  expect(readAgentId(folder)).toBe(id);
  expect(fs.statSync(path.join(folder, 'agent-id')).mode & 0o777).toBe(0o600);
  expect(fs.statSync(folder).mode & 0o777).toBe(0o700);
});

test.each([
  ['with a line feed', '0123abcd-0123-4567-89ab-0123456789ab\n', true],
  ['without', '0123abcd-0123-4567-89ab-0123456789ab', true],
  ['empty', '', false],
  ['torn', '0123abcd-0123-45', false],
  ['forged', '0123abcd-0123-4567-89ab-0123456789ab\nx', false],
])('a file %s', (_, text, kept) => {
  const folder = temporaryFolder();
  const file = path.join(folder, 'agent-id');
  fs.writeFileSync(file, text);
  const id = readAgentId(folder);
  expect(id === text.trim()).toBe(kept);
  expect(id).toMatch(uuid);
  expect(fs.readFileSync(file, 'utf8').trim()).toBe(id);
});

test('a folder that cannot be is an error', () => {
  const file = path.join(temporaryFolder(), 'file');
  fs.writeFileSync(file, '');
  expect(() => readAgentId(path.join(file, 'state'))).toThrow(/ENOTDIR/);
});

// The pictures of README are what the formatters make of the recorded run.

import { readFileSync } from 'node:fs';
import { expect, test } from 'vitest';
import { captures } from '../../docs/captures/captures.ts';

test.each([...captures()])('%s is up to date; otherwise run npm run docs:captures', (file, text) => {
  expect(readFileSync(file, 'utf8')).toBe(text);
});

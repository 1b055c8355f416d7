// Lengths of time in words.

import { expect, test } from 'vitest';
import { durationText } from '../../detectors/duration.ts';

test.each([
  [90 * 86_400_000, '90 days'],
  [86_400_000, '1 day'],
  [3_600_000, '1 hour'],
  [5_400_000, '90 minutes'],
  [61_000, '61 seconds'],
  [1000, '1 second'],
])('%d ms', (ms, text) => {
  expect(durationText(ms)).toBe(text);
});

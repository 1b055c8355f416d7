// Parsing of time spans and points of time: valid and invalid texts.

import { expect, test } from 'vitest';
import { allowedDuration, parseDuration, parseSince } from '../../../agent/configuration/duration.ts';

test.for([
  ['90s', 90_000],
  ['10m', 600_000],
  ['3h', 10_800_000],
  ['7d', 604_800_000],
  ['2w', 1_209_600_000],
] as const)('%s is a duration', ([text, ms]) => {
  expect(parseDuration(text)).toBe(ms);
});

test('the description of allowed values has valid examples', () => {
  expect(allowedDuration).toMatch(/^a number and s, m, h, d or w, such as "/);
  const examples = [...allowedDuration.matchAll(/"([^"]+)"/g)].map(([, example = '']) => example);
  expect(examples.length).toBeGreaterThan(1);
  for (const example of examples) expect(parseDuration(example), example).toBeDefined();
});

test.for(['', '10', 'm', '0d', '-1d', '1.5h', '10 m', '10M', '1d12h', '٣d', '9999999d', '10m\n'])(
  '%j is no duration',
  (text) => {
    expect(parseDuration(text)).toBeUndefined();
  },
);

const nowMs = Date.parse('2026-04-10T12:00:00Z');

test.for([
  ['10m', Date.parse('2026-04-10T11:50:00Z')],
  ['7d', Date.parse('2026-04-03T12:00:00Z')],
  ['2026-04-01T12:00:00Z', Date.parse('2026-04-01T12:00:00Z')],
  ['2026-04-01T12:00+02:00', Date.parse('2026-04-01T10:00:00Z')],
  ['2026-04-01', new Date(2026, 3, 1).getTime()],
  ['2028-02-29', new Date(2028, 1, 29).getTime()],
  ['2026-04-01 12:30', new Date(2026, 3, 1, 12, 30).getTime()],
] as const)('since %s', ([text, ms]) => {
  expect(parseSince(text, nowMs)).toBe(ms);
});

test.for([
  '',
  'yesterday',
  '1',
  '2026',
  '2026-13-01',
  '2026-02-30',
  '2026-04-31T12:00:00Z',
  '2027-02-29 10:00',
  '2026-04-01T25:00',
  '04/01/2026',
  '-1d',
])('since %j is rejected', (text) => {
  expect(parseSince(text, nowMs)).toBeUndefined();
});

// The options of the benchmark.

import { expect, test } from 'vitest';
import { parseOptions } from '../../bench/options.ts';

test('as a rule every part is measured in full, and the page is written', () => {
  const options = parseOptions([]);
  expect(options).toMatchObject({ writes: true, rounds: 8, rateSeconds: 60, burst: 20_000, against: undefined });
  expect('parts' in options && [...options.parts]).toEqual(['workloads', 'latency', 'idle', 'rates', 'growth']);
});

test.each([
  [['--quick'], { writes: false, rounds: 1 }],
  [['--quick', '--rounds', '3'], { writes: false, rounds: 3 }],
  [['--only', 'rates,idle'], { writes: false, parts: new Set(['rates', 'idle']) }],
  [['--seconds', '5', '--idle', '7'], { writes: true, rateSeconds: 5, idleSeconds: 7 }],
  [['--against', '/opt/before'], { against: '/opt/before' }],
])('%j', (args, expected) => expect(parseOptions(args)).toMatchObject(expected));

test.each([
  [['--rounds', '0'], 'not a positive whole number: 0'],
  [['--seconds', '1e3'], 'not a positive whole number: 1e3'],
  [['--only', 'idle,all'], 'no such part: all'],
  [['--fast'], /--fast/],
  [['5'], /5/],
])('%j is refused', (args, fault) =>
  expect(parseOptions(args)).toEqual({ fault: typeof fault === 'string' ? fault : expect.stringMatching(fault) }),
);

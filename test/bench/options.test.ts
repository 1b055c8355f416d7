// The options of the benchmark.

import { expect, test } from 'vitest';
import { parseOptions, parts, roundsOf } from '../../bench/options.ts';

test('by default every part is measured in full, and the page is written', () => {
  const options = parseOptions([]);
  expect(options).toMatchObject({
    writes: true,
    rounds: undefined,
    rateSeconds: 8,
    burst: 20_000,
    against: undefined,
  });
  expect(options).toMatchObject({ parts: new Set(parts) });
});

const workloads = ['apt', 'dnf', 'compile', 'dpkg', 'processes'];

test.each([
  [['--quick'], { writes: false, rounds: 1 }],
  [['--quick', '--rounds', '3'], { writes: false, rounds: 3 }],
  [['--only', 'rates-4k,idle'], { writes: true, parts: new Set(['rates-4k', 'idle']) }],
  [['--only', 'workloads'], { writes: true, parts: new Set(workloads) }],
  [['--only', 'growth,rates'], { parts: new Set(['growth', 'rates-200', 'rates-4k', 'rates-128k']) }],
  [['--seconds', '5', '--idle', '7'], { writes: true, rateSeconds: 5, idleSeconds: 7 }],
  [['--against', '/opt/before'], { writes: false, against: '/opt/before' }],
])('%j', (args, expected) => expect(parseOptions(args)).toMatchObject(expected));

test.each([
  [[], 'apt', 8],
  [[], 'compile', 4],
  [[], 'idle', 2],
  [[], 'latency', 3],
  [['--rounds', '5'], 'apt', 5],
  [['--quick'], 'idle', 1],
] as const)('%j: %s has %d rounds', (args, part, rounds) => {
  const options = parseOptions(args);
  if ('fault' in options) throw new Error(options.fault);
  expect(roundsOf(options, part)).toBe(rounds);
});

test.each([
  [['--rounds', '0'], 'not a positive whole number: 0'],
  [['--seconds', '1e3'], 'not a positive whole number: 1e3'],
  [['--only', 'idle,all'], 'no such part: all'],
  [['--only', 'constructor'], 'no such part: constructor'],
  [['--fast'], /--fast/],
  [['5'], /5/],
])('%j is refused', (args, fault) =>
  expect(parseOptions(args)).toEqual({ fault: typeof fault === 'string' ? fault : expect.stringMatching(fault) }),
);

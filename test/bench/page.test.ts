// The page that is composed from the results.

import { expect, test } from 'vitest';
import { performanceFiles } from '../../bench/page.ts';
import { growthOf, idleOf, latencyOf, ratesOf, resultOf, workloadOf } from './results.ts';

const apt = resultOf('apt', workloadOf('apt-get install'), { rounds: 2, missing: ['laurel, as it is not installed'] });
const rates = resultOf('rates-4k', ratesOf(4096), { date: '2026-01-03', commit: 'abcdef0123 with changes' });

test('without results there is no page', () => expect([...performanceFiles([])]).toEqual([]));

test('each table names its date, commit, rounds and duration', () => {
  const page = performanceFiles([apt, rates]).get('performance.md');
  for (const text of [
    'Machine: 2 CPUs (CPU), 4 GB of memory, Linux 6.1, Debian, Node v24.',
    'Measured on 2026-01-02: stepparent 0.1.0, commit 0123456789, 2 rounds, 12.3 minutes in all, load 0.3 at the start.',
    'Measured on 2026-01-03: stepparent 0.1.0, commit abcdef0123 with changes, 12.3 minutes in all, load 0.3 at the start.',
    'Not measured: laurel, as it is not installed.',
    'Not measured: dnf, compile, dpkg, processes, latency, idle, rates-200, rates-128k, growth.',
    '10 s at each rate, a burst of 20,000, and up to 30 s to work off each.',
    '| CPU of the apt run | at most 0.400 s | 0.400 s | met |',
    '| Time of the apt run with / without, upper end of the interval | below 1.030 | 1.010 | met |',
    '| CPU at rest | at most 0.100 % |  | not measured |',
    '| none | 10.00 s (10.00 to 10.00) | 1 | 1 |  |  |  |',
    '| stepparent | 10.10 s (10.10 to 10.10) | 1.010 (1.010 to 1.010) | 1.000 (1.000 to 1.000) | 400 ms (300 to 500) | 71 / 92 MB | 800 KB |',
    '| stepparent | exec-bench | 100 of 100/s | 100 | 10 | 7 | 80 | 8 | 2 | 2.0 % | 200 ms |',
    '| auditd (ended with 1) | exec-bench | burst, 100/s | 100 | 10 |  | 80 | 8 | 2 | over 2.0 % | 200 ms |',
    '![CPU by rate of executions with an argument of 4 KiB](performance-rates-4k.svg)',
  ])
    expect(page).toContain(text);
  expect(page).not.toMatch(/NaN|Infinity|undefined|## At rest/);
});

test('a missed goal is marked', () => {
  const page = performanceFiles([resultOf('idle', idleOf(300))]).get('performance.md');
  expect(page).toContain('| CPU at rest | at most 0.100 % | 1.000 % | **missed** |');
});

test('parts of several machines name their machine', () => {
  const machine = { ...apt.machine, kernel: '6.9' };
  const page = performanceFiles([apt, resultOf('idle', idleOf(1), { machine })]).get('performance.md');
  expect(page).toMatch(/^- apt: .*Linux 6\.1,.*\n- idle: .*Linux 6\.9,/m);
});

test('composes the tables of latency and growth', () => {
  const latency = resultOf('latency', latencyOf([1, 2, 3], 1), { rounds: 1 });
  const page = performanceFiles([latency, resultOf('growth', growthOf(10_000, 7))]).get('performance.md');
  expect(page).toContain('| stepparent | 2 ms | 3 ms | 3 ms | 2 | 1 of 4 |');
  expect(page).toContain('| Hunt `hunt-0` | 7 ms |');
});

test('each part with rates has a plot', () => {
  const files = performanceFiles([apt, resultOf('rates-200', ratesOf(200)), rates]);
  expect([...files.keys()]).toEqual(['performance.md', 'performance-rates-200.svg', 'performance-rates-4k.svg']);
});

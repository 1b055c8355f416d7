// The goals, each with figures that meet and that miss it.

import { expect, test } from 'vitest';
import { judgeGoals } from '../../bench/goals.ts';
import type { Data } from '../../bench/results.ts';
import { growthOf, idleOf, latencyOf, resultOf, workloadOf } from './results.ts';

const apt = 'apt-get install --reinstall, 20 packages';
const dpkg = '1000 runs of dpkg -i, four at a time';
const ordinary = '10000 ordinary processes, two at a time';
const ratio = 'Time of the apt run with / without, upper end of the interval';
const journal = 'From an execution to the journal, p99';
const hunt = 'Slowest hunt over a million rows';

test.each<[goal: string, data: Data, measured: string, verdict: string]>([
  ['CPU of the apt run', workloadOf(apt, { cpuMs: [300, 400, 900] }), '0.400 s', 'met'],
  ['CPU of the apt run', workloadOf(apt, { cpuMs: [410, 410] }), '0.410 s', 'missed'],
  ['CPU of the apt run', workloadOf(dpkg, { cpuMs: [300] }, 1000), '', 'not measured'],
  ['Bytes stored of the apt run', workloadOf(apt, { storedBytes: [900_000] }), '900 KB', 'met'],
  ['Bytes stored of the apt run', workloadOf(apt, { storedBytes: [1_200_000] }), '1.20 MB', 'missed'],
  [ratio, workloadOf(apt, { seconds: [10.29, 10.29] }), '1.029', 'met'],
  [ratio, workloadOf(apt, { seconds: [10.3, 10.3] }), '1.030', 'missed'],
  [ratio, workloadOf(apt, { seconds: [9.5, 10.5] }), '1.886', 'missed'],
  [ratio, workloadOf(apt, { seconds: [10] }), '', 'not measured'],
  ['CPU for 1,000 runs of dpkg', workloadOf(dpkg, { cpuMs: [150] }, 1000), '150.0 ms', 'met'],
  ['CPU for 1,000 runs of dpkg', workloadOf(dpkg, { cpuMs: [151] }, 1000), '151.0 ms', 'missed'],
  ['CPU for 1,000 ordinary processes', workloadOf(ordinary, { cpuMs: [150] }, 10_000), '15.0 ms', 'met'],
  ['CPU for 1,000 ordinary processes', workloadOf(ordinary, { cpuMs: [160] }, 10_000), '16.0 ms', 'missed'],
  ['CPU at rest', idleOf(20, 40), '0.100 %', 'met'],
  ['CPU at rest', idleOf(40, 40), '0.133 %', 'missed'],
  [journal, latencyOf([10, 50, 50]), '50.0 ms', 'met'],
  [journal, latencyOf([10, 60, 60]), '60.0 ms', 'missed'],
  [journal, latencyOf([10, 20], 1), 'none in time', 'missed'],
  [hunt, growthOf(1_000_000, 100, 499), '499.0 ms', 'met'],
  [hunt, growthOf(1_000_000, 500, 100), '500.0 ms', 'missed'],
  [hunt, growthOf(100_000, 100), '', 'not measured'],
  ['Memory at rest, of all workloads the most', workloadOf(dpkg, { restMb: [80] }, 1000), '80.0 MB', 'met'],
  ['Memory at rest, of all workloads the most', workloadOf(dpkg, { restMb: [81] }, 1000), '81.0 MB', 'missed'],
  ['Memory at most, of all workloads the most', workloadOf(apt, { mostMb: [95] }), '95.0 MB', 'met'],
  ['Memory at most, of all workloads the most', workloadOf(apt, { mostMb: [96] }), '96.0 MB', 'missed'],
])('%s', (goal, data, measured, verdict) => {
  const judged = judgeGoals([resultOf('apt', data)]).find(({ name }) => name === goal);
  expect(judged).toMatchObject({ measured, verdict });
});

test('memory is judged by the workload that uses most', () => {
  const results = [60, 90, 70].map((mb) => resultOf('apt', workloadOf(apt, { restMb: [mb] })));
  const judged = judgeGoals(results).find(({ name }) => name.startsWith('Memory at rest'));
  expect(judged).toMatchObject({ measured: '90.0 MB', verdict: 'missed' });
});

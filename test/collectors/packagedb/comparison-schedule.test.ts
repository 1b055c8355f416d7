// When directories are compared.

import { afterEach, beforeEach, expect, test, vi } from 'vitest';
import { systemClock } from '../../../collectors/host/clock.ts';
import {
  type Comparison,
  type ComparisonSchedule,
  createComparisonSchedule,
} from '../../../collectors/packagedb/comparison-schedule.ts';
import { openWatchTasks, type WatchTasks } from '../../../collectors/packagedb/watch-tasks.ts';
import { type WatchedDirectory, watchedDirectory } from '../../../collectors/packagedb/watched-directory.ts';
import { listingMemory } from './watch-double.ts';

let directory: WatchedDirectory;
let tasks: WatchTasks;
let schedule: ComparisonSchedule;
/** Seconds at which a comparison began. */
let begun: number[];
let how: Comparison[];
let takesMs: number;

beforeEach(() => {
  vi.useFakeTimers({ toFake: ['setTimeout', 'clearTimeout', 'performance'] });
  directory = watchedDirectory({ path: '/x', manager: undefined, expected: true }, listingMemory());
  directory.location = { path: '/x', identity: '1:2' };
  begun = [];
  how = [];
  takesMs = 0;
  tasks = openWatchTasks(systemClock, () => {});
  const startMs = performance.now();
  schedule = createComparisonSchedule(tasks);
  schedule.start((_watched, path, given) => {
    expect(path).toBe('/x');
    begun.push(Math.round((performance.now() - startMs) / 1000));
    how.push(given);
    return new Promise((resolve) => setTimeout(resolve, takesMs));
  });
});
afterEach(() => {
  tasks.close();
  vi.useRealTimers();
});

const pass = (seconds: number) => vi.advanceTimersByTimeAsync(seconds * 1000);

test('a directory is compared every minute', async () => {
  schedule.now(directory, { silent: true });
  await pass(150);
  expect(begun).toEqual([0, 60, 120]);
  expect(how).toEqual([{ silent: true }, { found: 'comparison' }, { found: 'comparison' }]);
});

test('a directory is compared soon after events, but not for each', async () => {
  schedule.now(directory, {});
  for (let second = 0; second < 35; second++) {
    await pass(1);
    schedule.soon(directory);
  }
  expect(begun).toEqual([0, 10, 20, 30]);
});

test('comparisons after events take a bounded share of time', async () => {
  takesMs = 2000;
  schedule.now(directory, {});
  for (let second = 0; second < 50; second++) {
    await pass(1);
    schedule.soon(directory);
  }
  // At the first request the duration of a comparison is not known yet.
  expect(begun).toEqual([0, 12, 34]);
});

test('the earliest request counts', async () => {
  schedule.in(directory, 30_000);
  schedule.in(directory, 5000);
  schedule.in(directory, 20_000);
  await pass(40);
  expect(begun).toEqual([5]);
});

test('a slow comparison runs less often', async () => {
  takesMs = 10_000;
  schedule.now(directory, {});
  await pass(600);
  expect(begun).toEqual([0, 510]);
});

test('a comparison requested while one runs follows it', async () => {
  takesMs = 3000;
  schedule.now(directory, {});
  schedule.now(directory, {}, 4000);
  schedule.in(directory, 9000);
  await pass(10);
  expect(begun).toEqual([0, 7]);
});

test('a missing directory is not compared, and none after the end', async () => {
  schedule.now(directory, {});
  directory.location = undefined;
  await pass(200);
  schedule.now(directory, {});
  directory.location = { path: '/x', identity: '1:2' };
  tasks.close();
  schedule.now(directory, {});
  await pass(200);
  expect(begun).toEqual([0]);
});

test('ended() waits for the comparisons that run', async () => {
  takesMs = 3000;
  schedule.now(directory, {});
  let ended = false;
  void schedule.ended().then(() => {
    ended = true;
  });
  await pass(2);
  expect(ended).toBe(false);
  await pass(2);
  expect(ended).toBe(true);
});

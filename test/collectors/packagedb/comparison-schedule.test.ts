// When folders are compared.

import { afterEach, beforeEach, expect, test, vi } from 'vitest';
import type { Comparison } from '../../../collectors/packagedb/comparison.ts';
import {
  type ComparisonSchedule,
  createComparisonSchedule,
} from '../../../collectors/packagedb/comparison-schedule.ts';
import { openWatchTasks, type WatchTasks } from '../../../collectors/packagedb/watch-tasks.ts';
import { type WatchedDirectory, watchedDirectory } from '../../../collectors/packagedb/watched-directory.ts';
import { listingMemory } from './watch-double.ts';

let at: WatchedDirectory;
let watched: boolean;
let tasks: WatchTasks;
let schedule: ComparisonSchedule;
/** Seconds at which a comparison began. */
let begun: number[];
let how: Comparison[];
let takesMs: number;

beforeEach(() => {
  vi.useFakeTimers({ toFake: ['setTimeout', 'clearTimeout', 'performance'] });
  at = watchedDirectory({ path: '/x', manager: undefined, expected: true }, listingMemory());
  at.place = { path: '/x', identity: '1:2' };
  watched = true;
  begun = [];
  how = [];
  takesMs = 0;
  tasks = openWatchTasks(() => {});
  const startMs = performance.now();
  schedule = createComparisonSchedule({
    tasks,
    isWatched: () => watched,
    compare(_at, directory, given) {
      expect(directory).toBe('/x');
      begun.push(Math.round((performance.now() - startMs) / 1000));
      how.push(given);
      return new Promise((resolve) => setTimeout(resolve, takesMs));
    },
  });
});
afterEach(() => {
  tasks.close();
  vi.useRealTimers();
});

const pass = (seconds: number) => vi.advanceTimersByTimeAsync(seconds * 1000);

test('every minute', async () => {
  schedule.now(at, { silent: true });
  await pass(150);
  expect(begun).toEqual([0, 60, 120]);
  expect(how).toEqual([{ silent: true }, { found: 'comparison' }, { found: 'comparison' }]);
});

test('soon after events, but not for each', async () => {
  schedule.now(at, {});
  for (let second = 0; second < 35; second++) {
    await pass(1);
    schedule.soon(at);
  }
  expect(begun).toEqual([0, 10, 20, 30]);
});

test('soon after events, but not for long', async () => {
  takesMs = 2000;
  schedule.now(at, {});
  for (let second = 0; second < 50; second++) {
    await pass(1);
    schedule.soon(at);
  }
  // The first wish comes before it is known how long one takes.
  expect(begun).toEqual([0, 12, 34]);
});

test('the earliest wish counts', async () => {
  schedule.in(at, 30_000);
  schedule.in(at, 5000);
  schedule.in(at, 20_000);
  await pass(40);
  expect(begun).toEqual([5]);
});

test('one that takes long comes seldom', async () => {
  takesMs = 10_000;
  schedule.now(at, {});
  await pass(600);
  expect(begun).toEqual([0, 510]);
});

test('what is wished for while one runs comes after it', async () => {
  takesMs = 3000;
  schedule.now(at, {});
  schedule.now(at, {}, 4000);
  schedule.in(at, 9000);
  await pass(10);
  expect(begun).toEqual([0, 7]);
});

test('one that is missing, watched no longer, or after the end: none', async () => {
  schedule.now(at, {});
  watched = false;
  await pass(200);
  at.place = undefined;
  schedule.now(at, {});
  at.place = { path: '/x', identity: '1:2' };
  tasks.close();
  schedule.now(at, {});
  await pass(200);
  expect(begun).toEqual([0]);
});

test('waits for those that run', async () => {
  takesMs = 3000;
  schedule.now(at, {});
  let ended = false;
  void schedule.ended().then(() => {
    ended = true;
  });
  await pass(2);
  expect(ended).toBe(false);
  await pass(2);
  expect(ended).toBe(true);
});

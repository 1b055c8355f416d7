// The bounds of reported file changes, and the notices about dropped ones.

import { setImmediate } from 'node:timers/promises';
import { afterEach, beforeEach, expect, test, vi } from 'vitest';
import { systemClock } from '../../../collectors/host/clock.ts';
import type { OpenedFile } from '../../../collectors/host/opened-file.ts';
import { boundsOf, type ChangeReporter, createChangeReporter } from '../../../collectors/packagedb/change-reporter.ts';
import type { FileChange } from '../../../collectors/packagedb/file-event.ts';
import { notSeen } from '../../../collectors/packagedb/file-writer.ts';
import { openWatchTasks, type WatchTasks } from '../../../collectors/packagedb/watch-tasks.ts';
import { type WatchedDirectory, watchedDirectory } from '../../../collectors/packagedb/watched-directory.ts';
import { listingMemory } from './watch-double.ts';

const database = watchedDirectory({ path: '/var/lib/dpkg', manager: 'dpkg', expected: true }, listingMemory());
const scriptlets = watchedDirectory(
  { path: '/var/tmp', manager: 'rpm', expected: false, namePrefix: 'rpm-tmp.' },
  listingMemory(),
);

let changes: FileChange[];
let onChange: (change: FileChange) => void | Promise<void>;
let notices: unknown[][];
let faults: string[];
let tasks: WatchTasks;
let reporter: ChangeReporter;
beforeEach(() => {
  vi.useFakeTimers({ toFake: ['setTimeout', 'clearTimeout', 'performance'] });
  changes = [];
  notices = [];
  faults = [];
  onChange = (change) => void changes.push(change);
  tasks = openWatchTasks(systemClock, (what, error) => faults.push(`${what}: ${error}`));
  reporter = createChangeReporter({
    tasks,
    onChange: (change) => onChange(change),
    onNotice: (...notice) => notices.push(notice),
  });
});
afterEach(() => {
  tasks.close();
  vi.useRealTimers();
});

const report = async (watched: WatchedDirectory, times: number, more: Partial<FileChange> = {}): Promise<void> => {
  for (let i = 0; i < times; i++) {
    await reporter.report(watched, {
      action: 'deletion',
      actionInferredFrom: undefined,
      path: `${watched.directory.path}/x`,
      atNs: 0,
      opened: undefined,
      unseen: undefined,
      writer: notSeen,
      details: {},
      found: undefined,
      ...more,
    });
  }
};

test('changes beyond the bounds are counted and reported as one number', async () => {
  const { burst, reason } = boundsOf(scriptlets);
  await report(scriptlets, burst + 3);
  expect([changes.length, reporter.reported, reporter.dropped]).toEqual([burst, burst, 3]);
  expect(notices).toEqual([]);
  vi.advanceTimersByTime(60_000);
  expect(notices).toEqual([['file-events-lost', reason, 3]]);
});

test('after some time more changes are reported', async () => {
  const { burst, perSecond } = boundsOf(scriptlets);
  await report(scriptlets, burst + 1);
  vi.advanceTimersByTime(5000);
  await report(scriptlets, 5 * perSecond + 2);
  expect([changes.length, reporter.dropped]).toEqual([burst + 5 * perSecond, 3]);
});

test('a flood of scriptlets does not affect changes of databases', async () => {
  await report(scriptlets, boundsOf(scriptlets).burst + 1);
  await report(database, 10);
  expect([changes.at(-1)?.path, reporter.dropped]).toEqual(['/var/lib/dpkg/x', 1]);
});

test('dropped changes are reported at once at the end', async () => {
  const { burst, reason } = boundsOf(scriptlets);
  await report(scriptlets, burst + 2);
  tasks.close();
  reporter.reportDropped();
  reporter.reportDropped();
  expect(notices).toEqual([['file-events-lost', reason, 2]]);
});

const fileThat = (close: () => void): OpenedFile => ({
  stat: {} as OpenedFile['stat'],
  refresh() {},
  sha256: async () => '',
  content: async () => ({ sha256: '', sizeBytes: 0, head: Buffer.alloc(0) }),
  target: () => undefined,
  close,
});

test('the file of a dropped change is closed, that of a reported one is left to the receiver', async () => {
  const { burst } = boundsOf(scriptlets);
  await report(scriptlets, burst - 1);
  let closed = 0;
  const opened = fileThat(() => closed++);
  await report(scriptlets, 1, { opened });
  expect(closed).toBe(0);
  await report(scriptlets, 1, { opened });
  expect(closed).toBe(1);
});

test('changes are passed on before earlier ones are judged, up to a bound', async () => {
  const judge: (() => void)[] = [];
  onChange = () => new Promise((resolve) => judge.push(resolve));
  await report(database, 255);
  let reported = false;
  const last = report(database, 1).then(() => {
    reported = true;
  });
  await setImmediate();
  expect([judge.length, reported]).toEqual([256, false]);
  judge[7]?.();
  await last;
  let judged = false;
  const all = reporter.judged().then(() => {
    judged = true;
  });
  await setImmediate();
  expect(judged).toBe(false);
  for (const one of judge) one();
  await all;
});

test.each([
  [
    'throws',
    () => {
      throw new Error('no');
    },
  ],
  ['rejects', () => Promise.reject(new Error('no'))],
])('a receiver that %s keeps no other change from being reported', async (_, receive) => {
  onChange = receive;
  await report(database, 2);
  await reporter.judged();
  expect(faults).toEqual(Array(2).fill('a file change could not be reported: Error: no'));
});

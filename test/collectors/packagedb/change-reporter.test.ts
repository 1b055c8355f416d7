// How many file changes are told, and how it is said that there were more.

import { afterEach, beforeEach, expect, test, vi } from 'vitest';
import type { StepparentEvent } from '../../../collectors/event/event.ts';
import { boundsOf } from '../../../collectors/packagedb/change-bounds.ts';
import { type ChangeReporter, createChangeReporter } from '../../../collectors/packagedb/change-reporter.ts';
import { notSeen } from '../../../collectors/packagedb/file-writer.ts';
import { openWatchTasks, type WatchTasks } from '../../../collectors/packagedb/watch-tasks.ts';
import { type WatchedDirectory, watchedDirectory } from '../../../collectors/packagedb/watched-directory.ts';
import { createProcessTable } from '../../../collectors/process/process-table.ts';
import { hostContext } from '../host/host-context-double.ts';
import { procDouble } from '../proc-double.ts';
import { listingMemory } from './watch-double.ts';

const database = watchedDirectory({ path: '/var/lib/dpkg', manager: 'dpkg', expected: true }, listingMemory());
const scriptlets = watchedDirectory(
  { path: '/var/tmp', manager: 'rpm', expected: false, namePrefix: 'rpm-tmp.' },
  listingMemory(),
);

let events: StepparentEvent[];
let notices: unknown[][];
let tasks: WatchTasks;
let reporter: ChangeReporter;
beforeEach(() => {
  vi.useFakeTimers({ toFake: ['setTimeout', 'clearTimeout', 'performance'] });
  events = [];
  notices = [];
  tasks = openWatchTasks(() => {});
  reporter = createChangeReporter({
    table: createProcessTable(procDouble()),
    context: hostContext,
    tasks,
    onEvent: (event) => events.push(event),
    onNotice: (...notice) => notices.push(notice),
  });
});
afterEach(() => {
  tasks.close();
  vi.useRealTimers();
});

const report = async (at: WatchedDirectory, times: number): Promise<void> => {
  for (let i = 0; i < times; i++) {
    await reporter.report(at, {
      action: 'deletion',
      actionInferredFrom: undefined,
      path: `${at.directory.path}/x`,
      atNs: 0,
      opened: undefined,
      unseen: undefined,
      writer: notSeen(),
      details: {},
      found: undefined,
    });
  }
};

test('what is over the bounds is counted, and said once', async () => {
  const { burst, reason } = boundsOf(scriptlets);
  await report(scriptlets, burst + 3);
  expect([events.length, reporter.reported, reporter.dropped]).toEqual([burst, burst, 3]);
  expect(notices).toEqual([]);
  vi.advanceTimersByTime(60_000);
  expect(notices).toEqual([['file-events-lost', reason, 3]]);
});

test('after some time more is told', async () => {
  const { burst, perSecond } = boundsOf(scriptlets);
  await report(scriptlets, burst + 1);
  vi.advanceTimersByTime(5000);
  await report(scriptlets, 5 * perSecond + 2);
  expect([events.length, reporter.dropped]).toEqual([burst + 5 * perSecond, 3]);
});

test('others than the scriptlets are told all the same', async () => {
  await report(scriptlets, boundsOf(scriptlets).burst + 1);
  await report(database, 10);
  expect([events.at(-1)?.file?.path, reporter.dropped]).toEqual(['/var/lib/dpkg/x', 1]);
});

test('at the end it is said at once', async () => {
  const { burst, reason } = boundsOf(scriptlets);
  await report(scriptlets, burst + 2);
  tasks.close();
  reporter.sayUntold();
  reporter.sayUntold();
  expect(notices).toEqual([['file-events-lost', reason, 2]]);
});

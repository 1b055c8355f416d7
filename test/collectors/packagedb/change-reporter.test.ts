// How many file changes are told, and how it is said that there were more.

import { afterEach, beforeEach, expect, test, vi } from 'vitest';
import type { StepparentEvent } from '../../../collectors/event/event.ts';
import { boundsOf } from '../../../collectors/packagedb/change-bounds.ts';
import { type ChangeTeller, createChangeTeller } from '../../../collectors/packagedb/change-reporter.ts';
import { notSeen } from '../../../collectors/packagedb/file-writer.ts';
import { openWatchTasks, type WatchTasks } from '../../../collectors/packagedb/watch-tasks.ts';
import { type WatchedFolder, watchedFolder } from '../../../collectors/packagedb/watched-directory.ts';
import { createProcessTable } from '../../../collectors/process/process-table.ts';
import { hostContext } from '../host/host-context-double.ts';
import { procDouble } from '../proc-double.ts';
import { listingMemory } from './watch-double.ts';

const database = watchedFolder({ path: '/var/lib/dpkg', manager: 'dpkg', expected: true }, listingMemory());
const scriptlets = watchedFolder(
  { path: '/var/tmp', manager: 'rpm', expected: false, namePrefix: 'rpm-tmp.' },
  listingMemory(),
);

let events: StepparentEvent[];
let notices: unknown[][];
let tasks: WatchTasks;
let teller: ChangeTeller;
beforeEach(() => {
  vi.useFakeTimers({ toFake: ['setTimeout', 'clearTimeout', 'performance'] });
  events = [];
  notices = [];
  tasks = openWatchTasks(() => {});
  teller = createChangeTeller({
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

const tell = async (at: WatchedFolder, times: number): Promise<void> => {
  for (let i = 0; i < times; i++) {
    await teller.tell(at, {
      action: 'deletion',
      actionInferredFrom: undefined,
      path: `${at.folder.path}/x`,
      atNs: 0,
      witness: undefined,
      unseen: undefined,
      writer: notSeen(),
      details: {},
      found: undefined,
    });
  }
};

test('what is over the bounds is counted, and said once', async () => {
  const { burst, reason } = boundsOf(scriptlets);
  await tell(scriptlets, burst + 3);
  expect([events.length, teller.told, teller.untold]).toEqual([burst, burst, 3]);
  expect(notices).toEqual([]);
  vi.advanceTimersByTime(60_000);
  expect(notices).toEqual([['file-events-lost', reason, 3]]);
});

test('after some time more is told', async () => {
  const { burst, perSecond } = boundsOf(scriptlets);
  await tell(scriptlets, burst + 1);
  vi.advanceTimersByTime(5000);
  await tell(scriptlets, 5 * perSecond + 2);
  expect([events.length, teller.untold]).toEqual([burst + 5 * perSecond, 3]);
});

test('others than the scriptlets are told all the same', async () => {
  await tell(scriptlets, boundsOf(scriptlets).burst + 1);
  await tell(database, 10);
  expect([events.at(-1)?.file?.path, teller.untold]).toEqual(['/var/lib/dpkg/x', 1]);
});

test('at the end it is said at once', async () => {
  const { burst, reason } = boundsOf(scriptlets);
  await tell(scriptlets, burst + 2);
  tasks.close();
  teller.sayUntold();
  teller.sayUntold();
  expect(notices).toEqual([['file-events-lost', reason, 2]]);
});

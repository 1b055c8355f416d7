// Which changes are one event, and when they are due.

import { expect, test } from 'vitest';
import { type ChangeQueueOptions, createChangeQueue, type Queued } from '../../../collectors/packagedb/change-queue.ts';
import type { FileAction } from '../../../collectors/packagedb/differences.ts';

const queue = (options: Partial<ChangeQueueOptions<Queued>> = {}) =>
  createChangeQueue<Queued>({ settleMs: 70, repeatMs: 1000, maxWaiting: 100, onMerged: () => {}, ...options });
const change = (action: FileAction, key = 'a', pid = 1): Queued => ({ key, action, pid });
const reported = (changes: Queued[]) => changes.map(({ action, key, pid }) => `${action} ${key} ${pid}`);

test('a change waits until the process table has caught up', () => {
  const { offer, take, has } = queue();
  offer(change('creation'), 0);
  expect(has('a')).toBe(true);
  expect(take(69)).toEqual([]);
  expect(reported(take(70))).toEqual(['creation a 1']);
  expect(has('a')).toBe(false);
});

test.each<[FileAction[], FileAction[]]>([
  [['creation', 'modification', 'attribute-change'], ['creation']],
  [['attribute-change', 'modification'], ['modification']],
  [['modification', 'attribute-change', 'modification'], ['modification']],
  [['rename', 'attribute-change'], ['rename']],
  [['creation', 'creation'], ['creation']],
  [
    ['creation', 'deletion'],
    ['creation', 'deletion'],
  ],
  [
    ['deletion', 'creation'],
    ['deletion', 'creation'],
  ],
  [
    ['modification', 'rename'],
    ['modification', 'rename'],
  ],
  [
    ['rename', 'rename'],
    ['rename', 'rename'],
  ],
  [
    ['deletion', 'modification'],
    ['deletion', 'modification'],
  ],
])('%j by one process is %j', (actions, expected) => {
  const merged: string[] = [];
  const { offer, take } = queue({ onMerged: (into, one) => merged.push(`${one.action} into ${into.action}`) });
  const offered = actions.map((action) => offer(change(action), 0));
  expect(take(5000).map(({ action }) => action)).toEqual(expected);
  expect(merged).toHaveLength(actions.length - expected.length);
  expect(offered.filter((one) => one === 'merged')).toHaveLength(merged.length);
  expect(offered.filter((one) => one === 'queued')).toHaveLength(expected.length);
});

test('changes by two processes are two events', () => {
  const { offer, take } = queue();
  offer(change('creation', 'a', 1), 0);
  offer(change('modification', 'a', 2), 1);
  offer(change('modification', 'a', 1), 2);
  expect(reported(take(5000))).toEqual(['creation a 1', 'modification a 2', 'modification a 1']);
});

test('a file with constant writes is due once a second, and after the last write', () => {
  const { offer, take } = queue();
  const times: number[] = [];
  for (let ms = 0; ms < 5000; ms += 10) {
    if (ms < 3000) offer(change('modification'), ms);
    if (take(ms).length > 0) times.push(ms);
  }
  expect(times).toEqual([70, 1070, 2070, 3070]);
});

test('a later change does not overtake one that waits longer', () => {
  const { offer, take } = queue();
  offer(change('modification'), 0);
  take(70);
  offer(change('modification'), 100);
  offer(change('deletion'), 200);
  expect(reported(take(270))).toEqual(['modification a 1', 'deletion a 1']);
});

test('no changes are added at the bound, but waiting ones are still merged', () => {
  const { offer, take, size } = queue({ maxWaiting: 2 });
  expect(size).toBe(0);
  expect(offer(change('creation', 'a'), 0)).toBe('queued');
  expect(offer(change('creation', 'b'), 0)).toBe('queued');
  expect(offer(change('creation', 'c'), 0)).toBe('rejected');
  expect(offer(change('modification', 'b'), 0)).toBe('merged');
  expect(reported(take(70))).toEqual(['creation a 1', 'creation b 1']);
  expect(offer(change('creation', 'c'), 80)).toBe('queued');
});

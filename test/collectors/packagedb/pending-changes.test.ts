// Files of changes that wait: each is opened once, counted while it is open, and closed once.

import { readdirSync, readlinkSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { beforeEach, expect, test } from 'vitest';
import { systemClock } from '../../../collectors/host/clock.ts';
import { boundsOf } from '../../../collectors/packagedb/change-reporter.ts';
import type { FileAction } from '../../../collectors/packagedb/differences.ts';
import { createPendingChanges, type PendingChanges } from '../../../collectors/packagedb/pending-changes.ts';
import { type WatchedDirectory, watchedDirectory } from '../../../collectors/packagedb/watched-directory.ts';
import { listingMemory, scratch } from './watch-double.ts';

let path: string;
let watched: WatchedDirectory;
let pending: PendingChanges;
let opened: string[];
beforeEach(() => {
  path = scratch();
  watched = watchedDirectory({ path, manager: 'dpkg', expected: true }, listingMemory());
  opened = [];
  pending = createPendingChanges({
    clock: { ...systemClock, bootEpochMs: () => 0 },
    onOpened: (file) => opened.push(file),
  });
});

const offer = (name: string, action: FileAction, pid = 1): boolean =>
  pending.offer({ watched, name, action, writer: { pid, atNs: 1, entry: undefined, image: undefined } });
const openFiles = (): string[] =>
  readdirSync('/proc/self/fd').flatMap((fd) => {
    try {
      const target = readlinkSync(`/proc/self/fd/${fd}`);
      return target.startsWith(path) ? [target.slice(path.length + 1)] : [];
    } catch {
      return [];
    }
  });
const due = () => pending.takeDue(Number.POSITIVE_INFINITY);

test('a file is opened once for all changes of one event', () => {
  writeFileSync(join(path, 'a'), 'a');
  for (const action of ['creation', 'modification', 'attribute-change', 'modification'] as const) offer('a', action);
  expect([opened, openFiles()]).toEqual([[join(path, 'a')], ['a']]);
  const [change, ...others] = due();
  expect(others).toEqual([]);
  expect(change).toMatchObject({ action: 'creation', hasLaterChanges: true });
  if (change !== undefined) pending.release(change);
  expect(openFiles()).toEqual([]);
});

test('each of several events of a file opens it', () => {
  writeFileSync(join(path, 'a'), 'a');
  offer('a', 'creation', 1);
  offer('a', 'modification', 2);
  expect(openFiles()).toEqual(['a', 'a']);
  for (const change of due()) pending.release(change);
  expect(openFiles()).toEqual([]);
});

test('a deletion opens no file, and a missing file is noted', () => {
  offer('a', 'deletion');
  offer('b', 'creation');
  expect(due()).toMatchObject([
    { isChecked: true, opened: undefined },
    { isChecked: true, opened: undefined, unseen: undefined },
  ]);
  expect(opened).toEqual([]);
});

test('a file that is handed over counts as open until its receiver closes it', () => {
  const { open } = boundsOf(watched);
  for (let i = 0; i <= open; i++) {
    writeFileSync(join(path, `${i}`), '');
    offer(`${i}`, 'creation');
  }
  expect(openFiles()).toHaveLength(open);
  const changes = due();
  expect(changes.filter(({ isChecked }) => !isChecked).map(({ name }) => name)).toEqual([`${open}`]);
  const handed = changes.slice(0, open).map((change) => pending.handOver(change));
  for (const change of changes) pending.release(change);
  offer('0', 'modification');
  expect(due()).toMatchObject([{ isChecked: false }]);
  handed[0]?.close();
  handed[0]?.close();
  offer('0', 'modification');
  offer('1', 'modification');
  expect(due()).toMatchObject([{ isChecked: true }, { isChecked: false }]);
  for (const file of handed) file?.close();
});

test('a rejected change keeps no file open', () => {
  const { waiting } = boundsOf(watched);
  for (let i = 0; i < waiting; i++) expect(offer(`gone ${i}`, 'deletion')).toBe(true);
  writeFileSync(join(path, 'a'), '');
  expect(offer('a', 'creation')).toBe(false);
  expect(openFiles()).toEqual([]);
});

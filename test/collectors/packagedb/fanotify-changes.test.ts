// Which process wrote a file that another one closes.

import { beforeEach, expect, test } from 'vitest';
import { createOpenWrites, type OpenWrites } from '../../../collectors/packagedb/fanotify-changes.ts';
import type { WriterSeen } from '../../../collectors/packagedb/file-writer.ts';

const process = (pid: number): WriterSeen => ({ pid, atNs: 0, entry: undefined, image: undefined });
let writes: OpenWrites;
beforeEach(() => {
  writes = createOpenWrites();
});

test('a process that writes and closes is the writer', () => {
  writes.note('a', process(1));
  expect(writes.takeWriter('a', process(1))).toEqual(process(1));
});

test('a process that closes a file is not the writer if another wrote', () => {
  writes.note('a', process(1));
  writes.note('b', process(3));
  expect(writes.takeWriter('a', process(2))).toEqual({ ...process(1), closedBy: 2 });
});

test('each close returns one of several writers', () => {
  for (const pid of [1, 2, 1]) writes.note('a', process(pid));
  expect(writes.takeWriter('a', process(2))).toEqual(process(2));
  expect(writes.takeWriter('a', process(3))).toEqual({ ...process(1), closedBy: 3 });
  expect(writes.takeWriter('a', process(3))).toEqual(process(3));
});

test('the oldest file is dropped beyond the bound', () => {
  for (let i = 0; i < 10_000; i++) writes.note(`file ${i}`, process(1));
  expect(writes.takeWriter('file 0', process(2))).toEqual(process(2));
  expect(writes.takeWriter('file 9999', process(2))).toEqual({ ...process(1), closedBy: 2 });
});

// A poll set's wait ends with data, with time, and with the set.

import { spawnSync } from 'node:child_process';
import fs from 'node:fs';
import os from 'node:os';
import path from 'node:path';
import { afterAll, expect, onTestFinished, test } from 'vitest';
import { openPollSet } from '../../../collectors/linux/poll-set.ts';

const directory = fs.mkdtempSync(path.join(os.tmpdir(), 'stepparent-poll-'));
afterAll(() => fs.rmSync(directory, { recursive: true }));
let pipes = 0;

/** Both ends of a pipe. */
function openPipe(): number {
  const file = path.join(directory, `pipe-${pipes++}`);
  spawnSync('mkfifo', [file]);
  const fd = fs.openSync(file, fs.constants.O_RDWR | fs.constants.O_NONBLOCK);
  onTestFinished(() => fs.closeSync(fd));
  return fd;
}
const readAll = (fd: number): string => {
  const bytes = Buffer.alloc(16);
  return bytes.toString('utf8', 0, fs.readSync(fd, bytes));
};

test('each descriptor ends a wait, repeatedly', async () => {
  const fds = [openPipe(), openPipe()];
  const set = openPollSet(fds);
  for (const [i, fd] of [...fds, ...fds].entries()) {
    const waiting = set.wait();
    fs.writeSync(fd, `text ${i}`);
    await waiting;
    expect(readAll(fd)).toBe(`text ${i}`);
  }
  set.close();
});

test('data that came between two waits ends the next one', async () => {
  const fd = openPipe();
  const set = openPollSet([fd]);
  await set.wait(1);
  fs.writeSync(fd, 'early');
  await new Promise((resolve) => setTimeout(resolve, 1));
  await set.wait();
  expect(readAll(fd)).toBe('early');
  set.close();
});

test('a wait ends when the set is closed, and so does a later one', async () => {
  const set = openPollSet([openPipe()]);
  const waiting = set.wait();
  set.close();
  await waiting;
  await set.wait();
});

test('a file that cannot be polled is rejected', () => {
  const fd = fs.openSync(path.join(directory, 'file'), 'w+');
  onTestFinished(() => fs.closeSync(fd));
  expect(() => openPollSet([fd])).toThrow('poll: EPERM');
});

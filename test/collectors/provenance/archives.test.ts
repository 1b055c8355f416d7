// Archives that are opened: what is hashed, and what changed, went away or is no regular file.

import { execFileSync } from 'node:child_process';
import { createHash } from 'node:crypto';
import { appendFileSync, mkdirSync, renameSync, rmSync, symlinkSync, truncateSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { beforeEach, describe, expect, test } from 'vitest';
import { type Host, openHost } from '../../../collectors/host/host.ts';
import { openArchives } from '../../../collectors/provenance/archives.ts';
import { temporaryDirectory } from '../../storage/temporary-store.ts';

const host = openHost();
const sha256 = (text: string): string => createHash('sha256').update(text).digest('hex');

describe('an archive', () => {
  let directory: string;
  let file: string;
  beforeEach(() => {
    directory = temporaryDirectory();
    file = join(directory, 'x.deb');
    writeFileSync(file, 'content');
  });
  const open = (path = file, { root = '', on = host, atNs = host.clock.bootNs() + 50e6 } = {}) =>
    openArchives(on).open({ path, root, atNs });
  const put = (text: string): void => {
    writeFileSync(`${file}.new`, text);
    renameSync(`${file}.new`, file);
  };

  test('has the hash of its content, and its path without links', async () => {
    symlinkSync(file, join(directory, 'link'));
    for (const path of [file, join(directory, 'link')]) {
      expect(await open(path).content).toMatchObject({ sha256: sha256('content'), path: file });
    }
  });

  test('is read as it was opened, though it is deleted', async () => {
    const opened = open();
    // The open is in a thread by now; the descriptor lasts longer than the name.
    const openedFile = await host.openLater(file, '');
    rmSync(file);
    openedFile.close();
    expect(await opened.content).toMatchObject({ sha256: sha256('content') });
  });

  test('links lead to files within the root of the process', async () => {
    mkdirSync(join(directory, 'root/srv'), { recursive: true });
    writeFileSync(join(directory, 'root/srv/y.deb'), 'inside');
    symlinkSync('/srv/y.deb', join(directory, 'root/link.deb'));
    expect(await open('/link.deb', { root: join(directory, 'root') }).content).toMatchObject({
      sha256: sha256('inside'),
      path: '/srv/y.deb',
    });
  });

  test.each<[string, (path: string) => void, string]>([
    ['gone', () => {}, 'file_gone'],
    ['a directory', (path) => mkdirSync(path), 'not_regular_file'],
    ['a fifo', (path) => execFileSync('mkfifo', [path]), 'not_regular_file'],
    ['a device', (path) => symlinkSync('/dev/zero', path), 'not_regular_file'],
    ['a loop of links', (path) => symlinkSync(path, path), 'unreadable'],
    ['a descriptor of the process', (path) => symlinkSync('/proc/self/fd/0', path), 'not_regular_file'],
    ['larger than the bound', (path) => truncateSync(path, 512 * 1024 * 1024 + 1), 'file_too_large'],
  ])('that is %s is not hashed', async (_what, make, unobserved) => {
    if (unobserved !== 'file_too_large') rmSync(file);
    make(file);
    expect(await open().content).toMatchObject({ unobserved });
  });

  test('that changed after the program started which opens it', async () => {
    expect(await open(file, { atNs: host.clock.bootNs() - 1e9 }).content).toEqual({
      unobserved: 'file_changed',
      path: file,
    });
  });

  test('that is the same when it is opened again', async () => {
    const opened = open();
    opened.again();
    expect(await opened.content).toMatchObject({ sha256: sha256('content') });
  });

  test.each<[string, () => void]>([
    ['another file', () => put('content')],
    ['the same file with more content', () => appendFileSync(file, 'more')],
    ['no file', () => rmSync(file)],
  ])('that is %s when it is opened again', async (_what, change) => {
    const archives = openArchives(host);
    const opened = archives.open({ path: file, root: '', atNs: host.clock.bootNs() + 50e6 });
    await opened.content;
    change();
    opened.again();
    expect(await opened.content).toEqual({ unobserved: 'file_changed', path: file });
  });

  /** A host whose files call `onRead` before each read. */
  const reading = (onRead: (count: number) => void | Promise<void>): Host => {
    let count = 0;
    return {
      ...host,
      async openLater(path, root) {
        const opened = await host.openLater(path, root);
        return {
          ...opened,
          async read(buffer, position) {
            await onRead(++count);
            return opened.read(buffer, position);
          },
        };
      },
    };
  };

  test('that changes while it is read', async () => {
    const on = reading((count) => {
      if (count === 2) appendFileSync(file, 'more');
    });
    expect(await open(file, { on }).content).toMatchObject({ unobserved: 'file_changed' });
  });

  test('of one identity is hashed once', async () => {
    let reads = 0;
    const on = reading(() => void reads++);
    const archives = openArchives({ ...on, clock: { ...host.clock, nowMs: () => Date.now() + 1000 } });
    const request = { path: file, root: '', atNs: host.clock.bootNs() + 50e6 };
    const [first, second] = [archives.open(request), archives.open(request)];
    expect([await first.content, await second.content]).toMatchObject([{ sha256: sha256('content') }, { path: file }]);
    expect(reads).toBe(2);
    put('other');
    const later = { ...request, atNs: host.clock.bootNs() + 50e6 };
    expect(await archives.open(later).content).toMatchObject({ sha256: sha256('other') });
  });

  test('beyond the bound of open files is not read', async () => {
    const release = Promise.withResolvers<void>();
    const archives = openArchives(reading(() => release.promise));
    const request = { path: file, root: '', atNs: host.clock.bootNs() + 50e6 };
    const opened = Array.from({ length: 65 }, () => archives.open(request).content);
    expect(await opened.at(-1)).toEqual({ unobserved: 'too_many_files' });
    release.resolve();
    expect(await Promise.all(opened.slice(0, -1))).toHaveLength(64);
    expect(await archives.open(request).content).toMatchObject({ sha256: sha256('content') });
  });

  describe('on a file system that does not answer', () => {
    test('delays others for a while only, and at the bound none is opened until one answers', async () => {
      const answers = [Promise.withResolvers<void>(), Promise.withResolvers<void>()];
      let openCount = 0;
      let closeCount = 0;
      const archives = openArchives(
        {
          ...host,
          async openLater(path, root) {
            await answers[openCount++]?.promise;
            const opened = await host.openLater(path, root);
            const close = (): void => {
              closeCount++;
              opened.close();
            };
            return { ...opened, close };
          },
        },
        20,
      );
      const request = { path: file, root: '', atNs: host.clock.bootNs() + 50e6 };
      const unread = { unobserved: 'not_read_in_time' };
      expect([await archives.open(request).content, await archives.open(request).content]).toEqual([unread, unread]);
      expect(await archives.open(request).content).toEqual(unread);
      expect(openCount).toBe(2);
      answers[0]?.resolve();
      await expect.poll(() => closeCount).toBe(1);
      expect(await archives.open(request).content).toMatchObject({ sha256: sha256('content') });
      answers[1]?.resolve();
      await expect.poll(() => closeCount).toBe(3);
    });
  });
});

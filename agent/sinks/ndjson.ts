// Appends alerts to a file, one ECS document per line.

import { constants, type FileHandle, open, stat } from 'node:fs/promises';
import { dirname } from 'node:path';
import { errorMessage } from '../../collectors/error-message.ts';
import { ensureDirectory } from '../../collectors/linux/ensure-directory.ts';
import type { Sink } from './sink.ts';

const newline = 0x0a;
const { O_APPEND, O_CREAT, O_NOFOLLOW, O_NONBLOCK, O_RDWR } = constants;

/**
 * Opens `path` (0600; a missing directory is created, 0700) at the first delivery, and again after the file was rotated or
 * removed. A batch is one write followed by fdatasync(2). If a crash or a full disk cut the last line, the next batch begins with a
 * newline, so no two documents share a line; the documents that were cut are delivered again.
 */
export function openNdjsonSink(path: string): Sink {
  let file: FileHandle | undefined;

  async function current(): Promise<FileHandle> {
    if (file) {
      const [held, named] = await Promise.all([file.stat(), stat(path).catch(() => undefined)]);
      if (named?.ino === held.ino && named.dev === held.dev) return file;
      await close();
    }
    ensureDirectory(dirname(path));
    const opened = await open(path, O_RDWR | O_APPEND | O_CREAT | O_NOFOLLOW | O_NONBLOCK, 0o600);
    if (!(await opened.stat()).isFile()) {
      await opened.close();
      throw new Error('not a regular file');
    }
    file = opened;
    return file;
  }

  async function close(): Promise<void> {
    const closing = file;
    file = undefined;
    await closing?.close();
  }

  return {
    name: 'ndjson',
    deliver: async (documents) => {
      try {
        const file = await current();
        const lines = documents.map((document) => `${JSON.stringify(document)}\n`).join('');
        const bytes = Buffer.from((await endsMidLine(file)) ? `\n${lines}` : lines);
        const { bytesWritten } = await file.write(bytes);
        if (bytesWritten < bytes.length) throw new Error('only a part was written');
        await file.datasync();
        return { delivered: documents.length };
      } catch (error) {
        const reason = errorMessage(error);
        return { delivered: 0, trouble: `${path}: ${reason}` };
      }
    },
    close,
  };
}

async function endsMidLine(file: FileHandle): Promise<boolean> {
  const { size } = await file.stat();
  if (size === 0) return false;
  const last = Buffer.alloc(1);
  const { bytesRead } = await file.read(last, 0, 1, size - 1);
  // No byte was read if the file has been truncated since.
  return bytesRead === 1 && last[0] !== newline;
}

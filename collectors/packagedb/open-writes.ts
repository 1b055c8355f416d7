// Who has written to a file since it was last closed: whoever closes it may have inherited it, or was sent it.

import type { WriterSeen } from './file-writer.ts';

export interface OpenWrites {
  /** The file of that key was written to. */
  note(key: string, writer: WriterSeen): void;
  /** Who wrote what is closed now: the one that closes it, or the first of the others. */
  take(key: string, closer: WriterSeen): WriterSeen;
}

const maxFiles = 512;
const maxWriters = 4;

export function createOpenWrites(): OpenWrites {
  const byFile = new Map<string, Map<number, WriterSeen>>();
  return {
    note(key, writer) {
      const by = byFile.get(key) ?? new Map<number, WriterSeen>();
      if (by.has(writer.pid) || by.size >= maxWriters) return;
      by.set(writer.pid, writer);
      if (by.size > 1) return;
      if (byFile.size >= maxFiles) byFile.delete(byFile.keys().next().value as string);
      byFile.set(key, by);
    },
    take(key, closer) {
      const by = byFile.get(key);
      const writer = by && (by.get(closer.pid) ?? by.values().next().value);
      if (writer === undefined) return closer;
      by?.delete(writer.pid);
      if (by?.size === 0) byFile.delete(key);
      return writer.pid === closer.pid ? closer : { ...writer, closedBy: closer.pid };
    },
  };
}

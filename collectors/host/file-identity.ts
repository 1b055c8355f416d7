// Identifies a file by device and inode, and one content of a file also by change time and size.

import type { FileStat } from './file-stat.ts';
import type { HostFiles } from './host-files.ts';
import { tryRead } from './read-faults.ts';

/** Device and inode, as one word; undefined: no such file, or it may not be read. */
export const fileIdentity = (files: Pick<HostFiles, 'stat'>, file: string): string | undefined =>
  tryRead(() => {
    const stat = files.stat(file);
    return stat && `${stat.dev}:${stat.ino}`;
  });

/** Identifies one content of one file: every change of the file changes it too, once `isAtRest` holds. */
export const contentIdentity = ({ dev, ino, ctimeNs, size }: FileStat): string => `${dev}:${ino}:${ctimeNs}:${size}`;

/**
 * The clock of file times advances in steps of some milliseconds. Two changes within one step have the same change
 * time.
 */
const clockStepNs = 50_000_000n;

/** Whether the last change is so old that a further change would give the file another change time. */
export const isAtRest = ({ ctimeNs }: FileStat, nowMs: number): boolean =>
  BigInt(Math.floor(nowMs)) * 1_000_000n - ctimeNs > clockStepNs;

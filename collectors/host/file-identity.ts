// Which file a name means just now: where its links lead, and what tells one file from another.

import fs from 'node:fs';
import { tryRead } from './read-faults.ts';

/** The path without symlinks; undefined: no such file, or it may not be looked at. */
export const realPath = (file: string): string | undefined => tryRead(() => fs.realpathSync.native(file));

/** Device and inode, as one word; undefined: no such file, or it may not be looked at. */
export const fileIdentity = (file: string): string | undefined =>
  tryRead(() => {
    // As bigints: the inode numbers of overlays need all 64 bits.
    const { dev, ino } = fs.statSync(file, { bigint: true });
    return `${dev}:${ino}`;
  });

/** Tells one content of one file from any other, as far as `isAtRest`: whoever changes a file changes this. */
export const contentIdentity = ({ dev, ino, ctimeNs, size }: fs.BigIntStats): string =>
  `${dev}:${ino}:${ctimeNs}:${size}`;

/** The kernel's clock of files goes in steps of some milliseconds: a file that was changed just now can be changed again unseen. */
const clockStepNs = 50_000_000n;

/** A further change would give the file another change time. */
export const isAtRest = ({ ctimeNs }: fs.BigIntStats): boolean => {
  const agoNs = BigInt(Date.now()) * 1_000_000n - ctimeNs;
  return agoNs > clockStepNs;
};

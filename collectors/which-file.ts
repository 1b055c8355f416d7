// Which file a name means just now: where its links lead, and what tells one file from another.

import fs from 'node:fs';

/** The path without symlinks; undefined: no such file, or it may not be looked at. */
export const realPath = (file: string): string | undefined => {
  try {
    return fs.realpathSync.native(file);
  } catch {
    return undefined;
  }
};

/** Device and inode, as one word; undefined: no such file, or it may not be looked at. */
export const fileIdentity = (file: string): string | undefined => {
  try {
    // As bigints: the inode numbers of overlays need all 64 bits.
    const { dev, ino } = fs.statSync(file, { bigint: true });
    return `${dev}:${ino}`;
  } catch {
    return undefined;
  }
};

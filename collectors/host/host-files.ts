// The file system calls through which the agent reads the host, below a root that can be set.

import fs from 'node:fs';
import path from 'node:path';
import type { FileStat } from './file-stat.ts';
import { followLinks } from './follow-links.ts';
import { type LaterFile, openLater, statLater } from './open-later.ts';
import { type OpenedFile, openFile } from './opened-file.ts';
import { tryRead } from './read-faults.ts';
import { openRegularFile, type RegularFile } from './regular-file.ts';

/** Paths are absolute, as seen by a process on the host. Functions throw the errors of their system calls. */
export interface HostFiles {
  exists(file: string): boolean;
  /** stat(2); undefined: there is no such file. */
  stat(file: string): FileStat | undefined;
  /** lstat(2); undefined: there is no such file. */
  lstat(file: string): FileStat | undefined;
  /** The path without symlinks; undefined: no such file, or it may not be read. */
  realPath(file: string): string | undefined;
  readLink(file: string): string;
  /** Reads all of a file of the kernel (/proc), whose size stat(2) does not show. */
  readText(file: string): string;
  /** Reads the first bytes of such a file, at most `maxBytes`, as of one moment. The buffer is overwritten by the next call. */
  readBytes(file: string, maxBytes: number): Buffer;
  /** Opens a regular file. Throws Unreadable if it is of another type. */
  open(file: string): RegularFile;
  /** Opens a file of any type for stat; for a link, the link itself. Undefined: there is no such file. */
  openFile(file: string): OpenedFile | undefined;
  readDirectory(directory: string): string[];
  /** The same in the background. */
  listDirectory(directory: string): Promise<string[]>;
  /** stat(2) in the background; undefined: there is no such file. */
  statLater(file: string): Promise<FileStat | undefined>;
  /**
   * Opens a regular file in the background. Links are followed as by a process whose root is the directory `root`
   * (empty: the host's). Rejects with Unreadable and with the errors of the system calls.
   */
  openLater(file: string, root: string): Promise<LaterFile>;
}

/** The buffer of `readBytes`, as large as the largest read so far. */
let bytesRead = Buffer.allocUnsafeSlow(0);

/**
 * Uses one read(2): between two reads the process of the file may end or execute another program, and the result would mix
 * both.
 */
function readBytes(file: string, maxBytes: number): Buffer {
  const fd = fs.openSync(file, 'r');
  try {
    if (bytesRead.length < maxBytes) bytesRead = Buffer.allocUnsafeSlow(maxBytes);
    return bytesRead.subarray(0, fs.readSync(fd, bytesRead, 0, maxBytes, null));
  } finally {
    fs.closeSync(fd);
  }
}

/** The files of the running host, with unchanged paths. */
const ownFiles: HostFiles = {
  exists: fs.existsSync,
  stat: (file) => fs.statSync(file, { bigint: true, throwIfNoEntry: false }),
  lstat: (file) => fs.lstatSync(file, { bigint: true, throwIfNoEntry: false }),
  realPath: (file) => tryRead(() => fs.realpathSync.native(file)),
  readLink: (file) => fs.readlinkSync(file),
  readText: (file) => fs.readFileSync(file, 'utf8'),
  readBytes,
  open: (file) => openRegularFile(file),
  openFile,
  readDirectory: (directory) => fs.readdirSync(directory),
  listDirectory: (directory) => fs.promises.readdir(directory),
  statLater,
  openLater,
};

/**
 * `root`: the directory that contains the root file system of the host, within which links are resolved. Empty: the
 * running host.
 */
export function openHostFiles(root: string): HostFiles {
  if (root === '') return ownFiles;
  const readLink = (file: string): string | undefined => {
    const stat = fs.lstatSync(root + file, { throwIfNoEntry: false });
    return stat?.isSymbolicLink() ? fs.readlinkSync(root + file) : undefined;
  };
  /** The path below the root, with all links resolved, so that the kernel follows none out of the root. */
  const below = (file: string): string => root + followLinks(file, readLink);
  const belowDirectory = (file: string): string => path.join(below(path.dirname(file)), path.basename(file));
  return {
    exists: (file) => tryRead(() => ownFiles.exists(below(file))) ?? false,
    stat: (file) => ownFiles.stat(below(file)),
    lstat: (file) => ownFiles.lstat(belowDirectory(file)),
    realPath(file) {
      const found = tryRead(() => followLinks(file, readLink));
      return found !== undefined && ownFiles.exists(root + found) ? found : undefined;
    },
    readLink: (file) => ownFiles.readLink(belowDirectory(file)),
    readText: (file) => ownFiles.readText(below(file)),
    readBytes: (file, maxBytes) => ownFiles.readBytes(below(file), maxBytes),
    open: (file) => ownFiles.open(below(file)),
    openFile: (file) => ownFiles.openFile(belowDirectory(file)),
    readDirectory: (directory) => ownFiles.readDirectory(below(directory)),
    listDirectory: async (directory) => ownFiles.listDirectory(below(directory)),
    statLater: async (file) => ownFiles.statLater(below(file)),
    openLater: (file, inner) => ownFiles.openLater(file, root + inner),
  };
}

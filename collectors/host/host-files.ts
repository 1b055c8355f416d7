// The calls of the file system through which the host is read, below a root that can be set.

import fs from 'node:fs';
import path from 'node:path';
import type { FileStat } from './file-stat.ts';
import { followLinks } from './follow-links.ts';
import { type OpenedFile, openFile } from './opened-file.ts';
import { tryRead } from './read-faults.ts';
import { openRegularFile, type RegularFile } from './regular-file.ts';

/** Paths are absolute, as a process of the host would name them. What a call throws is the error of the system call. */
export interface HostFiles {
  exists(file: string): boolean;
  /** stat(2); undefined: there is no such file. */
  stat(file: string): FileStat | undefined;
  /** lstat(2); undefined: there is no such file. */
  lstat(file: string): FileStat | undefined;
  /** The path without symlinks; undefined: no such file, or it may not be read. */
  realPath(file: string): string | undefined;
  readLink(file: string): string;
  /** The whole of a file of the kernel's, which has no size. */
  readText(file: string): string;
  /** The first bytes of such a file, at most `maxBytes`, as it is at one moment; they hold until the next call. */
  readBytes(file: string, maxBytes: number): Buffer;
  /** A regular file. Throws Unreadable where it is another kind. */
  open(file: string): RegularFile;
  /** A file of any kind, held open for stat: for a link, the link itself. Undefined: there is no such file. */
  openFile(file: string): OpenedFile | undefined;
  readDirectory(directory: string): string[];
  /** The same, beside what else there is to do. */
  listDirectory(directory: string): Promise<string[]>;
}

/** As large as the largest read so far; memory is taken only for what was ever read. */
let bytesRead = Buffer.allocUnsafeSlow(0);

/** One read(2): between two the process that the file is about may end, or run another program, and the bytes be of both. */
function readBytes(file: string, maxBytes: number): Buffer {
  const fd = fs.openSync(file, 'r');
  try {
    if (bytesRead.length < maxBytes) bytesRead = Buffer.allocUnsafeSlow(maxBytes);
    return bytesRead.subarray(0, fs.readSync(fd, bytesRead, 0, maxBytes, null));
  } finally {
    fs.closeSync(fd);
  }
}

/** The running host's own files: paths go to the kernel as they are. */
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
};

/** `root` is the directory that has the host's `/`; links lead to where they would lead there. Empty: the running host. */
export function openHostFiles(root: string): HostFiles {
  if (root === '') return ownFiles;
  const readLink = (file: string): string | undefined => {
    const stat = fs.lstatSync(root + file, { throwIfNoEntry: false });
    return stat?.isSymbolicLink() ? fs.readlinkSync(root + file) : undefined;
  };
  /** Below the root, with no link left in it that the kernel would follow out of there. */
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
  };
}

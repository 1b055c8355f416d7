// The table `file`, with lstat(2) and stat(2) of the files that a statement names.

import fs from 'node:fs';
import path from 'node:path';
import { fileType } from '../host/file-stat.ts';
import { reportOwnFault } from '../host/read-faults.ts';
import type { Proc } from '../proc/read-proc.ts';
import type { HostTable, SqlValue, TableRequest } from './host-table.ts';
import { type PathPart, parsePathPattern } from './path-pattern.ts';

const maxDepth = 32;

/** `maxFiles`: maximum number of rows for one statement. More files are left out, and the answer has a note. */
export const fileTable = (proc: Proc, maxFiles = 100_000): HostTable => ({
  name: 'file',
  columns: [
    ['path', 'TEXT'],
    ['directory', 'TEXT'],
    ['filename', 'TEXT'],
    ['inode', 'BIGINT'],
    ['uid', 'BIGINT'],
    ['gid', 'BIGINT'],
    ['mode', 'TEXT'],
    ['device', 'BIGINT'],
    ['size', 'BIGINT'],
    ['block_size', 'INTEGER'],
    ['atime', 'BIGINT'],
    ['mtime', 'BIGINT'],
    ['ctime', 'BIGINT'],
    ['btime', 'BIGINT'],
    ['hard_links', 'INTEGER'],
    ['symlink', 'INTEGER'],
    ['type', 'TEXT'],
    ['symlink_target_path', 'TEXT'],
  ],
  *rows(asked) {
    const reported = new Set<string>();
    for (const { file, directory } of filesOf(proc, asked, 'file')) {
      const key = file.toString('latin1');
      if (reported.has(key)) continue;
      if (reported.size >= maxFiles) {
        asked.note(`the table file shows only the first ${maxFiles} files`);
        return;
      }
      const row = rowOf(file, directory);
      if (row === undefined) continue;
      reported.add(key);
      yield row;
    }
  },
});

/** A file that a statement names. */
interface NamedFile {
  /** Path in bytes: a name need not be UTF-8, and such a file must not be hidden. */
  file: Buffer;
  /** The directory as in the statement, if that names it: `/etc/` or `/etc`. */
  directory?: string;
}

/** The paths that a statement names, some of them more than once and some of files that do not exist; `table` asks. */
export function* filesOf(
  proc: Proc,
  { paths, names, note }: TableRequest,
  table: 'file' | 'hash',
): Generator<NamedFile> {
  if (names.has('processes')) {
    for (const pid of proc.listPids()) {
      const file = proc.readExe(pid);
      if (file !== undefined) yield { file: Buffer.from(file) };
    }
  } else if (paths.length === 0) {
    note(`the table ${table} shows only files that the statement names, for example WHERE path LIKE '/etc/%'`);
  }
  for (const text of paths) {
    yield { file: Buffer.from(text) };
    const parts = parsePathPattern(text);
    const isPattern = parts.some(({ kind }) => kind !== 'name');
    for (const file of walk(root, parts)) {
      if (isPattern) yield { file };
      if (isPattern && !names.has('directory')) continue;
      const directory = isPattern ? file.toString() : text;
      for (const { name } of entriesIn(file)) yield { file: join(file, name), directory };
    }
  }
}

const root = Buffer.from('/');
const join = (directory: Buffer, name: Buffer): Buffer =>
  Buffer.concat(directory.equals(root) ? [directory, name] : [directory, root, name]);

/** The paths to which the parts lead from `directory`. A path without a pattern in its last parts need not exist. */
function* walk(directory: Buffer, parts: readonly PathPart[]): Generator<Buffer> {
  const [part, ...rest] = parts;
  if (part === undefined) yield directory;
  else if (part.kind === 'name') yield* walk(join(directory, Buffer.from(part.name)), rest);
  else if (part.kind === 'below') yield* below(directory, maxDepth);
  else {
    for (const { name } of entriesIn(directory)) {
      if (part.matches(name.toString())) yield* walk(join(directory, name), rest);
    }
  }
}

function* below(directory: Buffer, depth: number): Generator<Buffer> {
  for (const { name, isDirectory } of entriesIn(directory)) {
    const file = join(directory, name);
    yield file;
    // A walk from the root leaves out /proc and /sys.
    if (isDirectory && depth > 0 && !/^\/(?:proc|sys)$/.test(file.toString())) yield* below(file, depth - 1);
  }
}

/** Reads a directory entry by entry, since a huge one may not fit into memory. Ends at an entry that cannot be read. */
function* entriesIn(directory: Buffer): Generator<{ name: Buffer; isDirectory: boolean }> {
  let dir: fs.Dir;
  try {
    dir = fs.opendirSync(directory, { bufferSize: 1024, encoding: 'latin1' });
  } catch (error) {
    reportOwnFault(error);
    return;
  }
  try {
    for (let entry = nextOf(dir); entry !== undefined; entry = nextOf(dir)) {
      yield { name: Buffer.from(entry.name, 'latin1'), isDirectory: entry.isDirectory() };
    }
  } finally {
    dir.closeSync();
  }
}

function nextOf(dir: fs.Dir): fs.Dirent | undefined {
  try {
    return dir.readSync() ?? undefined;
  } catch (error) {
    reportOwnFault(error);
    return undefined;
  }
}

function rowOf(file: Buffer, directory: string | undefined): SqlValue[] | undefined {
  let ownStat: fs.BigIntStats;
  let stat: fs.BigIntStats;
  let target = '';
  try {
    ownStat = fs.lstatSync(file, { bigint: true });
    stat = ownStat.isSymbolicLink() ? (fs.statSync(file, { bigint: true, throwIfNoEntry: false }) ?? ownStat) : ownStat;
    if (ownStat.isSymbolicLink()) target = fs.readlinkSync(file);
  } catch (error) {
    reportOwnFault(error);
    return undefined;
  }
  const text = file.toString();
  const type = fileType(stat);
  return [
    text,
    directory ?? path.dirname(text),
    path.basename(text),
    BigInt.asIntN(64, stat.ino),
    stat.uid,
    stat.gid,
    (stat.mode & 0o7777n).toString(8).padStart(4, '0'),
    stat.rdev,
    stat.size,
    stat.blksize,
    seconds(stat.atimeNs),
    seconds(stat.mtimeNs),
    seconds(stat.ctimeNs),
    seconds(stat.birthtimeNs),
    stat.nlink,
    ownStat.isSymbolicLink() ? 1 : 0,
    typeNames[type] ?? type,
    target,
  ];
}

const nsPerSecond = 1_000_000_000n;
/** Whole seconds, rounded down also before 1970. */
const seconds = (ns: bigint): bigint => (ns - (((ns % nsPerSecond) + nsPerSecond) % nsPerSecond)) / nsPerSecond;

/** Names of file types in osquery that differ from those in ECS. */
const typeNames: Readonly<Record<string, string>> = {
  file: 'regular',
  dir: 'directory',
  block_device: 'block',
  char_device: 'character',
};

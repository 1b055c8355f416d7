// The fields of stat(2) that are used, and the type of a file.

import type { BigIntStats } from 'node:fs';

/** A part of the stat(2) of Node with bigint numbers: `size` in bytes, times since 1970 in the unit of their names. */
export type FileStat = Pick<
  BigIntStats,
  | 'dev'
  | 'ino'
  | 'mode'
  | 'nlink'
  | 'uid'
  | 'gid'
  | 'size'
  | 'atimeNs'
  | 'mtimeNs'
  | 'ctimeNs'
  | 'ctimeMs'
  | 'birthtimeNs'
  | 'isFile'
  | 'isDirectory'
  | 'isSymbolicLink'
  | 'isFIFO'
  | 'isSocket'
  | 'isBlockDevice'
>;

/** The kind of a file as ECS's `file.type` names it. */
export function fileType(stat: FileStat): string {
  if (stat.isFile()) return 'file';
  if (stat.isDirectory()) return 'dir';
  if (stat.isSymbolicLink()) return 'symlink';
  if (stat.isFIFO()) return 'fifo';
  if (stat.isSocket()) return 'socket';
  return stat.isBlockDevice() ? 'block_device' : 'char_device';
}

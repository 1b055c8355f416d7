// Finds the differences between two listings of a directory. Pure: the input is the states of files.

import type { FileChangeFields } from '../event/event.ts';
import type { InferredBasis } from '../event/reasons.ts';
import { dateOfNs, type FileState, knownFile, permissionsOf } from './listing.ts';

export type FileAction = 'creation' | 'rename' | 'modification' | 'deletion' | 'attribute-change';

/** Names of a directory, or some of them, and the state of each; undefined: no such file. `.` is the directory itself. */
export type Listing = ReadonlyMap<string, FileState | undefined>;

/** What happened to a file between two states of it. */
export interface FileDifference {
  action: FileAction;
  changed: string[];
  /** Why `action` is a conclusion. */
  inferredFrom?: InferredBasis;
}

/** What happened to a name between two listings. */
export interface Difference {
  name: string;
  before: FileState | undefined;
  now: FileState | undefined;
  difference: FileDifference;
  /** Of a rename: the name before it. */
  originalName?: string;
}

const parts = ['inode', 'size', 'mtime', 'ctime', 'mode', 'uid', 'gid'] as const;

/**
 * What two states of a name differ in. `copied`: the directory was replaced by another one, so that inodes and change
 * times, which nothing can copy, do not count. Undefined: nothing, or an empty file that is still empty (a lock was taken).
 */
export function differenceOf(
  before: FileState | undefined,
  now: FileState | undefined,
  copied = false,
): FileDifference | undefined {
  if (before === now) return undefined;
  if (before === undefined) return { action: 'creation', changed: [] };
  if (now === undefined) return { action: 'deletion', changed: [] };
  const oldParts = before.split(':');
  const newParts = now.split(':');
  const changed: string[] = parts.filter((_, i) => oldParts[i] !== newParts[i]);
  const has = (...names: string[]): boolean => names.some((name) => changed.includes(name));
  if (copied && !has('size', 'mtime', 'mode', 'uid', 'gid')) return undefined;
  const stillEmpty = oldParts[1] === '0' && newParts[1] === '0' && !has('inode', 'mode', 'uid', 'gid');
  if (stillEmpty) return undefined;
  if (has('size', 'mtime') || (has('inode') && !copied)) return { action: 'modification', changed };
  if (has('mode', 'uid', 'gid')) return { action: 'attribute-change', changed };
  return {
    action: 'attribute-change',
    changed,
    inferredFrom: 'change_time_only',
  };
}

/** A directory that was made, removed or replaced is no change of a file: only the attributes of the same directory count. */
const differenceOfOne = (before: FileState | undefined, now: FileState | undefined): FileDifference | undefined =>
  before === undefined || now === undefined ? undefined : differenceOf(before, now, true);

/** What happened to each name between two listings; a name that is gone and a new name of the same file are one rename. */
export function differencesOf(before: Listing, now: Listing, copied = false): Difference[] {
  const differences: Difference[] = [];
  for (const name of new Set([...before.keys(), ...now.keys()])) {
    const states = [before.get(name), now.get(name)] as const;
    const difference = name === '.' ? differenceOfOne(...states) : differenceOf(...states, copied);
    if (difference !== undefined) differences.push({ name, before: states[0], now: states[1], difference });
  }
  return withRenames(differences);
}

/** Inode, size and modification time: an inode number by itself is soon used for another file. */
const identityOf = (state: FileState | undefined): string => {
  const [inode, size, mtime] = state?.split(':') ?? [];
  return `${inode}:${size}:${mtime}`;
};

function withRenames(differences: readonly Difference[]): Difference[] {
  const deletions = new Map(
    differences.flatMap((one) =>
      one.difference.action === 'deletion' ? [[identityOf(one.before), one] as const] : [],
    ),
  );
  const renamed = new Set<Difference>();
  const all = differences.map((one) => {
    const deletion = one.difference.action === 'creation' ? deletions.get(identityOf(one.now)) : undefined;
    if (deletion === undefined || renamed.has(deletion)) return one;
    renamed.add(deletion);
    return { ...one, originalName: deletion.name, difference: { ...one.difference, action: 'rename' as const } };
  });
  return all.filter((one) => !renamed.has(one));
}

/** The fields of an event for what two states differ in. */
export function changedFields(before: FileState, { changed }: FileDifference): FileChangeFields {
  return { changed, previous: previousOf(before, changed) };
}

/** The named parts of a state. */
export function previousOf(before: FileState, changed: readonly string[]): NonNullable<FileChangeFields['previous']> {
  const { ino, sizeBytes, mtimeNs, ctimeNs, mode, uid, gid } = knownFile('', before);
  const all: Required<NonNullable<FileChangeFields['previous']>> = {
    inode: String(ino),
    size: sizeBytes,
    mtime: dateOfNs(mtimeNs),
    ctime: dateOfNs(ctimeNs),
    mode: permissionsOf(mode),
    uid: String(uid),
    gid: String(gid),
  };
  return Object.fromEntries(Object.entries(all).filter(([name]) => changed.includes(name)));
}

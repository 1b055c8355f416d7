// Finds the differences between two listings of a directory, from the states of the files.

import type { FileChangeFields } from '../event/event.ts';
import type { InferredBasis } from '../event/reasons.ts';
import { dateOfNs, type FileState, knownFile, permissionsOf } from './listing.ts';

/**
 * The values of event.action for a file. `attribute-change` leaves the content as it is. A comparison reports a new
 * size, modification time or inode as `modification`.
 */
export type FileAction = 'creation' | 'rename' | 'modification' | 'deletion' | 'attribute-change';

/** All or some names of a directory, and the state of each; undefined: no such file. `.` is the directory itself. */
export type Listing = ReadonlyMap<string, FileState | undefined>;

/** The action that turns one state of a file into another, and the parts that changed. */
export interface FileDifference {
  action: FileAction;
  changed: string[];
  /** Why `action` is a conclusion. */
  inferredFrom?: InferredBasis;
}

/** A difference of one name between two listings. */
export interface Difference {
  name: string;
  before: FileState | undefined;
  now: FileState | undefined;
  difference: FileDifference;
  /** The old name, for a rename. */
  originalName?: string;
}

const parts = ['inode', 'size', 'mtime', 'ctime', 'mode', 'uid', 'gid'] as const;

/**
 * Compares two states of a name. `copied`: the directory was replaced by another one, so that inodes and change times,
 * which cannot be copied, are ignored. Undefined: no difference, or only in the times of an empty file (a lock was
 * taken).
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

/**
 * Compares the attributes of a directory itself. Its creation, removal or replacement is reported as a notice, not as a
 * change of a file.
 */
const differenceOfOne = (before: FileState | undefined, now: FileState | undefined): FileDifference | undefined =>
  before === undefined || now === undefined ? undefined : differenceOf(before, now, true);

/** Compares two listings. A missing name and a new name of the same file become one rename. */
export function differencesOf(before: Listing, now: Listing, copied = false): Difference[] {
  const differences: Difference[] = [];
  for (const name of new Set([...before.keys(), ...now.keys()])) {
    const states = [before.get(name), now.get(name)] as const;
    const difference = name === '.' ? differenceOfOne(...states) : differenceOf(...states, copied);
    if (difference !== undefined) differences.push({ name, before: states[0], now: states[1], difference });
  }
  return withRenames(differences);
}

/** Identifies a file by inode, size and modification time: an inode number alone may soon belong to another file. */
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

/** The fields of an event for a difference. */
export function changedFields(before: FileState, { changed }: FileDifference): FileChangeFields {
  return { changed, previous: previousOf(before, changed) };
}

/** The given parts of a state, as `stepparent.file.previous`. */
export function previousOf(before: FileState, changed: readonly string[]): NonNullable<FileChangeFields['previous']> {
  const { ino, sizeBytes, mtimeNs, ctimeNs, mode, uid, gid } = knownFile('', before);
  const all: Required<Omit<NonNullable<FileChangeFields['previous']>, 'sha256'>> = {
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

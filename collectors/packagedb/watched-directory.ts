// One folder under watch: what it is right now, and what is known of its files.

import fs from 'node:fs';
import path from 'node:path';
import { tryRead } from '../host/read-faults.ts';
import { type FileState, type KnownFile, knownFile, type ListingMemory, stateOfKnown } from './listing.ts';
import type { PackageDirectory } from './package-directories.ts';

/** The most files of a folder that are known one by one: some 25 MB of memory. What is over it is only counted. */
export const maxKnownFiles = 50_000;
/** Deletions found by comparison, of which the kernel may still speak. */
const maxGone = 1000;
const saveAtOnce = 500;

/** Where a configured path leads now. */
export interface DirectoryLocation {
  /** Without links. */
  path: string;
  /** Device and inode. */
  identity: string;
}

/** Undefined: there is no such folder. */
export function placeOf(directory: string): DirectoryLocation | undefined {
  return tryRead(() => {
    const real = fs.realpathSync.native(directory);
    const stat = fs.statSync(real, { bigint: true });
    return stat.isDirectory() ? { path: real, identity: `${stat.dev}:${stat.ino}` } : undefined;
  });
}

export interface WatchedDirectory {
  readonly directory: PackageDirectory;
  /** Undefined: it is missing, or another one's place as well (`sameAs`). */
  place: DirectoryLocation | undefined;
  sameAs: string | undefined;
  /** Why there is no fanotify; undefined: there is. */
  hintedBecause: string | undefined;
  /** As fanotify events name it. */
  key: string | undefined;
  /** It has been replaced, perhaps by a copy, and its files are still to be compared: inodes and change times say nothing. */
  copied: boolean;
  /** It was said that it is missing. */
  saidMissing: boolean;
  /** By name; `.` is the folder itself. */
  readonly known: Map<string, FileState>;
  /** Files that are not known one by one, at the last look. */
  uncounted: number;
  /** Names whose deletion a comparison has told of. */
  readonly gone: Set<string>;
  /** Whether the name is any of our business. */
  accepts(name: string): boolean;
  /** Takes down a file's state; undefined: it is gone. */
  remember(name: string, state: FileState | undefined): void;
  /** Returns the function that writes the states recorded until now into the memory; it throws what that throws, and keeps them. */
  startSave(): () => void;
  /** Takes everything down once more. */
  saveAgain(): void;
  readonly unsaved: number;
}

/** The path of a name in the folder, as it is now; `.` is the folder itself. */
export function pathOf({ place, directory }: WatchedDirectory, name: string): string {
  const at = place?.path ?? directory.path;
  return name === '.' ? at : path.join(at, name);
}

/** Reads what the memory has of the folder. */
export function watchedDirectory(directory: PackageDirectory, memory: ListingMemory): WatchedDirectory {
  const known = new Map<string, FileState>();
  const unsaved = new Map<string, FileState | undefined>();
  if (!directory.temporary) {
    for (const file of memory.knownFiles(directory.path)) known.set(file.name, stateOfKnown(file));
  }
  const gone = new Set<string>();
  return {
    directory,
    place: undefined,
    sameAs: undefined,
    hintedBecause: undefined,
    key: undefined,
    copied: false,
    saidMissing: false,
    known,
    uncounted: 0,
    gone,
    accepts: (name) => (name === '.' ? !directory.temporary : name.startsWith(directory.namePrefix ?? '')),
    remember(name, state) {
      if (state === undefined) known.delete(name);
      else if (known.has(name) || known.size < maxKnownFiles) known.set(name, state);
      else return;
      gone.delete(name);
      if (gone.size > maxGone) gone.clear();
      if (!directory.temporary) unsaved.set(name, state);
    },
    startSave() {
      const states = [...unsaved];
      return () => {
        for (let start = 0; start < states.length; start += saveAtOnce) {
          const some = states.slice(start, start + saveAtOnce);
          const upserts: KnownFile[] = [];
          const deletions: string[] = [];
          for (const [name, state] of some) {
            if (state === undefined) deletions.push(name);
            else upserts.push(knownFile(name, state));
          }
          memory.saveKnownFiles(directory.path, upserts, deletions);
          for (const [name, state] of some) if (unsaved.get(name) === state) unsaved.delete(name);
        }
      };
    },
    saveAgain() {
      if (!directory.temporary) for (const [name, state] of known) unsaved.set(name, state);
    },
    get unsaved() {
      return unsaved.size;
    },
  };
}

// One watched directory: where it is now, what is known of its files, and how that is saved.

import fs from 'node:fs';
import path from 'node:path';
import { tryRead } from '../host/read-faults.ts';
import { type FileState, type KnownFile, knownFile, type ListingMemory, stateOfKnown } from './listing.ts';
import type { PackageDirectory } from './package-directories.ts';
import type { WatchTasks } from './watch-tasks.ts';

/** Files of a directory that are known one by one, some 25 MB of memory; files beyond that are only counted. */
export const maxKnownFiles = 50_000;
const maxReportedDeletions = 1000;
const saveAtOnce = 500;

/** Where the path of a directory leads. */
export interface DirectoryLocation {
  /** Without links. */
  path: string;
  /** Device and inode. */
  identity: string;
}

/** Undefined: there is no such directory. */
export function locateDirectory(directory: string): DirectoryLocation | undefined {
  return tryRead(() => {
    // Asked again and again, also of directories that never are there.
    const stat = fs.statSync(directory, { bigint: true, throwIfNoEntry: false });
    if (!stat?.isDirectory()) return undefined;
    return { path: fs.realpathSync.native(directory), identity: `${stat.dev}:${stat.ino}` };
  });
}

export interface WatchedDirectory {
  readonly directory: PackageDirectory;
  /** Undefined: the directory is missing, or its path leads to another watched directory (`duplicateOf`). */
  location: DirectoryLocation | undefined;
  /** Path of the watched directory to which this one's path leads. */
  duplicateOf: string | undefined;
  /** Why fanotify does not watch the directory; undefined: it does. */
  noFanotify: string | undefined;
  /** The directory as fanotify events name it. */
  key: string | undefined;
  /** The directory was replaced, perhaps by a copy, and is still to be compared: inodes and change times do not count. */
  copied: boolean;
  reportedMissing: boolean;
  /** The state of each file by name; `.` is the directory itself. */
  readonly known: Map<string, FileState>;
  /** Files beyond `maxKnownFiles` in the last comparison. */
  uncounted: number;
  /** Names whose deletion a comparison reported: fanotify may report it as well. */
  readonly reportedDeletions: Set<string>;
  /** Whether files of that name are watched. */
  accepts(name: string): boolean;
  /** Records a file's state, to be saved some time later; undefined: the file is gone. */
  record(name: string, state: FileState | undefined): void;
  /** Returns a function that saves the states recorded until now. It throws what the memory throws; the states are saved next time then. */
  startSave(): () => void;
  /** Marks every known state as not saved. */
  saveAgain(): void;
}

/** The path of a name in the directory; `.` is the directory itself. */
export function pathOf({ location, directory }: WatchedDirectory, name: string): string {
  const directoryPath = location?.path ?? directory.path;
  return name === '.' ? directoryPath : path.join(directoryPath, name);
}

/** Reads what the memory has of the directory. `onRecorded`: there is something to save. */
export function watchedDirectory(
  directory: PackageDirectory,
  memory: ListingMemory,
  onRecorded: () => void = () => {},
): WatchedDirectory {
  const known = new Map<string, FileState>();
  const unsaved = new Map<string, FileState | undefined>();
  if (!directory.temporary) {
    for (const file of memory.knownFiles(directory.path)) known.set(file.name, stateOfKnown(file));
  }
  const reportedDeletions = new Set<string>();
  return {
    directory,
    location: undefined,
    duplicateOf: undefined,
    noFanotify: undefined,
    key: undefined,
    copied: false,
    reportedMissing: false,
    known,
    uncounted: 0,
    reportedDeletions,
    accepts: (name) => (name === '.' ? !directory.temporary : name.startsWith(directory.namePrefix ?? '')),
    record(name, state) {
      if (state === undefined) known.delete(name);
      else if (known.has(name) || known.size < maxKnownFiles) known.set(name, state);
      else return;
      reportedDeletions.delete(name);
      if (reportedDeletions.size > maxReportedDeletions) reportedDeletions.clear();
      if (directory.temporary) return;
      unsaved.set(name, state);
      onRecorded();
    },
    startSave() {
      const states = [...unsaved];
      return () => {
        for (let start = 0; start < states.length; start += saveAtOnce) {
          const batch = states.slice(start, start + saveAtOnce);
          const upserts: KnownFile[] = [];
          const deletions: string[] = [];
          for (const [name, state] of batch) {
            if (state === undefined) deletions.push(name);
            else upserts.push(knownFile(name, state));
          }
          memory.saveKnownFiles(directory.path, upserts, deletions);
          for (const [name, state] of batch) if (unsaved.get(name) === state) unsaved.delete(name);
        }
      };
    },
    saveAgain() {
      if (!directory.temporary) for (const [name, state] of known) unsaved.set(name, state);
    },
  };
}

export interface ListingsDeps {
  memory: ListingMemory;
  tasks: WatchTasks;
  /** Resolves when the changes reported until now are on disk: a state is saved after the change that led to it. */
  beforeSave(): Promise<void>;
}

/** The saved listings of all watched directories. */
export interface Listings {
  /** Begins to watch a directory, with what the memory has of it. */
  open(directory: PackageDirectory): WatchedDirectory;
  /** Saves every known state some time later, also those saved before. */
  saveAgain(): void;
  /** Saves the states recorded until now. Never rejects. */
  save(): Promise<void>;
}

const saveAfterMs = 1000;
const notSaved = 'the listing of a directory could not be saved';

export function openListings({ memory, tasks, beforeSave }: ListingsDeps): Listings {
  const saved: WatchedDirectory[] = [];
  const saveAll = async (): Promise<void> => {
    let saves: (() => void)[] = [];
    // In a task, since a task records the state of a file before it reports its change.
    await tasks.serially(notSaved, () => {
      saves = saved.map((watched) => watched.startSave());
    });
    await beforeSave();
    for (const save of saves) {
      try {
        save();
      } catch (error) {
        tasks.fault(notSaved, error);
      }
    }
  };
  let saving: Promise<void> = Promise.resolve();
  const save = (): Promise<void> => {
    saving = saving.then(saveAll).catch((error: unknown) => tasks.fault(notSaved, error));
    return saving;
  };
  const saveSoon = tasks.soon(saveAfterMs, () => void save());
  return {
    open(directory) {
      const watched = watchedDirectory(directory, memory, saveSoon);
      if (!directory.temporary) saved.push(watched);
      return watched;
    },
    saveAgain() {
      for (const watched of saved) watched.saveAgain();
      saveSoon();
    },
    save,
  };
}

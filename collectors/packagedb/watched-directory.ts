// One watched directory: its location, the recorded states of its files, and how these are saved.

import fs from 'node:fs';
import path from 'node:path';
import { tryRead } from '../host/read-faults.ts';
import { type FileState, type KnownFile, knownFile, type ListingMemory, stateOfKnown } from './listing.ts';
import type { PackageDirectory } from './package-directories.ts';
import type { WatchTasks } from './watch-tasks.ts';

/**
 * Maximum number of files of a directory whose states are recorded, in some 25 MB of memory. Further files are only
 * counted.
 */
export const maxKnownFiles = 50_000;
const maxReportedDeletions = 1000;
const saveAtOnce = 500;

/** The directory to which a path leads. */
export interface DirectoryLocation {
  /** Without links. */
  path: string;
  /** Device and inode. */
  identity: string;
}

/** Resolves the path of a directory. Undefined: there is no such directory. */
export function locateDirectory(directory: string): DirectoryLocation | undefined {
  return tryRead(() => {
    // The cheap call comes first: the path is resolved every two seconds, even if the directory never exists.
    const stat = fs.statSync(directory, { bigint: true, throwIfNoEntry: false });
    if (!stat?.isDirectory()) return undefined;
    return { path: fs.realpathSync.native(directory), identity: `${stat.dev}:${stat.ino}` };
  });
}

/**
 * One directory of the watch, with its location and the recorded states of its files. The states of a temporary
 * directory are not saved.
 */
export interface WatchedDirectory {
  readonly directory: PackageDirectory;
  /** Undefined: the directory is missing, or its path leads to another watched directory (`duplicateOf`). */
  location: DirectoryLocation | undefined;
  /** Path of another watched directory that is the same one. */
  duplicateOf: string | undefined;
  /** Why fanotify does not watch the directory; undefined: it does. */
  noFanotify: string | undefined;
  /** Key of the directory in fanotify events. */
  key: string | undefined;
  /**
   * The directory was replaced, perhaps by a copy, and not compared since. The comparison ignores inodes and change
   * times.
   */
  copied: boolean;
  reportedMissing: boolean;
  /** The state of each file by name; `.` is the directory itself. */
  readonly known: Map<string, FileState>;
  /** Number of files beyond `maxKnownFiles` in the last comparison. */
  uncounted: number;
  /** Names whose deletion a comparison reported. fanotify may report the same deletion later. */
  readonly reportedDeletions: Set<string>;
  /** Whether files of that name are watched. */
  accepts(name: string): boolean;
  /** Records the state of a file, which is saved some time later; undefined: the file is gone. */
  record(name: string, state: FileState | undefined): void;
  /**
   * Returns a function that saves the states recorded so far. It throws the errors of the store; the states are then
   * saved the next time.
   */
  startSave(): () => void;
  /** Marks all recorded states as not saved. */
  saveAgain(): void;
}

/** The path of a name in the directory; `.` is the directory itself. */
export function pathOf({ location, directory }: WatchedDirectory, name: string): string {
  const directoryPath = location?.path ?? directory.path;
  return name === '.' ? directoryPath : path.join(directoryPath, name);
}

/** Reads the stored states of a directory. `onRecorded`: called when there is a state to save. */
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

/** The store of the listings, the tasks of the watch, and a callback before each save. */
export interface ListingsDeps {
  memory: ListingMemory;
  tasks: WatchTasks;
  /** Resolves when the changes reported so far are on disk. A state must be saved after the change that led to it. */
  beforeSave(): Promise<void>;
}

/** The saved listings of all watched directories. */
export interface Listings {
  /** Returns the watched directory with its stored states. */
  open(directory: PackageDirectory): WatchedDirectory;
  /** Saves all recorded states some time later, including those saved before. */
  saveAgain(): void;
  /** Saves the states recorded so far. Never rejects. */
  save(): Promise<void>;
}

const saveAfterMs = 1000;
const notSaved = 'the listing of a directory could not be saved';

/** Creates an empty group of listings. A recorded state is saved about 1 s later; if that fails, with the next save. */
export function openListings({ memory, tasks, beforeSave }: ListingsDeps): Listings {
  const saved: WatchedDirectory[] = [];
  const saveAll = async (): Promise<void> => {
    let saves: (() => void)[] = [];
    // In a serial task: another task may have recorded the state of a file and not yet reported its change.
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

// One watched directory: its location, the recorded states of its files, and how these are saved.

import fs from 'node:fs';
import path from 'node:path';
import { tryRead } from '../host/read-faults.ts';
import type { DirectoryLocation, DirectoryToWatch } from './directory-to-watch.ts';
import { type FileState, type KnownFile, knownFile, type ListingMemory, stateOfKnown } from './listing.ts';
import type { WatchTasks } from './watch-tasks.ts';
import { fileTurns } from './work-turns.ts';

/**
 * Maximum number of files of a directory whose states are recorded, in some 25 MB of memory. Further files are only
 * counted.
 */
export const maxKnownFiles = 50_000;
const maxReportedDeletions = 1000;
/** Number of states in one transaction, which takes some milliseconds. */
const saveAtOnce = 64;

/** Resolves the path of a directory. Undefined: there is no such directory. */
export function locateDirectory(directory: string): DirectoryLocation | undefined {
  return tryRead(() => {
    // The cheap call comes first: the path is resolved every two seconds, even if the directory never exists.
    const stat = fs.statSync(directory, { bigint: true, throwIfNoEntry: false });
    if (!stat?.isDirectory()) return undefined;
    return { path: fs.realpathSync.native(directory), identity: `${stat.dev}:${stat.ino}` };
  });
}

/** Finds a directory that is to be watched. Undefined: there is no such directory. */
export const locate = (directory: DirectoryToWatch): DirectoryLocation | undefined =>
  directory.locate === undefined ? locateDirectory(directory.path) : directory.locate();

/**
 * One directory of the watch, with its location and the recorded states of its files. The states of a temporary
 * directory are not saved.
 */
export interface WatchedDirectory {
  readonly directory: DirectoryToWatch;
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
  /** Number of further files whose states can be recorded. */
  room(): number;
  /** Records the state of a file, which is saved some time later; undefined: the file is gone. */
  record(name: string, state: FileState | undefined): void;
  /**
   * Returns functions that save the states recorded so far, a part each. They throw the errors of the store; the states
   * are then saved the next time.
   */
  startSave(): (() => void)[];
  /** Marks all recorded states as not saved. */
  saveAgain(): void;
  /** Whether all recorded states are saved. */
  readonly isSaved: boolean;
}

/** A name in a watched directory. */
export interface WatchedName {
  watched: WatchedDirectory;
  name: string;
}

/** The path of a name in the directory; `.` is the directory itself. */
export function pathOf({ location, directory }: WatchedDirectory, name: string): string {
  const directoryPath = location?.path ?? directory.path;
  return name === '.' ? directoryPath : path.join(directoryPath, name);
}

/** Reads the stored states of a directory. `onRecorded`: called when there is a state to save. */
export function watchedDirectory(
  directory: DirectoryToWatch,
  memory: ListingMemory,
  onRecorded: () => void = () => {},
): WatchedDirectory {
  const known = new Map<string, FileState>();
  const unsaved = new Map<string, FileState | undefined>();
  const { room } = directory;
  if (!directory.temporary) {
    for (const file of memory.knownFiles(directory.path)) {
      // The names to watch have changed since.
      if (directory.accepts?.(file.name) === false) unsaved.set(file.name, undefined);
      else known.set(file.name, stateOfKnown(file));
    }
  }
  if (room !== undefined) room.left -= known.size;
  const leftRoom = (): number => Math.min(maxKnownFiles - known.size, room?.left ?? Number.POSITIVE_INFINITY);
  const keep = (name: string, state: FileState | undefined): boolean => {
    const before = known.size;
    if (state === undefined) known.delete(name);
    else if (known.has(name) || leftRoom() > 0) known.set(name, state);
    else return false;
    if (room !== undefined) room.left -= known.size - before;
    return true;
  };
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
    accepts(name) {
      if (directory.accepts !== undefined) return directory.accepts(name);
      return name === '.' ? !directory.temporary : name.startsWith(directory.namePrefix ?? '');
    },
    room: leftRoom,
    record(name, state) {
      if (!keep(name, state)) return;
      reportedDeletions.delete(name);
      if (reportedDeletions.size > maxReportedDeletions) reportedDeletions.clear();
      if (directory.temporary) return;
      unsaved.set(name, state);
      onRecorded();
    },
    startSave() {
      const states = [...unsaved];
      const starts = Array.from({ length: Math.ceil(states.length / saveAtOnce) }, (_, i) => i * saveAtOnce);
      return starts.map((start) => () => {
        const batch = states.slice(start, start + saveAtOnce);
        const upserts: KnownFile[] = [];
        const deletions: string[] = [];
        for (const [name, state] of batch) {
          if (state === undefined) deletions.push(name);
          else upserts.push(knownFile(name, state));
        }
        memory.saveKnownFiles(directory.path, upserts, deletions);
        for (const [name, state] of batch) if (unsaved.get(name) === state) unsaved.delete(name);
      });
    },
    saveAgain() {
      if (!directory.temporary) for (const [name, state] of known) unsaved.set(name, state);
    },
    get isSaved() {
      return unsaved.size === 0;
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
  open(directory: DirectoryToWatch): WatchedDirectory;
  /** Records that all files of a directory are gone, and saves that. The directory may be opened again after that. */
  forget(watched: WatchedDirectory): void;
  /** Saves all recorded states some time later, including those saved before. */
  saveAgain(): void;
  /** Saves the states recorded so far. Never rejects. */
  save(): Promise<void>;
}

const saveAfterMs = 1000;
const notSaved = 'the listing of a directory could not be saved';

/** Creates an empty group of listings. A recorded state is saved about 1 s later; if that fails, with the next save. */
export function openListings({ memory, tasks, beforeSave }: ListingsDeps): Listings {
  const saved = new Set<WatchedDirectory>();
  /** By path. */
  const forgotten = new Map<string, WatchedDirectory>();
  const saveAll = async (): Promise<void> => {
    let saves: (() => void)[] = [];
    // In a serial task: another task may have recorded the state of a file and not yet reported its change.
    await tasks.serially(notSaved, () => {
      saves = [...saved].flatMap((watched) => watched.startSave());
    });
    await beforeSave();
    for (const save of saves) {
      await fileTurns.next();
      try {
        save();
      } catch (error) {
        tasks.fault(notSaved, error);
      }
    }
    for (const [path, watched] of forgotten) {
      if (!watched.isSaved) continue;
      forgotten.delete(path);
      saved.delete(watched);
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
      const former = forgotten.get(directory.path);
      // Its deletions are not saved yet, and the stored states are older.
      if (former !== undefined) {
        forgotten.delete(directory.path);
        return former;
      }
      const watched = watchedDirectory(directory, memory, saveSoon);
      if (!directory.temporary) saved.add(watched);
      return watched;
    },
    forget(watched) {
      for (const name of [...watched.known.keys()]) watched.record(name, undefined);
      forgotten.set(watched.directory.path, watched);
    },
    saveAgain() {
      for (const watched of saved) watched.saveAgain();
      saveSoon();
    },
    save,
  };
}

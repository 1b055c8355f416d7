// Saves what is known of the files in watched folders, some time after it has changed.

import type { FileState } from './listing.ts';
import type { WatchTasks } from './watch-tasks.ts';
import type { WatchedDirectory } from './watched-directory.ts';

export interface ListingSaverOptions {
  directories(): readonly WatchedDirectory[];
  tasks: WatchTasks;
  /** Called first: what was told before is to be on disk first. */
  commit(): void;
  onFault(what: string, error: unknown): void;
}

export interface ListingSaver {
  /** Takes down a file's state; undefined: it is gone. */
  remember(at: WatchedDirectory, name: string, state: FileState | undefined): void;
  /** Saves everything once more, also what was saved before. */
  saveAgain(): void;
  /** Saves now, in turn. */
  save(): Promise<void>;
}

const saveAfterMs = 1000;
const fault = 'the listing of a folder could not be saved';

export function createListingSaver({ directories, tasks, commit, onFault }: ListingSaverOptions): ListingSaver {
  const save = (): Promise<void> =>
    tasks.serially(fault, () => {
      commit();
      for (const at of directories()) {
        try {
          at.save();
        } catch (error) {
          onFault(fault, error);
        }
      }
    });
  const saveSoon = tasks.soon(saveAfterMs, () => void save());
  return {
    remember(at, name, state) {
      at.remember(name, state);
      if (at.unsaved > 0) saveSoon();
    },
    saveAgain() {
      for (const at of directories()) at.saveAgain();
      saveSoon();
    },
    save,
  };
}

// Saves what is known of the files in watched folders, some time after it has changed.

import type { FileState } from './listing.ts';
import type { WatchTasks } from './watch-tasks.ts';
import type { WatchedDirectory } from './watched-directory.ts';

export interface ListingSaverOptions {
  directories(): readonly WatchedDirectory[];
  tasks: WatchTasks;
  /** Called first: resolves when what was reported before is on disk. */
  beforeSave(): Promise<void>;
  onFault(what: string, error: unknown): void;
}

export interface ListingSaver {
  /** Takes down a file's state; undefined: it is gone. */
  remember(at: WatchedDirectory, name: string, state: FileState | undefined): void;
  /** Saves everything once more, also what was saved before. */
  saveAgain(): void;
  /** Saves now what is known until now. */
  save(): Promise<void>;
}

const saveAfterMs = 1000;
const fault = 'the listing of a folder could not be saved';

export function createListingSaver({ directories, tasks, beforeSave, onFault }: ListingSaverOptions): ListingSaver {
  const guarded = (run: () => void): void => {
    try {
      run();
    } catch (error) {
      onFault(fault, error);
    }
  };
  let saved: Promise<void> = Promise.resolve();
  const save = (): Promise<void> => {
    saved = saved
      .then(async () => {
        let saves: (() => void)[] = [];
        // In turn: a file's state is taken down before its change is reported.
        await tasks.serially(fault, () => {
          saves = directories().map((at) => at.startSave());
        });
        await beforeSave();
        for (const write of saves) guarded(write);
      })
      .catch((error: unknown) => onFault(fault, error));
    return saved;
  };
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

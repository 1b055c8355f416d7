// Hears of changes from inotify, through chokidar: what changed, not who did it. Events can get lost: a hint, no more.

import path from 'node:path';
import type { FSWatcher } from 'chokidar';
import type { DirectoryLocation } from './watched-directory.ts';

export interface DirectoryHintsOptions {
  /** Something happened to the name in the folder; `.` is the folder itself. */
  onHint(directory: string, name: string): void;
  /** From now on hints come; what happened in the folder until now was not heard. */
  onReady(directory: string): void;
  onFault(what: string, error: unknown): void;
}

interface HintedDirectory extends DirectoryLocation {
  /** Only names that begin so are looked at and told of; chokidar keeps in memory what it looks at. */
  namePrefix?: string | undefined;
}

export interface DirectoryHints {
  /** From now on these folders are watched, and no others. One that has taken another's place is watched anew. */
  update(directories: readonly HintedDirectory[]): void;
  close(): Promise<void>;
}

// The dance of a rename is what we want to see, and names that end in `~` too.
const options = { depth: 0, atomic: false, ignoreInitial: true, followSymlinks: false } as const;

export function watchDirectoryHints({ onHint, onReady, onFault }: DirectoryHintsOptions): DirectoryHints {
  const onError = (error: unknown): void => onFault('a folder cannot be watched', error);
  /** Chokidar calls from events of its own: what is thrown there would end the process. */
  const guarded =
    <Args extends unknown[]>(handle: (...args: Args) => void) =>
    (...args: Args): void => {
      try {
        handle(...args);
      } catch (error) {
        onFault('a change in a folder was not handled', error);
      }
    };
  /** One for each folder: each is ready at a time of its own. By path. */
  const watchers = new Map<string, { as: HintedDirectory; watcher: Promise<FSWatcher | undefined> }>();

  const open = async ({ path: directory, namePrefix }: HintedDirectory): Promise<FSWatcher | undefined> => {
    try {
      // Most hosts never need it.
      const { watch } = await import('chokidar');
      const ignored = (file: string): boolean =>
        file !== directory && !path.basename(file).startsWith(namePrefix ?? '');
      const watcher = watch(directory, { ...options, ignored });
      watcher.on('error', onError);
      watcher.on(
        'ready',
        guarded(() => onReady(directory)),
      );
      watcher.on(
        'all',
        guarded((_event: string, file: string) => onHint(directory, file === directory ? '.' : path.basename(file))),
      );
      // Of attributes alone chokidar makes no event; inotify's own names the file.
      watcher.on(
        'raw',
        guarded((_event: string, name: unknown) => {
          if (typeof name !== 'string') return;
          const base = path.basename(name);
          if (base.startsWith(namePrefix ?? '')) onHint(directory, base);
        }),
      );
      return watcher;
    } catch (error) {
      onError(error);
      return undefined;
    }
  };
  const close = async (watcher: Promise<FSWatcher | undefined>): Promise<void> => (await watcher)?.close();

  return {
    update(directories) {
      const wanted = new Map(directories.map((directory) => [directory.path, directory]));
      for (const [directory, { watcher, as }] of watchers) {
        const now = wanted.get(directory);
        if (now?.identity === as.identity && now.namePrefix === as.namePrefix) continue;
        watchers.delete(directory);
        close(watcher).catch(onError);
      }
      for (const [directory, hinted] of wanted) {
        if (!watchers.has(directory)) watchers.set(directory, { as: hinted, watcher: open(hinted) });
      }
    },
    async close() {
      await Promise.all([...watchers.values()].map(({ watcher }) => close(watcher)));
    },
  };
}

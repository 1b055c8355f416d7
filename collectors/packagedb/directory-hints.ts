// Gets hints of changes from inotify, through chokidar: the name that changed, not the process. Events can get lost.

import path from 'node:path';
import type { FSWatcher } from 'chokidar';
import type { DirectoryLocation } from './watched-directory.ts';

export interface DirectoryHintsOptions {
  /** Something happened to the name in the directory; `.` is the directory itself. */
  onHint(directory: string, name: string): void;
  /** Hints come from now on; what happened in the directory before is not known. */
  onReady(directory: string): void;
  onFault(fault: string, error: unknown): void;
}

interface HintedDirectory extends DirectoryLocation {
  /** Only names that begin so are watched; chokidar keeps what it watches in memory. */
  namePrefix?: string | undefined;
}

export interface DirectoryHints {
  /** From now on these directories are watched, and no others. A directory that replaced another one is watched again. */
  update(directories: readonly HintedDirectory[]): void;
  close(): Promise<void>;
}

// Both halves of an atomic rename are wanted, and so are names that end in `~`.
const options = { depth: 0, atomic: false, ignoreInitial: true, followSymlinks: false } as const;

export function watchDirectoryHints({ onHint, onReady, onFault }: DirectoryHintsOptions): DirectoryHints {
  const onError = (error: unknown): void => onFault('a directory cannot be watched', error);
  /** chokidar calls handlers from its own events: an error thrown there would end the process. */
  const guarded =
    <Args extends unknown[]>(handle: (...args: Args) => void) =>
    (...args: Args): void => {
      try {
        handle(...args);
      } catch (error) {
        onFault('a change in a directory was not handled', error);
      }
    };
  /** One watcher for each path: each is ready at a time of its own. */
  const watchers = new Map<string, { hinted: HintedDirectory; watcher: Promise<FSWatcher | undefined> }>();

  const open = async ({ path: directory, namePrefix }: HintedDirectory): Promise<FSWatcher | undefined> => {
    try {
      // Loaded only here: most hosts never need it.
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
      // chokidar makes no event of a change of attributes; inotify's own event names the file.
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
      for (const [directory, { watcher, hinted }] of watchers) {
        const now = wanted.get(directory);
        if (now?.identity === hinted.identity && now.namePrefix === hinted.namePrefix) continue;
        watchers.delete(directory);
        close(watcher).catch(onError);
      }
      for (const [directory, hinted] of wanted) {
        if (!watchers.has(directory)) watchers.set(directory, { hinted, watcher: open(hinted) });
      }
    },
    async close() {
      await Promise.all([...watchers.values()].map(({ watcher }) => close(watcher)));
    },
  };
}

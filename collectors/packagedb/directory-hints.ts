// Receives hints of changes from inotify through chokidar: the name that changed, but not the process. Hints can get
// lost.

import path from 'node:path';
import type { FSWatcher } from 'chokidar';
import type { DirectoryLocation } from './directory-to-watch.ts';

/** The callbacks of the hints. An error that `onHint` or `onReady` throws is passed to `onFault`. */
export interface DirectoryHintsOptions {
  /** Called when the name in the directory may have changed; `.` is the directory itself. */
  onHint(directory: string, name: string): void;
  /** Called when hints of the directory begin. Earlier changes in it may have been missed. */
  onReady(directory: string): void;
  onFault(fault: string, error: unknown): void;
}

interface HintedDirectory extends DirectoryLocation {
  /** Only names with this prefix are watched, because chokidar keeps every watched name in memory. */
  namePrefix?: string | undefined;
}

/** The directories that chokidar watches, not including subdirectories. */
export interface DirectoryHints {
  /** Watches these directories and no others. A directory that has replaced another one is watched again. */
  update(directories: readonly HintedDirectory[]): void;
  close(): Promise<void>;
}

// `atomic` would merge the two halves of a rename and ignore names that end in `~`.
const options = { depth: 0, atomic: false, ignoreInitial: true, followSymlinks: false } as const;

/**
 * Creates the watch without any directory. chokidar is loaded with the first one; `onFault` receives a failure of that.
 */
export function watchDirectoryHints({ onHint, onReady, onFault }: DirectoryHintsOptions): DirectoryHints {
  const onError = (error: unknown): void => onFault('a directory cannot be watched', error);
  /** Catches the errors of a handler: thrown inside an event of chokidar, they would end the process. */
  const guarded =
    <Args extends unknown[]>(handle: (...args: Args) => void) =>
    (...args: Args): void => {
      try {
        handle(...args);
      } catch (error) {
        onFault('a change in a directory was not handled', error);
      }
    };
  /** One watcher for each path, because each becomes ready at its own time. */
  const watchers = new Map<string, { hinted: HintedDirectory; watcher: Promise<FSWatcher | undefined> }>();

  const open = async ({ path: directory, namePrefix }: HintedDirectory): Promise<FSWatcher | undefined> => {
    try {
      // Loaded only when needed: most hosts have fanotify.
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
      // chokidar emits no event for a change of attributes; the raw event of inotify names the file.
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

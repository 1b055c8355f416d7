// Hears of changes from inotify, through chokidar: what changed, not who did it. Events can get lost: a hint, no more.

import path from 'node:path';
import type { FSWatcher } from 'chokidar';
import type { FolderPlace } from './watched-directory.ts';

export interface FolderHintsOptions {
  /** Something happened to the name in the folder; `.` is the folder itself. */
  onHint(folder: string, name: string): void;
  /** From now on hints come; what happened in the folder until now was not heard. */
  onReady(folder: string): void;
  onFault(what: string, error: unknown): void;
}

interface HintedFolder extends FolderPlace {
  /** Only names that begin so are looked at and told of; chokidar keeps in memory what it looks at. */
  namePrefix?: string | undefined;
}

export interface FolderHints {
  /** From now on these folders are watched, and no others. One that has taken another's place is watched anew. */
  update(folders: readonly HintedFolder[]): void;
  close(): Promise<void>;
}

// The dance of a rename is what we want to see, and names that end in `~` too.
const options = { depth: 0, atomic: false, ignoreInitial: true, followSymlinks: false } as const;

export function watchFolderHints({ onHint, onReady, onFault }: FolderHintsOptions): FolderHints {
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
  const watchers = new Map<string, { as: HintedFolder; watcher: Promise<FSWatcher | undefined> }>();

  const open = async ({ path: folder, namePrefix }: HintedFolder): Promise<FSWatcher | undefined> => {
    try {
      // Most hosts never need it.
      const { watch } = await import('chokidar');
      const ignored = (file: string): boolean => file !== folder && !path.basename(file).startsWith(namePrefix ?? '');
      const watcher = watch(folder, { ...options, ignored });
      watcher.on('error', onError);
      watcher.on(
        'ready',
        guarded(() => onReady(folder)),
      );
      watcher.on(
        'all',
        guarded((_event: string, file: string) => onHint(folder, file === folder ? '.' : path.basename(file))),
      );
      // Of attributes alone chokidar makes no event; inotify's own names the file.
      watcher.on(
        'raw',
        guarded((_event: string, name: unknown) => {
          if (typeof name !== 'string') return;
          const base = path.basename(name);
          if (base.startsWith(namePrefix ?? '')) onHint(folder, base);
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
    update(folders) {
      const wanted = new Map(folders.map((folder) => [folder.path, folder]));
      for (const [folder, { watcher, as }] of watchers) {
        const now = wanted.get(folder);
        if (now?.identity === as.identity && now.namePrefix === as.namePrefix) continue;
        watchers.delete(folder);
        close(watcher).catch(onError);
      }
      for (const [folder, hinted] of wanted) {
        if (!watchers.has(folder)) watchers.set(folder, { as: hinted, watcher: open(hinted) });
      }
    },
    async close() {
      await Promise.all([...watchers.values()].map(({ watcher }) => close(watcher)));
    },
  };
}

// Hears of changes from inotify, through chokidar: what changed, not who did it. Events can get lost: a hint, no more.

import path from 'node:path';
import { type FSWatcher, watch } from 'chokidar';
import type { FolderPlace } from './watched-folder.ts';

export interface FolderHintsOptions {
  /** Something happened to the name in the folder; `.` is the folder itself. */
  onHint(folder: string, name: string): void;
  /** From now on hints come; what happened in the folder until now was not heard. */
  onReady(folder: string): void;
  /** Something happened to an awaited path. */
  onAwaited(): void;
  onFault(what: string, error: unknown): void;
}

export interface FolderHints {
  /**
   * From now on these folders are watched for what happens in them, and these paths, from the folders above them, for
   * appearing, going and being replaced. A folder that has taken another's place is watched anew.
   */
  update(folders: readonly FolderPlace[], awaited: readonly string[]): void;
  close(): Promise<void>;
}

type Watchers = Map<string, { watcher: FSWatcher; identity: string }>;

// The dance of a rename is what we want to see, and names that end in `~` too.
const options = { depth: 0, atomic: false, ignoreInitial: true, followSymlinks: false } as const;

export function watchFolderHints({ onHint, onReady, onAwaited, onFault }: FolderHintsOptions): FolderHints {
  const onError = (error: unknown): void => onFault('a folder cannot be watched', error);
  /** One for each folder: each is ready at a time of its own. */
  const inside: Watchers = new Map();
  const above: Watchers = new Map();
  let awaitedNow: ReadonlySet<string> = new Set();

  const openInside = (folder: string): FSWatcher => {
    const watcher = watch(folder, options);
    watcher.on('error', onError);
    watcher.on('ready', () => onReady(folder));
    watcher.on('all', (_event, file) => onHint(folder, file === folder ? '.' : path.basename(file)));
    // Of attributes alone chokidar makes no event; inotify's own names the file.
    watcher.on('raw', (_event, name) => {
      if (typeof name === 'string') onHint(folder, path.basename(name));
    });
    return watcher;
  };
  const openAbove = (folder: string): FSWatcher => {
    const watcher = watch(folder, { ...options, ignored: (file) => file !== folder && !awaitedNow.has(file) });
    watcher.on('error', onError);
    watcher.on('all', onAwaited);
    return watcher;
  };
  /** Opens what is not open yet, and closes the rest. `folders`: path and identity. */
  const bring = (
    watchers: Watchers,
    folders: ReadonlyMap<string, string>,
    open: (folder: string) => FSWatcher,
  ): void => {
    for (const [folder, { watcher, identity }] of watchers) {
      if (folders.get(folder) === identity) continue;
      watchers.delete(folder);
      watcher.close().catch(onError);
    }
    for (const [folder, identity] of folders) {
      if (!watchers.has(folder)) watchers.set(folder, { watcher: open(folder), identity });
    }
  };

  return {
    update(folders, awaited) {
      awaitedNow = new Set(awaited);
      bring(inside, new Map(folders.map(({ path: folder, identity }) => [folder, identity])), openInside);
      bring(above, new Map(awaited.map((one) => [path.dirname(one), ''])), openAbove);
    },
    async close() {
      await Promise.all([...inside.values(), ...above.values()].map(({ watcher }) => watcher.close()));
    },
  };
}

// Hears of changes from inotify, through chokidar: what changed, not who did it. Events can get lost: a hint, no more.

import path from 'node:path';
import { type FSWatcher, watch } from 'chokidar';

export interface FolderHintsOptions {
  /** Something happened to the name in the folder; `.` is the folder itself. */
  onHint(folder: string, name: string): void;
  /** Something happened to an awaited path. */
  onAwaited(): void;
  onFault(what: string, error: unknown): void;
}

export interface FolderHints {
  /**
   * From now on these folders, named without links, are watched for what happens in them, and these paths, from the
   * folders above them, for appearing, going and being replaced.
   */
  update(folders: readonly string[], awaited: readonly string[]): void;
  close(): Promise<void>;
}

// The dance of a rename is what we want to see, and names that end in `~` too.
const common = { depth: 0, atomic: false, ignoreInitial: true, followSymlinks: false } as const;

export function watchFolderHints({ onHint, onAwaited, onFault }: FolderHintsOptions): FolderHints {
  const onError = (error: unknown): void => onFault('a folder cannot be watched', error);
  const watched = new Set<string>();
  const wanted = new Set<string>();
  const above = new Set<string>();
  let inside: FSWatcher | undefined;
  let outside: FSWatcher | undefined;

  const openInside = (): FSWatcher => {
    const watcher = watch([], common);
    watcher.on('error', onError);
    watcher.on('all', (_event, file) => {
      if (watched.has(file)) onHint(file, '.');
      const folder = path.dirname(file);
      if (watched.has(folder)) onHint(folder, path.basename(file));
    });
    // Of attributes alone chokidar makes no event; inotify's own names the file.
    watcher.on('raw', (_event, name, details) => {
      const folder = (details as { watchedPath?: string } | undefined)?.watchedPath;
      if (typeof name === 'string' && folder !== undefined && watched.has(folder)) onHint(folder, path.basename(name));
    });
    return watcher;
  };
  const openOutside = (): FSWatcher => {
    const ignored = (file: string): boolean => !wanted.has(file) && !above.has(file);
    const watcher = watch([], { ...common, ignored });
    watcher.on('error', onError);
    watcher.on('all', onAwaited);
    return watcher;
  };

  /** Brings a set into line; what came and what went. */
  const replace = (set: Set<string>, by: readonly string[]): { came: string[]; went: string[] } => {
    const came = by.filter((one) => !set.has(one));
    const went = [...set].filter((one) => !by.includes(one));
    for (const one of went) set.delete(one);
    for (const one of came) set.add(one);
    return { came, went };
  };

  return {
    update(folders, awaited) {
      const { came, went } = replace(watched, folders);
      if (went.length > 0) inside?.unwatch(went);
      if (came.length > 0) {
        inside ??= openInside();
        inside.add(came);
      }
      replace(wanted, awaited);
      const around = replace(above, [...new Set(awaited.map((one) => path.dirname(one)))]);
      if (around.went.length > 0) outside?.unwatch(around.went);
      if (around.came.length > 0) {
        outside ??= openOutside();
        outside.add(around.came);
      }
    },
    async close() {
      await Promise.all([inside?.close(), outside?.close()]);
    },
  };
}

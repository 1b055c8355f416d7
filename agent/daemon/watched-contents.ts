// Keeps the content of each watched file that was last seen, so that a change has a diff. Files that no rule asks about
// are read some time after a change, once for many changes.

import { checkFile, type FileContent, Unhashed } from '../../collectors/host/opened-file.ts';
import { fileTurns } from '../../collectors/packagedb/work-turns.ts';
import type { Timers } from '../../collectors/timers.ts';
import type { WatchedFile } from '../../collectors/watched/path-watch.ts';
import { maxTextBytes, textOf } from '../../collectors/watched/watched-text.ts';
import type { Store } from '../../storage/store.ts';
import { StoreError } from '../../storage/store-error.ts';
import type { LastContent } from '../../storage/watched-contents.ts';

/** The store, the clock and the timers that the contents use. */
export interface WatchedContentsDeps {
  store: Pick<Store, 'lastContent' | 'saveContents' | 'contentPaths'>;
  nowMs(): number;
  timers: Pick<Timers, 'soon'>;
  /** Whether the file may be opened. */
  mayOpen(path: string): boolean;
  onFault(fault: string, error?: unknown): void;
}

/** The contents that were last seen. */
export interface WatchedContents {
  /** Returns the content that was last seen at the path, and keeps the new one; undefined: the file is gone. */
  replace(path: string, content: LastContent | undefined): LastContent | undefined;
  /** Reads the file some time later. */
  note(file: WatchedFile): void;
  /** Reads those of the files slowly that were never seen. */
  readNew(files: Iterable<WatchedFile>): void;
  /** Saves what is not saved yet. */
  save(): void;
}

/** Number of files that are read in one go, and the pause between two: some milliseconds of work a second. */
const filesAtATime = 16;
/** The same for files that were seen before, and are passed over. */
const seenAtATime = 256;
const pauseMs = 250;
/** A file that has just changed is read later: its event may still come, and needs the content before. */
const restMs = 2000;
const saveAfterMs = 1000;
const maxNoted = 4096;
const maxUnsaved = 256;

/** What is kept of a content. */
export const lastContentOf = (content: FileContent | undefined, isSecret: boolean): LastContent => ({
  sha256: content?.sha256 ?? '',
  text: isSecret || content === undefined ? undefined : textOf(content)?.text,
});

/** Opens the contents without reading any file. */
export function openWatchedContents({ store, nowMs, timers, mayOpen, onFault }: WatchedContentsDeps): WatchedContents {
  const noted = new Map<string, WatchedFile>();
  const unread: { files: Iterator<WatchedFile>; seen: ReadonlySet<string> }[] = [];
  const changing: WatchedFile[] = [];
  const unsaved = new Map<string, LastContent | undefined>();

  /** A StoreError is not a fault: a health check reports it. */
  const attempt = <T>(fault: string, run: () => T): T | undefined => {
    try {
      return run();
    } catch (error) {
      if (!(error instanceof StoreError)) onFault(fault, error);
      return undefined;
    }
  };
  const save = (): void => {
    if (unsaved.size === 0) return;
    attempt('contents of watched files could not be stored', () => {
      store.saveContents(unsaved, nowMs());
      unsaved.clear();
    });
    // What the store rejects again and again is dropped: the next change of the file has no diff.
    for (const path of unsaved.keys()) {
      if (unsaved.size <= maxUnsaved) break;
      unsaved.delete(path);
    }
  };
  const saveSoon = timers.soon(saveAfterMs, save);
  const last = (path: string): LastContent | undefined =>
    unsaved.has(path)
      ? unsaved.get(path)
      : attempt('contents of watched files could not be read', () => store.lastContent(path));

  const replace: WatchedContents['replace'] = (path, content) => {
    const before = last(path);
    if (content?.sha256 === before?.sha256 && content?.text === before?.text) return before;
    unsaved.set(path, content);
    if (unsaved.size > maxUnsaved) save();
    saveSoon();
    return before;
  };

  const read = async (file: WatchedFile): Promise<void> => {
    const { path, isSecret } = file;
    const { opened } = mayOpen(path) ? checkFile(path, path.slice(path.lastIndexOf('/') + 1)) : { opened: undefined };
    try {
      const isRegular = opened?.stat.isFile() === true;
      const sinceMs = opened === undefined ? restMs : nowMs() - Number(opened.stat.ctimeMs);
      if (sinceMs >= 0 && sinceMs < restMs) {
        if (changing.length < maxNoted) changing.push(file);
        readChanging();
        return;
      }
      const content = isRegular ? await opened.content(maxTextBytes + 1) : undefined;
      replace(path, isRegular ? lastContentOf(content, isSecret) : undefined);
    } catch (error) {
      if (!(error instanceof Unhashed)) throw error;
      replace(path, lastContentOf(undefined, isSecret));
    } finally {
      opened?.close();
    }
  };

  const next = (): { file: WatchedFile; isSeen: boolean } | undefined => {
    for (const [path, file] of noted) {
      noted.delete(path);
      return { file, isSeen: false };
    }
    for (let first = unread[0]; first !== undefined; first = unread[0]) {
      const { value, done } = first.files.next();
      if (!done) return { file: value, isSeen: first.seen.has(value.path) || last(value.path) !== undefined };
      unread.shift();
    }
    return undefined;
  };
  let isReading = false;
  const readSome = async (): Promise<void> => {
    if (isReading) return;
    isReading = true;
    try {
      for (let passed = 0, count = 0; passed < seenAtATime && count < filesAtATime; passed++) {
        const found = next();
        if (found === undefined) return;
        if (found.isSeen) continue;
        count++;
        await fileTurns.next();
        await read(found.file).catch((error: unknown) => onFault('a watched file could not be read', error));
      }
      readSoon();
    } finally {
      isReading = false;
    }
  };
  const readSoon = timers.soon(pauseMs, () => void readSome());
  const note = (file: WatchedFile): void => {
    if (noted.size < maxNoted) noted.set(file.path, file);
    readSoon();
  };
  const readChanging = timers.soon(restMs, () => {
    for (const file of changing.splice(0)) note(file);
  });

  return {
    replace,
    note,
    readNew(files) {
      const seen = new Set(attempt('contents of watched files could not be read', () => store.contentPaths()));
      unread.push({ files: files[Symbol.iterator](), seen });
      readSoon();
    },
    save,
  };
}

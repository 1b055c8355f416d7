// The sources of changes: fanotify for each directory where it works, inotify hints for the others.

import { setImmediate } from 'node:timers/promises';
import { errorMessage } from '../error-message.ts';
import { takeEvery } from '../take-steps.ts';
import { watchDirectoryHints } from './directory-hints.ts';
import { FanotifyUnavailable, type FanotifyWatcher, openFanotify } from './fanotify.ts';
import { type FanotifyEvent, fanotifyMask } from './parse-fanotify.ts';
import type { WatchTasks } from './watch-tasks.ts';
import type { WatchedDirectory } from './watched-directory.ts';

interface ChangeHandlers {
  /** Called for an event of a marked directory. */
  onEvent(event: FanotifyEvent): void;
  /** Called when the kernel dropped events. */
  onOverflow(): void;
  /** Called when fanotify was opened again. No directory is marked, and changes may have been missed in between. */
  onReopened(): void;
  /** Called when the name in the directory `path` may have changed; `.` is the directory itself. */
  onHint(path: string, name: string): void;
  /** Called when hints of the directory begin. Earlier changes in it may have been missed. */
  onHintsReady(path: string): void;
}

/** The two sources of changes, fanotify and inotify. A directory has one of them at a time. */
export interface ChangeSources {
  /** Must be called once, before any directory is marked. */
  start(handlers: ChangeHandlers): void;
  /**
   * Watches a directory by fanotify; if that fails, sets `noFanotify` to the reason. Must be called before the
   * directory is read.
   */
  mark(watched: WatchedDirectory): void;
  /** Watches by inotify exactly those of the directories that fanotify does not watch. */
  updateHints(all: readonly WatchedDirectory[]): void;
  /** Handles the events in the kernel's queue, up to a bound; false: there are more. */
  drain(): boolean;
  /** Handles all events in the kernel's queue; false: they come faster than they are handled. */
  drainQueue(): Promise<boolean>;
  close(): Promise<void>;
}

/** Maximum number of calls of `drain`, which together handle more events than the kernel's queue holds. */
const maxDrainTurns = 16;
const reopenAfterMs = 5000;

/**
 * Creates the sources; `start` opens them. If fanotify cannot be opened, all directories have inotify hints. If its
 * reader stops, it is opened again after 5 s. `open`: tests pass another function.
 */
export function createChangeSources(tasks: WatchTasks, open: typeof openFanotify = openFanotify): ChangeSources {
  let fanotify: FanotifyWatcher | undefined;
  let noFanotify = '';
  let hints: ReturnType<typeof watchDirectoryHints> | undefined;

  const tryOpen = (handlers: ChangeHandlers): void => {
    try {
      fanotify = open({
        onEvent: (event) =>
          (event.mask & fanotifyMask.overflow) !== 0 ? handlers.onOverflow() : handlers.onEvent(event),
        onFault: tasks.fault,
        onStopped(error) {
          tasks.fault('the reader of file events stopped', error);
          tasks.later(reopenAfterMs, () => reopen(handlers));
        },
      });
    } catch (error) {
      // inotify is used instead.
      noFanotify = errorMessage(error);
      if (!(error instanceof FanotifyUnavailable)) tasks.fault('the reader of file events could not be opened', error);
    }
  };
  const reopen = (handlers: ChangeHandlers): void => {
    const stopped = fanotify;
    fanotify = undefined;
    void stopped
      ?.close()
      .catch((error: unknown) => tasks.fault('the reader of file events could not be closed', error));
    tryOpen(handlers);
    handlers.onReopened();
  };
  const drain = (): boolean => fanotify?.drain() !== false;

  return {
    start(handlers) {
      tryOpen(handlers);
      hints = watchDirectoryHints({ onHint: handlers.onHint, onReady: handlers.onHintsReady, onFault: tasks.fault });
    },
    mark(watched) {
      watched.key = undefined;
      watched.noFanotify = noFanotify;
      if (fanotify === undefined || watched.location === undefined) return;
      try {
        const { key, identity } = fanotify.mark(watched.location.path);
        watched.key = key;
        // The path may lead to another directory by now: keep the identity of the one that was marked.
        watched.location = { ...watched.location, identity };
        watched.noFanotify = undefined;
      } catch (error) {
        watched.noFanotify = errorMessage(error);
      }
    },
    updateHints(all) {
      hints?.update(
        all.flatMap(({ directory: { namePrefix }, location, noFanotify }) =>
          location && noFanotify !== undefined ? [{ ...location, namePrefix }] : [],
        ),
      );
    },
    drain,
    async drainQueue() {
      for (let turns = 0; turns < maxDrainTurns; turns++) {
        if (drain()) return true;
        await setImmediate();
      }
      return false;
    },
    close: () =>
      takeEvery([
        ['inotify', () => hints?.close()],
        ['fanotify', () => fanotify?.close()],
      ]),
  };
}

// The sources of changes: fanotify for each directory where it works, inotify hints for the others.

import { errorMessage } from '../error-message.ts';
import { takeEvery } from '../take-steps.ts';
import { watchDirectoryHints } from './directory-hints.ts';
import { type FanotifyWatcher, openFanotify } from './fanotify.ts';
import { FanotifyUnavailable, type ReadBounds } from './fanotify-group.ts';
import { type FanotifyEvent, fanotifyMask } from './parse-fanotify.ts';
import type { WatchTasks } from './watch-tasks.ts';
import type { WatchedDirectory } from './watched-directory.ts';
import { fileTurns } from './work-turns.ts';

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
  /** Handles all events in the kernel's queue; false: they come faster than they are handled, or take more than `maxMs`. */
  drainQueue(maxMs?: number): Promise<boolean>;
  close(): Promise<void>;
}

/** How `createChangeSources` opens the sources. */
export interface ChangeSourcesOptions {
  /** Tests pass another function. */
  open?: typeof openFanotify | undefined;
  bounds?: ReadBounds | undefined;
  /** Whether directories without fanotify are watched by inotify (default: true). */
  hints?: boolean | undefined;
}

/** Maximum number of calls of `drain`, which together handle some 6,000 events. The kernel's queue may hold more. */
const maxDrainTurns = 128;
const reopenAfterMs = 5000;

/**
 * Creates the sources; `start` opens them. If fanotify cannot be opened, all directories have inotify hints. If its
 * reader stops, it is opened again after 5 s.
 */
export function createChangeSources(
  tasks: WatchTasks,
  { open = openFanotify, bounds, hints: usesHints = true }: ChangeSourcesOptions = {},
): ChangeSources {
  let fanotify: FanotifyWatcher | undefined;
  let noFanotify = '';
  let hints: ReturnType<typeof watchDirectoryHints> | undefined;

  const tryOpen = (handlers: ChangeHandlers): void => {
    try {
      fanotify = open({
        bounds,
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
      if (!usesHints) return;
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
    async drainQueue(maxMs = Number.POSITIVE_INFINITY) {
      const endMs = tasks.clock.monotonicMs() + maxMs;
      for (let turns = 0; turns < maxDrainTurns; turns++) {
        await fileTurns.next();
        if (drain()) return true;
        // A comparison that the end interrupts has nothing to wait for.
        if (tasks.closed || tasks.clock.monotonicMs() >= endMs) break;
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

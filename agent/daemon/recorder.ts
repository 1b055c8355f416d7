// Commits judged events in batches, and keeps them in memory while the store refuses them.

import type { JudgedEvent } from '../../detectors/judge.ts';
import { StoreError } from '../../storage/store-error.ts';

export interface RecorderDeps {
  /** Commits, all or nothing; throws when it cannot, and is then given the same events again. */
  commit(events: readonly JudgedEvent[]): void;
  onFault(what: string, error?: unknown): void;
}

export interface Recorder {
  /** In the order of `add` events are committed, in batches; a full batch at once. */
  add(event: JudgedEvent): void;
  commit(): void;
  /** Events that could not be committed yet. */
  readonly waiting: number;
  /** Events that were dropped since too many waited. */
  readonly dropped: number;
}

/** Events that are committed together; a larger batch of records makes several commits. */
const batchSize = 64;
/** Events that wait while the store refuses them: a full disk should not fill the memory as well. */
const maxWaiting = 2000;
/** The same in characters of arguments, the one part of an event that an attacker can make large. */
const maxWaitingArgsLength = 16 * 1024 * 1024;

const argsLength = ({ event: { process, stepparent } }: JudgedEvent): number => {
  let length = process?.command_line?.length ?? 0;
  for (const { args = [] } of stepparent.lineage ?? []) for (const arg of args) length += arg.length;
  return length;
};

/** The store takes nothing for now; what else it throws may be because of one event. */
const isOfStore = (error: unknown): boolean => error instanceof StoreError && error.trouble !== 'other';

export function openRecorder({ commit: commitToStore, onFault }: RecorderDeps): Recorder {
  let waiting: JudgedEvent[] = [];
  let waitingArgsLength = 0;
  let dropped = 0;
  /** The last commit failed: the caller decides when the next is tried. */
  let refused = false;

  const commit = (): void => {
    if (waiting.length === 0) return;
    try {
      commitToStore(waiting);
      waiting = [];
      waitingArgsLength = 0;
      refused = false;
    } catch (error) {
      refused = !isOfStore(error) && waiting.length > 1 ? !commitEach() : true;
      // What the store refuses is a health check while it is refused, and no longer.
      if (refused && !(error instanceof StoreError))
        onFault('events could not be committed; they wait in memory', error);
    }
  };

  /** Drops what cannot be stored by itself, for the sake of the others. False where no event could: the store is at fault. */
  const commitEach = (): boolean => {
    const left: { event: JudgedEvent; error: unknown }[] = [];
    for (const event of waiting) {
      try {
        commitToStore([event]);
      } catch (error) {
        left.push({ event, error });
      }
    }
    if (left.length === waiting.length) return false;
    const lost = left.filter(({ error }) => !isOfStore(error));
    for (const { error } of lost) {
      if (!(error instanceof StoreError)) onFault('an event that cannot be stored was given up', error);
    }
    dropped += lost.length;
    waiting = left.filter(({ error }) => isOfStore(error)).map(({ event }) => event);
    waitingArgsLength = waiting.reduce((sum, event) => sum + argsLength(event), 0);
    return waiting.length === 0;
  };

  return {
    add(event) {
      waiting.push(event);
      waitingArgsLength += argsLength(event);
      if (waiting.length >= batchSize && !refused) commit();
      while (waiting.length > maxWaiting || waitingArgsLength > maxWaitingArgsLength) {
        const oldest = waiting.shift();
        if (oldest === undefined) break;
        waitingArgsLength -= argsLength(oldest);
        dropped++;
      }
    },
    commit,
    get waiting() {
      return waiting.length;
    },
    get dropped() {
      return dropped;
    },
  };
}

// The one queue in which events wait for missing data, bounded in number and time. No event waits for another one.

import type { Clock } from '../host/clock.ts';
import { timerMs } from '../timers.ts';

/**
 * The data that an event can lack. `arguments`: the record of its entry probe. `program`: which package owns the
 * program, and which script the executed one is a copy of. `script`: the content of the script that runs. `version`:
 * the version of the script's package. `database`: the package database after a transaction. `archives`: where the
 * archives of a transaction came from. `fixes`: the security updates that a transaction removed. `sources`: the
 * configuration of package sources some seconds after a change.
 */
export type Lack = 'arguments' | 'program' | 'script' | 'version' | 'database' | 'archives' | 'fixes' | 'sources';

/**
 * One reason for an event to wait. The wait ends when `isOver` returns true, `end` settles, `arrived` is called or the
 * time is over.
 */
export interface Wait {
  for: Lack;
  /** Maximum duration from now. The event is then released without the data. */
  maxMs: number;
  /** Called at each `check`. */
  isOver?(): boolean;
  /** Ends the wait when it resolves or rejects. */
  end?: Promise<unknown>;
}

/** The handle of an event in the queue. */
export interface Held {
  /** Ends the waits for data that has come or will not come. Releases the event if no other wait is left. */
  arrived(lack: Lack): void;
}

/** The queue of events that wait for data. */
export interface Hold {
  /**
   * Calls `release` once: at once or later, when no wait is left or the time of those left is over; `missing` names the
   * latter. Events that lack the same data are released in the order in which they were added.
   */
  add(waits: readonly Wait[], release: (missing: readonly Lack[]) => void): Held;
  /** Calls `isOver` of each wait, and ends those that are over. Must be called after new data was read. */
  check(): void;
  /** Number of events that wait for the data. */
  waitingFor(lack: Lack): number;
  /** Number of events that wait. */
  readonly size: number;
  /** Resolves when the promises that events wait for now have settled. */
  settled(): Promise<unknown>;
  /** Releases every event without the data that it lacks. */
  releaseAll(): void;
}

/** The clock of the time limits, and the functions that the queue calls. */
export interface HoldDeps {
  clock: Pick<Clock, 'monotonicMs'>;
  /** Called when an event is released after `add` returned. */
  onLate(): void;
  onFault(fault: string, error?: unknown): void;
}

/**
 * Maximum number of events that wait for the same data. One more ends that wait of the oldest event; its other waits
 * continue.
 */
const maxHeld = 1024;

/**
 * The fault to report when an event is released without the data. A missing kind that is not listed is noted in the
 * event itself.
 */
export const judgedIncomplete: Readonly<Partial<Record<Lack, string>>> = {
  program: 'an execution was judged before its program was known',
};

interface Entry {
  waits: { wait: Wait; untilMs: number }[];
  /** The data for which the event no longer waits although it did not come. */
  missing: Lack[];
  release(missing: readonly Lack[]): void;
}

/** Opens an empty queue. */
export function openHold({ clock, onLate, onFault }: HoldDeps): Hold {
  const entries = new Set<Entry>();
  const counts = new Map<Lack, number>();
  let timer: { handle: NodeJS.Timeout; dueMs: number } | undefined;

  const count = (lack: Lack, change: number): void => void counts.set(lack, (counts.get(lack) ?? 0) + change);

  const endWaits = (entry: Entry, isOver: (wait: Wait) => boolean): void => {
    entry.waits = entry.waits.filter(({ wait }) => {
      const over = isOver(wait);
      if (over) count(wait.for, -1);
      return !over;
    });
  };

  /** Ends waits without their data, and reports the fault with the reason that `reasonOf` gives. */
  const giveUp = (entry: Entry, isGivenUp: (wait: Wait) => boolean, reasonOf: (wait: Wait) => string): void => {
    for (const { wait } of entry.waits) {
      if (!isGivenUp(wait)) continue;
      entry.missing.push(wait.for);
      const fault = judgedIncomplete[wait.for];
      if (fault !== undefined) onFault(fault, new Error(reasonOf(wait)));
    }
    endWaits(entry, isGivenUp);
  };
  const release = (entry: Entry, reasonOf: (wait: Wait) => string): void => {
    if (!entries.delete(entry)) return;
    giveUp(entry, () => true, reasonOf);
    try {
      entry.release(entry.missing);
    } catch (error) {
      onFault('an event could not be judged', error);
    }
    onLate();
  };

  /** Releases the event unless a wait is left whose time is not over. */
  const releaseIfDue = (entry: Entry): void => {
    const nowMs = clock.monotonicMs();
    if (entry.waits.some(({ untilMs }) => untilMs > nowMs)) return;
    release(entry, ({ maxMs }) => `no answer in ${maxMs} ms`);
  };

  const giveUpOldest = (lack: Lack): void => {
    const isOfLack = (wait: Wait): boolean => wait.for === lack;
    for (const entry of entries) {
      if (!entry.waits.some(({ wait }) => isOfLack(wait))) continue;
      giveUp(entry, isOfLack, () => `${maxHeld} others wait`);
      releaseIfDue(entry);
      return;
    }
  };

  const check = (): void => {
    for (const entry of [...entries]) {
      endWaits(entry, (wait) => isOver(wait, onFault));
      releaseIfDue(entry);
    }
  };

  /** Sets the one timer, which is due when the time of the first wait is over. */
  const schedule = (untilMs: number): void => {
    if (timer !== undefined && timer.dueMs <= untilMs) return;
    clearTimeout(timer?.handle);
    const onDue = (): void => {
      timer = undefined;
      check();
      const nowMs = clock.monotonicMs();
      const later = [...entries].flatMap(({ waits }) =>
        waits.flatMap((wait) => (wait.untilMs > nowMs ? wait.untilMs : [])),
      );
      if (later.length > 0) schedule(Math.min(...later));
    };
    timer = { handle: setTimeout(onDue, timerMs(untilMs - clock.monotonicMs())), dueMs: untilMs };
  };

  return {
    add(waits, releaseEvent) {
      const remaining = waits.filter((wait) => !isOver(wait, onFault));
      if (remaining.length === 0) {
        releaseEvent([]);
        return { arrived() {} };
      }
      for (const wait of remaining) if ((counts.get(wait.for) ?? 0) >= maxHeld) giveUpOldest(wait.for);
      const nowMs = clock.monotonicMs();
      const entry: Entry = {
        waits: remaining.map((wait) => ({ wait, untilMs: nowMs + wait.maxMs })),
        missing: [],
        release: releaseEvent,
      };
      entries.add(entry);
      const arrived = (isArrived: (wait: Wait) => boolean): void => {
        if (!entries.has(entry)) return;
        endWaits(entry, isArrived);
        releaseIfDue(entry);
      };
      for (const { wait, untilMs } of entry.waits) {
        count(wait.for, 1);
        schedule(untilMs);
        const onEnd = (): void => arrived((one) => one === wait);
        void wait.end?.then(onEnd, onEnd);
      }
      return { arrived: (lack) => arrived((wait) => wait.for === lack) };
    },
    check,
    waitingFor: (lack) => counts.get(lack) ?? 0,
    get size() {
      return entries.size;
    },
    settled: () => Promise.allSettled([...entries].flatMap(({ waits }) => waits.map(({ wait }) => wait.end))),
    releaseAll() {
      clearTimeout(timer?.handle);
      timer = undefined;
      for (const entry of [...entries]) release(entry, () => 'the agent ends');
    },
  };
}

/** Whether the wait is over. A wait whose `isOver` throws is over too, so that its event is not stuck. */
function isOver(wait: Wait, onFault: HoldDeps['onFault']): boolean {
  try {
    return wait.isOver?.() === true;
  } catch (error) {
    onFault('what an event lacks could not be read', error);
    return true;
  }
}

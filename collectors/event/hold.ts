// The one place where an event waits for what it lacks, bounded in number and in time. Nothing waits for an event that waits.

import type { Clock } from '../host/clock.ts';
import { timerMs } from '../timers.ts';

/**
 * What an event can lack. `arguments`: the record of its entry probe. `program`: whose file it runs, what its script is a copy of.
 * `script`: the content of the script that runs. `version`: the version of its package.
 */
export type Lack = 'arguments' | 'program' | 'script' | 'version';

export interface Wait {
  for: Lack;
  /** From now, in milliseconds; the event goes on without it after that. */
  maxMs: number;
  /** Read at each `check`. */
  isOver?(): boolean;
  /** Ends the wait when it settles, whatever it gives. */
  end?: Promise<unknown>;
}

export interface Held {
  /** What the event lacked has come, or will not come any more. The event goes on at once if it lacks nothing else. */
  arrived(lack: Lack): void;
}

export interface Hold {
  /**
   * Calls `release` once, when no wait is left: at once, later, or when the time of those left is over; `missing` has these. Events
   * that lack the same are released in the order in which they were added.
   */
  add(waits: readonly Wait[], release: (missing: readonly Lack[]) => void): Held;
  /** Ends the waits that are over. To be called when something was read. */
  check(): void;
  /** Events that lack it. */
  waitingFor(lack: Lack): number;
  /** Resolves when the promises that events wait for now have settled. */
  settled(): Promise<unknown>;
  /** Releases every event as it is. */
  releaseAll(): void;
}

export interface HoldDeps {
  clock: Pick<Clock, 'monotonicMs'>;
  /** An event was released after `add` had returned. */
  onLate(): void;
  onFault(fault: string, error?: unknown): void;
}

/** Events that wait for the same at once; the oldest waits for it no longer when there is one more. What others lack is not affected. */
const maxHeld = 1024;

/** The faults of events that went on without what they lacked; of the others their documents say so. */
export const judgedIncomplete: Readonly<Partial<Record<Lack, string>>> = {
  program: 'an execution was judged before its program was known',
};

interface Entry {
  waits: { wait: Wait; untilMs: number }[];
  /** What was given up. */
  missing: Lack[];
  release(missing: readonly Lack[]): void;
}

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

  /** `reasonOf`: for the fault of an event that goes on without what it lacks. */
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

  /** One timer for all: for the first wait whose time will be over. */
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
    settled: () => Promise.allSettled([...entries].flatMap(({ waits }) => waits.map(({ wait }) => wait.end))),
    releaseAll() {
      clearTimeout(timer?.handle);
      timer = undefined;
      for (const entry of [...entries]) release(entry, () => 'the agent ends');
    },
  };
}

/** A wait whose end cannot be read is over: its event goes on. */
function isOver(wait: Wait, onFault: HoldDeps['onFault']): boolean {
  try {
    return wait.isOver?.() === true;
  } catch (error) {
    onFault('what an event lacks could not be read', error);
    return true;
  }
}

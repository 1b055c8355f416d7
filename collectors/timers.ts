// Timers that end together, and of which none ends the process: what one throws is reported.

export interface Timers {
  /** Returns what takes it back. */
  later(ms: number, run: () => void): () => void;
  /** A way to ask for `run` after `ms`; asked for again while it is still to come, it comes once. */
  soon(ms: number, run: () => void): () => void;
  /** Repeatedly, with this many milliseconds in between. */
  every(ms: number, run: () => void): void;
  /** From now on nothing is done later any more. */
  close(): void;
  readonly closed: boolean;
}

/** A longer wait than a timer can take (some 24 days) would be none at all, and so would one that is no number. */
const longestMs = 2 ** 31 - 1;

/** `ms` as a timer takes it: from 0 to the longest, and the longest for what is no number. */
export const timerMs = (ms: number): number => (Number.isNaN(ms) ? longestMs : Math.min(Math.max(0, ms), longestMs));

export function openTimers(onFault: (error: unknown) => void): Timers {
  const timers = new Set<NodeJS.Timeout>();
  let closed = false;
  const guarded = (run: () => void): void => {
    try {
      run();
    } catch (error) {
      onFault(error);
    }
  };
  const later: Timers['later'] = (ms, run) => {
    if (closed) return () => {};
    const timer = setTimeout(() => {
      timers.delete(timer);
      guarded(run);
    }, timerMs(ms));
    timers.add(timer);
    return () => {
      clearTimeout(timer);
      timers.delete(timer);
    };
  };
  return {
    later,
    soon(ms, run) {
      let waits = false;
      return () => {
        if (waits) return;
        waits = true;
        later(ms, () => {
          waits = false;
          run();
        });
      };
    },
    every(ms, run) {
      if (!closed) timers.add(setInterval(() => guarded(run), timerMs(ms)));
    },
    close() {
      closed = true;
      for (const timer of timers) clearTimeout(timer);
      timers.clear();
    },
    get closed() {
      return closed;
    },
  };
}

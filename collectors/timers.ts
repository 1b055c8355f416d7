// A group of timers that are cancelled together. An error in a timer is reported and does not end the process.

/** A group of timers. Delays are cut to the range of Node (`timerMs`). */
export interface Timers {
  /** Calls `run` after `ms`. Returns a function that cancels the call. */
  later(ms: number, run: () => void): () => void;
  /** Returns a function that schedules `run` after `ms`, unless a call is scheduled already. */
  soon(ms: number, run: () => void): () => void;
  /** Calls `run` every `ms` milliseconds. */
  every(ms: number, run: () => void): void;
  /** Cancels all calls; later requests have no effect. */
  close(): void;
  readonly closed: boolean;
}

/** Maximum delay of a timer in Node, some 24 days. Node would replace a longer delay, or NaN, by 1 ms. */
const longestMs = 2 ** 31 - 1;

/** Cuts a delay to the range of a timer; NaN becomes the maximum. */
export const timerMs = (ms: number): number => (Number.isNaN(ms) ? longestMs : Math.min(Math.max(0, ms), longestMs));

/** Opens an empty group of timers. */
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

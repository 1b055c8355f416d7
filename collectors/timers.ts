// One-off timers that end together.

export interface Timers {
  /** Returns what takes it back. */
  later(ms: number, run: () => void): () => void;
  /** A way to ask for `run` after `ms`; asked for again while it is still to come, it comes once. */
  soon(ms: number, run: () => void): () => void;
  /** From now on nothing is done later any more. */
  close(): void;
  readonly closed: boolean;
}

export function openTimers(): Timers {
  const timers = new Set<NodeJS.Timeout>();
  let closed = false;
  const later: Timers['later'] = (ms, run) => {
    if (closed) return () => {};
    const timer = setTimeout(() => {
      timers.delete(timer);
      run();
    }, ms);
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

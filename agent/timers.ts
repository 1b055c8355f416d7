// One-off timers that can be cleared together.

export interface Timers {
  later(ms: number, run: () => void): void;
  /** A way to ask for `run` after `ms`; asked for again while it is still to come, it comes once. */
  soon(ms: number, run: () => void): () => void;
  clear(): void;
}

export function openTimers(): Timers {
  const timers = new Set<NodeJS.Timeout>();
  const later: Timers['later'] = (ms, run) => {
    const timer = setTimeout(() => {
      timers.delete(timer);
      run();
    }, ms);
    timers.add(timer);
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
    clear() {
      for (const timer of timers) clearTimeout(timer);
      timers.clear();
    },
  };
}

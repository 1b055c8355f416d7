// What the watch does later, and what it does one thing after the other.

export interface WatchTasks {
  /** Runs a task once all before it have ended. Whoever touches what is known of files does so in here. A failure is told. */
  serially(what: string, task: () => Promise<void> | void): Promise<void>;
  /** Returns what takes it back. */
  later(ms: number, run: () => void): () => void;
  readonly closing: boolean;
  /** From now on nothing is done later any more. */
  close(): void;
}

export function createWatchTasks(onFault: (what: string, error: unknown) => void): WatchTasks {
  let chain: Promise<void> = Promise.resolve();
  let closing = false;
  const timers = new Set<NodeJS.Timeout>();
  return {
    serially(what, task) {
      chain = chain.then(task).catch((error: unknown) => onFault(what, error));
      return chain;
    },
    later(ms, run) {
      if (closing) return () => {};
      const timer = setTimeout(() => {
        timers.delete(timer);
        run();
      }, ms);
      timers.add(timer);
      return () => {
        clearTimeout(timer);
        timers.delete(timer);
      };
    },
    get closing() {
      return closing;
    },
    close() {
      closing = true;
      for (const timer of timers) clearTimeout(timer);
      timers.clear();
    },
  };
}

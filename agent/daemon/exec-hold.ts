// Holds an exec back from the rules while what they ask of it is found out: whose a program is, what a script is a copy of.

import type { ObservedExec } from '../../collectors/process/describe-process.ts';

/** rpm has its answer before that. What is not known by then stays so. */
const maxHeldMs = 5000;
const maxHeld = 1024;

/** The fault of an exec that is held back no longer. */
export const judgedUnknown = 'an execution was judged before its program was known';

interface ExecHoldDeps {
  takeExec(exec: ObservedExec): void;
  /** Called after execs that were held have been taken. */
  commit(): void;
  onFault(what: string, error?: unknown): void;
}

export interface ExecHold {
  exec(exec: ObservedExec): void;
  /** Resolves when each of those held has been taken. */
  stop(): Promise<void>;
}

export function openExecHold({ takeExec, commit, onFault }: ExecHoldDeps): ExecHold {
  const held = new Map<ObservedExec, { timer: NodeJS.Timeout; released: PromiseWithResolvers<void> }>();
  let committing = false;
  const commitSoon = (): void => {
    if (committing) return;
    committing = true;
    // With others that waited for the same.
    setImmediate(() => {
      committing = false;
      commit();
    });
  };
  const release = (exec: ObservedExec): void => {
    const hold = held.get(exec);
    if (hold === undefined) return;
    held.delete(exec);
    clearTimeout(hold.timer);
    takeExec(exec);
    hold.released.resolve();
    commitSoon();
  };
  const settled = (exec: ObservedExec): Promise<unknown> | undefined => {
    try {
      return exec.settle();
    } catch (error) {
      onFault('a program could not be looked at', error);
      return undefined;
    }
  };
  return {
    exec(exec) {
      const pending = settled(exec);
      if (pending === undefined) {
        takeExec(exec);
        return;
      }
      const [oldest] = held.keys();
      if (held.size >= maxHeld && oldest !== undefined) {
        onFault(judgedUnknown, new Error(`${maxHeld} others wait`));
        release(oldest);
      }
      const late = (): void => {
        onFault(judgedUnknown, new Error(`no answer in ${maxHeldMs} ms`));
        release(exec);
      };
      held.set(exec, { timer: setTimeout(late, maxHeldMs), released: Promise.withResolvers() });
      void pending
        .catch((error: unknown) => onFault('a program could not be looked at', error))
        .then(() => release(exec));
    },
    async stop() {
      await Promise.all([...held.values()].map(({ released }) => released.promise));
    },
  };
}

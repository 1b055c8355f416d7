// Stops the agent with one list of steps, also after a start that fails.

import { errorMessage } from '../../collectors/error-message.ts';
import { takeSteps } from '../../collectors/take-steps.ts';
import type { Log } from './log.ts';

/** The steps in their order. After a failed start, the steps that were added by then run in the same order. */
const steps = [
  'limit of open files',
  'hunts',
  'timers',
  'watch of package databases',
  'watch of script reads',
  'watch of the tracing instance',
  'watch of paths',
  'package sources',
  'package ledger',
  'process sensor',
  'events',
  'package lists',
  "watch of dpkg's journal",
  'run of the agent',
  'delivery',
  'database',
  'control socket',
  'reports of failed reads',
] as const;

type Step = (typeof steps)[number];

/** Time limits of one step and of all; systemd waits 30 s (TimeoutStopSec=). */
const bounds = { stepMs: 7000, allMs: 12_000 };

/** The steps that stop the agent. They run in the order of `steps`, not in the order in which they were added. */
export interface End {
  add(step: Step, run: () => unknown): void;
  /** Runs every step, even if another fails, each with a time limit. Never rejects; a second call returns the first call's promise. */
  run(): Promise<void>;
}

/** Creates the list of steps; `onBegin` is called before the first step runs. */
export function openEnd(log: Pick<Log, 'error'>, onBegin: () => void): End {
  const known = new Map<Step, () => unknown>();
  let ended: Promise<void> | undefined;
  return {
    add: (step, run) => void known.set(step, run),
    run() {
      onBegin();
      ended ??= takeSteps(
        steps.map((name) => [name, () => known.get(name)?.()]),
        (step, error) =>
          log.error('a step of the shutdown failed, continuing with the others', { step, reason: errorMessage(error) }),
        bounds,
      );
      return ended;
    },
  };
}

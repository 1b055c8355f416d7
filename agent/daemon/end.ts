// The end of the agent: one list of steps, for a stop and for a start that fails.

import { errorMessage } from '../../collectors/error-message.ts';
import { takeSteps } from '../../collectors/take-steps.ts';
import type { Log } from './log.ts';

/** First to last; a start that fails takes the steps that there are by then, in the same order. */
const steps = [
  'limit of open files',
  'hunts',
  'timers',
  'watch of package databases',
  'process sensor',
  'events',
  'delivery',
  'database',
  'control socket',
  'reports of failed reads',
] as const;

type Step = (typeof steps)[number];

/** systemd waits for 30 s (TimeoutStopSec=). */
const bounds = { stepMs: 7000, allMs: 12_000 };

export interface End {
  add(step: Step, run: () => unknown): void;
  /** Takes every step, whatever another throws, and waits for none without end. Never rejects; called again, it is the same end. */
  run(): Promise<void>;
}

/** `onBegin` is called when the end begins. */
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
          log.error('a step of the end failed; the others are taken', { step, reason: errorMessage(error) }),
        bounds,
      );
      return ended;
    },
  };
}

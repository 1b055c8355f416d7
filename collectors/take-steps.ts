// Runs the steps of a shutdown in order: every step runs, even if an earlier one fails.

import { errorMessage } from './error-message.ts';

/** One step; a failure is reported with its name. */
export type Step = readonly [name: string, run: () => unknown];

/**
 * Bounds, in milliseconds, on the wait for steps. A step that exceeds its bound counts as failed, but is not stopped.
 */
export interface StepLimits {
  /** Maximum wait for one step. */
  stepMs: number;
  /** Maximum wait for all steps together. Later steps are still run, but not waited for. */
  allMs: number;
}

const ofOneStep: StepLimits = { stepMs: 3000, allMs: 6000 };

/**
 * Runs the steps one after the other. Never rejects: `onFailure` receives the error of a step, also if it took too
 * long.
 */
export async function takeSteps(
  steps: readonly Step[],
  onFailure: (step: string, error: unknown) => void,
  { stepMs, allMs }: StepLimits = ofOneStep,
): Promise<void> {
  const endMs = performance.now() + allMs;
  for (const [name, run] of steps) {
    try {
      await inTime(run(), Math.max(0, Math.min(stepMs, endMs - performance.now())));
    } catch (error) {
      onFailure(name, error);
    }
  }
}

/** The same for steps within a larger one: runs every step, then rejects with one error for all that failed. */
export async function takeEvery(steps: readonly Step[], limits?: StepLimits): Promise<void> {
  const errors: unknown[] = [];
  const onFailure = (step: string, error: unknown) =>
    errors.push(new Error(`${step}: ${errorMessage(error)}`, { cause: error }));
  await takeSteps(steps, onFailure, limits);
  if (errors.length > 0) throw new AggregateError(errors, errors.map(errorMessage).join('; '));
}

/** Rejects if the promise is not settled in time. Its later result or failure is ignored. */
async function inTime(result: unknown, waitMs: number): Promise<void> {
  if (!(result instanceof Promise)) return;
  const late = Promise.withResolvers<never>();
  const timer = setTimeout(() => late.reject(new Error(`not done after ${Math.round(waitMs)} ms`)), waitMs);
  try {
    await Promise.race([result, late.promise]);
  } finally {
    clearTimeout(timer);
  }
}

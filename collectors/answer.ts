// An answer that may still be pending: slow work runs in the background, and an event that needs its result waits for it.

import { reportOwnFault } from './host/read-faults.ts';

export interface Answer<T> {
  /** Undefined also while it is not known yet. */
  readonly value: T | undefined;
  /** Resolves, and never rejects, when `value` is what it stays. Undefined: it is. */
  readonly pending: Promise<void> | undefined;
}

export const known = <T>(value: T | undefined): Answer<T> => ({ value, pending: undefined });

/** A question that is being asked. One that fails has no answer. */
export function ask<T>(question: Promise<T | undefined>): Answer<T> {
  const answer: { value: T | undefined; pending: Promise<void> | undefined } = known<T>(undefined);
  answer.pending = question
    .catch((error: unknown) => {
      reportOwnFault(error);
      return undefined;
    })
    .then((value) => {
      answer.value = value;
      answer.pending = undefined;
    });
  return answer;
}

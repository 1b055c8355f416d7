// An answer that may still be pending. Slow work runs in the background, and an event that needs its result waits for
// it.

import { reportOwnFault } from './host/read-faults.ts';

/** A result of slow work, which the holder can read at once, or wait for. */
export interface Answer<T> {
  /** The answer; undefined while it is not known, and if the question has no answer. */
  readonly value: T | undefined;
  /** Resolves when `value` is final, and never rejects. Undefined: `value` is final. */
  readonly pending: Promise<void> | undefined;
}

/** An answer that is final. */
export const known = <T>(value: T | undefined): Answer<T> => ({ value, pending: undefined });

/** An answer that is pending until the promise settles. If the promise rejects, there is no answer. */
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

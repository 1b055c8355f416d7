// Reports errors that are not about the file itself: the agent has no descriptors or memory left, a disk fails, or rpm
// does not answer. Code that continues after such an error reports it here. Otherwise a process or script would seem to
// be gone.

import { channel } from 'node:diagnostics_channel';
import { errorCode } from '../error-message.ts';

const ownFaults = channel('stepparent:own-trouble');

const codes: readonly string[] = ['EMFILE', 'ENFILE', 'ENOMEM', 'EIO'];

/** Whether the error is a fault of the agent or the disk. It does not mean that a file is gone or may not be read. */
export const isOwnFault = (error: unknown): boolean =>
  codes.includes(errorCode(error)) || (error instanceof Error && 'answered' in error && error.answered === false);

/**
 * Reports the error if `isOwnFault`. Code that continues without a value must call it: any other error is an answer,
 * this one is not.
 */
export function reportOwnFault(error: unknown): void {
  if (isOwnFault(error)) ownFaults.publish(error);
}

/** Returns the result of `read`, or undefined if it throws. Reports own faults. */
export function tryRead<T>(read: () => T): T | undefined {
  try {
    return read();
  } catch (error) {
    reportOwnFault(error);
    return undefined;
  }
}

/** Calls `report` for each own fault. Returns a function that ends the subscription. */
export function onOwnFault(report: (error: unknown) => void): () => void {
  const subscriber = (error: unknown): void => report(error);
  ownFaults.subscribe(subscriber);
  return () => {
    ownFaults.unsubscribe(subscriber);
  };
}

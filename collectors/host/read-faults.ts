// Reports errors that are not about the file itself: the agent has run out of descriptors or memory, a disk fails, rpm does not answer.
// Code that continues after such an error reports it here; without that, a process or script would seem to be gone.

import { channel } from 'node:diagnostics_channel';
import { errorCode } from '../error-message.ts';

const ownFaults = channel('stepparent:own-trouble');

const codes: readonly string[] = ['EMFILE', 'ENFILE', 'ENOMEM', 'EIO'];

/** The error is the agent's own, or the disk's: it does not mean that a file is gone or may not be read. */
export const isOwnFault = (error: unknown): boolean =>
  codes.includes(errorCode(error)) || (error instanceof Error && 'answered' in error && error.answered === false);

/** For who goes on without what could not be read: any other error is an answer, this one is not. */
export function reportOwnFault(error: unknown): void {
  if (isOwnFault(error)) ownFaults.publish(error);
}

/** Undefined where `read` throws. */
export function tryRead<T>(read: () => T): T | undefined {
  try {
    return read();
  } catch (error) {
    reportOwnFault(error);
    return undefined;
  }
}

/** From now on `report` gets these errors. Returns what ends that. */
export function onOwnFault(report: (error: unknown) => void): () => void {
  const subscriber = (error: unknown): void => report(error);
  ownFaults.subscribe(subscriber);
  return () => {
    ownFaults.unsubscribe(subscriber);
  };
}

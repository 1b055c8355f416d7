// Assigns processes to package transactions. A transaction begins when a process executes a package tool; every child
// inherits it.

import { namesOf, toolsOf } from '../packages/tools.ts';
import type { Image, ProcessEntry, Transaction } from './process.ts';
import type { BootNs } from './process-record.ts';
import { isNamed } from './program-name.ts';

/**
 * How long processes that survive the tool still belong to its transaction. This covers a payload that waits until the
 * lock of dpkg is free, but not the whole life of a daemon that a script restarted.
 */
export const survivorNs = 3600e9;
/** How many programs all processes of the transaction together may execute after the end of the tool. */
export const survivorExecs = 1000;

/**
 * Excludes tools that only read or unpack (dpkg-query, dpkg-deb), and tools that mostly wait for their user (tasksel).
 */
const tools = namesOf(toolsOf('manager', 'front end', 'updater', 'daemon'));
const isTool = (name: string): boolean => tools.has(name);

/**
 * The transaction that begins when a process outside of a transaction executes `image`. Undefined: it is no package
 * tool.
 */
export const transactionBegunBy = (entry: ProcessEntry, image: Image): Transaction | undefined =>
  isNamed(image, isTool) ? { root: entry, image, endNs: undefined, execsAfterEnd: 0 } : undefined;

/**
 * Begins a transaction of librpm in the process, which need not run a package tool. One that runs rpm, or is below a package
 * tool, goes on with the transaction of that.
 */
export function beginInProcess(entry: ProcessEntry): void {
  entry.runsLibrpm = true;
  const { image, transaction } = entry;
  const isOver = transaction === undefined || (transaction.root === entry && transaction.endNs !== undefined);
  if (image !== undefined && isOver) entry.transaction = { root: entry, image, endNs: undefined, execsAfterEnd: 0 };
}

/** Ends it. Returns the transaction if it began with it; its process may go on for a long time. */
export function endInProcess(entry: ProcessEntry, endNs: BootNs): Transaction | undefined {
  entry.runsLibrpm = false;
  const { transaction } = entry;
  if (transaction?.root !== entry || isNamed(transaction.image, isTool)) return undefined;
  transaction.endNs ??= endNs;
  return transaction;
}

/** The transaction of a process at a time. Undefined: it has none, or has survived it for too long. */
export function transactionAt({ transaction }: ProcessEntry, timeNs: BootNs): Transaction | undefined {
  if (transaction === undefined) return undefined;
  const { root } = transaction;
  if (!root.ended && transaction.endNs === undefined) return transaction;
  // If the record of the end was lost, the time at which that is noticed counts as the end.
  transaction.endNs ??= root.endNs ?? timeNs;
  const over = timeNs - transaction.endNs > survivorNs || transaction.execsAfterEnd > survivorExecs;
  return over ? undefined : transaction;
}

/** The transaction of a process after it executed `image`. */
export function transactionAtExec(entry: ProcessEntry, image: Image, timeNs: BootNs): Transaction | undefined {
  const transaction = entry.transaction === undefined ? undefined : transactionAt(entry, timeNs);
  if (transaction === undefined) return transactionBegunBy(entry, image);
  if (transaction.endNs !== undefined && ++transaction.execsAfterEnd > survivorExecs) return undefined;
  return transaction;
}

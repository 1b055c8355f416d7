// Assigns processes to package transactions: a transaction begins where a package tool is executed, and passes to each child.

import { namesOf, toolsOf } from '../packages/tools.ts';
import type { Image, ProcessEntry, Transaction } from './process.ts';
import type { BootNs } from './process-record.ts';

/**
 * How long, and for how many programs, a process that survives the tool still belongs to its transaction. A payload
 * that waits until dpkg's lock is free is within that; a daemon that a script restarted does not carry it for good.
 */
export const survivorNs = 3600e9;
export const survivorExecs = 1000;

/** Not here: what only reads or unpacks (dpkg-query, dpkg-deb), and what waits for its user for most of its life (tasksel). */
const tools = namesOf(toolsOf('manager', 'front end', 'updater', 'daemon'));
const longestTool = Math.max(...[...tools].map((name) => name.length));
const shortestTool = Math.min(...[...tools].map((name) => name.length));

/** Asked at every exec of the host that no transaction is running round. */
function runsTool({ probedImage, filename }: Image): boolean {
  const file = probedImage ?? filename;
  const nameStart = file.lastIndexOf('/') + 1;
  const length = file.length - nameStart;
  return length >= shortestTool && length <= longestTool && tools.has(nameStart === 0 ? file : file.slice(nameStart));
}

/** Where none is running round it. Undefined: no package tool's program. */
export const transactionBegunBy = (entry: ProcessEntry, image: Image): Transaction | undefined =>
  runsTool(image) ? { root: entry, image, endNs: undefined, execsAfterEnd: 0 } : undefined;

/** Of a process at some time; undefined also when it survived its transaction for too long. */
export function transactionAt({ transaction }: ProcessEntry, timeNs: BootNs): Transaction | undefined {
  if (transaction === undefined) return undefined;
  const { root } = transaction;
  if (!root.ended) return transaction;
  // Where the record of its end was lost, it ended by the time that this was noticed.
  transaction.endNs ??= root.endNs ?? timeNs;
  const over = timeNs - transaction.endNs > survivorNs || transaction.execsAfterEnd > survivorExecs;
  return over ? undefined : transaction;
}

/** What a process belongs to once it has executed `image`. */
export function transactionAtExec(entry: ProcessEntry, image: Image, timeNs: BootNs): Transaction | undefined {
  const transaction = entry.transaction === undefined ? undefined : transactionAt(entry, timeNs);
  if (transaction === undefined) return transactionBegunBy(entry, image);
  if (transaction.endNs !== undefined && ++transaction.execsAfterEnd > survivorExecs) return undefined;
  return transaction;
}

// The rows of the package ledger in an event that another host has exported.

import type { StepparentEvent } from '../../collectors/event/event.ts';
import { type LedgerEntry, ledgerEntry } from '../../detectors/package-ledger.ts';

/** Undefined: the document has none, or is no event of stepparent's. */
export function gatheredLedger(document: object): LedgerEntry | undefined {
  try {
    return ledgerEntry(document as StepparentEvent);
  } catch {
    return undefined;
  }
}

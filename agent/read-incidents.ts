// Reads incidents out of the store: alerts first, then only the events of their transactions, within their time.

import { draftIncident, type Incident, type IncidentDraft } from '../detectors/incident.ts';
import type { StoreReader } from '../storage/open-store.ts';
import type { AlertState } from '../storage/records.ts';

export interface IncidentsQuestion {
  /** One transaction; else the newest. */
  id?: string | undefined;
  /** With an alert at or after this. */
  sinceMs?: number | undefined;
  /** Alerts of learning time count as well. */
  all?: boolean | undefined;
  limit: number;
}

/** Newest last. Several are read together, since they may lie within the same hours. */
export function readIncidents(
  store: Pick<StoreReader, 'listTransactions' | 'listAlerts' | 'listEvents'>,
  { id, sinceMs, all = false, limit }: IncidentsQuestion,
  isAlive: (entityId: string) => boolean,
): Incident[] {
  const states: AlertState[] = all ? ['open', 'capped', 'learning'] : ['open', 'capped'];
  const drafts = new Map<string, IncidentDraft>();
  for (const found of store.listTransactions({ id, sinceMs, states, limit })) {
    drafts.set(found, draftIncident(found, isAlive));
  }
  if (drafts.size === 0) return [];
  for (const { state, document } of store.listAlerts({ transactions: [...drafts.keys()] })) {
    const draft = states.includes(state) ? drafts.get(document.stepparent.transaction?.id ?? '') : undefined;
    draft?.addAlert({ state, document });
  }
  for (const { ids, fromMs, toMs } of together(drafts)) {
    for (const event of store.listEvents({ sinceMs: fromMs, untilMs: toMs, transactions: ids })) {
      drafts.get(event.stepparent.transaction?.id ?? '')?.addEvent(event);
    }
  }
  return [...drafts.values()].map((draft) => draft.finish());
}

/** Spans that overlap are read as one. */
function together(drafts: ReadonlyMap<string, IncidentDraft>): { ids: string[]; fromMs: number; toMs: number }[] {
  const spans = [...drafts].map(([id, draft]) => ({ ids: [id], ...draft.span() })).sort((a, b) => a.fromMs - b.fromMs);
  const joined: typeof spans = [];
  for (const span of spans) {
    const before = joined.at(-1);
    if (before !== undefined && span.fromMs <= before.toMs) {
      before.ids.push(...span.ids);
      before.toMs = Math.max(before.toMs, span.toMs);
    } else joined.push(span);
  }
  return joined;
}

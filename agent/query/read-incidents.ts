// Reads incidents out of the store: finds the transactions that have alerts, then reads everything that belongs to each.

import { buildIncident, type Incident } from '../../detectors/incident.ts';
import type { AlertState } from '../../storage/records.ts';
import type { StoreReader } from '../../storage/store.ts';

export interface IncidentsOptions {
  /** One transaction; else the newest. */
  id?: string | undefined;
  /** With an alert at or after this. */
  sinceMs?: number | undefined;
  /** Alerts of learning time, and those that an exception hid, count as well. */
  all?: boolean | undefined;
  limit: number;
}

type Reader = Pick<
  StoreReader,
  'listTransactions' | 'transactionAlerts' | 'transactionEvents' | 'countTransactionEvents'
>;

/** Events that are read: of all transactions of a list together, so that it is quick, and of one that is asked for. A package has some ten. */
const mostEvents = { ofList: 8_000, ofOne: 20_000 };

/** Newest last, one at a time. */
export function* readIncidents(
  store: Reader,
  { id, sinceMs, all = false, limit }: IncidentsOptions,
  isAlive: (entityId: string) => boolean,
): Generator<Incident> {
  const states: AlertState[] = all ? ['open', 'rate_limited', 'learning', 'suppressed'] : ['open', 'rate_limited'];
  const ids = store.listTransactions({ id, sinceMs, states, limit });
  for (const found of ids) {
    const alerts = (function* () {
      for (const alert of store.transactionAlerts(found)) if (states.includes(alert.state)) yield alert;
    })();
    const incident = buildIncident({
      id: found,
      alerts,
      events: store.transactionEvents(found),
      mostEvents: id === undefined ? Math.ceil(mostEvents.ofList / ids.length) : mostEvents.ofOne,
      eventsCount: store.countTransactionEvents(found),
      isAlive,
    });
    if (incident !== undefined) yield incident;
  }
}

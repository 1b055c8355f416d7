// Reads incidents from the store: finds them by their alerts, then reads the alerts and events of each.

import { buildIncident, type Incident } from '../../detectors/incident.ts';
import type { AlertState } from '../../storage/records.ts';
import type { StoreReader } from '../../storage/store.ts';

/** Selects incidents. Without `all`, an incident needs an alert that is open or rate-limited, and not closed. */
export interface IncidentsOptions {
  /** The id of one incident: of a transaction, or of an alert without one. Default: the newest. */
  id?: string | undefined;
  /** Only incidents with an alert at or after this time, in milliseconds since 1970. */
  sinceMs?: number | undefined;
  /** Alerts of the learning period, suppressed and closed alerts count as well. */
  all?: boolean | undefined;
  /** Maximum number of incidents; the newest are read. */
  limit: number;
}

type Reader = Pick<StoreReader, 'listIncidents' | 'incidentAlerts' | 'transactionEvents' | 'countTransactionEvents'>;

/** Maximum number of events that are read: for a whole list, so that it is quick, and for a single incident. A package has some ten. */
const mostEvents = { ofList: 8_000, ofOne: 20_000 };

/** Yields the incidents, newest last. `isAlive` reports whether a process with that `process.entity_id` still runs. */
export function* readIncidents(
  store: Reader,
  { id, sinceMs, all = false, limit }: IncidentsOptions,
  isAlive: (entityId: string) => boolean,
): Generator<Incident> {
  const states: AlertState[] = all ? ['open', 'rate_limited', 'learning', 'suppressed'] : ['open', 'rate_limited'];
  const ids = store.listIncidents({ id, sinceMs, states, notClosed: !all && id === undefined, limit });
  for (const found of ids) {
    const alerts = (function* () {
      for (const alert of store.incidentAlerts(found)) if (states.includes(alert.state)) yield alert;
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

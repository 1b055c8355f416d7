// Opens the sinks that are configured, and delivers to them what the outbox has.

import { ensureDirectory } from '../../collectors/linux/ensure-directory.ts';
import type { Store } from '../../storage/store.ts';
import type { Configuration } from '../configuration/configuration.ts';
import type { Paths } from '../configuration/paths.ts';
import { journaldListens } from '../journal/journal-entry.ts';
import { openJournaldSink } from '../sinks/journald.ts';
import { openNdjsonSink } from '../sinks/ndjson.ts';
import type { Sink } from '../sinks/sink.ts';
import { openStdoutSink } from '../sinks/stdout.ts';
import { type Delivery, startDelivery } from './delivery.ts';
import type { Log } from './log.ts';

type Alerts = Configuration['alerts'];

/** The names by which the outbox keeps deliveries. */
export const sinkNames = ({ journald, ndjson }: Alerts): string[] => [
  ...(journald ? ['journald', 'stdout'] : []),
  ...(ndjson ? ['ndjson'] : []),
];

export function openDelivery(
  outbox: Pick<Store, 'pending' | 'nextDueMs' | 'delivered' | 'failed'>,
  { journald, ndjson }: Alerts,
  paths: Pick<Paths, 'alerts' | 'logsDirectory'>,
  log: Log,
): Delivery {
  if (ndjson) {
    try {
      ensureDirectory(paths.logsDirectory);
    } catch {
      // The journal has the alerts, and `status` says why the file has none.
    }
  }
  /** The journal takes no alerts at present: they are also written to standard output. */
  let isJournalRefusing = false;
  const sinks: Sink[] = [
    ...(journald
      ? [openJournaldSink(), openStdoutSink(process.stdout, () => isJournalRefusing || !journaldListens())]
      : []),
    ...(ndjson ? [openNdjsonSink(paths.alerts)] : []),
  ];
  return startDelivery({
    outbox,
    sinks,
    onTrouble(sink, trouble) {
      if (sink === 'journald') isJournalRefusing = trouble !== undefined;
      if (trouble === undefined) log.info('alerts are delivered again', { sink });
      else log.warn('alerts cannot be delivered and wait in the outbox', { sink, reason: trouble });
    },
  });
}

// Opens the configured sinks and starts the delivery of the outbox to them.

import { ensureDirectory } from '../../collectors/linux/ensure-directory.ts';
import type { Store } from '../../storage/store.ts';
import type { Configuration } from '../configuration/configuration.ts';
import type { Paths } from '../configuration/paths.ts';
import { journaldListens } from '../journal/journal-entry.ts';
import { openAlertSocketSink } from '../sinks/alert-socket.ts';
import { openJournaldSink } from '../sinks/journald.ts';
import { openNdjsonSink } from '../sinks/ndjson.ts';
import type { Sink } from '../sinks/sink.ts';
import { openStdoutSink } from '../sinks/stdout.ts';
import { type Delivery, startDelivery } from './delivery.ts';
import type { Log } from './log.ts';

type Alerts = Configuration['alerts'];

/** The names of the configured sinks, under which the outbox stores deliveries. */
export const sinkNames = ({ journald, ndjson, socket }: Alerts): string[] => [
  ...(journald ? ['journald', 'stdout'] : []),
  ...(ndjson ? ['ndjson'] : []),
  ...(socket ? ['socket'] : []),
];

/**
 * Creates the directory of `alerts.ndjson` and starts the delivery to the sinks that `alerts` enables. The sink
 * `stdout` prints an alert only while journald does not accept alerts. Does not throw if the directory cannot be
 * created.
 */
export function openDelivery(
  outbox: Pick<Store, 'pending' | 'nextDueMs' | 'delivered' | 'failed'>,
  { journald, ndjson, socket }: Alerts,
  paths: Pick<Paths, 'alerts' | 'logsDirectory'>,
  log: Log,
): Delivery {
  if (ndjson) {
    try {
      ensureDirectory(paths.logsDirectory);
    } catch {
      // `status` reports the reason (health check `logs_directory`), and the alerts wait in the outbox.
    }
  }
  /** While the journal accepts no alerts, they are written to standard output as well. */
  let isJournalFailing = false;
  const sinks: Sink[] = [
    ...(journald
      ? [openJournaldSink(), openStdoutSink(process.stdout, () => isJournalFailing || !journaldListens())]
      : []),
    ...(ndjson ? [openNdjsonSink(paths.alerts)] : []),
    ...(socket ? [openAlertSocketSink()] : []),
  ];
  return startDelivery({
    outbox,
    sinks,
    onTrouble(sink, trouble) {
      if (sink === 'journald') isJournalFailing = trouble !== undefined;
      if (trouble === undefined) log.info('alerts are delivered again', { sink });
      else log.warn('alerts cannot be delivered and wait in the outbox', { sink, reason: trouble });
    },
  });
}

// Writes alerts as lines to standard output, for hosts without journald.

import type { Writable } from 'node:stream';
import { severityOf, severityPriority } from '../configuration/severity.ts';
import { shownMessage } from '../output/shown-message.ts';
import type { Sink } from './sink.ts';

/**
 * Writes one escaped line for each alert, after `<N>` with its syslog(3) priority (sd-daemon(3)). While `needed` returns false, alerts
 * count as delivered and are not written: another sink has them.
 */
export function openStdoutSink(stream: Writable, needed: () => boolean): Sink {
  return {
    name: 'stdout',
    deliver: (documents) =>
      new Promise((resolve) => {
        const lines = documents.map(
          (document) =>
            `<${severityPriority[severityOf(document)]}>${String(document.rule?.id)}: ${shownMessage(document)}\n`,
        );
        if (!needed()) resolve({ delivered: documents.length });
        else
          stream.write(lines.join(''), (error) =>
            resolve(
              error ? { delivered: 0, trouble: `standard output: ${error.message}` } : { delivered: documents.length },
            ),
          );
      }),
    close: async () => {},
  };
}

// Delivers alerts to the journal, each fact in a field of its own.

import type { StepparentEvent } from '../../collectors/event/event.ts';
import { valueAt } from '../../collectors/event/read-path.ts';
import { messageId } from '../../detectors/rules/message-id.ts';
import { severityOf, severityPriority } from '../configuration/severity.ts';
import { type JournalField, journalSocket, sendEntry } from '../journal/journal-entry.ts';
import { journalFacts } from '../journal/journal-fields.ts';
import type { Sink } from './sink.ts';

/** The fields that are derived from others and are not read back. */
const derived: readonly (readonly [string, (document: StepparentEvent) => string | undefined])[] = [
  ['PRIORITY', (document) => String(severityPriority[severityOf(document)])],
  ['MESSAGE_ID', ({ rule }) => (typeof rule?.id === 'string' ? messageId(rule.id) : undefined)],
  ['SYSLOG_IDENTIFIER', () => 'stepparent'],
];

/** The names of all fields of an entry, for docs/fields.md and its test. */
export const journalFieldNames: readonly string[] = [
  ...derived.map(([name]) => name),
  ...journalFacts.map(({ name }) => name),
];

/**
 * The fields of an alert's journal entry. What was not observed is left out and named in STEPPARENT_UNOBSERVED;
 * STEPPARENT_TECHNIQUE occurs once for each technique, so that `journalctl STEPPARENT_TECHNIQUE=T1546` finds it.
 * Values are as observed, except MESSAGE, which is one line and escaped.
 */
export function journalFields(document: StepparentEvent): JournalField[] {
  const facts = journalFacts.map(({ name, field, form, fallback }) => {
    const value = valueAt(document, field) ?? (fallback === undefined ? undefined : valueAt(document, fallback));
    return [name, form.write(value, document)] as const;
  });
  return [...derived.map(([name, read]) => [name, read(document)] as const), ...facts].flatMap(([name, texts]) =>
    texts === undefined ? [] : [texts].flat().map((each): JournalField => [name, each]),
  );
}

/** Opens the journal as a sink. It keeps no connection: each delivery goes to the journald that listens at that time. */
export function openJournaldSink(socket: string = journalSocket): Sink {
  return {
    name: 'journald',
    deliver: async (documents) => {
      for (const [index, document] of documents.entries()) {
        const errno = sendEntry(journalFields(document), socket);
        if (errno !== undefined) return { delivered: index, trouble: explainErrno(errno, socket) };
      }
      return { delivered: documents.length };
    },
    close: async () => {},
  };
}

function explainErrno(errno: string, socket: string): string {
  if (errno === 'ENOENT' || errno === 'ECONNREFUSED') return `no journald listens at ${socket} (${errno})`;
  if (errno === 'EAGAIN') return 'journald cannot keep up (EAGAIN)';
  return `journald did not accept an alert (${errno})`;
}

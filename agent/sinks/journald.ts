// Delivers alerts to the journal, every fact in a field of its own.

import type { StepparentEvent } from '../../collectors/event.ts';
import { messageId } from '../../detectors/rules/message-id.ts';
import { type JournalField, journalSocket, sendEntry } from '../journal-entry.ts';
import { severityOf, severityPriority } from '../severity.ts';
import { shownMessage } from '../shown-message.ts';
import type { Sink } from './sink.ts';

/** Several values make the field occur several times; undefined leaves it out. */
type FieldValue = string | number | readonly string[] | undefined;

const fields: readonly (readonly [string, (document: StepparentEvent) => FieldValue])[] = [
  ['MESSAGE', shownMessage],
  ['PRIORITY', (document) => severityPriority[severityOf(document)]],
  ['MESSAGE_ID', ({ rule }) => (typeof rule?.id === 'string' ? messageId(rule.id) : undefined)],
  ['SYSLOG_IDENTIFIER', () => 'stepparent'],
  ['STEPPARENT_ALERT_ID', ({ stepparent }) => stepparent.alert?.id],
  ['STEPPARENT_RULE', ({ rule }) => text(rule?.id)],
  ['STEPPARENT_RULE_NAME', ({ rule }) => text(rule?.name)],
  ['STEPPARENT_SEVERITY', severityOf],
  ['STEPPARENT_RISK_SCORE', ({ event }) => event.risk_score],
  ['STEPPARENT_REASON', ({ stepparent }) => stepparent.alert?.reason],
  ['STEPPARENT_ACTION', ({ event }) => event.action],
  ['STEPPARENT_AGENT_ID', ({ agent }) => agent.id],
  ['STEPPARENT_FILE', ({ file }) => file?.path],
  ['STEPPARENT_EXECUTABLE', ({ process }) => process?.executable],
  ['STEPPARENT_COMMAND_LINE', ({ process }) => process?.command_line],
  ['STEPPARENT_PID', ({ process }) => process?.pid],
  ['STEPPARENT_PARENT_EXECUTABLE', ({ process }) => process?.parent?.executable],
  ['STEPPARENT_PARENT_COMMAND_LINE', ({ process }) => process?.parent?.command_line],
  ['STEPPARENT_PARENT_PID', ({ process }) => process?.parent?.pid],
  ['STEPPARENT_INITIATOR', ({ stepparent }) => stepparent.initiator?.executable],
  ['STEPPARENT_ORIGIN', ({ stepparent }) => stepparent.initiator?.origin],
  ['STEPPARENT_USER', (document) => who(document.user ?? document.process?.user)],
  ['STEPPARENT_LOGIN_USER', ({ stepparent }) => who(stepparent.login_user)],
  ['STEPPARENT_UNIT', ({ stepparent }) => stepparent.systemd?.unit],
  ['STEPPARENT_CONTAINER_ID', ({ container }) => container?.id],
  ['STEPPARENT_TECHNIQUE', ({ threat }) => techniques(threat)],
  ['STEPPARENT_SCRIPT', ({ stepparent }) => stepparent.lifecycle_script?.path],
  ['STEPPARENT_SCRIPT_DEPTH', ({ stepparent }) => stepparent.lifecycle_script?.depth],
  ['STEPPARENT_PACKAGES', ({ stepparent }) => stepparent.package?.packages.join(' ')],
  ['STEPPARENT_TRANSACTION', ({ stepparent }) => stepparent.transaction?.id],
  ['STEPPARENT_UNOBSERVED', ({ stepparent }) => Object.keys(stepparent.unobserved ?? {}).join(' ')],
];

/** The name of each, for whatever documents them. */
export const journalFieldNames: readonly string[] = fields.map(([name]) => name);

/**
 * The fields of an alert's journal entry. What was not observed is left out and named in STEPPARENT_UNOBSERVED;
 * STEPPARENT_TECHNIQUE occurs once for each technique, so that `journalctl STEPPARENT_TECHNIQUE=T1546` finds it.
 * Values are as observed, except MESSAGE, which is one line and escaped.
 */
export function journalFields(document: StepparentEvent): JournalField[] {
  return fields.flatMap(([name, read]) => {
    const value = read(document);
    const values = value === undefined || value === '' ? [] : [value].flat();
    return values.map((each): JournalField => [name, String(each)]);
  });
}

const text = (value: unknown): string | undefined => (typeof value === 'string' ? value : undefined);

const who = (user: { id?: string; name?: string } | undefined): string | undefined => user?.name ?? user?.id;

/** Every technique and subtechnique id of ECS `threat[]`, in order, once. */
function techniques(threat: StepparentEvent['threat']): string[] {
  const ids = (threat ?? []).flatMap(({ technique }) => [idsOf(technique), idsOf(subtechniqueOf(technique))].flat());
  return [...new Set(ids)];
}

const idsOf = (technique: unknown): string[] =>
  isRecord(technique) ? [technique.id].flat().filter((id) => typeof id === 'string') : [];

const subtechniqueOf = (technique: unknown): unknown => (isRecord(technique) ? technique.subtechnique : undefined);

const isRecord = (value: unknown): value is Record<string, unknown> => typeof value === 'object' && value !== null;

/** Opens the journal as a sink. Nothing is held open: each delivery finds the journald that listens then. */
export function openJournaldSink(socket: string = journalSocket): Sink {
  return {
    name: 'journald',
    deliver: async (documents) => {
      for (const [index, document] of documents.entries()) {
        const errno = sendEntry(journalFields(document), socket);
        if (errno !== undefined) return { delivered: index, trouble: troubleOf(errno, socket) };
      }
      return { delivered: documents.length };
    },
    close: async () => {},
  };
}

function troubleOf(errno: string, socket: string): string {
  if (errno === 'ENOENT' || errno === 'ECONNREFUSED') return `no journald listens at ${socket} (${errno})`;
  if (errno === 'EAGAIN') return 'journald does not keep up (EAGAIN)';
  return `journald did not take an alert (${errno})`;
}

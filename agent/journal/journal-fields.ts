// The facts of an alert that have a field of their own in the journal: one table for the sink that writes them and the reader of
// gathered journals.

import type { StepparentEvent } from '../../collectors/event/event.ts';
import { severityNumbers } from '../../detectors/alert.ts';
import type { Severity } from '../../detectors/rules/rule.ts';
import { severityOf } from '../configuration/severity.ts';
import { shownMessage } from '../output/shown-message.ts';
import { leftOfCut } from './journal-entry.ts';

/** How a value is written; the reader gives the same value back. */
interface Form {
  /** Several texts make the field occur several times. Undefined: the document does not have it. */
  write(value: unknown, document: StepparentEvent): string | readonly string[] | undefined;
  /** Undefined: that is no such value. */
  read(texts: readonly string[]): unknown;
}

const text: Form = {
  write: (value) => (typeof value === 'string' ? value : undefined),
  read: ([first]) => first,
};

const number: Form = {
  write: (value) => (typeof value === 'number' ? String(value) : undefined),
  read: ([first = '']) => (/^-?\d{1,15}(?:\.\d{1,15})?$/.test(first) ? Number(first) : undefined),
};

const boolean: Form = {
  write: (value) => (typeof value === 'boolean' ? String(value) : undefined),
  read: ([first]) => (first === 'true' ? true : first === 'false' ? false : undefined),
};

/** A list with spaces between; in a word a space is `\x20` and a backslash `\x5c`. An empty word is `\x`. */
const words: Form = {
  write: (value) =>
    Array.isArray(value)
      ? value.map((word) => String(word).replaceAll('\\', '\\x5c').replaceAll(' ', '\\x20') || '\\x').join(' ')
      : undefined,
  read: ([first = '']) =>
    first === ''
      ? []
      : wholeWords(first).map((word) =>
          word === '\\x' ? '' : word.replaceAll('\\x20', ' ').replaceAll('\\x5c', '\\'),
        ),
};

const json: Form = {
  write: (value) => (value === undefined ? undefined : JSON.stringify(value)),
  read([first = '']) {
    try {
      return JSON.parse(first);
    } catch {
      return undefined;
    }
  },
};

const severity: Form = {
  write: (_, document) => severityOf(document),
  read: ([name = '']) => (Object.hasOwn(severityNumbers, name) ? severityNumbers[name as Severity] : undefined),
};

const message: Form = { write: (_, document) => shownMessage(document), read: text.read };

/** Names and reasons: only the names are written. */
const names: Form = {
  write: (value) => (isRecord(value) ? Object.keys(value).join(' ') : undefined),
  read: ([first = '']) =>
    first === ''
      ? undefined
      : Object.fromEntries(wholeWords(first).map((name) => [name, 'the reason is not in the journal'])),
};

/** ECS `threat[]`: the id of every technique and subtechnique, each once. */
const techniques: Form = {
  write(value) {
    const threats = Array.isArray(value) ? value : [];
    return [
      ...new Set(
        threats.flatMap(({ technique }) => [
          ...idsOf(technique),
          ...idsOf(isRecord(technique) ? technique.subtechnique : undefined),
        ]),
      ),
    ];
  },
  read(texts) {
    const of = (isSub: boolean): string[] => texts.filter((id) => id.includes('.') === isSub).sort();
    const [main, sub] = [of(false), of(true)];
    return [{ technique: { id: main, ...(sub.length > 0 && { subtechnique: { id: sub } }) } }];
  },
};

const isRecord = (value: unknown): value is Record<string, unknown> => typeof value === 'object' && value !== null;

const idsOf = (technique: unknown): string[] =>
  isRecord(technique) ? [technique.id].flat().filter((id) => typeof id === 'string') : [];

/** Of a list that was cut the words before the one that the cut goes through. */
function wholeWords(list: string): string[] {
  const cut = leftOfCut(list);
  return cut === undefined ? list.split(' ') : cut.text.split(' ').slice(0, -1);
}

export interface JournalFact {
  name: string;
  /** The field of the document, by ECS name. */
  field: string;
  form: Form;
  /** The field that is written when the document does not have `field`. */
  orElse?: string;
}

const fact = (name: string, field: string, form: Form = text, orElse?: string): JournalFact => ({
  name,
  field,
  form,
  ...(orElse !== undefined && { orElse }),
});

export const journalFacts: readonly JournalFact[] = [
  fact('MESSAGE', 'message', message),
  fact('STEPPARENT_ALERT_ID', 'stepparent.alert.id'),
  fact('STEPPARENT_RULE', 'rule.id'),
  fact('STEPPARENT_RULE_NAME', 'rule.name'),
  fact('STEPPARENT_SEVERITY', 'event.severity', severity),
  fact('STEPPARENT_RISK_SCORE', 'event.risk_score', number),
  fact('STEPPARENT_REASON', 'stepparent.alert.reason'),
  fact('STEPPARENT_TERMS', 'stepparent.alert.terms', json),
  fact('STEPPARENT_ACTION', 'event.action'),
  fact('STEPPARENT_AGENT_ID', 'agent.id'),
  fact('STEPPARENT_FILE', 'file.path'),
  fact('STEPPARENT_FILE_SHA256', 'file.hash.sha256'),
  fact('STEPPARENT_FILE_ORIGINAL_PATH', 'stepparent.file.original_path'),
  fact('STEPPARENT_FOUND', 'stepparent.found'),
  fact('STEPPARENT_EXECUTABLE', 'process.executable'),
  fact('STEPPARENT_COMMAND_LINE', 'process.command_line'),
  fact('STEPPARENT_WORKING_DIRECTORY', 'process.working_directory'),
  fact('STEPPARENT_PID', 'process.pid', number),
  fact('STEPPARENT_PARENT_EXECUTABLE', 'process.parent.executable'),
  fact('STEPPARENT_PARENT_COMMAND_LINE', 'process.parent.command_line'),
  fact('STEPPARENT_PARENT_PID', 'process.parent.pid', number),
  fact('STEPPARENT_INITIATOR', 'stepparent.initiator.executable'),
  fact('STEPPARENT_INITIATOR_PID', 'stepparent.initiator.pid', number),
  fact('STEPPARENT_INITIATOR_THROUGH', 'stepparent.initiator.through', words),
  fact('STEPPARENT_ORIGIN', 'stepparent.initiator.origin'),
  fact('STEPPARENT_GENUINE_PROCESS', 'stepparent.genuine.process', boolean),
  fact('STEPPARENT_GENUINE_PARENT', 'stepparent.genuine.parent', boolean),
  fact('STEPPARENT_GENUINE_SESSION_LEADER', 'stepparent.genuine.session_leader', boolean),
  fact('STEPPARENT_GENUINE_GROUP_LEADER', 'stepparent.genuine.group_leader', boolean),
  fact('STEPPARENT_USER', 'user.name', text, 'user.id'),
  fact('STEPPARENT_USER_ID', 'user.id'),
  fact('STEPPARENT_LOGIN_USER', 'stepparent.login_user.name', text, 'stepparent.login_user.id'),
  fact('STEPPARENT_LOGIN_USER_ID', 'stepparent.login_user.id'),
  fact('STEPPARENT_UNIT', 'stepparent.systemd.unit'),
  fact('STEPPARENT_CONTAINER_ID', 'container.id'),
  fact('STEPPARENT_TECHNIQUE', 'threat', techniques),
  fact('STEPPARENT_PACKAGE_MANAGER', 'stepparent.package.manager'),
  fact('STEPPARENT_PACKAGE_OPERATION', 'stepparent.package.operation'),
  fact('STEPPARENT_PACKAGES', 'stepparent.package.packages', words),
  fact('STEPPARENT_PACKAGES_COUNT', 'stepparent.package.packages_count', number),
  fact('STEPPARENT_PACKAGE_ROOT', 'stepparent.package.root'),
  fact('STEPPARENT_PACKAGE_DATABASE', 'stepparent.package.database'),
  fact('STEPPARENT_PACKAGE_DRY_RUN', 'stepparent.package.dry_run', boolean),
  fact('STEPPARENT_SCRIPT', 'stepparent.lifecycle_script.path'),
  fact('STEPPARENT_SCRIPT_MANAGER', 'stepparent.lifecycle_script.manager'),
  fact('STEPPARENT_SCRIPT_PACKAGE', 'stepparent.lifecycle_script.package'),
  fact('STEPPARENT_SCRIPT_PHASE', 'stepparent.lifecycle_script.phase'),
  fact('STEPPARENT_SCRIPT_DEPTH', 'stepparent.lifecycle_script.depth', number),
  fact('STEPPARENT_MAINTAINER_SCRIPT', 'stepparent.script.path'),
  fact('STEPPARENT_MAINTAINER_SCRIPT_PACKAGE', 'stepparent.script.package'),
  fact('STEPPARENT_MAINTAINER_SCRIPT_VERSION', 'stepparent.script.version'),
  fact('STEPPARENT_MAINTAINER_SCRIPT_PHASE', 'stepparent.script.phase'),
  fact('STEPPARENT_MAINTAINER_SCRIPT_STATE', 'stepparent.script.state'),
  fact('STEPPARENT_MAINTAINER_SCRIPT_SHA256', 'stepparent.script.sha256'),
  fact('STEPPARENT_MAINTAINER_SCRIPT_COPY_OF', 'stepparent.script.copy_of'),
  fact('STEPPARENT_MAINTAINER_SCRIPT_FINDINGS', 'stepparent.script.findings', json),
  fact('STEPPARENT_TRANSACTION', 'stepparent.transaction.id'),
  fact('STEPPARENT_TRANSACTION_EXECUTABLE', 'stepparent.transaction.executable'),
  fact('STEPPARENT_HUNT', 'stepparent.hunt.id'),
  fact('STEPPARENT_HUNT_ROW', 'stepparent.hunt.row', json),
  fact('STEPPARENT_UNOBSERVED', 'stepparent.unobserved', names),
];

/** The value at a dotted name; lists are not looked through. */
export function valueAt(document: object, field: string): unknown {
  let value: unknown = document;
  for (const name of field.split('.')) {
    if (!isRecord(value) || !Object.hasOwn(value, name)) return undefined;
    value = value[name];
  }
  return value;
}

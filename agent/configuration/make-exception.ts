// Makes an exception from a stored alert: its conditions, its expiry, and the text of its drop-in file.

import { userInfo } from 'node:os';
import { join } from 'node:path';
import { escapeText } from '../../collectors/event/escape-text.ts';
import { readPath } from '../../collectors/event/read-path.ts';
import { foldPath } from '../../collectors/process/folded-path.ts';
import { type Condition, type Exception, exceptionId } from '../../detectors/exceptions.ts';
import { huntRuleId } from '../../detectors/hunts/hunt.ts';
import { readHunts } from '../../detectors/hunts/load-hunts.ts';
import { readRules } from '../../detectors/rules/load-rules.ts';
import { hashFields, isProgramField } from '../../detectors/term.ts';
import type { AlertRecord } from '../../storage/records.ts';
import { localTime } from '../output/local-time.ts';
import { ConfigurationError } from './configuration-error.ts';
import { fieldNameFault, parseExceptions } from './configured-exceptions.ts';
import { parseDuration, parseTime } from './duration.ts';
import { exceptionToml } from './exception-text.ts';
import { NoException } from './no-exception.ts';
import { dropInDirectory, type ReadConfiguration } from './read-configuration.ts';

/** The options of `stepparent exception add` as the user typed them. `makeException` checks them. */
export interface ExceptionRequest {
  /** The configuration file. Default: /etc/stepparent/config.toml. */
  config?: string | undefined;
  /** Fields that must have the alert's value, in addition to its terms. */
  fields: readonly string[];
  reason?: string | undefined;
  owner?: string | undefined;
  /** A span from now, a date or time, or `never`. */
  expires: string;
  /** The file's name in conf.d. */
  file?: string | undefined;
}

/** A new exception and the drop-in file for it. Nothing is written yet: `exception add` writes the file. */
export interface MadeException extends Exception {
  /** The directory of drop-in files. */
  directory: string;
  /** The path of the file. */
  file: string;
  text: string;
}

const chars = 300;
const yearMs = 366 * 86_400_000;
/** Fields that identify one process or event; no later event has the same value. */
const transientFields = /(?:^|\.)(?:entity_id|pid|start)$|^@timestamp$|^event\.(?:id|created)$/;

/** The exception, and the file that it goes into. Throws NoException. */
export function makeException(
  alert: AlertRecord,
  read: ReadConfiguration,
  request: ExceptionRequest,
  nowMs: number,
): MadeException {
  const when = conditionsOf(alert, termFieldsOf(alert, read), request.fields);
  const { expires, expiresMs } = expiryOf(request.expires, nowMs);
  const rules = [alert.ruleId];
  const id = exceptionId(rules, when);
  const earlier = read.exceptions.find((exception) => exception.id === id);
  if (earlier !== undefined) {
    throw new NoException(`this exception already exists: ${escapeText(`${earlier.file}:${earlier.line}`, chars)}`);
  }
  const directory = dropInDirectory(request.config);
  const file = join(directory, fileName(request.file, id));
  const reason = request.reason ?? `no reason given; created from alert ${alert.id}`;
  const owner = request.owner ?? process.env.SUDO_USER ?? userInfo().username;
  const exception = { id, rules, when, reason, owner, expiresMs };
  const comment = `Created by \`stepparent exception add\` from alert ${alert.id} on ${localTime(nowMs).slice(0, 10)}.`;
  const text = exceptionToml(exception, { expires, comment });
  requireSame(text, file, id);
  return { ...exception, directory, file, text };
}

/** The fields of the rule's terms, or the identity columns of the hunt. Empty if the rule or hunt is no longer loaded. */
function termFieldsOf({ ruleId }: AlertRecord, { configuration }: ReadConfiguration): readonly string[] {
  const rule = readRules(configuration.directories.rules).rules.find(({ id }) => id === ruleId);
  if (rule !== undefined) return rule.termFields;
  const hunt = readHunts(configuration.directories.hunts).hunts.find(({ id }) => huntRuleId(id) === ruleId);
  // In a finding, a column with an ECS name is the field of that name; the others are below `stepparent.hunt.row`.
  const fieldOf = (column: string) => (column.includes('.') ? column : `stepparent.hunt.row.${column}`);
  return hunt?.identity.map(fieldOf) ?? [];
}

function conditionsOf(
  alert: AlertRecord,
  termFields: readonly string[],
  requestedFields: readonly string[],
): Condition[] {
  // The path of a script with a temporary name never occurs again; its content does.
  const terms = termFields
    .map((field) => {
      const hashField = hashFields[field];
      return hashField !== undefined && readPath(alert.document, hashField) !== undefined ? hashField : field;
    })
    .filter((field) => !transientFields.test(field));
  const fields = [...new Set([...terms, ...requestedFields])];
  if (fields.length === 0) {
    throw new NoException(
      termFields.length === 0
        ? `no term fields are known for the rule ${escapeText(alert.ruleId, chars)}; name the fields to compare with --field`
        : `${termFields.join(', ')} differs in each process; name the fields to compare with --field`,
    );
  }
  return fields.flatMap((field) => conditionsOn(field, alert));
}

/** One condition for each value: an event must have all values of a list such as process.args. */
function conditionsOn(field: string, { document }: AlertRecord): Condition[] {
  const fault = fieldNameFault(field);
  if (fault !== undefined) throw new NoException(`--field ${escapeText(field, chars)} must be ${fault}`);
  const values = [readPath(document, field) ?? []].flat().map(String);
  if (values.length === 0) {
    throw new NoException(
      `the alert has no ${escapeText(field, chars)}: a field that was not observed cannot be compared`,
    );
  }
  if (values.length > 64)
    throw new NoException(`${escapeText(field, chars)} has more than 64 values: choose another field`);
  return [...new Set(values)].map((value) => conditionOn(field, value));
}

/** A program with a random path never has the same path again. */
function conditionOn(field: string, value: string): Condition {
  const { text, isFolded } = foldPath(value);
  return isFolded && isProgramField(field)
    ? { field, operator: 'matches', values: [text] }
    : { field, operator: 'is', values: [value] };
}

/** `expires` in TOML. A date stays a date, so that the file shows it as it was given. */
function expiryOf(text: string, nowMs: number): { expires: string; expiresMs: number | undefined } {
  if (text === 'never') return { expires: text, expiresMs: undefined };
  const spanMs = parseDuration(text);
  const expiresMs = spanMs === undefined ? parseTime(text) : Math.floor((nowMs + spanMs) / 1000) * 1000;
  if (expiresMs === undefined || expiresMs <= nowMs || expiresMs > nowMs + yearMs) {
    throw new NoException('--expires must be a span such as 30d, a date or time within the next year, or "never"');
  }
  const isDate = /^\d{4}-\d\d-\d\d$/.test(text);
  return { expires: isDate ? text : new Date(expiresMs).toISOString().replace('.000Z', 'Z'), expiresMs };
}

function fileName(requested: string | undefined, id: string): string {
  const name = requested ?? `50-exception-${id}`;
  if (!/^\w[\w.-]{0,199}$/.test(name)) {
    throw new NoException('--file must be a name of letters, digits, ".", "-" and "_", without a directory');
  }
  return name.endsWith('.toml') ? name : `${name}.toml`;
}

/** Requires that the text of the file gives the exception that was shown. */
function requireSame(text: string, file: string, id: string): void {
  try {
    if (parseExceptions(text, file)[0]?.id === id) return;
  } catch (error) {
    if (!(error instanceof ConfigurationError)) throw error;
    throw new NoException(`this cannot be written as an exception: ${error.message}`);
  }
  throw new NoException('this cannot be written as an exception: TOML cannot represent a value');
}

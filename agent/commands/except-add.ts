// `stepparent except add`: makes an exception of a stored alert, shows what it would have hidden, and writes it as one drop-in file.

import { closeSync, fsyncSync, linkSync, openSync, rmSync, statSync, writeSync } from 'node:fs';
import { userInfo } from 'node:os';
import { join } from 'node:path';
import { createInterface } from 'node:readline/promises';
import { errorCode } from '../../collectors/error-message.ts';
import { escapeText } from '../../collectors/event/escape-text.ts';
import { readPath } from '../../collectors/event/read-path.ts';
import { type Condition, exceptionId } from '../../detectors/exceptions.ts';
import { huntRuleId } from '../../detectors/hunts/hunt.ts';
import { readHunts } from '../../detectors/hunts/load-hunts.ts';
import { readRules } from '../../detectors/rules/load-rules.ts';
import type { AlertRecord } from '../../storage/records.ts';
import type { StoreReader } from '../../storage/store.ts';
import { ConfigurationError } from '../configuration/configuration-error.ts';
import { parseExceptions, refuseField } from '../configuration/configured-exceptions.ts';
import { parseDuration, parseTime } from '../configuration/duration.ts';
import { exceptionToml } from '../configuration/exception-text.ts';
import { dropInDirectory, type ReadConfiguration, readConfiguration } from '../configuration/read-configuration.ts';
import { localTime } from '../output/local-time.ts';
import { shownMessage } from '../output/shown-message.ts';
import { withStoreReader } from '../query/with-store.ts';
import { describeException, describeHidden } from './except.ts';

export interface ExceptAddOptions {
  config?: string;
  /** Fields that must have the alert's value, besides its terms. */
  fields: readonly string[];
  reason?: string;
  owner?: string;
  /** A span from now, a date or time, or `never`. */
  expires: string;
  /** The file's name in conf.d. */
  file?: string;
  yes?: boolean;
  dryRun?: boolean;
}

/** Why no exception was made, in one line. */
class Refused extends Error {
  override name = 'Refused';
}

const chars = 300;
const yearMs = 366 * 86_400_000;
/** They name one process or event, which does not come again. */
const passing = /(?:^|\.)(?:entity_id|pid|start)$|^@timestamp$|^event\.(?:id|created)$/;

/** False when it was not written: refused, or the person said no. */
export async function exceptAddCommand(alertId: string, options: ExceptAddOptions): Promise<boolean> {
  const nowMs = Date.now();
  try {
    const read = readConfiguration(options.config);
    const made = withStoreReader(options.config, (store) => {
      const alert = alertOf(store, alertId);
      const exception = exceptionOf(alert, read, options, nowMs);
      const lines = [...describeException(exception), ...describeHidden(store, exception)];
      process.stdout.write(`${lines.join('\n')}\n`);
      if (alert.terms.some((term) => term?.endsWith(' (unverified)'))) {
        console.error(
          'note: the program of this alert could not be verified; what only has its path is hidden by this exception too',
        );
      }
      return exception;
    });
    if (options.dryRun) {
      process.stdout.write(`\n${made.text}`);
      return true;
    }
    requireDirectory(made.folder);
    if (!options.yes && !(await confirm(`write ${escapeText(made.file, chars)}? [y/N] `))) {
      console.error('nothing was written; --yes writes it without asking');
      return false;
    }
    writeNew(made.folder, made.file, made.text);
    console.error(
      `written: ${escapeText(made.file, chars)}; a running agent reads it when it is told to: systemctl reload stepparent`,
    );
    return true;
  } catch (error) {
    if (!(error instanceof Refused)) throw error;
    console.error(`stepparent: ${error.message}`);
    return false;
  }
}

function alertOf(store: StoreReader, idPrefix: string): AlertRecord {
  if (idPrefix.trim() === '') throw new Refused('--from must be the id of an alert, or how it begins');
  const found = store.alertsByPrefix(idPrefix.toLowerCase());
  const [alert, second] = found;
  const shown = escapeText(idPrefix, chars);
  if (alert === undefined)
    throw new Refused(`no alert ${shown}; \`stepparent alerts --json\` shows stepparent.alert.id`);
  if (second === undefined) return alert;
  const lines = found.map(
    ({ id, lastMs, document }) => `  ${id}  ${localTime(lastMs)}  ${shownMessage(document).slice(0, 120)}`,
  );
  throw new Refused([`${shown} begins the id of more than one alert:`, ...lines].join('\n'));
}

/** The exception, and the file that it goes into. */
function exceptionOf(alert: AlertRecord, read: ReadConfiguration, options: ExceptAddOptions, nowMs: number) {
  const when = conditionsOf(alert, termFieldsOf(alert, read), options.fields);
  const { expires, expiresMs } = expiryOf(options.expires, nowMs);
  const rules = [alert.ruleId];
  const id = exceptionId(rules, when);
  const earlier = read.exceptions.find((exception) => exception.id === id);
  if (earlier !== undefined) {
    throw new Refused(`this exception is there already: ${escapeText(`${earlier.file}:${earlier.line}`, chars)}`);
  }
  const directory = dropInDirectory(options.config);
  const file = join(directory, fileName(options.file, id));
  const reason = options.reason ?? `no reason given; made from alert ${alert.id}`;
  const owner = options.owner ?? process.env.SUDO_USER ?? userInfo().username;
  const exception = { id, rules, when, reason, owner, expiresMs };
  const comment = `Made by \`stepparent except add\` from alert ${alert.id} on ${localTime(nowMs).slice(0, 10)}.`;
  const text = exceptionToml(exception, { expires, comment });
  requireSame(text, file, id);
  return { ...exception, folder: directory, file, text };
}

/** Fields of a rule's terms; of a hunt's, the columns that make a row the same row. Empty when it is not loaded any more. */
function termFieldsOf({ ruleId }: AlertRecord, { configuration }: ReadConfiguration): readonly string[] {
  const rule = readRules(configuration.rules_directories).rules.find(({ id }) => id === ruleId);
  if (rule !== undefined) return rule.termFields;
  const hunt = readHunts(configuration.hunts.directories).hunts.find(({ id }) => huntRuleId(id) === ruleId);
  // A finding has the columns with names of ECS under these, the others in the row alone.
  const fieldOf = (column: string) => (column.includes('.') ? column : `stepparent.hunt.row.${column}`);
  return hunt?.identity.map(fieldOf) ?? [];
}

function conditionsOf(alert: AlertRecord, termFields: readonly string[], asked: readonly string[]): Condition[] {
  const terms = termFields.filter((field) => !passing.test(field));
  const fields = [...new Set([...terms, ...asked])];
  if (fields.length === 0) {
    throw new Refused(
      termFields.length === 0
        ? `the rule ${escapeText(alert.ruleId, chars)} has no terms here: say with --field what must be the same`
        : `${termFields.join(', ')} is another in each process: say with --field what must be the same`,
    );
  }
  return fields.flatMap((field) => conditionsOn(field, alert));
}

/** A condition for each value: who lists several, like process.args, must have them all. */
function conditionsOn(field: string, { document }: AlertRecord): Condition[] {
  const why = refuseField(field);
  if (why !== undefined) throw new Refused(`--field ${escapeText(field, chars)} must be ${why}`);
  const values = [readPath(document, field) ?? []].flat().map(String);
  if (values.length === 0) {
    throw new Refused(`the alert has no ${escapeText(field, chars)}: what was not observed cannot be compared`);
  }
  if (values.length > 64)
    throw new Refused(`${escapeText(field, chars)} has more than 64 values: choose another field`);
  return [...new Set(values)].map((value) => ({ field, operator: 'is', values: [value] }));
}

/** `expires` as TOML has it. A date stays one, to be read in the file as it was given. */
function expiryOf(text: string, nowMs: number): { expires: string; expiresMs: number | undefined } {
  if (text === 'never') return { expires: text, expiresMs: undefined };
  const spanMs = parseDuration(text);
  const expiresMs = spanMs === undefined ? parseTime(text) : Math.floor((nowMs + spanMs) / 1000) * 1000;
  if (expiresMs === undefined || expiresMs <= nowMs || expiresMs > nowMs + yearMs) {
    throw new Refused('--expires must be a span such as 30d, a date or time within the next year, or "never"');
  }
  const isDate = /^\d{4}-\d\d-\d\d$/.test(text);
  return { expires: isDate ? text : new Date(expiresMs).toISOString().replace('.000Z', 'Z'), expiresMs };
}

function fileName(asked: string | undefined, id: string): string {
  const name = asked ?? `50-exception-${id}`;
  if (!/^\w[\w.-]{0,199}$/.test(name)) {
    throw new Refused('--file must be a name of letters, digits, ".", "-" and "_", without a folder');
  }
  return name.endsWith('.toml') ? name : `${name}.toml`;
}

/** What the agent will read must be what was shown. */
function requireSame(text: string, file: string, id: string): void {
  try {
    if (parseExceptions(text, file)[0]?.id === id) return;
  } catch (error) {
    if (!(error instanceof ConfigurationError)) throw error;
    throw new Refused(`this cannot be written as an exception: ${error.message}`);
  }
  throw new Refused('this cannot be written as an exception: a value is no text that TOML can hold');
}

function requireDirectory(directory: string): void {
  if (statSync(directory, { throwIfNoEntry: false })?.isDirectory()) return;
  const shown = escapeText(directory, chars);
  throw new Refused(`there is no folder ${shown}; make it first: install -d -m 0755 ${shown}`);
}

async function confirm(question: string): Promise<boolean> {
  if (!process.stdin.isTTY) return false;
  const terminal = createInterface({ input: process.stdin, output: process.stderr });
  try {
    return /^y(es)?$/i.test((await terminal.question(question)).trim());
  } finally {
    terminal.close();
  }
}

/** Whole or not at all, and never in the place of another file: link(2) refuses where one is. The hidden name is not read. */
function writeNew(directory: string, file: string, text: string): void {
  const draft = join(directory, `.exception-${process.pid}-${Date.now()}`);
  const fd = openSync(draft, 'wx', 0o600);
  try {
    try {
      writeSync(fd, text);
      fsyncSync(fd);
    } finally {
      closeSync(fd);
    }
    linkSync(draft, file);
  } catch (error) {
    if (errorCode(error) !== 'EEXIST') throw error;
    throw new Refused(`${escapeText(file, chars)} is there already; --file gives another name`);
  } finally {
    rmSync(draft, { force: true });
  }
}

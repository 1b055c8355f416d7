// `stepparent except list` and `check`: which exceptions there are, what each has hidden, and what it would hide.

import { resolve } from 'node:path';
import { escapeText } from '../../collectors/event/escape-text.ts';
import { type Exception, exceptionFields, isInForce } from '../../detectors/exceptions.ts';
import { readHunts } from '../../detectors/hunts/load-hunts.ts';
import { readRules } from '../../detectors/rules/load-rules.ts';
import type { HiddenCount } from '../../storage/exceptions.ts';
import type { StoreReader } from '../../storage/store.ts';
import { StoreError } from '../../storage/store-error.ts';
import { type ConfiguredException, exceptionsReport, knownNames } from '../configuration/configured-exceptions.ts';
import { conditionText, expiryText } from '../configuration/exception-text.ts';
import { type ReadConfiguration, readConfiguration, readExceptions } from '../configuration/read-configuration.ts';
import { labelLines } from '../output/label-lines.ts';
import { localTime } from '../output/local-time.ts';
import { printRows } from '../output/print-rows.ts';
import { shownMessage } from '../output/shown-message.ts';
import { previewException } from '../query/preview-exception.ts';
import { withStoreReader } from '../query/with-store.ts';

interface ExceptOptions {
  config?: string;
}

const lineChars = 1000;

/** Prints the exceptions of the configuration, in its order, with what each has hidden as far as the store still has it. */
export function exceptListCommand({ config, json }: ExceptOptions & { json?: boolean }): void {
  const { configuration, exceptions } = readConfiguration(config);
  const nowMs = Date.now();
  const hidden = readHidden(config);
  warn(configuration, exceptions);
  if (json) {
    for (const exception of exceptions) {
      const count = hidden.get(exception.id);
      process.stdout.write(`${JSON.stringify(documentOf(exception, count, nowMs))}\n`);
    }
    return;
  }
  printRows(
    exceptions.map((exception) => {
      const { id, rules, when, reason, owner, file, line } = exception;
      const { count = 0, lastMs } = hidden.get(id) ?? {};
      const shown = (text: string): string => escapeText(text, lineChars);
      return {
        cells: [
          id,
          `${isInForce(exception, nowMs) ? 'until' : 'expired'} ${expiryText(exception)}`.replace(
            'until never',
            'no end',
          ),
          `×${count}`,
          lastMs === undefined ? '' : `last ${localTime(lastMs)}`,
          shown(owner),
          shown(rules.join(', ')),
          when.map(conditionText).join(' and '),
          shown(reason),
          shown(`${file}:${line}`),
        ],
      };
    }),
    'no exceptions',
  );
}

/** Prints for each exception which stored alerts it would hide. */
export function exceptCheckCommand(file: string | undefined, { config }: ExceptOptions): void {
  const read = readConfiguration(config);
  const exceptions = file === undefined ? read.exceptions : readExceptions(resolve(file));
  warn(read.configuration, exceptions);
  if (exceptions.length === 0) console.error('no exceptions');
  withStoreReader(config, (store) => {
    for (const [index, exception] of exceptions.entries()) {
      const place = `${exception.file}:${exception.line}`;
      const lines = [
        escapeText(place, lineChars),
        ...describeException(exception),
        ...describeHidden(store, exception),
      ];
      process.stdout.write(`${index > 0 ? '\n' : ''}${lines.join('\n')}\n`);
    }
  });
}

/** Says on standard error what is odd about the configuration and its exceptions. Returns how many things. */
export function exceptWarnCommand({ config }: ExceptOptions): number {
  const { configuration, exceptions, warnings } = readConfiguration(config);
  for (const warning of warnings) console.error(`stepparent: warning: ${escapeText(warning, lineChars)}`);
  return warnings.length + warn(configuration, exceptions);
}

function warn(configuration: ReadConfiguration['configuration'], exceptions: readonly ConfiguredException[]): number {
  const { rules } = readRules(configuration.rules_directories);
  const { hunts } = readHunts(configuration.hunts.directories);
  const { warnings } = exceptionsReport(exceptions, knownNames(rules, hunts), Date.now());
  for (const warning of warnings) console.error(`stepparent: warning: ${escapeText(warning, lineChars)}`);
  return warnings.length;
}

/** What it is, in lines for a person, escaped. */
export function describeException(exception: Exception): string[] {
  const { id, rules, when, reason, owner } = exception;
  const pairs: [string, string][] = [
    ['id', id],
    ['rule', escapeText(rules.join(', '), lineChars)],
    ...when.map((condition, index): [string, string] => [index === 0 ? 'when' : 'and', conditionText(condition)]),
    ['reason', escapeText(reason, lineChars)],
    ['owner', escapeText(owner, lineChars)],
    ['expires', expiryText(exception)],
  ];
  return labelLines(pairs, { width: 10 });
}

/** How many stored alerts it covers, by state, and the newest five, escaped. */
export function describeHidden(store: StoreReader, exception: Exception): string[] {
  const { of, states, matches, newest } = previewException(store, exception);
  const covered = Object.values(states).reduce((sum, count) => sum + count, 0);
  const byState = Object.entries(states).map(([state, count]) => `${count} ${state}`);
  return [
    `  would have hidden ${covered} of ${of} stored alerts of its rule${
      covered === 0 ? '' : ` (${byState.join(', ')}), ${matches} ${matches === 1 ? 'match' : 'matches'}; the newest:`
    }`,
    ...newest.map((alert) => `    ${localTime(alert.lastMs)}  ${alert.state}  ${shownMessage(alert.document)}`),
  ];
}

/** Of a host without a database yet: nothing. */
function readHidden(config: string | undefined): Map<string, HiddenCount> {
  try {
    return withStoreReader(config, (store) => store.hidden());
  } catch (error) {
    if (!(error instanceof StoreError) || error.trouble !== 'missing') throw error;
    return new Map();
  }
}

function documentOf(exception: ConfiguredException, hidden: HiddenCount | undefined, nowMs: number): unknown {
  const { rules, when, file, line } = exception;
  return {
    ...exceptionFields(exception),
    in_force: isInForce(exception, nowMs),
    rules,
    when,
    file,
    line,
    hidden: hidden?.count ?? 0,
    ...(hidden === undefined ? {} : { last: new Date(hidden.lastMs).toISOString() }),
  };
}

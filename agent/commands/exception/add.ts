// `stepparent exception add`: makes an exception of a stored alert, shows what it would have hidden, and writes it as one drop-in file.

import { closeSync, fsyncSync, linkSync, openSync, rmSync, statSync, writeSync } from 'node:fs';
import { join } from 'node:path';
import { createInterface } from 'node:readline/promises';
import { type Command, Option } from 'commander';
import { errorCode } from '../../../collectors/error-message.ts';
import { escapeText } from '../../../collectors/event/escape-text.ts';
import type { AlertRecord } from '../../../storage/records.ts';
import type { StoreReader } from '../../../storage/store.ts';
import { NoException } from '../../configuration/no-exception.ts';
import { localTime } from '../../output/local-time.ts';
import { shownMessage } from '../../output/shown-message.ts';
import { withStoreReader } from '../../query/with-store.ts';
import { action, defineCommand, type GlobalOptions } from '../define-command.ts';

interface AddOptions extends GlobalOptions {
  /** The id of the alert, or how it begins. */
  from: string;
  field?: string[];
  reason?: string;
  owner?: string;
  expires: string;
  file?: string;
  yes?: boolean;
  dryRun?: boolean;
}

export const add = (): Command =>
  defineCommand('add')
    .description('make an exception of a stored alert, as a file in conf.d')
    .requiredOption('--from <alert>', 'the id of the alert, or how it begins')
    .option('--field <name...>', 'a field that must have the same value too')
    .option('--reason <text>', 'why the alert is suppressed')
    .option('--owner <name>', 'who answers for it; else who asks')
    .option('--expires <time>', 'when it ends: 30d, a date, or never', '90d')
    .option('--file <name>', 'the name of the file in conf.d')
    .addOption(new Option('--yes', 'write it without asking').conflicts('dryRun'))
    .option('--dry-run', 'only show it')
    .action(action(addException));

const chars = 300;

/** False when it was not written: rejected, or the person said no. */
async function addException({ from, field: fields = [], ...options }: AddOptions): Promise<boolean> {
  const { makeException } = await import('../../configuration/make-exception.ts');
  const { readConfiguration } = await import('../../configuration/read-configuration.ts');
  const { describeException, describeSuppressed } = await import('../../output/exception-lines.ts');
  const nowMs = Date.now();
  try {
    const read = readConfiguration(options.config);
    const made = await withStoreReader(options.config, (store) => {
      const alert = alertOf(store, from);
      const exception = makeException(alert, read, { ...options, fields }, nowMs);
      const lines = [...describeException(exception), ...describeSuppressed(store, exception)];
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
    requireDirectory(made.directory);
    if (!options.yes && !(await confirm(`write ${escapeText(made.file, chars)}? [y/N] `))) {
      console.error('nothing was written; --yes writes it without asking');
      return false;
    }
    writeNew(made.directory, made.file, made.text);
    console.error(
      `written: ${escapeText(made.file, chars)}; a running agent reads it after: systemctl reload stepparent`,
    );
    return true;
  } catch (error) {
    if (!(error instanceof NoException)) throw error;
    console.error(`stepparent: ${error.message}`);
    return false;
  }
}

function alertOf(store: StoreReader, idPrefix: string): AlertRecord {
  if (idPrefix.trim() === '') throw new NoException('--from must be the id of an alert, or how it begins');
  const found = store.alertsByPrefix(idPrefix.toLowerCase());
  const [alert, second] = found;
  const shown = escapeText(idPrefix, chars);
  if (alert === undefined)
    throw new NoException(`no alert ${shown}; \`stepparent alerts --json\` shows stepparent.alert.id`);
  if (second === undefined) return alert;
  const lines = found.map(
    ({ id, lastMs, document }) => `  ${id}  ${localTime(lastMs)}  ${shownMessage(document).slice(0, 120)}`,
  );
  throw new NoException([`${shown} begins the id of more than one alert:`, ...lines].join('\n'));
}

function requireDirectory(directory: string): void {
  if (statSync(directory, { throwIfNoEntry: false })?.isDirectory()) return;
  const shown = escapeText(directory, chars);
  throw new NoException(`there is no directory ${shown}; make it first: install -d -m 0755 ${shown}`);
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
    throw new NoException(`${escapeText(file, chars)} is there already; --file gives another name`);
  } finally {
    rmSync(draft, { force: true });
  }
}

// `stepparent exception add`: creates an exception from a stored alert, shows which alerts it would suppress, and writes it as one
// drop-in file.

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
  /** The id of the alert, or a prefix of it. */
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
    .description('create an exception from a stored alert, as a file in conf.d')
    .requiredOption('--from <alert>', 'id of the alert, or a prefix of it')
    .option('--field <name...>', 'additional field that must have the value that it has in the alert')
    .option('--reason <text>', 'reason for suppressing the alert')
    .option('--owner <name>', 'person responsible for the exception (default: the user who runs this command)')
    .option('--expires <time>', 'end of the exception: 30d, a date, or never', '90d')
    .option('--file <name>', 'name of the file in conf.d')
    .addOption(new Option('--yes', 'write the file without asking').conflicts('dryRun'))
    .option('--dry-run', 'only show the exception and its file')
    .action(action(addException));

const chars = 300;

/** Returns false if nothing was written: the exception cannot be created, or the user declined. */
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
          'note: the program of this alert could not be verified; this exception also suppresses alerts of other programs at its path',
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
      console.error('nothing was written; --yes writes the file without asking');
      return false;
    }
    writeNew(made.directory, made.file, made.text);
    console.error(`wrote ${escapeText(made.file, chars)}; apply it with: systemctl reload stepparent`);
    return true;
  } catch (error) {
    if (!(error instanceof NoException)) throw error;
    console.error(`stepparent: ${error.message}`);
    return false;
  }
}

function alertOf(store: StoreReader, idPrefix: string): AlertRecord {
  if (idPrefix.trim() === '') throw new NoException('--from must be the id of an alert, or a prefix of it');
  const found = store.alertsByPrefix(idPrefix.toLowerCase());
  const [alert, second] = found;
  const shown = escapeText(idPrefix, chars);
  if (alert === undefined) throw new NoException(`no alert with id ${shown}; \`stepparent alerts\` shows ids`);
  if (second === undefined) return alert;
  const lines = found.map(
    ({ id, lastMs, document }) => `  ${id}  ${localTime(lastMs)}  ${shownMessage(document).slice(0, 120)}`,
  );
  throw new NoException([`more than one alert has an id that begins with ${shown}:`, ...lines].join('\n'));
}

function requireDirectory(directory: string): void {
  if (statSync(directory, { throwIfNoEntry: false })?.isDirectory()) return;
  const shown = escapeText(directory, chars);
  throw new NoException(`the directory ${shown} does not exist; create it with: install -d -m 0755 ${shown}`);
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

/** Writes the whole file or none, and never over another: link(2) fails if the name exists. The agent ignores the hidden draft. */
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
    throw new NoException(`${escapeText(file, chars)} already exists; choose another name with --file`);
  } finally {
    rmSync(draft, { force: true });
  }
}

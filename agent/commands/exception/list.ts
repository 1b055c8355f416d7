// `stepparent exception list`: lists the exceptions of the configuration and how many matches each has suppressed.

import type { Command } from 'commander';
import { escapeText } from '../../../collectors/event/escape-text.ts';
import type { SuppressedCount } from '../../../storage/exceptions.ts';
import { StoreError } from '../../../storage/store-error.ts';
import { localTime } from '../../output/local-time.ts';
import { printWarnings } from '../../output/print-check.ts';
import { printRows } from '../../output/print-rows.ts';
import { withStoreReader } from '../../query/with-store.ts';
import { action, defineCommand, type GlobalOptions, jsonOption } from '../define-command.ts';

interface ListOptions extends GlobalOptions {
  json?: boolean;
}

export const list = (): Command =>
  defineCommand('list')
    .description('list exceptions and the number of matches that each has suppressed')
    .addOption(jsonOption())
    .action(action(listExceptions));

const lineChars = 1000;

/** Prints the exceptions in the order of the configuration. The counts cover the alerts that the store still has. */
async function listExceptions({ config, json }: ListOptions): Promise<void> {
  const { exceptionFields, isInForce } = await import('../../../detectors/exceptions.ts');
  const { conditionText, expiryText } = await import('../../configuration/exception-text.ts');
  const { exceptionWarnings } = await import('../../configuration/exception-warnings.ts');
  const { readConfiguration } = await import('../../configuration/read-configuration.ts');
  const read = readConfiguration(config);
  const nowMs = Date.now();
  const suppressed = await readSuppressed(config);
  printWarnings(exceptionWarnings(read, read.exceptions));
  if (json) {
    for (const exception of read.exceptions) {
      const { id, rules, when, file, line } = exception;
      const { count = 0, lastMs } = suppressed.get(id) ?? {};
      const document = {
        ...exceptionFields(exception),
        in_force: isInForce(exception, nowMs),
        rules,
        when,
        file,
        line,
        suppressed: count,
        ...(lastMs === undefined ? {} : { last: new Date(lastMs).toISOString() }),
      };
      process.stdout.write(`${JSON.stringify(document)}\n`);
    }
    return;
  }
  const shown = (text: string): string => escapeText(text, lineChars);
  const rows = read.exceptions.map((exception) => {
    const { id, rules, when, reason, owner, file, line } = exception;
    const { count = 0, lastMs } = suppressed.get(id) ?? {};
    const expiry = `${isInForce(exception, nowMs) ? 'until' : 'expired'} ${expiryText(exception)}`;
    const cells = [
      id,
      expiry.replace('until never', 'never expires'),
      `×${count}`,
      lastMs === undefined ? '' : `last ${localTime(lastMs)}`,
      shown(owner),
      shown(rules.join(', ')),
      when.map(conditionText).join(' and '),
      shown(reason),
      shown(`${file}:${line}`),
    ];
    return { cells };
  });
  printRows(rows, 'no exceptions');
}

/** The counts by id of the exception; empty if the host has no database yet. */
async function readSuppressed(config: string | undefined): Promise<Map<string, SuppressedCount>> {
  try {
    return await withStoreReader(config, (store) => store.suppressed());
  } catch (error) {
    if (!(error instanceof StoreError) || error.trouble !== 'missing') throw error;
    return new Map();
  }
}

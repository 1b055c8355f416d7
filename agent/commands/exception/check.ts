// `stepparent exception check`: shows which stored alerts each exception would suppress.

import { resolve } from 'node:path';
import type { Command } from 'commander';
import { escapeText } from '../../../collectors/event/escape-text.ts';
import { printWarnings } from '../../output/print-check.ts';
import { withStoreReader } from '../../query/with-store.ts';
import { action, defineCommand, type GlobalOptions } from '../define-command.ts';

export const check = (): Command =>
  defineCommand('check')
    .description('show which stored alerts each exception would suppress')
    .argument('[file]', 'file with exceptions (default: all configuration files)')
    .action(action(checkExceptions));

const lineChars = 1000;

async function checkExceptions({ config }: GlobalOptions, file: string | undefined): Promise<void> {
  const { exceptionWarnings } = await import('../../configuration/exception-warnings.ts');
  const { readConfiguration, readExceptions } = await import('../../configuration/read-configuration.ts');
  const { describeException, describeSuppressed } = await import('../../output/exception-lines.ts');
  const read = readConfiguration(config);
  const exceptions = file === undefined ? read.exceptions : readExceptions(resolve(file));
  printWarnings(exceptionWarnings(read, exceptions));
  if (exceptions.length === 0) console.error('no exceptions');
  await withStoreReader(config, (store) => {
    for (const [index, exception] of exceptions.entries()) {
      const lines = [
        escapeText(`${exception.file}:${exception.line}`, lineChars),
        ...describeException(exception),
        ...describeSuppressed(store, exception),
      ];
      process.stdout.write(`${index > 0 ? '\n' : ''}${lines.join('\n')}\n`);
    }
  });
}

// `stepparent config check`: reports every error and warning in the configuration files.

import { resolve } from 'node:path';
import type { Command } from 'commander';
import { escapeText } from '../../../collectors/event/escape-text.ts';
import { action, defineCommand, type GlobalOptions } from '../define-command.ts';

export const check = (): Command =>
  defineCommand('check')
    .description('check the configuration files; exit code 78 when anything is rejected')
    .argument('[file]', 'only this file (default: all configuration files)')
    .action(action(checkFiles));

const lineChars = 1000;
const counted = (count: number, noun: string): string => `${count} ${noun}${count === 1 ? '' : 's'}`;

/** Prints the files that were read, every warning and every rejected value. Returns the exit code, 0 or 78; a warning alone gives 0. */
async function checkFiles({ config }: GlobalOptions, file: string | undefined): Promise<number> {
  const { checkConfiguration, checkConfigurationFile } = await import('../../configuration/read-configuration.ts');
  const { files, warnings, rejected } =
    file === undefined ? checkConfiguration(config) : checkConfigurationFile(resolve(file));
  const print = (line: string): boolean => process.stdout.write(`${escapeText(line, lineChars)}\n`);
  for (const file of files) print(`read: ${file}`);
  for (const warning of warnings) print(`warning: ${warning}`);
  for (const { message, position } of rejected) {
    print(`rejected: ${message}`);
    if (position) process.stdout.write(`${position.excerpt}\n`);
  }
  const isDefault = files.length === 0 && rejected.length === 0;
  const read = isDefault ? 'no configuration file, using defaults' : counted(files.length, 'file');
  console.error(`${read}, ${counted(warnings.length, 'warning')}, ${rejected.length} rejected`);
  console.error('to check rules, hunts and exceptions as well: stepparent run --check');
  return rejected.length > 0 ? 78 : 0;
}

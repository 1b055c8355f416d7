// `stepparent config check`: whether the configuration can be used.

import { resolve } from 'node:path';
import type { Command } from 'commander';
import { escapeText } from '../../../collectors/event/escape-text.ts';
import { action, defineCommand, type GlobalOptions } from '../define-command.ts';

export const check = (): Command =>
  defineCommand('check')
    .description('check the files of the configuration, or one; exit code 78 when anything is refused')
    .argument('[file]', 'this file by itself, not those of the configuration')
    .action(action(checkFiles));

const lineChars = 1000;
const counted = (count: number, noun: string): string => `${count} ${noun}${count === 1 ? '' : 's'}`;

/** Prints the files that were read, each warning and each refused value. Returns the exit code: warnings do not fail. */
async function checkFiles({ config }: GlobalOptions, file: string | undefined): Promise<number> {
  const { checkConfiguration, checkConfigurationFile } = await import('../../configuration/read-configuration.ts');
  const { files, warnings, refused } =
    file === undefined ? checkConfiguration(config) : checkConfigurationFile(resolve(file));
  const print = (line: string): boolean => process.stdout.write(`${escapeText(line, lineChars)}\n`);
  for (const file of files) print(`read: ${file}`);
  for (const warning of warnings) print(`warning: ${warning}`);
  for (const { message, position } of refused) {
    print(`refused: ${message}`);
    if (position) process.stdout.write(`${position.excerpt}\n`);
  }
  const hasNone = files.length === 0 && refused.length === 0;
  const read = hasNone ? 'no configuration file: defaults' : counted(files.length, 'file');
  console.error(`${read}, ${counted(warnings.length, 'warning')}, ${refused.length} refused`);
  console.error('rules, hunts and exceptions are checked by: stepparent run --check');
  return refused.length > 0 ? 78 : 0;
}

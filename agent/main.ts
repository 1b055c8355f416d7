#!/usr/bin/env node
// The command line of stepparent: finds the command, reports what went wrong, and decides the exit code.

import './locked-node.ts';
import { resolve } from 'node:path';
import { type Command, CommanderError } from 'commander';
import { errorCode } from '../collectors/error-message.ts';
import { StoreError } from '../storage/store-error.ts';
import { defineCommand } from './commands/define-command.ts';
import { renamedCommandHint } from './commands/renamed.ts';
import { ConfigurationError } from './configuration/configuration-error.ts';
import { version } from './version.ts';

const exitCodes = { ok: 0, failed: 1, usage: 2, noPrivilege: 4, configuration: 78 } as const;

/** Every command, in the order of the help. */
const commands: ReadonlyMap<string, () => Promise<{ command(): Command }>> = new Map([
  ['run', () => import('./commands/run.ts')],
  ['status', () => import('./commands/status.ts')],
  ['reload', () => import('./commands/reload.ts')],
  ['alerts', () => import('./commands/alerts.ts')],
  ['events', () => import('./commands/events.ts')],
  ['incidents', () => import('./commands/incidents.ts')],
  ['hunt', () => import('./commands/hunt.ts')],
  ['query', () => import('./commands/query.ts')],
  ['scripts', () => import('./commands/scripts.ts')],
  ['baseline', () => import('./commands/baseline.ts')],
  ['exception', () => import('./commands/exception.ts')],
  ['config', () => import('./commands/config.ts')],
  ['rules', () => import('./commands/rules.ts')],
]);

/** The command line with all commands; with the one that `firstWord` names only, if it names one. */
export async function program(firstWord?: string): Promise<Command> {
  const root = defineCommand('stepparent')
    .description('Detects persistence through the Linux package manager.')
    .version(version)
    .option('--config <file>', 'read this file, not /etc/stepparent/config.toml', (file) => resolve(file));
  const named = commands.get(firstWord ?? '');
  for (const load of named ? [named] : commands.values()) root.addCommand((await load()).command());
  return root;
}

/** Prints what went wrong, unless commander did. Returns the exit code. */
function explain(error: unknown): number {
  if (error instanceof CommanderError) {
    const hint = error.code === 'commander.unknownCommand' ? renamedCommandHint(process.argv.slice(2)) : undefined;
    if (hint !== undefined) console.error(`stepparent: ${hint}`);
    return error.exitCode === 0 ? exitCodes.ok : exitCodes.usage;
  }
  if (error instanceof ConfigurationError) {
    for (const { message, position } of [error, ...error.others]) {
      console.error(`stepparent: ${message}`);
      if (position) console.error(position.excerpt);
    }
    return exitCodes.configuration;
  }
  if (['EACCES', 'EPERM'].includes(errorCode(error))) {
    const advice =
      process.geteuid?.() === 0 ? 'not even root may: a security module, or the file system?' : 'run as root';
    console.error(`stepparent: ${String(error).replace(/^Error: /, '')}; ${advice}`);
    return exitCodes.noPrivilege;
  }
  // An error of a type of our own says all that there is to know; any other keeps its stack.
  const isExpected =
    error instanceof Error && !/^(Error|(Aggregate|Range|Reference|Syntax|Type)Error)$/.test(error.name);
  if (isExpected) console.error(`stepparent: ${error.message}`);
  else console.error('stepparent:', error);
  return error instanceof StoreError && error.trouble === 'privilege' ? exitCodes.noPrivilege : exitCodes.failed;
}

// Tests read the table of commands.
if (import.meta.main) {
  process.stdout.on('error', (error: NodeJS.ErrnoException) => {
    // The reader, such as `head`, has read enough.
    if (error.code !== 'EPIPE') throw error;
    process.exit(exitCodes.ok);
  });
  process.stderr.on('error', () => {});

  try {
    const [, , firstWord, ...words] = process.argv;
    if (firstWord === '__complete') {
      const { completionLines } = await import('./commands/complete.ts');
      const lines = await completionLines(await program(words.length > 1 ? words[0] : undefined), words);
      process.stdout.write(lines.map((line) => `${line}\n`).join(''));
    } else {
      await (await program(firstWord)).parseAsync();
    }
  } catch (error) {
    process.exitCode = explain(error);
  }
}

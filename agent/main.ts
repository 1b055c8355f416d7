#!/usr/bin/env node
// The command line of stepparent: runs the command, reports errors, and sets the exit code.

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
  ['metrics', () => import('./commands/metrics.ts')],
  ['reload', () => import('./commands/reload.ts')],
  ['alerts', () => import('./commands/alerts.ts')],
  ['show', () => import('./commands/show.ts')],
  ['events', () => import('./commands/events.ts')],
  ['incidents', () => import('./commands/incidents.ts')],
  ['hunt', () => import('./commands/hunt.ts')],
  ['query', () => import('./commands/query.ts')],
  ['packages', () => import('./commands/packages.ts')],
  ['scripts', () => import('./commands/scripts.ts')],
  ['baseline', () => import('./commands/baseline.ts')],
  ['exception', () => import('./commands/exception.ts')],
  ['config', () => import('./commands/config.ts')],
  ['rules', () => import('./commands/rules.ts')],
]);

/** The command line: with all commands, or with only the command that `firstWord` names, which starts faster. */
export async function program(firstWord?: string): Promise<Command> {
  const root = defineCommand('stepparent')
    .description('Detects persistence through the Linux package manager.')
    .version(version)
    .option('--config <file>', 'configuration file (default: /etc/stepparent/config.toml)', (file) => resolve(file));
  const named = commands.get(firstWord ?? '');
  for (const load of named ? [named] : commands.values()) root.addCommand((await load()).command());
  return root;
}

/** Prints the error, unless commander has printed it. Returns the exit code. */
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
      process.geteuid?.() === 0
        ? 'denied even to root: check the security module (SELinux, AppArmor) and the file system'
        : 'run as root';
    console.error(`stepparent: ${String(error).replace(/^Error: /, '')}; ${advice}`);
    return exitCodes.noPrivilege;
  }
  // The message of an error of our own types is complete. Any other error is unexpected and is printed with its stack.
  const isExpected =
    error instanceof Error && !/^(Error|(Aggregate|Range|Reference|Syntax|Type)Error)$/.test(error.name);
  if (isExpected) console.error(`stepparent: ${error.message}`);
  else console.error('stepparent:', error);
  return error instanceof StoreError && error.trouble === 'privilege' ? exitCodes.noPrivilege : exitCodes.failed;
}

// Tests import this file for `program`.
if (import.meta.main) {
  process.stdout.on('error', (error: NodeJS.ErrnoException) => {
    // The reader, such as `head`, has closed the pipe.
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

#!/usr/bin/env node
// The command line of stepparent: reads the arguments, runs one command, and alone decides the exit code.

import './locked-node.ts';
import { resolve } from 'node:path';
import { Command, CommanderError, InvalidArgumentError, Option } from 'commander';
import { type AlertState, alertStates } from '../collectors/event/event.ts';
import { StoreError } from '../storage/store-error.ts';
import { ConfigurationError } from './configuration/configuration-error.ts';
import { allowedSince, parseDuration, parseSince } from './configuration/duration.ts';
import { version } from './version.ts';

const exitCodes = { ok: 0, failed: 1, usage: 2, noPrivilege: 4, configuration: 78 } as const;

/** The command's own result: false is "found something or failed", a number an exit code of its choice, all else is well. */
let outcome: unknown;
let isAgent = false;

/** An action that hands commander's arguments on and keeps the command's result. */
const keep =
  <Args extends unknown[]>(run: (...args: Args) => Promise<unknown>) =>
  async (...args: Args): Promise<void> => {
    outcome = await run(...args);
  };

function since(text: string): number {
  const ms = parseSince(text, Date.now());
  if (ms === undefined) throw new InvalidArgumentError(`Allowed: ${allowedSince}.`);
  return ms;
}

function timeout(text: string): number {
  const ms = parseDuration(text);
  if (ms === undefined || ms > 3_600_000) throw new InvalidArgumentError('Allowed: a time up to 1h, such as "30s".');
  return ms;
}

function limit(text: string): number {
  if (!/^[1-9]\d{0,6}$/.test(text)) throw new InvalidArgumentError('Allowed: a whole number from 1.');
  return Number(text);
}

// Every command reads its own options and the global ones; commander types neither.
interface Options {
  config?: string;
  check?: boolean;
  strict?: boolean;
  json?: boolean;
  since?: number;
  limit: number;
  timeout: number;
  all?: boolean;
  raw?: boolean;
  journal?: string;
  rule?: string;
  state?: AlertState;
  container?: string;
  from?: string;
  field?: string[];
  reason?: string;
  owner?: string;
  expires?: string;
  file?: string;
  yes?: boolean;
  dryRun?: boolean;
}
const optionsOf = (command: Command): Options => command.optsWithGlobals();

const json = () => new Option('--json', 'print one JSON document a line');
const sinceOption = () =>
  new Option('--since <time>', 'only what happened since then: 10m, 7d, or a date').argParser(since);
const limitOption = () => new Option('--limit <n>', 'the newest so many').argParser(limit).default(100);
const timeoutOption = () =>
  new Option('--timeout <time>', 'end it after that').argParser(timeout).default(10_000, '10s');
const strict = () => new Option('--strict', 'exit code 1 for a warning too');
const container = () => new Option('--container <id>', "a container's baseline, not the host's");

/** All commands with their options and arguments, each bound to what it does. */
export function program(): Command {
  const root = new Command('stepparent')
    .description('Detects persistence through the Linux package manager.')
    .version(version)
    .option('--config <file>', 'read this file, not /etc/stepparent/config.toml', (file) => resolve(file))
    .configureHelp({ showGlobalOptions: true })
    .exitOverride();

  root
    .command('run')
    .description('run the agent in the foreground')
    .option('--check', 'only check configuration, rules, hunts and exceptions')
    .addOption(strict())
    .action(
      keep(async (_: unknown, command: Command) => {
        isAgent = true;
        const { runCommand } = await import('./commands/run.ts');
        return runCommand(optionsOf(command));
      }),
    );

  root
    .command('status')
    .description('show what the agent sees, holds and has lost; exit code 1 when none runs')
    .addOption(json())
    .action(
      keep(async (_: unknown, command: Command) => {
        const { statusCommand } = await import('./commands/status.ts');
        return statusCommand(optionsOf(command));
      }),
    );

  root
    .command('reload')
    .description(
      'have the agent read configuration, rules, hunts and exceptions again; exit code 1 when it refuses any',
    )
    .action(
      keep(async (_: unknown, command: Command) => {
        const { reloadCommand } = await import('./commands/reload.ts');
        return reloadCommand(optionsOf(command));
      }),
    );

  root
    .command('alerts')
    .description('list alerts, newest last')
    .addOption(sinceOption())
    .option('--rule <id>', 'of one rule')
    .addOption(new Option('--state <state>', 'in one state; without it, all but excepted').choices(alertStates))
    .addOption(limitOption())
    .addOption(json())
    .action(
      keep(async (_: unknown, command: Command) => {
        const { alertsCommand } = await import('./commands/alerts.ts');
        const { since: sinceMs, ...options } = optionsOf(command);
        return alertsCommand({ ...options, sinceMs });
      }),
    );

  root
    .command('events')
    .description('list stored events, newest last')
    .addOption(sinceOption())
    .addOption(limitOption())
    .addOption(json())
    .action(
      keep(async (_: unknown, command: Command) => {
        const { eventsCommand } = await import('./commands/events.ts');
        const { since: sinceMs, ...options } = optionsOf(command);
        return eventsCommand({ ...options, sinceMs });
      }),
    );

  root
    .command('incidents')
    .description('tell package transactions that raised an alert whole, newest last')
    .argument('[id]', 'one: its stepparent.transaction.id')
    .addOption(new Option('--since <time>', 'with an alert since then: 10m, 7d, or a date').argParser(since))
    .option('--all', 'also those whose alerts were raised while learning')
    .addOption(new Option('--limit <n>', 'the newest so many').argParser(limit).default(20))
    .addOption(json())
    .action(
      keep(async (id: string | undefined, _: unknown, command: Command) => {
        const { incidentsCommand } = await import('./commands/incidents.ts');
        const { since: sinceMs, ...options } = optionsOf(command);
        return incidentsCommand(id, { ...options, sinceMs });
      }),
    );

  root
    .command('hunt')
    .description('list the hunts, or show what one finds, or each')
    .argument('[name]', 'one hunt; without it they are listed')
    .option('--all', 'every hunt, one after the other')
    .addOption(new Option('--since <time>', "instead of the hunt's own window: 10m, 7d, or a date").argParser(since))
    .addOption(new Option('--limit <n>', "instead of the hunt's own number of rows").argParser(limit))
    .addOption(timeoutOption())
    .option('--journal <folder>', 'the alerts of many hosts, in journals that were gathered here', (directory) =>
      resolve(directory),
    )
    .addOption(json())
    .action(
      keep(async (name: string | undefined, _: unknown, command: Command) => {
        const { huntCommand } = await import('./commands/hunt.ts');
        const { since: sinceMs, timeout: timeoutMs, ...options } = optionsOf(command);
        return huntCommand(name, { ...options, sinceMs, timeoutMs });
      }),
    );

  root
    .command('query')
    .description('ask in SQL: events, alerts, and tables of the host; nothing can be written')
    .argument('<sql>', 'one statement: SELECT, WITH, VALUES or EXPLAIN')
    .addOption(new Option('--since <time>', 'what :since stands for in it').argParser(since))
    .addOption(new Option('--limit <n>', 'rows').argParser(limit).default(10_000))
    .addOption(timeoutOption())
    .addOption(json())
    .action(
      keep(async (sql: string, _: unknown, command: Command) => {
        const { queryCommand } = await import('./commands/query.ts');
        const { since: sinceMs, timeout: timeoutMs, ...options } = optionsOf(command);
        return queryCommand(sql, { ...options, sinceMs, timeoutMs });
      }),
    );

  const scripts = root.command('scripts').description("list packages' scripts that were kept, or show one");
  scripts
    .command('list', { isDefault: true })
    .description('list the scripts that came, changed or ran, and those that were there')
    .argument('[package]', 'of one package')
    .addOption(json())
    .action(
      keep(async (name: string | undefined, _: unknown, command: Command) => {
        const { scriptsListCommand } = await import('./commands/scripts.ts');
        return scriptsListCommand(name, optionsOf(command));
      }),
    );
  scripts
    .command('show')
    .description('print the content of one, also when its file is gone')
    .argument('<sha256>', 'its hash, or how that begins')
    .option('--raw', 'as it is, byte for byte')
    .addOption(json())
    .action(
      keep(async (sha256: string, _: unknown, command: Command) => {
        const { scriptsShowCommand } = await import('./commands/scripts.ts');
        return scriptsShowCommand(sha256, optionsOf(command));
      }),
    );

  const baseline = root.command('baseline').description('show and edit what counts as seen');
  baseline
    .command('list')
    .description('list the known terms')
    .option('--rule <id>', 'of one rule')
    .addOption(container())
    .addOption(json())
    .action(
      keep(async (_: unknown, command: Command) => {
        const { baselineListCommand } = await import('./commands/baseline.ts');
        return baselineListCommand(optionsOf(command));
      }),
    );
  baseline
    .command('forget')
    .description('make a term one that was never seen')
    .argument('<rule>')
    .argument('<term...>', "one for each of the rule's fields")
    .addOption(container())
    .action(
      keep(async (rule: string, terms: string[], _: unknown, command: Command) => {
        const { baselineForgetCommand } = await import('./commands/baseline.ts');
        return baselineForgetCommand(rule, terms, optionsOf(command));
      }),
    );
  baseline
    .command('trust')
    .description('make a term one that counts as seen for ever')
    .argument('<rule>')
    .argument('<term...>', "one for each of the rule's fields")
    .addOption(container())
    .action(
      keep(async (rule: string, terms: string[], _: unknown, command: Command) => {
        const { baselineTrustCommand } = await import('./commands/baseline.ts');
        return baselineTrustCommand(rule, terms, optionsOf(command));
      }),
    );

  const except = root.command('except').description('show, add and try exceptions: what rules need not tell of');
  except
    .command('list')
    .description('list the exceptions, with what each has hidden')
    .addOption(json())
    .action(
      keep(async (_: unknown, command: Command) => {
        const { exceptListCommand } = await import('./commands/except.ts');
        return exceptListCommand(optionsOf(command));
      }),
    );
  except
    .command('add')
    .description('make an exception of a stored alert, as a file in conf.d')
    .requiredOption('--from <alert>', 'the id of the alert, or how it begins')
    .option('--field <name...>', 'a field that must have the same value too')
    .option('--reason <text>', 'why the alert is not to be told')
    .option('--owner <name>', 'who answers for it; else who asks')
    .option('--expires <time>', 'when it ends: 30d, a date, or never', '90d')
    .option('--file <name>', 'the name of the file in conf.d')
    .addOption(new Option('--yes', 'write it without asking').conflicts('dryRun'))
    .option('--dry-run', 'only show it')
    .action(
      keep(async (_: unknown, command: Command) => {
        const { exceptAddCommand } = await import('./commands/except-add.ts');
        const { from = '', expires = '', field: fields = [], ...options } = optionsOf(command);
        return exceptAddCommand(from, { ...options, expires, fields });
      }),
    );
  except
    .command('check')
    .description('show which stored alerts each exception would hide')
    .argument('[file]', 'the exceptions of this file, not those of the configuration')
    .action(
      keep(async (file: string | undefined, _: unknown, command: Command) => {
        const { exceptCheckCommand } = await import('./commands/except.ts');
        return exceptCheckCommand(file, optionsOf(command));
      }),
    );

  const config = root.command('config').description('check and show the configuration');
  config
    .command('check')
    .description('check the files of the configuration, or one; exit code 78 when anything is refused')
    .argument('[file]', 'this file by itself, not those of the configuration')
    .action(
      keep(async (file: string | undefined, _: unknown, command: Command) => {
        const { configCheckCommand } = await import('./commands/config.ts');
        return configCheckCommand(file, optionsOf(command));
      }),
    );
  config
    .command('show')
    .description('show what holds, each value with where it came from')
    .addOption(json())
    .action(
      keep(async (_: unknown, command: Command) => {
        const { configShowCommand } = await import('./commands/config.ts');
        return configShowCommand(optionsOf(command));
      }),
    );

  const rules = root.command('rules').description('show and check rules');
  rules
    .command('list')
    .description('list the rules that the agent loads')
    .addOption(json())
    .action(
      keep(async (_: unknown, command: Command) => {
        const { rulesListCommand } = await import('./commands/rules.ts');
        return rulesListCommand(optionsOf(command));
      }),
    );
  rules
    .command('show')
    .description('show one rule whole')
    .argument('<id>')
    .action(
      keep(async (id: string, _: unknown, command: Command) => {
        const { rulesShowCommand } = await import('./commands/rules.ts');
        return rulesShowCommand(id, optionsOf(command));
      }),
    );
  rules
    .command('check')
    .description('check the rules that the agent loads, or files beside them; exit code 1 when any is refused')
    .argument('[file...]', 'files or folders')
    .addOption(strict())
    .action(
      keep(async (files: string[], _: unknown, command: Command) => {
        const { rulesCheckCommand } = await import('./commands/rules.ts');
        return rulesCheckCommand(files, optionsOf(command));
      }),
    );
  return root;
}

function exitCodeOf(result: unknown): number {
  if (typeof result === 'number') return result;
  return result === false ? exitCodes.failed : exitCodes.ok;
}

/** Says what went wrong, unless commander did. Returns the code to end with. */
function explain(error: unknown): number {
  if (error instanceof CommanderError) return error.exitCode === 0 ? exitCodes.ok : exitCodes.usage;
  if (error instanceof ConfigurationError) {
    for (const { message, place } of [error, ...error.others]) {
      console.error(`stepparent: ${message}`);
      if (place) console.error(place.excerpt);
    }
    return exitCodes.configuration;
  }
  const errno = error instanceof Error && 'code' in error ? error.code : undefined;
  if (errno === 'EACCES' || errno === 'EPERM') {
    const advice =
      process.geteuid?.() === 0 ? 'not even root may: a security module, or the file system?' : 'run as root';
    console.error(`stepparent: ${String(error).replace(/^Error: /, '')}; ${advice}`);
    return exitCodes.noPrivilege;
  }
  // An error of a type of our own says all that there is to know; any other keeps its stack.
  const isOurs = error instanceof Error && !/^(Error|(Aggregate|Range|Reference|Syntax|Type)Error)$/.test(error.name);
  if (isOurs) console.error(`stepparent: ${error.message}`);
  else console.error('stepparent:', error);
  return error instanceof StoreError && error.trouble === 'privilege' ? exitCodes.noPrivilege : exitCodes.failed;
}

// Tests read the table of commands.
if (import.meta.main) {
  process.stdout.on('error', (error: NodeJS.ErrnoException) => {
    // The agent goes on without its output; of alerts that are written there the sink says that they wait.
    if (isAgent) return;
    // Who piped us into `head` has read enough.
    if (error.code !== 'EPIPE') throw error;
    process.exit(exitCodes.ok);
  });
  process.stderr.on('error', () => {});

  try {
    await program().parseAsync();
    process.exitCode = exitCodeOf(outcome);
  } catch (error) {
    process.exitCode = explain(error);
  }
}

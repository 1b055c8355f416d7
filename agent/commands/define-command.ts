// Defines commands: settings common to all, exit codes of actions, and the options that several commands share.

import { resolve } from 'node:path';
import { Command, InvalidArgumentError, Option } from 'commander';
import type { Scope } from '../../collectors/event/scope.ts';
import { allowedSince, parseDuration, parseSince } from '../configuration/duration.ts';

/** Options of the program, which every action receives with those of its command. */
export interface GlobalOptions {
  /** The configuration file. Default: /etc/stepparent/config.toml. */
  config?: string;
}

/**
 * Creates a command whose help lists the program's options too. commander throws a CommanderError where it would exit.
 */
export const defineCommand = (name: string): Command =>
  new Command(name).configureHelp({ showGlobalOptions: true }).exitOverride();

/**
 * Makes an action for commander from a function of the options and the arguments. The function's result becomes the exit code: a number
 * as it is, false as 1, anything else as 0. Each function imports its modules when it runs, so that `--help` stays fast.
 */
export const action =
  <Options extends GlobalOptions, Args extends unknown[]>(run: (options: Options, ...args: Args) => unknown) =>
  async (...args: unknown[]): Promise<void> => {
    const command = args.at(-1) as Command;
    // Commander types neither: each command declares the types of its options in an interface of its own.
    const result = await run(command.optsWithGlobals() as Options, ...(command.processedArgs as Args));
    process.exitCode = typeof result === 'number' ? result : Number(result === false);
  };

function parseSinceOption(text: string): number {
  const ms = parseSince(text, Date.now());
  if (ms === undefined) throw new InvalidArgumentError(`Allowed: ${allowedSince}.`);
  return ms;
}

function parseTimeout(text: string): number {
  const ms = parseDuration(text);
  if (ms === undefined || ms > 3_600_000) throw new InvalidArgumentError('Allowed: a time up to 1h, such as "30s".');
  return ms;
}

function parseLimit(text: string): number {
  if (!/^[1-9]\d{0,6}$/.test(text)) throw new InvalidArgumentError('Allowed: a whole number from 1.');
  return Number(text);
}

/** `--since`; its value is in milliseconds since 1970. */
export const sinceOption = (description = 'start of the time range: 10m, 7d, or a date'): Option =>
  new Option('--since <time>', description).argParser(parseSinceOption);

/** `--limit`; its value is a whole number from 1 to 9,999,999. It has no default here. */
export const limitOption = (description = 'number of newest entries to list'): Option =>
  new Option('--limit <n>', description).argParser(parseLimit);

/** `--timeout`; its value is in milliseconds. */
export const timeoutOption = (): Option =>
  new Option('--timeout <time>', 'time limit of a query').argParser(parseTimeout).default(10_000, '10s');

/** `--events`; its value is an absolute path. */
export const eventsOption = (): Option =>
  new Option(
    '--events <directory>',
    'directory with NDJSON files of many hosts, to query instead of the database',
  ).argParser((directory) => resolve(directory));

/** `--journal`; its value is an absolute path. */
export const journalOption = (): Option =>
  new Option('--journal <directory>', 'directory with journals of many hosts, to query instead of the database')
    .argParser((directory) => resolve(directory))
    .conflicts('events');

/** `--json`; its value is true, or undefined if it is not given. */
export const jsonOption = (): Option => new Option('--json', 'JSON output, one document per line');

/** `--strict`; its value is true, or undefined if it is not given. */
export const strictOption = (): Option => new Option('--strict', 'exit code 1 for warnings too');

/** `--place`; its value is the baseline that it names. The description says what its absence means. */
export const placeOption = (
  description = 'baseline of the host, of chroots or of containers (default: host)',
): Option => new Option('--place <place>', description).choices(['host', 'chroot', 'container']);

/** The value of `--place`. */
export type PlaceName = 'host' | 'chroot' | 'container';

/** The baseline of a place. */
export const scopeNamed = (place: PlaceName): Scope => (place === 'host' ? '' : place);

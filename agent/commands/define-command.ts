// Defines commands: the settings of each, the exit code of its action, and the options that several commands share.

import { Command, InvalidArgumentError, Option } from 'commander';
import { allowedSince, parseDuration, parseSince } from '../configuration/duration.ts';

/** Options of the program, which every action receives with those of its command. */
export interface GlobalOptions {
  /** The configuration file, if not the default one. */
  config?: string;
}

export const defineCommand = (name: string): Command =>
  new Command(name).configureHelp({ showGlobalOptions: true }).exitOverride();

/**
 * Makes an action for commander of a function of the options and the arguments. Its result becomes the exit code: a number is one,
 * false is 1, and anything else 0. It imports what it needs when it runs, so that a command's definition costs little.
 */
export const action =
  <Options extends GlobalOptions, Args extends unknown[]>(run: (options: Options, ...args: Args) => unknown) =>
  async (...args: unknown[]): Promise<void> => {
    const command = args.at(-1) as Command;
    // Commander types neither: each command says in its own interface what its options give.
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

/** Gives milliseconds since 1970. */
export const sinceOption = (description = 'only what happened since then: 10m, 7d, or a date'): Option =>
  new Option('--since <time>', description).argParser(parseSinceOption);

export const limitOption = (description = 'maximum number of entries, the newest'): Option =>
  new Option('--limit <n>', description).argParser(parseLimit);

/** Gives milliseconds. */
export const timeoutOption = (): Option =>
  new Option('--timeout <time>', 'end it after that').argParser(parseTimeout).default(10_000, '10s');

export const jsonOption = (): Option => new Option('--json', 'print one JSON document a line');

export const strictOption = (): Option => new Option('--strict', 'exit code 1 for a warning too');

export const containerOption = (): Option => new Option('--container <id>', "a container's baseline, not the host's");

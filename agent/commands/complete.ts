// `stepparent __complete WORD...`: prints the words that a shell offers at the cursor. Hidden from the help: the scripts in
// packaging/completions call it.

import type { Argument, Command, Option } from 'commander';
import { escapeText } from '../../collectors/event/escape-text.ts';

interface Candidate {
  word: string;
  description: string;
}

/** The candidates at the cursor: words, or a path, which the shell completes itself. */
type Answer = Candidate[] | ':file' | ':directory';

/**
 * The words that can replace the last of `words` and begin with it, each followed by a tab and a description. Where a path belongs,
 * the only line is ":file" or ":directory". `words` are the words between the program's name and the cursor, as typed.
 * Throws what reading the configuration throws.
 */
export async function completionLines(root: Command, words: readonly string[]): Promise<string[]> {
  const last = words.at(-1) ?? '';
  const position = findPosition(root, words.slice(0, -1));
  const [flag = '', inlineValue] = last.startsWith('--') ? last.split(/=(.*)/s) : [];
  const inlineOption = inlineValue === undefined ? undefined : findOption(position, flag);
  const answer = await answerTo(inlineOption ? { ...position, option: inlineOption } : position, last);
  // Bash passes each "=" as a word.
  const start = inlineValue ?? (last === '=' ? '' : last);
  if (typeof answer === 'string') return [answer];
  return answer
    .filter(({ word }) => word.startsWith(start) && /^[\w.-]+$/.test(word))
    .map(({ word, description }) => `${word}\t${escapeText(description, 200)}`);
}

/** The position of the cursor, after the words before it. */
interface Position {
  /** Undefined after a word that is not a command. */
  command: Command | undefined;
  /** Number of the command's arguments so far. */
  argumentCount: number;
  /** The option whose value comes next. */
  option: Option | undefined;
  /** The value of `--config`. */
  config: string | undefined;
}

function findPosition(root: Command, words: readonly string[]): Position {
  const position: Position = { command: root, argumentCount: 0, option: undefined, config: undefined };
  for (const word of words) {
    if (position.option && !(position.option.variadic && word.startsWith('-'))) {
      if (word === '=') continue;
      if (position.option.long === '--config') position.config = word;
      if (!position.option.variadic) position.option = undefined;
    } else if (word.startsWith('-')) {
      const option = findOption(position, word);
      position.option = option?.required ? option : undefined;
    } else {
      enter(position, word);
    }
  }
  return position;
}

/** Counts a word as a subcommand or as an argument; an argument without a subcommand belongs to the default subcommand. */
function enter(position: Position, word: string): void {
  const { command } = position;
  if (command === undefined) return;
  const named = command.commands.find((each) => each.name() === word);
  if (named) position.command = named;
  else if (command.commands.length === 0) position.argumentCount++;
  else {
    position.command = defaultCommand(command);
    position.argumentCount = 1;
  }
}

/** The subcommand that may be omitted. Commander has no public property for its name. */
export function defaultCommand(command: Command): Command | undefined {
  const { _defaultCommandName: name } = command as unknown as { _defaultCommandName: string | null };
  return command.commands.find((each) => each.name() === name);
}

/** The options of the command, of its default subcommand, and of the program. */
function optionsOf(command: Command): Option[] {
  const root = command.parent?.parent ?? command.parent ?? command;
  const global = root === command ? [] : root.options.filter(({ long }) => long !== '--version');
  return [...command.options, ...(defaultCommand(command)?.options ?? []), ...global];
}

const findOption = ({ command }: Position, flag: string): Option | undefined =>
  command && optionsOf(command).find(({ long }) => long === flag);

async function answerTo({ command, argumentCount, option, config }: Position, last: string): Promise<Answer> {
  if (command === undefined) return [];
  if (option && !(option.variadic && last.startsWith('-'))) {
    const name = /<(\w+)/.exec(option.flags)?.[1] ?? '';
    return valuesOf(command, { key: option.long ?? '', name, choices: option.argChoices }, config);
  }
  if (last.startsWith('-')) {
    const options = optionsOf(command).map(({ long, description }) => ({ word: long ?? '', description }));
    return [...options, { word: '--help', description: 'display help for command' }];
  }
  if (command.commands.length > 0) {
    return command.commands.map((each) => ({ word: each.name(), description: each.description() }));
  }
  const argument = argumentAt(command, argumentCount);
  if (argument === undefined) return [];
  const name = argument.name();
  return valuesOf(command, { key: name, name, choices: argument.argChoices }, config);
}

function argumentAt({ registeredArguments: all }: Command, index: number): Argument | undefined {
  const last = all.at(-1);
  return all[index] ?? (last?.variadic ? last : undefined);
}

/** The options and arguments whose values are ids of rules or hunts, as `COMMAND --option` or `COMMAND argument`. */
export const namedValues: Readonly<Record<string, 'rules' | 'hunts'>> = {
  'alerts --rule': 'rules',
  'baseline list --rule': 'rules',
  'baseline remove rule': 'rules',
  'baseline allow rule': 'rules',
  'rules show id': 'rules',
  'hunt name': 'hunts',
};

interface Value {
  /** The last word of its key in `namedValues`: `--rule`, `id`. */
  key: string;
  /** The name of the value in the help: `file` in `--config <file>`. */
  name: string;
  choices: readonly string[] | undefined;
}

async function valuesOf(command: Command, { key, name, choices }: Value, config: string | undefined): Promise<Answer> {
  if (choices) return choices.map((word) => ({ word, description: '' }));
  if (name === 'file') return ':file';
  if (name === 'directory') return ':directory';
  const kind = namedValues[`${pathOf(command)} ${key}`];
  return kind === undefined ? [] : readNames(kind, config);
}

const pathOf = (command: Command): string =>
  command.parent?.parent ? `${pathOf(command.parent)} ${command.name()}` : command.name();

async function readNames(kind: 'rules' | 'hunts', config: string | undefined): Promise<Candidate[]> {
  const { readConfiguration } = await import('../configuration/read-configuration.ts');
  const { configuration } = readConfiguration(config);
  const { readRules } = await import('../../detectors/rules/load-rules.ts');
  const { readHunts } = await import('../../detectors/hunts/load-hunts.ts');
  const named =
    kind === 'rules'
      ? readRules(configuration.directories.rules).rules
      : readHunts(configuration.directories.hunts).hunts;
  return named.map(({ id, name }) => ({ word: id, description: name }));
}

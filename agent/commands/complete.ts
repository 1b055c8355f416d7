// `stepparent __complete WORD...`: what a shell offers at the cursor. Not in the help: the scripts in packaging/completions call it.

import type { Argument, Command, Option } from 'commander';
import { escapeText } from '../../collectors/event/escape-text.ts';

interface Candidate {
  word: string;
  description: string;
}

/** What can stand at the cursor: one of these words, or a path, which the shell completes by itself. */
type Answer = Candidate[] | ':file' | ':directory';

/**
 * The words that can stand where the last of `words` does and begin like it, each with a tab and a description; where a path belongs,
 * only ":file" or ":directory". `words` are those between the program's name and the cursor, as they are typed.
 * Throws what reading the configuration throws.
 */
export async function completionLines(root: Command, words: readonly string[]): Promise<string[]> {
  const last = words.at(-1) ?? '';
  const position = findPosition(root, words.slice(0, -1));
  const [flag = '', inlineValue] = last.startsWith('--') ? last.split(/=(.*)/s) : [];
  const inlineOption = inlineValue === undefined ? undefined : findOption(position, flag);
  const answer = await answerTo(inlineOption ? { ...position, option: inlineOption } : position, last);
  // Bash has each "=" as a word.
  const start = inlineValue ?? (last === '=' ? '' : last);
  if (typeof answer === 'string') return [answer];
  return answer
    .filter(({ word }) => word.startsWith(start) && /^[\w.-]+$/.test(word))
    .map(({ word, description }) => `${word}\t${escapeText(description, 200)}`);
}

/** Where the cursor is, after the words before it. */
interface Position {
  /** Undefined after a word that names no command. */
  command: Command | undefined;
  /** The command's arguments so far. */
  argumentCount: number;
  /** The option whose value comes next. */
  option: Option | undefined;
  /** The file of `--config`. */
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

/** Takes a word for a command, or for an argument of the command that needs not be named. */
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

/** Commander keeps its name to itself. */
export function defaultCommand(command: Command): Command | undefined {
  const { _defaultCommandName: name } = command as unknown as { _defaultCommandName: string | null };
  return command.commands.find((each) => each.name() === name);
}

/** Of the command, of the one that need not be named, and of the program. */
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

/** Options and arguments whose values are names of rules or hunts, by command and name. */
export const namedValues: Readonly<Record<string, 'rules' | 'hunts'>> = {
  'alerts --rule': 'rules',
  'baseline list --rule': 'rules',
  'baseline remove rule': 'rules',
  'baseline allow rule': 'rules',
  'rules show id': 'rules',
  'hunt name': 'hunts',
};

interface Value {
  /** What `namedValues` calls it. */
  key: string;
  /** What the help calls it. */
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

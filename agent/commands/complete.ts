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
    .filter(({ word }) => word.startsWith(start) && /^[\w./+-]+$/.test(word))
    .map(({ word, description }) => `${word}\t${escapeText(description, 200)}`);
}

/** The position of the cursor, after the words before it. */
interface Position {
  /** Undefined after a word that is not a command. */
  command: Command | undefined;
  /** The command's arguments so far. */
  args: string[];
  /** The option whose value comes next. */
  option: Option | undefined;
  /** The value of `--config`. */
  config: string | undefined;
}

function findPosition(root: Command, words: readonly string[]): Position {
  const position: Position = { command: root, args: [], option: undefined, config: undefined };
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
  else if (command.commands.length === 0) position.args.push(word);
  else {
    position.command = defaultCommand(command);
    position.args = [word];
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

async function answerTo({ command, args, option, config }: Position, last: string): Promise<Answer> {
  if (command === undefined) return [];
  if (option && !(option.variadic && last.startsWith('-'))) {
    const name = /<(\w+)/.exec(option.flags)?.[1] ?? '';
    const owner = command.options.includes(option) ? command : (defaultCommand(command) ?? command);
    return valuesOf(owner, { key: option.long ?? '', name, choices: option.argChoices, args }, config);
  }
  if (last.startsWith('-')) {
    const options = optionsOf(command).map(({ long, description }) => ({ word: long ?? '', description }));
    return [...options, { word: '--help', description: 'display help for command' }];
  }
  if (command.commands.length > 0) {
    return command.commands.map((each) => ({ word: each.name(), description: each.description() }));
  }
  const argument = argumentAt(command, args.length);
  if (argument === undefined) return [];
  const name = argument.name();
  return valuesOf(command, { key: name, name, choices: argument.argChoices, args }, config);
}

function argumentAt({ registeredArguments: all }: Command, index: number): Argument | undefined {
  const last = all.at(-1);
  return all[index] ?? (last?.variadic ? last : undefined);
}

/** What a value names. Rules and hunts are read from their files, the others from the database. */
type NamedKind = 'rules' | 'hunts' | 'alerts' | 'packages' | 'scripts' | 'terms';

/** The options and arguments whose values are names of something, as `COMMAND --option` or `COMMAND argument`. */
export const namedValues: Readonly<Record<string, NamedKind>> = {
  'show id': 'alerts',
  'alerts ack id': 'alerts',
  'alerts close id': 'alerts',
  'alerts reopen id': 'alerts',
  'exception add --from': 'alerts',
  'packages --match': 'packages',
  'scripts list package': 'scripts',
  'scripts diff package': 'scripts',
  'baseline remove term': 'terms',
  'baseline allow term': 'terms',
  'alerts list --rule': 'rules',
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
  /** The arguments before it. */
  args: readonly string[];
}

async function valuesOf(
  command: Command,
  { key, name, choices, args }: Value,
  config: string | undefined,
): Promise<Answer> {
  if (choices) return choices.map((word) => ({ word, description: '' }));
  if (name === 'file') return ':file';
  if (name === 'directory') return ':directory';
  const kind = namedValues[`${pathOf(command)} ${key}`];
  if (kind === undefined) return [];
  return kind === 'rules' || kind === 'hunts' ? readNames(kind, config) : readStored(kind, args, config);
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

/** The newest alerts that are offered. */
const maxAlerts = 50;

/** Names in the database; none if it cannot be read, as by a user other than root. */
async function readStored(
  kind: Exclude<NamedKind, 'rules' | 'hunts'>,
  [rule]: readonly string[],
  config: string | undefined,
): Promise<Candidate[]> {
  const { withStoreReader } = await import('../query/with-store.ts');
  const { alertLine } = await import('../output/story-lines.ts');
  const { idChars } = await import('../output/alert-table.ts');
  const named = (words: Iterable<string>): Candidate[] =>
    [...new Set(words)].map((word) => ({ word, description: '' }));
  const { StoreError } = await import('../../storage/store-error.ts');
  try {
    return await withStoreReader(config, (store) => {
      switch (kind) {
        case 'alerts':
          return [...store.listAlerts({ limit: maxAlerts })].reverse().map((alert) => ({
            word: alert.id.slice(0, idChars),
            description: alertLine(alert).slice(idChars).trim(),
          }));
        case 'packages':
          return named([...store.installedPackages('dpkg'), ...store.installedPackages('rpm')].map(({ name }) => name));
        case 'scripts':
          return named(store.listScripts().map((script) => script.package));
        case 'terms':
          return named(
            [...store.listTerms({ ruleId: rule })].flatMap(({ terms }) => terms.filter((term) => term !== null)),
          );
      }
    });
  } catch (error) {
    if (error instanceof StoreError) return [];
    throw error;
  }
}

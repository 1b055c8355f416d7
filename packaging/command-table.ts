// The command line as a table: what man pages are made of.

import type { Command, Option } from 'commander';
import { defaultCommand } from '../agent/commands/complete.ts';
import { program } from '../agent/main.ts';

interface Value {
  /** `file`, `time`: what the help calls it. */
  name: string;
  isVariadic: boolean;
  /** The only values that are taken; empty: any. */
  choices: readonly string[];
}

interface OptionRow {
  /** `--since` */
  flag: string;
  short: string | undefined;
  description: string;
  /** Undefined: it takes none. */
  value: Value | undefined;
  isRequired: boolean;
  default: string | undefined;
}

interface ArgumentRow extends Value {
  description: string;
  isRequired: boolean;
}

/** A command that does something, or one that only has commands of its own. */
export interface CommandRow {
  /** `['baseline', 'remove']`; empty for the program itself. */
  path: readonly string[];
  description: string;
  arguments: readonly ArgumentRow[];
  options: readonly OptionRow[];
  /** The names of the commands below it. */
  commands: readonly string[];
  /** The one of them that is meant when none is named. */
  defaultCommand: string | undefined;
}

function rowsOf(command: Command, path: readonly string[]): CommandRow[] {
  return [
    {
      path,
      description: command.description(),
      arguments: command.registeredArguments.map((argument) => ({
        ...valueRow(argument.name(), argument.variadic, argument.argChoices),
        description: argument.description,
        isRequired: argument.required,
      })),
      options: command.options.map(optionRow),
      commands: command.commands.map((each) => each.name()),
      defaultCommand: defaultCommand(command)?.name(),
    },
    ...command.commands.flatMap((each) => rowsOf(each, [...path, each.name()])),
  ];
}

function optionRow(option: Option): OptionRow {
  const name = /<(\w+)/.exec(option.flags)?.[1];
  return {
    flag: option.long ?? option.flags,
    short: option.short,
    description: option.description,
    value: name === undefined ? undefined : valueRow(name, option.variadic, option.argChoices),
    isRequired: option.mandatory,
    default:
      option.defaultValue === undefined ? undefined : (option.defaultValueDescription ?? String(option.defaultValue)),
  };
}

const valueRow = (name: string, isVariadic: boolean, choices: readonly string[] = []): Value => ({
  name,
  isVariadic,
  choices,
});

/** Every command, the program first and each before those below it, without the `help` that commander adds. */
export const commandTable: readonly CommandRow[] = rowsOf(await program(), []);

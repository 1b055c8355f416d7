// The command line as a table, the source of the man pages.

import type { Command, Option } from 'commander';
import { defaultCommand } from '../agent/commands/complete.ts';
import { program } from '../agent/main.ts';

interface Value {
  /** The name in the help, such as `file` or `time`. */
  name: string;
  isVariadic: boolean;
  /** The allowed values; empty: any. */
  choices: readonly string[];
}

interface OptionRow {
  /** `--since` */
  flag: string;
  short: string | undefined;
  description: string;
  /** Undefined: the option takes no value. */
  value: Value | undefined;
  isRequired: boolean;
  default: string | undefined;
}

interface ArgumentRow extends Value {
  description: string;
  isRequired: boolean;
}

/** A command, or a group of commands. */
export interface CommandRow {
  /** `['baseline', 'remove']`; empty for the program itself. */
  path: readonly string[];
  description: string;
  arguments: readonly ArgumentRow[];
  options: readonly OptionRow[];
  /** The names of the commands in the group. */
  commands: readonly string[];
  /** The command of the group that runs if none is named. */
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

/** Every command, the program first and each group before its commands, without commander's `help`. */
export const commandTable: readonly CommandRow[] = rowsOf(await program(), []);

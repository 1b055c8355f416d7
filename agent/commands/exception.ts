// `stepparent exception`: the commands for exceptions.

import type { Command } from 'commander';
import { defineCommand } from './define-command.ts';
import { add } from './exception/add.ts';
import { check } from './exception/check.ts';
import { list } from './exception/list.ts';

export const command = (): Command =>
  defineCommand('exception')
    .description('manage the exceptions that suppress alerts')
    .addCommand(list())
    .addCommand(add())
    .addCommand(check());

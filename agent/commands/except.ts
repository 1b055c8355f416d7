// `stepparent except`: the commands about exceptions.

import type { Command } from 'commander';
import { defineCommand } from './define-command.ts';
import { add } from './except/add.ts';
import { check } from './except/check.ts';
import { list } from './except/list.ts';

export const command = (): Command =>
  defineCommand('except')
    .description('show, add and try exceptions: what rules need not tell of')
    .addCommand(list())
    .addCommand(add())
    .addCommand(check());

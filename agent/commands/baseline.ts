// `stepparent baseline`: the commands that list and edit the baseline.

import type { Command } from 'commander';
import { allow } from './baseline/allow.ts';
import { list } from './baseline/list.ts';
import { remove } from './baseline/remove.ts';
import { defineCommand } from './define-command.ts';

export const command = (): Command =>
  defineCommand('baseline')
    .description('show and edit the baseline of known terms')
    .addCommand(list())
    .addCommand(allow())
    .addCommand(remove());

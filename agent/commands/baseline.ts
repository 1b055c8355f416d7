// `stepparent baseline`: the commands that list and edit the baseline.

import type { Command } from 'commander';
import { forget } from './baseline/forget.ts';
import { list } from './baseline/list.ts';
import { trust } from './baseline/trust.ts';
import { defineCommand } from './define-command.ts';

export const command = (): Command =>
  defineCommand('baseline')
    .description('show and edit what counts as seen')
    .addCommand(list())
    .addCommand(forget())
    .addCommand(trust());

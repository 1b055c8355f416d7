// `stepparent scripts`: the commands for the stored scripts of packages.

import type { Command } from 'commander';
import { defineCommand } from './define-command.ts';
import { diff } from './scripts/diff.ts';
import { list } from './scripts/list.ts';
import { show } from './scripts/show.ts';

export const command = (): Command =>
  defineCommand('scripts')
    .description('list the stored scripts of packages, show one, or compare them')
    .addCommand(list(), { isDefault: true })
    .addCommand(show())
    .addCommand(diff());

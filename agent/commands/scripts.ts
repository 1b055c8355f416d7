// `stepparent scripts`: the commands about scripts of packages.

import type { Command } from 'commander';
import { defineCommand } from './define-command.ts';
import { list } from './scripts/list.ts';
import { show } from './scripts/show.ts';

export const command = (): Command =>
  defineCommand('scripts')
    .description("list packages' scripts that were kept, or show one")
    .addCommand(list(), { isDefault: true })
    .addCommand(show());

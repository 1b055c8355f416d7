// `stepparent config`: the commands for the configuration.

import type { Command } from 'commander';
import { check } from './config/check.ts';
import { show } from './config/show.ts';
import { defineCommand } from './define-command.ts';

export const command = (): Command =>
  defineCommand('config').description('check and show the configuration').addCommand(check()).addCommand(show());

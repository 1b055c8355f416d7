// `stepparent rules`: the commands for rules.

import type { Command } from 'commander';
import { defineCommand } from './define-command.ts';
import { check } from './rules/check.ts';
import { list } from './rules/list.ts';
import { show } from './rules/show.ts';

export const command = (): Command =>
  defineCommand('rules').description('show and check rules').addCommand(list()).addCommand(show()).addCommand(check());

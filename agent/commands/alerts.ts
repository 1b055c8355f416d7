// `stepparent alerts`: the commands that list alerts and note what a person decided about them.

import type { Command } from 'commander';
import { list } from './alerts/list.ts';
import { reviewCommand } from './alerts/review.ts';
import { defineCommand } from './define-command.ts';

export const command = (): Command =>
  defineCommand('alerts')
    .description('list alerts, acknowledge and close them')
    .addCommand(list(), { isDefault: true })
    .addCommand(reviewCommand('ack', 'acknowledge alerts: someone looks into them'))
    .addCommand(reviewCommand('close', 'close alerts that are answered; one that matches again is open again'))
    .addCommand(reviewCommand('reopen', 'open closed or acknowledged alerts again'));

// The help of every command, held by one file: a changed sentence is changed there and nowhere else.

import type { Command } from 'commander';
import { expect, test } from 'vitest';
import { program } from '../../../agent/main.ts';

/** Of the command and of those below it, as `--help` shows it on 80 columns. */
function helpOf(command: Command): string[] {
  let text = '';
  command.configureHelp({ ...command.configureHelp(), helpWidth: 80 });
  command.configureOutput({ writeOut: (part) => (text += part), getOutHasColors: () => false });
  command.outputHelp();
  return [text, ...command.commands.flatMap(helpOf)];
}

/** Changed on purpose: npm test -- test/agent/commands/help.test.ts -u */
test('--help of every command', async () => {
  const help = helpOf(await program());
  expect(help.length).toBeGreaterThan(15);
  await expect(help.join('\n')).toMatchFileSnapshot('help.golden.txt');
});

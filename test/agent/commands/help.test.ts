// The help of every command, compared with one file, so that each change of a sentence is visible in review.

import type { Command } from 'commander';
import { expect, test } from 'vitest';
import { program } from '../../../agent/main.ts';

/** The help of the command and of its subcommands, as `--help` prints it on 80 columns. */
function helpOf(command: Command): string[] {
  let text = '';
  command.configureHelp({ ...command.configureHelp(), helpWidth: 80 });
  command.configureOutput({ writeOut: (part) => (text += part), getOutHasColors: () => false });
  command.outputHelp();
  return [text, ...command.commands.flatMap(helpOf)];
}

/** To accept a change: npm test -- test/agent/commands/help.test.ts -u */
test('--help of every command', async () => {
  const help = helpOf(await program());
  expect(help.length).toBeGreaterThan(15);
  await expect(help.join('\n')).toMatchFileSnapshot('help.golden.txt');
});

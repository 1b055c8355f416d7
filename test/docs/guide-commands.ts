// The stepparent commands in Markdown, checked against the command line.

import type { Command } from 'commander';
import { program } from '../../agent/main.ts';

/** The `stepparent …` commands in Markdown, in words as a shell makes them; the command ends at a pipe or a redirection, and comments are left out. */
export function commandsIn(markdown: string): string[][] {
  const blocks = /^```.*\n([\s\S]*?)^```$/gm;
  const lines = [...markdown.matchAll(blocks)].flatMap(([, text = '']) => wholeLines(text));
  const inText = [...markdown.replaceAll(blocks, '').matchAll(/`([^`]+)`/g)].map(([, text = '']) => text);
  const spans = [...lines, ...inText].map((text) => text.replaceAll(/\s+/g, ' ').trim());
  return spans.filter((text) => /^(?:sudo )?stepparent /.test(text)).map((text) => words(text.replace(/^sudo /, '')));
}

/** The lines of a block; a line whose single quote is open continues on the next. */
function wholeLines(block: string): string[] {
  const lines: string[] = [];
  let isOpen = false;
  for (const line of block.split('\n')) {
    const part = line.replace(/\s#.*/, '');
    if (isOpen) lines.push(`${lines.pop()} ${part}`);
    else lines.push(part);
    const last = lines.at(-1) ?? '';
    isOpen = last.startsWith('stepparent ') && last.split("'").length % 2 === 0;
  }
  return lines;
}

function words(line: string): string[] {
  const found: string[] = [];
  for (const [, before = '', word = ''] of line.matchAll(/(\s*)((?:"(?:\\.|[^"\\])*"|'[^']*'|\\.|[^\s"'\\])+)/g)) {
    if (/^(?:[|;&]|\d*[<>])/.test(word)) break;
    if (before === '' && found.length > 0) throw new Error(`no words of a shell: ${line}`);
    found.push(word.replaceAll(/"((?:\\.|[^"\\])*)"|'([^']*)'/g, (_, double, single) => unescaped(double) ?? single));
  }
  return found;
}

const unescaped = (text: string | undefined): string | undefined => text?.replaceAll(/\\(["\\$`])/g, '$1');

/** The error of the command line for this command, or undefined if it would run. No action runs. */
export async function refusalOf(command: readonly string[]): Promise<string | undefined> {
  const root = await program(command[1]);
  let reached = false;
  const silence = (each: Command): void => {
    each.configureOutput({ writeOut: () => {}, writeErr: () => {}, outputError: () => {} });
    if (each.commands.length === 0) {
      each.action(() => {
        reached = true;
      });
    }
    each.commands.forEach(silence);
  };
  silence(root);
  try {
    await root.parseAsync(command.slice(1), { from: 'user' });
  } catch (error) {
    return String(error);
  }
  return reached ? undefined : 'it is no command';
}

// The commands that an investigation guide tells people to type, held against the command line as it is.

import type { Command } from 'commander';
import { program } from '../../agent/main.ts';

/** The `stepparent …` commands in Markdown, in words as a shell makes them; what follows a pipe or a redirection is not the command's. */
export function commandsIn(markdown: string): string[][] {
  const blocks = /^```.*\n([\s\S]*?)^```$/gm;
  const lines = [...markdown.matchAll(blocks)].flatMap(([, text = '']) => text.split('\n'));
  const inText = [...markdown.replaceAll(blocks, '').matchAll(/`([^`]+)`/g)].map(([, text = '']) => text);
  const spans = [...lines, ...inText].map((text) => text.replaceAll(/\s+/g, ' ').trim());
  return spans.filter((text) => /^(?:sudo )?stepparent /.test(text)).map((text) => words(text.replace(/^sudo /, '')));
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

/** What the command line says against it; undefined: it would be run. Nothing is. */
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

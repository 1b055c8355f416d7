// `npm run docs:watched-paths`: writes the default list into docs/watched-paths.md.

import '../agent/locked-node.ts';
import { readFileSync, writeFileSync } from 'node:fs';
import path from 'node:path';
import { configurationSyntaxes } from '../collectors/hooks/configuration-commands.ts';
import { type WatchedPath, watchedKinds, watchedPaths } from '../collectors/watched/watched-paths.ts';

export const watchedPathsPageFile: string = path.join(import.meta.dirname, 'watched-paths.md');

const head = '## Default list';

const shown = ({ path: file, isSecret }: WatchedPath): string => `\`${file}\`${isSecret ? ' (hash only)' : ''}`;

/** The rows of one kind, source and syntax are one row of the table. */
function rows(): string[] {
  const groups = Map.groupBy(watchedPaths, ({ kind, source, syntax = '' }) => `${kind}\0${source}\0${syntax}`);
  return [...groups.values()].map((group) => {
    const [{ kind, source, syntax }] = group as [WatchedPath];
    const readAs = syntax === undefined ? '' : `\`${syntax}\``;
    return `| \`${kind}\` | ${group.map(shown).join(', ').replaceAll('|', '\\|')} | ${readAs} | ${source.replace('package ', '')} |`;
  });
}

/** The text of the section, up to the end of the page. */
const listSection = (): string =>
  [
    head,
    '<!-- Made of collectors/watched/watched-paths.ts by `npm run docs:watched-paths`; change that. -->',
    [
      '| Kind | Files |',
      '|---|---|',
      ...Object.entries(watchedKinds).map(([kind, about]) => `| \`${kind}\` | ${about} |`),
    ].join('\n'),
    'A file that package tools, or scripts of packages, read to find code that they run has a syntax. `stepparent.hook.commands` has what it makes them run:',
    [
      '| Syntax | What runs |',
      '|---|---|',
      ...Object.entries(configurationSyntaxes).map(([syntax, about]) => `| \`${syntax}\` | ${about} |`),
    ].join('\n'),
    'Source is the manual page or the package that says that the file is read.',
    ['| Kind | Paths | Syntax | Source |', '|---|---|---|---|', ...rows()].join('\n'),
  ].join('\n\n');

/** The text of docs/watched-paths.md, whose first part is written by hand. */
export function watchedPathsPage(): string {
  const page = readFileSync(watchedPathsPageFile, 'utf8');
  return `${page.slice(0, page.indexOf(head))}${listSection()}\n`;
}

if (import.meta.main) writeFileSync(watchedPathsPageFile, watchedPathsPage());

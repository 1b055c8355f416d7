// `npm run docs:watched-paths`: writes the default list into docs/watched-paths.md.

import '../agent/locked-node.ts';
import { readFileSync, writeFileSync } from 'node:fs';
import path from 'node:path';
import { type WatchedPath, watchedKinds, watchedPaths } from '../collectors/watched/watched-paths.ts';

export const watchedPathsPageFile: string = path.join(import.meta.dirname, 'watched-paths.md');

const head = '## Default list';

const shown = ({ path: file, isSecret }: WatchedPath): string => `\`${file}\`${isSecret ? ' (hash only)' : ''}`;

/** The rows of one kind and source are one row of the table. */
function rows(): string[] {
  const groups = Map.groupBy(watchedPaths, ({ kind, source }) => `${kind}\0${source}`);
  return [...groups.values()].map((group) => {
    const [{ kind, source }] = group as [WatchedPath];
    return `| \`${kind}\` | ${group.map(shown).join(', ').replaceAll('|', '\\|')} | ${source.replace('package ', '')} |`;
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
    'Source is the manual page or the package that says that the file is read.',
    ['| Kind | Paths | Source |', '|---|---|---|', ...rows()].join('\n'),
  ].join('\n\n');

/** The text of docs/watched-paths.md, whose first part is written by hand. */
export function watchedPathsPage(): string {
  const page = readFileSync(watchedPathsPageFile, 'utf8');
  return `${page.slice(0, page.indexOf(head))}${listSection()}\n`;
}

if (import.meta.main) writeFileSync(watchedPathsPageFile, watchedPathsPage());

// `npm run docs:origins`: writes the table of origins into docs/origins.md.

import '../agent/locked-node.ts';
import { readFileSync, writeFileSync } from 'node:fs';
import path from 'node:path';
import { type Origin, originKinds, origins } from '../collectors/packages/origins.ts';

export const originsPageFile: string = path.join(import.meta.dirname, 'origins.md');

const head = '## All origins';

const roles: Readonly<Record<Origin['role'], string>> = {
  login: '`NAME as USER`',
  job: '`cron`',
  elevation: '(none: `elevated_by`)',
  daemon: '`NAME for CALLER`',
  agent: '`NAME from` …',
  service: '(of its unit)',
};

const code = (text: string): string => `\`${text.replaceAll('|', '\\|')}\``;
const codes = (words: string): string => words.split(' ').map(code).join(', ');

const row = ({ name, kind, role, programs = [], claim, argument }: Origin): string => {
  const files = programs.map(([paths, packages]) => `${codes(paths)} (${packages.replaceAll(' ', ', ')})`).join('; ');
  const byClaim = claim === undefined ? '' : code(claim.source.replaceAll('\\/', '/'));
  const withArgument =
    argument === undefined ? '' : `, with an argument ${code(argument.source.replaceAll('\\/', '/'))}`;
  const kindText = role === 'elevation' ? '' : code(kind);
  return `| ${name} | ${kindText} | ${roles[role]} | ${files} | ${byClaim}${withArgument} |`;
};

/** The text of the section, up to the end of the page. */
const tableSection = (): string =>
  [
    head,
    '<!-- Made of collectors/packages/origins.ts by `npm run docs:origins`; change that. -->',
    [
      '| `stepparent.initiator.origin_kind` | The request came from |',
      '|---|---|',
      ...Object.entries(originKinds).map(([kind, about]) => `| \`${kind}\` | ${about} |`),
    ].join('\n'),
    'A program at one of the paths, owned by one of the packages behind it, is verified. A path that matches the pattern is a claim.',
    ['| Name | Kind | Origin | Paths (packages) | Claimed by |', '|---|---|---|---|---|', ...origins.map(row)].join(
      '\n',
    ),
  ].join('\n\n');

/** The text of docs/origins.md, whose first part is written by hand. */
export function originsPage(): string {
  const page = readFileSync(originsPageFile, 'utf8');
  return `${page.slice(0, page.indexOf(head))}${tableSection()}\n`;
}

if (import.meta.main) writeFileSync(originsPageFile, originsPage());

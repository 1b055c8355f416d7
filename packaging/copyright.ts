// The copyright file of the packages: the licence of each part, in Debian's copyright-format 1.0.

import { readdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { checkout } from './bundle.ts';

const modules = join(checkout, 'node_modules');

/** The copyright and licence of a part of the package. */
interface Part {
  files: string;
  copyright: string;
  license: string;
  text: string;
  comment?: string;
}

/** The text as a field: every line but the first is indented, an empty line is a dot. */
const folded = (text: string): string =>
  text
    .trim()
    .split(/\r?\n/)
    .map((line) => (line.trim() === '' ? ' .' : ` ${line.trimEnd()}`))
    .join('\n');

const stanza = ({ files, copyright, license, text, comment }: Part): string =>
  `Files: ${files}\nCopyright: ${folded(copyright).trimStart()}\nLicense: ${license}\n${folded(text)}\n${
    comment === undefined ? '' : `Comment: ${comment}\n`
  }`;

/** The copyright lines of a licence; if it has none, the author in package.json. */
function holders(name: string, text: string, author: unknown): string {
  const lines = text.match(/^.{0,12}(?:copyright\b.*(?:\(c\)|©|\d{4}|contributors)|\(c\)|©).*$/gim) ?? [];
  if (lines.length > 0) return lines.map((line) => line.trim().replace(/^\W*copyright:? */i, '')).join('\n');
  const authorName = typeof author === 'object' && author !== null && 'name' in author ? author.name : author;
  if (typeof authorName !== 'string')
    throw new Error(`${name}: neither the licence nor package.json names a copyright holder`);
  return authorName;
}

function partOf(name: string, where: string, root = modules): Part {
  const directory = join(root, name);
  const { version, license, author } = JSON.parse(readFileSync(join(directory, 'package.json'), 'utf8'));
  const file = readdirSync(directory).find((entry) => /^licen[cs]e(?:\.(?:md|txt))?$/i.test(entry));
  if (file === undefined || typeof license !== 'string') throw new Error(`${name} ${version} has no licence text`);
  const text = readFileSync(join(directory, file), 'utf8');
  return {
    files: `node_modules/${name}/*`,
    copyright: holders(name, text, author),
    // The format's name for npm's MIT is Expat.
    license: license === 'MIT' ? 'Expat' : license,
    text,
    comment: `${name} ${version}, ${where}`,
  };
}

/**
 * The file's text. `bundled`: npm packages in /usr/lib/stepparent/agent; `compiled`: those in compiled files. `node`:
 * the npm package with the runtime, and its directory. Throws if a package has no licence text.
 */
export function copyrightText(
  bundled: readonly string[],
  compiled: readonly string[],
  node: { name: string; modules: string },
): string {
  const sqlite = readFileSync(join(modules, 'better-sqlite3/deps/sqlite3/sqlite3.c'), 'utf8');
  const disclaimer = /The author disclaims copyright to this source code\.[\s\S]*?(?=\n\*{10})/.exec(sqlite)?.[0];
  if (disclaimer === undefined) throw new Error('SQLite has no licence text');
  const parts: Part[] = [
    {
      files: '*',
      copyright: 'The stepparent developers',
      license: 'Apache-2.0',
      text: readFileSync(join(checkout, 'LICENSE'), 'utf8'),
    },
    {
      ...partOf(node.name, 'as /usr/lib/stepparent/bin/node with the libraries that its licence names', node.modules),
      copyright: 'Node.js contributors; Joyent, Inc. and other Node contributors; those of the libraries named below',
      license: 'Node.js',
    },
    {
      files: 'node_modules/better-sqlite3/deps/sqlite3/*',
      copyright: 'none: its authors disclaim it',
      license: 'public-domain',
      text: disclaimer.replaceAll(/^\*\* ?/gm, ''),
    },
    ...compiled.map((name) => partOf(name, 'compiled, in /usr/lib/stepparent/node_modules')),
    ...bundled.map((name) => partOf(name, 'in the JavaScript of /usr/lib/stepparent/agent')),
  ];
  const head = `Format: https://www.debian.org/doc/packaging-manuals/copyright-format/1.0/
Upstream-Name: stepparent
Comment: Paths are those of a checkout in which npm ci was run. The package is made of it.
`;
  return [head, ...parts.map(stanza)].join('\n');
}

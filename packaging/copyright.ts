// The copyright file of the packages: the licence of each thing that is in them, in the form of Debian's copyright-format 1.0.

import { readdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { checkout } from './bundle.ts';

const modules = join(checkout, 'node_modules');

/** The copyrights of third-party code; stepparent's own are the developers'. */
interface Part {
  files: string;
  copyright: string;
  license: string;
  text: string;
  comment?: string;
}

/** Every line but the first is indented; an empty one is a dot. */
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

/** The lines of a licence that say whose work it is; else the author that package.json names. */
function holders(name: string, text: string, author: unknown): string {
  const lines = text.match(/^.{0,12}(?:copyright\b.*(?:\(c\)|©|\d{4}|contributors)|\(c\)|©).*$/gim) ?? [];
  if (lines.length > 0) return lines.map((line) => line.trim().replace(/^\W*copyright:? */i, '')).join('\n');
  const authorName = typeof author === 'object' && author !== null && 'name' in author ? author.name : author;
  if (typeof authorName !== 'string') throw new Error(`${name}: neither licence nor package.json say whose work it is`);
  return authorName;
}

function partOf(name: string, where: string, root = modules): Part {
  const directory = join(root, name);
  const { version, license, author } = JSON.parse(readFileSync(join(directory, 'package.json'), 'utf8'));
  const file = readdirSync(directory).find((entry) => /^licen[cs]e(?:\.(?:md|txt))?$/i.test(entry));
  if (file === undefined || typeof license !== 'string') throw new Error(`${name} ${version} says no licence`);
  const text = readFileSync(join(directory, file), 'utf8');
  return {
    files: `node_modules/${name}/*`,
    copyright: holders(name, text, author),
    // Expat is the name that the form has for what npm calls MIT.
    license: license === 'MIT' ? 'Expat' : license,
    text,
    comment: `${name} ${version}, ${where}`,
  };
}

/**
 * The file's text. `bundled`: npm packages in /usr/lib/stepparent/agent; `compiled`: those in compiled files. `node`:
 * the npm package with the runtime, and the directory that it is in. Throws when one of them has no licence text.
 */
export function copyrightText(
  bundled: readonly string[],
  compiled: readonly string[],
  node: { name: string; modules: string },
): string {
  const sqlite = readFileSync(join(modules, 'better-sqlite3/deps/sqlite3/sqlite3.c'), 'utf8');
  const disclaimer = /The author disclaims copyright to this source code\.[\s\S]*?(?=\n\*{10})/.exec(sqlite)?.[0];
  if (disclaimer === undefined) throw new Error('SQLite says no licence');
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

// Finds the versions of the host's libraries that a compiled file needs, with readelf(1).

import { execFileSync } from 'node:child_process';

/** A library with a version of its interface, such as GLIBC_2.34; without a version, any will do. */
export interface Need {
  library: string;
  version?: string;
}

/**
 * The newest interface of each library that a file may need: that of RHEL 9, the oldest supported system
 * (docs/notes/0010-glibc-floor.md).
 */
const newest: Readonly<Record<string, readonly number[]>> = {
  GLIBC: [2, 34],
  GLIBCXX: [3, 4, 29],
  CXXABI: [1, 3, 13],
  GCC: [7, 0, 0],
};

/** Parses the output of `readelf --wide --dynamic --version-info`. */
function parseNeeds(text: string): Need[] {
  const needs: Need[] = Array.from(text.matchAll(/\(NEEDED\).*\[(.+)\]/g), ([, library = '']) => ({ library }));
  let library = '';
  for (const line of (text.split(/^Version needs section/m)[1] ?? '').split('\n')) {
    library = /File: (\S+)/.exec(line)?.[1] ?? library;
    const version = /Name: (\S+)/.exec(line)?.[1];
    if (version !== undefined) needs.push({ library, version });
  }
  return needs;
}

/**
 * The libraries that a file needs, and the versions of their interfaces. Throws if readelf is not installed or cannot
 * read the file.
 */
export const readNeeds = (file: string): Need[] =>
  parseNeeds(
    execFileSync('readelf', ['--wide', '--dynamic', '--version-info', file], {
      encoding: 'utf8',
      env: { ...process.env, LC_ALL: 'C' },
      maxBuffer: 1 << 26,
    }),
  );

/** The needs that the oldest supported system does not meet, and those of a library that `newest` does not list. */
export const tooNew = (needs: readonly Need[]): Need[] =>
  needs.filter(({ version }) => {
    if (version === undefined) return false;
    const [, kind = '', numbers = ''] = /^([A-Z]+)_([\d.]+)$/.exec(version) ?? [];
    const bound = newest[kind];
    if (bound === undefined) return true;
    const parts = numbers.split('.').map(Number);
    const index = bound.findIndex((most, i) => (parts[i] ?? 0) !== most);
    return index === -1 ? parts.length > bound.length : (parts[index] ?? 0) > (bound[index] ?? 0);
  });

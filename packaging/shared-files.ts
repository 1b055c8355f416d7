// What the packages bring below /usr/share for shells and readers: completions and man pages.

import { gzipSync } from 'node:zlib';
import { completions } from './completions.ts';
import { manPages } from './man-pages.ts';

/** `to` is absolute, on the host. Man pages are packed, as both packagings want them. */
export const sharedFiles = (epochSeconds: number): { to: string; content: string | Buffer }[] => [
  ...completions().flatMap(({ paths, text }) => paths.map((place) => ({ to: `/usr/share/${place}`, content: text }))),
  ...manPages(epochSeconds).map(({ name, text }) => ({
    to: `/usr/share/man/man${name.at(-1)}/${name}.gz`,
    content: gzipSync(text, { level: 9 }),
  })),
];

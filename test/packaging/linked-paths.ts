// The files that a Markdown page links, for tests over the pages that the packages bring.

import { dirname, resolve } from 'node:path';

/** The absolute paths of all links of `markdown`, the page at the absolute path `page`; links to the web and within the page are left out. */
export const linkedPaths = (markdown: string, page: string): string[] =>
  [...markdown.matchAll(/\]\((?![a-z]+:|#)([^)\s#]+)/g)].map(([, target = '']) => resolve(dirname(page), target));

// The pages of docs/ as the packages bring them: each link leads to an installed file, or is plain text.

import { basename, dirname, join, relative } from 'node:path';
import { checkout } from './bundle.ts';
import type { PackagedFile } from './files.ts';

const pages = '/usr/share/doc/stepparent/';

/** Whether a packaged file is a Markdown page, whose links `installedPage` rewrites. */
export const isPage = ({ to }: PackagedFile): boolean => to.startsWith(pages) && to.endsWith('.md');

/**
 * A function from a file or directory of the checkout (absolute) to its absolute path on a host where the packages are installed.
 * It returns undefined for what the packages do not bring.
 */
export function installedPaths(files: readonly PackagedFile[]): (source: string) => string | undefined {
  const paths = new Map<string, string>();
  for (const file of files) {
    if (!file.from.startsWith(`${checkout}/`)) continue;
    paths.set(file.from, file.to);
    // A directory is installed where its files are, as long as it keeps its name.
    let [from, to] = [dirname(file.from), dirname(file.to)];
    while (basename(from) === basename(to)) {
      paths.set(from, to);
      [from, to] = [dirname(from), dirname(to)];
    }
  }
  return (source) => paths.get(source);
}

/**
 * The text of the page `from`, which is installed as `to`. A link that leaves docs/ leads to the absolute path of the installed
 * file, or to its relative path among the pages; a link to a file that the packages do not bring becomes its own text.
 */
export function installedPage(
  text: string,
  { from, to }: Pick<PackagedFile, 'from' | 'to'>,
  installedPath: (source: string) => string | undefined,
): string {
  return text.replaceAll(
    /\[([^\]\n]+)\]\((?![a-z]+:|#)([^)\s#]+)(#[^)\s]*)?\)/g,
    (_link, label: string, target: string, anchor = '') => {
      const path = installedPath(join(dirname(from), target));
      if (path === undefined) return label;
      return `[${label}](${path.startsWith(pages) ? relative(dirname(to), path) : path}${anchor})`;
    },
  );
}

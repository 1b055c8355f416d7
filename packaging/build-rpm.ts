// Builds an .rpm of files that are laid out in a folder.

import fs from 'node:fs';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { version } from '../agent/version.ts';
import { checkout } from './bundle.ts';
import { description } from './description.ts';
import type { Need } from './elf-needs.ts';
import { type Architecture, isConfiguration, isDocumentation, ownFolders, type PackagedFile } from './files.ts';
import { run } from './run.ts';

const directive = (file: PackagedFile): string => {
  if (isConfiguration(file)) return '%config(noreplace) ';
  if (file.to.endsWith('/copyright')) return '%license ';
  return isDocumentation(file) ? '%doc ' : '';
};

/** Writes it below `into`; returns its path. `root` holds the files alone; `changelog` is the text of %changelog. */
export async function buildRpm(
  files: readonly PackagedFile[],
  root: string,
  needs: readonly Need[],
  changelog: string,
  { rpm }: Architecture,
  into: string,
  seconds: number,
): Promise<string> {
  const top = fs.mkdtempSync(path.join(tmpdir(), 'stepparent-rpm-'));
  try {
    const listed = [
      ...ownFolders(files).map((folder) => `%dir %attr(755, root, root) ${folder}`),
      ...files.map((file) => `${directive(file)}%attr(${file.mode.toString(8)}, root, root) ${file.to}`),
    ];
    // As rpm itself words what a library must have; its own search takes executable files alone.
    const requires = needs.map(({ library, version }) => `Requires: ${library}(${version ?? ''})(64bit)`);
    const spec = fs
      .readFileSync(path.join(checkout, 'packaging/rpm/stepparent.spec'), 'utf8')
      .replaceAll('@VERSION@', version)
      .replaceAll('@SUMMARY@', description.summary)
      .replaceAll('@DESCRIPTION@', description.lines.join('\n'))
      .replaceAll('@REQUIRES@', [...new Set(requires)].sort().join('\n'))
      .replaceAll('@ROOT@', root)
      .replaceAll('@FILES@', listed.join('\n'))
      .replaceAll('@CHANGELOG@', changelog);
    fs.writeFileSync(path.join(top, 'stepparent.spec'), spec);
    const args = ['-bb', '--target', rpm, '--define', `_topdir ${top}`, path.join(top, 'stepparent.spec')];
    await run('rpmbuild', args, { SOURCE_DATE_EPOCH: String(seconds) });
    const name = `stepparent-${version}-1.${rpm}.rpm`;
    fs.copyFileSync(path.join(top, 'RPMS', rpm, name), path.join(into, name));
    return path.join(into, name);
  } finally {
    fs.rmSync(top, { recursive: true, force: true });
  }
}

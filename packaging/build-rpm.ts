// Builds an .rpm from a directory that is laid out like the file system.

import fs from 'node:fs';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { version } from '../agent/version.ts';
import { checkout } from './bundle.ts';
import { description, maintainer } from './description.ts';
import type { Need } from './elf-needs.ts';
import {
  type Architecture,
  isConfiguration,
  isDebOnly,
  isDocumentation,
  ownedDirectories,
  type PackagedFile,
} from './files.ts';
import { run } from './run.ts';

const directive = (file: PackagedFile): string => {
  if (isConfiguration(file)) return '%config(noreplace) ';
  if (file.to.endsWith('/copyright')) return '%license ';
  return isDocumentation(file) ? '%doc ' : '';
};

/** Writes the package to `file`. `root` holds only the packaged files; `changelog` is the text of %changelog. */
export async function buildRpm(
  files: readonly PackagedFile[],
  root: string,
  needs: readonly Need[],
  changelog: string,
  { rpm }: Architecture,
  file: string,
  seconds: number,
): Promise<void> {
  const top = fs.mkdtempSync(path.join(tmpdir(), 'stepparent-rpm-'));
  try {
    const listed = [
      ...ownedDirectories(files).map((directory) => `%dir %attr(755, root, root) ${directory}`),
      ...files
        .filter((file) => !isDebOnly(file))
        .map((file) => `${directive(file)}%attr(${file.mode.toString(8)}, root, root) ${file.to}`),
    ];
    // Requirements in the form that rpm generates; its own generator only reads executable files.
    const requires = needs.map(({ library, version }) => `Requires: ${library}(${version ?? ''})(64bit)`);
    const spec = fs
      .readFileSync(path.join(checkout, 'packaging/rpm/stepparent.spec'), 'utf8')
      .replaceAll('@VERSION@', version)
      .replaceAll(
        '@SUMMARY@',
        description.summary.replace(/^./, (letter) => letter.toUpperCase()),
      )
      .replaceAll('@DESCRIPTION@', description.lines.join('\n'))
      .replaceAll('@PACKAGER@', maintainer)
      .replaceAll('@REQUIRES@', [...new Set(requires)].sort().join('\n'))
      .replaceAll('@ROOT@', root)
      .replaceAll('@FILES@', listed.join('\n'))
      .replaceAll('@CHANGELOG@', changelog);
    fs.writeFileSync(path.join(top, 'stepparent.spec'), spec);
    const args = ['-bb', '--target', rpm, '--define', `_topdir ${top}`, path.join(top, 'stepparent.spec')];
    await run('rpmbuild', args, { SOURCE_DATE_EPOCH: String(seconds) });
    fs.copyFileSync(path.join(top, 'RPMS', rpm, `stepparent-${version}-1.${rpm}.rpm`), file);
  } finally {
    fs.rmSync(top, { recursive: true, force: true });
  }
}

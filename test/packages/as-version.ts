// The package under a higher version, for tests of an upgrade.

import { execFileSync } from 'node:child_process';
import { readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { basename, join } from 'node:path';
import { version } from '../../agent/version.ts';

/** Repacks `deb`, without compression, as the version `higher`, which the agent then reports as its own. Returns the path. */
export function asVersion(scratch: string, deb: string, higher: string): string {
  const tree = join(scratch, 'repacked');
  execFileSync('dpkg-deb', ['-R', deb, tree]);
  execFileSync('sed', ['-i', `s/^Version: .*/Version: ${higher}/`, join(tree, 'DEBIAN/control')]);
  const home = join(tree, 'usr/lib/stepparent');
  for (const name of readdirSync(join(home, 'agent'))) {
    const file = join(home, 'agent', name);
    writeFileSync(file, readFileSync(file, 'utf8').replaceAll(`"${version}"`, `"${higher}"`));
  }
  // The sums no longer match the files.
  rmSync(join(tree, 'DEBIAN/md5sums'));
  const file = join(scratch, basename(deb).replace(`_${version}_`, `_${higher}_`));
  execFileSync('dpkg-deb', ['--root-owner-group', '-Znone', '--build', tree, file], { stdio: 'pipe' });
  rmSync(tree, { recursive: true });
  return file;
}

// Builds a .deb from a directory that is laid out like the file system.

import { createHash } from 'node:crypto';
import fs from 'node:fs';
import path from 'node:path';
import { version } from '../agent/version.ts';
import { checkout } from './bundle.ts';
import { description, maintainer } from './description.ts';
import { type Architecture, isConfiguration, type PackagedFile } from './files.ts';
import { run } from './run.ts';

/** Writes the package to `file`. `root` holds only the packaged files. */
export async function buildDeb(
  files: readonly PackagedFile[],
  root: string,
  { deb }: Architecture,
  file: string,
  seconds: number,
): Promise<void> {
  const control = path.join(root, 'DEBIAN');
  fs.mkdirSync(control, { mode: 0o755 });
  const bytes = files.reduce((sum, { to }) => sum + fs.statSync(path.join(root, to)).size, 0);
  const text = `Package: stepparent
Version: ${version}
Architecture: ${deb}
Maintainer: ${maintainer}
Installed-Size: ${Math.ceil(bytes / 1024)}
Depends: libc6 (>= 2.34), libstdc++6 (>= 11), libgcc-s1, init-system-helpers (>= 1.54)
Recommends: systemd, procps, logrotate
Section: admin
Priority: optional
Description: ${description.summary}
 ${description.lines.join('\n ')}
`;
  fs.writeFileSync(path.join(control, 'control'), text, { mode: 0o644 });
  const conffiles = files.filter(isConfiguration).map(({ to }) => `${to}\n`);
  fs.writeFileSync(path.join(control, 'conffiles'), conffiles.join(''), { mode: 0o644 });
  const sums = files
    .filter((file) => !isConfiguration(file))
    .map(({ to }) => {
      const bytes = fs.readFileSync(path.join(root, to));
      return `${createHash('md5').update(bytes).digest('hex')}  ${to.slice(1)}\n`;
    });
  fs.writeFileSync(path.join(control, 'md5sums'), sums.join(''), { mode: 0o644 });
  for (const script of ['postinst', 'prerm', 'postrm']) {
    fs.copyFileSync(path.join(checkout, 'packaging/deb', script), path.join(control, script));
    fs.chmodSync(path.join(control, script), 0o755);
  }
  // More than level 1 is at most a sixth smaller and takes up to five times as long.
  const options = ['--root-owner-group', '-Zxz', '-z1'];
  await run('dpkg-deb', [...options, '--build', root, file], { SOURCE_DATE_EPOCH: String(seconds) });
  fs.rmSync(control, { recursive: true });
}

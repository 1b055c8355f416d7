// The packages of this checkout. They are built before the tests unless they were already built from these sources.

import { spawnSync } from 'node:child_process';
import { existsSync } from 'node:fs';
import { join } from 'node:path';
import { version } from '../../agent/version.ts';
import { type Architecture, architectures } from '../../packaging/files.ts';
import { missingTools, unmet } from '../needs.ts';

const checkout = join(import.meta.dirname, '../..');
const native = architectures.find(({ node }) => node === process.arch);
if (!native) throw new Error(`there are no packages for ${process.arch}`);

/** This machine's architecture. */
export const architecture = native;
export const debFileOf = ({ deb }: Architecture): string => join(checkout, 'dist', `stepparent_${version}_${deb}.deb`);
export const debFile: string = debFileOf(native);
export const rpmFile: string = join(checkout, 'dist', `stepparent-${version}-1.${native.rpm}.rpm`);

/** Why packages cannot be built here. */
export const cannotBuild: string | undefined = unmet(
  missingTools('git', 'dpkg-deb', 'rpmbuild', 'rpm', 'readelf', `${native.compilers}strip`),
);

/** Runs the build with `args`; returns the lines that it prints about its steps, or throws with its output. */
export function buildPackages(...args: string[]): string[] {
  const build = join(checkout, 'packaging/build-packages.ts');
  const { status, stderr } = spawnSync(process.execPath, [build, ...args], { encoding: 'utf8' });
  if (status !== 0) throw new Error(stderr);
  return stderr.split('\n').slice(0, -1);
}

export default function setup(): void {
  if (cannotBuild !== undefined) return;
  buildPackages();
  if (![debFile, rpmFile].every((file) => existsSync(file))) throw new Error('the build made other packages');
}

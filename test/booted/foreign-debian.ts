// A Debian system of another architecture. Its packages are unpacked on this machine and configured on an emulated one.

import { execFileSync } from 'node:child_process';
import { once } from 'node:events';
import { mkdirSync, readdirSync, readFileSync, renameSync, rmSync, truncateSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { text } from 'node:stream/consumers';
import type { Architecture } from '../../packaging/files.ts';
import { debootstrap } from '../packages/chroot.ts';
import { cached, isCached, packages, removeDownloads, suite } from './debian.ts';
import { diskMiB, makeDisk, startEmulator } from './emulators.ts';

const done = 'the packages are configured';

/**
 * Runs as PID 1 of the emulated machine, which ends with it. The packages that the scripts of others need come first, in debootstrap's
 * order. The finished system is written to the disk as a tar archive, behind the file system.
 */
const secondStage = `#!/bin/sh
export PATH=/usr/sbin:/usr/bin:/sbin:/bin LC_ALL=C DEBIAN_FRONTEND=noninteractive
# In a container debootstrap makes a link of it.
[ ! -L /proc ] || { rm /proc; mkdir /proc; }
mount -t proc proc /proc
mkdir /run/dev && mount -t devtmpfs none /run/dev
ln -sf mawk /usr/bin/awk
for script in /preinsts/*; do
  DPKG_MAINTSCRIPT_NAME=preinst DPKG_MAINTSCRIPT_PACKAGE=\${script##*/} "$script" install || exit
done
for package in base-passwd base-files dpkg libc6 perl-base mawk debconf; do
  dpkg --force-depends --configure "$package" || exit
done
dpkg --configure -a || exit
rm -r /second-stage /preinsts /debootstrap
tar -c --one-file-system -C / . | dd of=/run/dev/nvme0n1 bs=1M seek=${diskMiB} iflag=fullblock && sync && echo '${done}'
`;

/** Unpacks the packages that debootstrap has fetched. Their preinsts cannot run here: they are moved to /preinsts of `root`. */
function unpack(work: string, root: string): void {
  const archives = join(root, 'var/cache/apt/archives');
  const preinsts = join(root, 'preinsts');
  mkdirSync(preinsts);
  const debs = readdirSync(archives)
    .filter((name) => name.endsWith('.deb'))
    .map((name) => join(archives, name));
  for (const deb of debs) {
    if (!execFileSync('dpkg-deb', ['--info', deb], { encoding: 'utf8' }).includes(' preinst ')) continue;
    const tree = join(work, 'tree');
    execFileSync('dpkg-deb', ['--raw-extract', deb, tree]);
    const name = execFileSync('dpkg-deb', ['--field', deb, 'Package'], { encoding: 'utf8' }).trim();
    renameSync(join(tree, 'DEBIAN/preinst'), join(preinsts, name));
    execFileSync('dpkg-deb', ['-Znone', '--build', tree, deb], { stdio: 'pipe' });
    rmSync(tree, { recursive: true });
  }
  const force = ['--force-architecture', '--force-depends', '--no-triggers'];
  execFileSync('dpkg', [`--root=${root}`, ...force, '--unpack', ...debs], { stdio: 'pipe', maxBuffer: 1 << 28 });
}

/** Makes the system; returns the disk image that has it behind the machine's first file system. */
async function setUp(work: string, architecture: Architecture): Promise<string> {
  const root = join(work, 'root');
  mkdirSync(root, { recursive: true });
  debootstrap(root, suite, packages, architecture.deb);
  unpack(work, root);
  removeDownloads(root);
  writeFileSync(join(root, 'second-stage'), secondStage, { mode: 0o755 });
  const disk = makeDisk(work, root);
  truncateSync(disk, 2 * diskMiB * 2 ** 20);
  const console = join(work, 'console');
  const child = startEmulator(work, {
    ...{ architecture, console, disk, cpus: 1 },
    kernelOptions: ['init=/second-stage'],
    options: ['-no-reboot'],
  });
  const [output] = await Promise.all([text(child.stderr), once(child, 'exit')]);
  const log = readFileSync(console, 'utf8');
  if (!log.includes(done)) throw new Error(`the packages were not configured: ${output}\n${log.slice(-2000)}`);
  return disk;
}

/** The directory of a system of that architecture, with the same `packages`. */
export async function foreignBase(scratch: string, architecture: Architecture): Promise<string> {
  const name = `${suite}-${packages.join('-')}-${architecture.deb}`;
  const work = join(scratch, 'second-stage');
  const disk = isCached(scratch, name) ? '' : await setUp(work, architecture);
  return cached(scratch, name, (directory) => {
    execFileSync('sh', [
      '-c',
      'tail -c +"$0" "$1" | tar -x --numeric-owner -C "$2"',
      `${diskMiB * 2 ** 20 + 1}`,
      disk,
      directory,
    ]);
    rmSync(work, { recursive: true });
  });
}

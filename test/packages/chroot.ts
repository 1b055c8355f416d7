// A Debian system in a directory, into which packages are installed. None of its services run.

import { execFileSync, spawn } from 'node:child_process';
import { join } from 'node:path';
import { missingTools, noRoot, unmet } from '../needs.ts';

export const chrootMissing: string | undefined = unmet(
  noRoot,
  missingTools('debootstrap', 'apt-get', 'unshare', 'chroot'),
);

/** The URL of the Debian archive that this machine's apt uses. */
export function archive(): string {
  const listed = execFileSync('apt-get', ['indextargets', '--format', '$(ORIGIN) $(RELEASE) $(REPO_URI)'], {
    encoding: 'utf8',
  });
  const found = /^Debian [a-z]+ (\S+)$/m.exec(listed)?.[1];
  if (found === undefined) throw new Error('apt knows no archive of Debian: run apt-get update');
  return found;
}

export interface Chroot {
  directory: string;
  /** Runs a program in the system, with /proc; returns its stdout, or throws with its stderr. */
  run(program: string, ...args: string[]): string;
  /** Starts a program in the system. */
  spawn(program: string, ...args: string[]): ReturnType<typeof spawn>;
}

/**
 * Fetches a release's smallest system and the packages in `include` into `directory`, from the archive that apt uses here. `foreign`
 * is an architecture other than this machine's; the second stage of debootstrap has to run there.
 */
export function debootstrap(directory: string, release: string, include: readonly string[], foreign?: string): void {
  const also = include.length > 0 ? [`--include=${include.join(',')}`] : [];
  const stage = foreign === undefined ? [] : [`--arch=${foreign}`, '--foreign'];
  execFileSync('debootstrap', ['--variant=minbase', ...stage, ...also, release, directory, archive()], {
    stdio: 'pipe',
    maxBuffer: 1 << 28,
  });
}

/** Makes a system of that release in `directory`. */
export function makeChroot(directory: string, release: string, ...include: string[]): Chroot {
  debootstrap(directory, release, include);
  const enter = [
    ...['--mount', '--propagation', 'private', 'sh', '-c'],
    'mount -t proc proc "$0/proc" && exec chroot "$0" "$@"',
    directory,
  ];
  const env = { PATH: '/usr/sbin:/usr/bin:/sbin:/bin', LC_ALL: 'C', DEBIAN_FRONTEND: 'noninteractive' };
  return {
    directory,
    run: (program, ...args) =>
      execFileSync('unshare', [...enter, program, ...args], {
        env,
        encoding: 'utf8',
        stdio: ['ignore', 'pipe', 'pipe'],
      }),
    spawn: (program, ...args) =>
      spawn('unshare', [...enter, program, ...args], { env, stdio: ['ignore', 'pipe', 'pipe'] }),
  };
}

/** The paths in the system whose names contain `stepparent`, sorted, without the copied package in /tmp. */
export const tracesIn = ({ directory }: Chroot): string[] =>
  execFileSync('find', [directory, '-xdev', '-name', '*stepparent*', '-not', '-path', join(directory, 'tmp/*')], {
    encoding: 'utf8',
  })
    .split('\n')
    .filter(Boolean)
    .map((path) => path.slice(directory.length))
    .sort();

// The Debian system in which the benchmark runs: it is created once, copied for each run, and entered in a mount
// namespace of its own.
//
// Packages are installed in the copy. The machine's package database, files and mounts do not change: the copy is
// removed at the end, and the mounts disappear with the namespace, even if the benchmark is killed.

import { execFileSync, spawnSync } from 'node:child_process';
import { createHash } from 'node:crypto';
import fs from 'node:fs';
import os from 'node:os';
import path from 'node:path';
import { reinstalled } from './workloads.ts';

const suite = 'bookworm';

/** What a system has beyond the minimum of Debian. */
export interface DebianSystem {
  /** Installed one by one. If a release does not have one, what needs it reports that. */
  packages: readonly string[];
  /** Packages that apt has downloaded again, so that they can be reinstalled without the network. */
  downloaded: readonly string[];
  /** Lines of sources.list, by which the system is upgraded in the end. Absent: only the release itself. */
  sources?: readonly string[];
}

export const benchmarkSystem: DebianSystem = {
  packages: [
    ...['auditd', 'bpftrace', 'laurel', 'dnf', 'createrepo-c', 'rpm', 'gcc', 'libc6-dev', 'make'],
    // For journald and journalctl.
    'systemd',
  ],
  downloaded: reinstalled,
};

const cache = process.env.STEPPARENT_BENCH_CACHE ?? '/var/cache/stepparent-bench';
const pidFile = '/run/bench.pid';
/** File that the program in the copy writes its exit code to. */
export const exitCodeFile = '/run/bench.exit';

const checkout = path.join(import.meta.dirname, '..');

const environment = {
  PATH: '/usr/sbin:/usr/bin:/sbin:/bin',
  LC_ALL: 'C',
  DEBIAN_FRONTEND: 'noninteractive',
  HOME: '/root',
};

/** The Debian archive in this machine's apt sources. Throws if they name none. */
function archive(): string {
  const format = ['indextargets', '--format', '$(ORIGIN) $(REPO_URI)'];
  const listed = spawnSync('apt-get', format, { encoding: 'utf8' }).stdout ?? '';
  const [, uri] = /^Debian (\S+)$/m.exec(listed) ?? [];
  if (uri === undefined) {
    throw new Error(
      'apt-get indextargets names no Debian archive: add one to /etc/apt/sources.list and run apt-get update',
    );
  }
  return uri;
}

/** Runs one command in the system, with /proc and the network of this machine. */
function runIn(root: string, command: readonly string[]): boolean {
  const enter = 'mount -t proc proc "$0/proc" && exec chroot "$0" "$@"';
  const args = ['--mount', '--propagation', 'private', 'sh', '-c', enter, root, ...command];
  return spawnSync('unshare', args, { env: environment, stdio: ['ignore', 'ignore', 'pipe'] }).status === 0;
}

/** The unchanged system, of which each run gets a copy. */
function baseSystem({ packages, downloaded, sources }: DebianSystem, onProgress: (text: string) => void): string {
  const content = createHash('sha256')
    .update([...packages, ...downloaded, ...(sources ?? [])].join(' '))
    .digest('hex');
  const base = path.join(cache, `debian-${suite}-${content.slice(0, 8)}`);
  if (fs.existsSync(base)) return base;
  const unfinished = `${base}.unfinished`;
  fs.rmSync(unfinished, { recursive: true, force: true });
  fs.mkdirSync(unfinished, { recursive: true });
  onProgress(`creating a Debian system in ${base}, which takes some minutes the first time`);
  execFileSync('debootstrap', ['--variant=minbase', suite, unfinished, archive()], {
    stdio: ['ignore', 'ignore', 'inherit'],
  });
  // No package may start its daemon.
  fs.writeFileSync(path.join(unfinished, 'usr/sbin/policy-rc.d'), '#!/bin/sh\nexit 101\n', { mode: 0o755 });
  const install = ['apt-get', 'install', '-y', '-q', '--no-install-recommends'];
  for (const name of packages)
    if (!runIn(unfinished, [...install, name])) onProgress(`${suite} has no package ${name}`);
  if (!runIn(unfinished, [...install, '--reinstall', '--download-only', ...downloaded]))
    throw new Error('apt-get could not download the packages to be reinstalled');
  if (sources !== undefined) {
    fs.writeFileSync(path.join(unfinished, 'etc/apt/sources.list'), `${sources.join('\n')}\n`);
    // Of an archive that is a copy, the lists may be old.
    fs.writeFileSync(path.join(unfinished, 'etc/apt/apt.conf.d/99copy'), 'Acquire::Check-Valid-Until "false";\n');
    for (const command of ['update', 'dist-upgrade', 'clean'])
      if (!runIn(unfinished, ['apt-get', command, '-y', '-q'])) throw new Error(`apt-get ${command} failed`);
  }
  fs.renameSync(unfinished, base);
  return base;
}

/** Makes the system the root of this namespace, with its mounts, and runs the command there. */
const enterScript = `
set -e
root=$0 binds=$1
shift
echo $$ >"$root${pidFile}.new"
mv "$root${pidFile}.new" "$root${pidFile}"
mount --bind "$root" "$root"
for name in dev sys; do mount --rbind "/$name" "$root/$name"; done
mount -t proc proc "$root/proc"
IFS=:
for directory in $binds; do
  mkdir -p "$root$directory"
  mount --bind "$directory" "$root$directory"
done
unset IFS
cd "$root"
mkdir -p .outside
pivot_root . .outside
umount -l /.outside
exec "$@"
`;

/** Why the benchmark cannot run here; undefined: it can. */
export function rootMissing(): string | undefined {
  if (process.geteuid?.() !== 0) return 'it needs root, as the agent does';
  const absent = ['debootstrap', 'unshare', 'setsid', 'pivot_root'].filter(
    (program) => spawnSync('sh', ['-c', 'command -v "$0"', program]).status !== 0,
  );
  return absent.length > 0 ? `${absent.join(' and ')} not found: install debootstrap and util-linux` : undefined;
}

const readNumber = (file: string): number | undefined =>
  fs.existsSync(file) ? Number(fs.readFileSync(file, 'utf8')) : undefined;

/**
 * Waits for the program that the script started, and passes signals on to it and its children. Resolves with its exit
 * code.
 */
async function endOf(root: string): Promise<number> {
  const pause = () => new Promise((resolve) => setTimeout(resolve, 200));
  const file = path.join(root, pidFile);
  for (let tries = 0; readNumber(file) === undefined; tries++) {
    if (tries > 100) throw new Error('the Debian system could not be entered');
    await pause();
  }
  const pid = readNumber(file) ?? 0;
  for (const signal of ['SIGINT', 'SIGTERM', 'SIGHUP'] as const) process.on(signal, () => process.kill(-pid, signal));
  while (fs.existsSync(`/proc/${pid}`)) await pause();
  return readNumber(path.join(root, exitCodeFile)) ?? 1;
}

/** Removes copies of killed runs: neither the process that made the copy nor the one inside it exists. */
function removeOldCopies(): void {
  for (const name of fs.readdirSync(cache)) {
    const maker = /^run-(\d+)-/.exec(name)?.[1];
    if (maker === undefined) continue;
    const pids = [maker, readNumber(path.join(cache, name, pidFile))].filter((pid) => pid !== undefined);
    if (pids.some((pid) => fs.existsSync(`/proc/${pid}`))) continue;
    fs.rmSync(path.join(cache, name), { recursive: true });
  }
}

/**
 * Runs a program of this checkout with this Node in a new copy of the system. `directories` are also in the copy, by the
 * same paths. Resolves with its exit code.
 */
export async function runInCopy(
  system: DebianSystem,
  program: string,
  args: readonly string[],
  directories: readonly string[],
  onProgress: (text: string) => void,
): Promise<number> {
  const base = baseSystem(system, onProgress);
  removeOldCopies();
  const copy = fs.mkdtempSync(path.join(cache, `run-${process.pid}-`));
  try {
    execFileSync('cp', ['-a', '--reflink=auto', `${base}/.`, copy]);
    fs.writeFileSync(path.join(copy, 'etc/hostname'), `${os.hostname()}\n`);
    const binds = [checkout, ...directories].join(':');
    const enter = ['unshare', '--mount', '--propagation', 'private', 'sh', '-c', enterScript, copy, binds];
    // The program becomes a child of init, so that stored events do not contain the ancestors of the caller.
    spawnSync('setsid', ['--fork', ...enter, process.execPath, program, ...args], {
      stdio: ['ignore', 'inherit', 'inherit'],
      env: { ...environment, PATH: `${path.dirname(process.execPath)}:${environment.PATH}` },
    });
    return await endOf(copy);
  } finally {
    fs.rmSync(copy, { recursive: true, force: true });
  }
}

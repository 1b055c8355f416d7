// Finds the executions by which a user gets the rights of root from the file itself: set-user-ID programs of root.

import path from 'node:path';
import { isSystemPath } from '../hooks/system-paths.ts';
import type { Host } from '../host/host.ts';
import { tryRead } from '../host/read-faults.ts';
import { isGenerated } from '../packages/unowned-programs.ts';
import { mayBeRoot, possibleCredentials } from './credentials.ts';
import { sharesRoot } from './executable.ts';
import { isInterpreter } from './interpreters.ts';
import type { ExecSnapshot } from './process.ts';

/**
 * Programs of packages, without a version, that run any command, or read or write any file. No package ships one as a
 * set-user-ID program. Screen, at, mount and bwrap are left out: some packages do. Interpreters are not repeated here.
 */
const plainPrograms: ReadonlySet<string> = new Set(
  `awk gawk mawk original-awk sed ed vi vim.basic vim.tiny vim.nox nvim nano emacs less more man
   cat head tail tee cp mv dd ln install chmod chown tar cpio zip rsync find xargs parallel
   env nice ionice nohup setsid stdbuf taskset time timeout watch flock script chroot unshare nsenter start-stop-daemon
   git make gdb strace ltrace nmap nc.openbsd nc.traditional ncat socat curl wget openssl docker podman ssh systemctl
   apt apt-get dpkg rpm dnf`
    .trim()
    .split(/\s+/),
);

/** Whether no package ships the program as a set-user-ID program of root. */
export const isNeverSetuid = (file: string): boolean => isInterpreter(file) || plainPrograms.has(path.basename(file));

const setUserId = 0o4000n;

/** Whether the file, or the one that a link leads to, is a set-user-ID program of root. */
const isSetuidRoot = (host: Pick<Host, 'stat'>, file: string): boolean => {
  const stat = tryRead(() => host.stat(file));
  return stat?.isFile() === true && stat.uid === 0n && (stat.mode & setUserId) !== 0n;
};

/** The same of the file that the process runs, also if it has no name any more. */
function runsSetuidRoot({ entry, image }: ExecSnapshot, file: string, host: Pick<Host, 'stat' | 'readLink'>): boolean {
  if (entry.ended || entry.image !== image) return false;
  const mapped = `/proc/${entry.pid}/exe`;
  const name = tryRead(() => host.readLink(mapped));
  return (name === file || name === `${file} (deleted)`) && isSetuidRoot(host, mapped);
}

/**
 * How it is known that another user executed a set-user-ID program of root. `passed`: by the ids that the kernel passed
 * to the program. `before`: by the ids before the exec; the file system may have ignored the bit. `file`: only the file
 * is known.
 */
export type SetuidBasis = 'passed' | 'before' | 'file';

/**
 * Whether the exec was of a set-user-ID program of root. Undefined: it was not, or by root, or in another root
 * directory. `file`: the program. Called for every exec on the host: it reads a file only if the kernel passed the
 * program the ids of such an exec, or if no probe shows these.
 */
export function setuidBasis(
  snapshot: ExecSnapshot,
  file: string,
  host: Pick<Host, 'stat' | 'readLink'>,
): SetuidBasis | undefined {
  const { entry, image } = snapshot;
  const start = image.start?.credentials;
  if (start !== undefined && (start.userId !== 0 || start.realUserId === 0)) return undefined;
  if (!file.startsWith('/') || isGenerated(file)) return undefined;
  const basis = start === undefined ? basisBefore(snapshot) : 'passed';
  // Root runs programs of the system all the time.
  if ((basis === 'file' && isSystemPath(file)) || !sharesRoot(entry, image)) return undefined;
  // Ids do not prove it: they are those of the process's user namespace, and a set-user-ID program may start others.
  const isSetuid = isSetuidRoot(host, file) || (basis === 'passed' && runsSetuidRoot(snapshot, file, host));
  return isSetuid ? basis : undefined;
}

function basisBefore({ entry, image }: ExecSnapshot): 'before' | 'file' {
  const before = image.before ?? (image.former && possibleCredentials(entry, image.former));
  return before === undefined || mayBeRoot(before) ? 'file' : 'before';
}

// Whether a process really runs the program that its path names: a path alone is easily borrowed.

import { readIdentityInside, readNamespaces } from './proc/read-proc.ts';
import { hasShebang } from './proc/script-of-interpreter.ts';
import type { ProcessMoment } from './process-event.ts';
import { fileIdentity, realPath } from './which-file.ts';

/** The merge of /bin and /sbin into /usr makes these the same file by the distribution's own hand. */
const withUsr = (file: string): string => file.replace(/^\/(?=s?bin\/)/, '/usr/');

/** Folders where names are the distribution's: aptitude is a link there (alternatives), which leads to the program. */
const isSystemName = (file: string): boolean => /^\/(?:usr\/)?(?:s?bin|lib(?:exec)?)\//.test(file);

/** The name that execve was given means the program, and nobody but root can have it mean another one meanwhile. */
const names = (filename: string, program: string): boolean =>
  withUsr(filename) === program || (isSystemName(filename) && realPath(filename) === program);

const sharesMounts = (pid: number): boolean => {
  const mounts = readNamespaces(pid)?.mnt;
  return mounts !== undefined && mounts === readNamespaces('self')?.mnt;
};

/**
 * The process runs the very file that stands at `program` on the host: it is alive, in no container, was started by a
 * name of that program, sees that file there itself (no bind mount over it), and has it mapped; or, for a script, lives
 * among the host's mounts. A name that is only concluded from an interpreter's arguments does not do: a process can
 * write those. A link of its own making does not do either: it may lead elsewhere by the time that it is looked at.
 */
export function runsGenuine({ entry, image }: ProcessMoment, program: string): boolean {
  const { details } = entry;
  if (entry.ended || image === undefined || details === undefined || entry.image !== image) return false;
  if (details.containerId !== undefined || !details.hostRoot || !names(image.filename, program)) return false;
  const identity = fileIdentity(program);
  if (identity === undefined || readIdentityInside(entry.pid, program) !== identity) return false;
  if (fileIdentity(`/proc/${entry.pid}/exe`) === identity) return true;
  return image.inferredFrom === undefined && hasShebang(program) && sharesMounts(entry.pid);
}

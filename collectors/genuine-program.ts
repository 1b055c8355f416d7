// Whether a process really runs the program that its path names: a path alone is easily borrowed.

import fs from 'node:fs';
import { hasShebang } from './proc/script-of-interpreter.ts';
import type { ProcessMoment } from './process-event.ts';

const identityOf = (file: string): string | undefined => {
  try {
    const { dev, ino } = fs.statSync(file, { bigint: true });
    return `${dev}:${ino}`;
  } catch {
    return undefined;
  }
};

/** The merge of /bin and /sbin into /usr makes these the same file by the distribution's own hand. */
const withUsr = (file: string): string => file.replace(/^\/(?=s?bin\/)/, '/usr/');

/**
 * The process runs the very file that stands at `program` on the host: it is alive, in no container, sees that file
 * there itself (no bind mount over it), and either has it mapped or was started as a script by exactly its name. A
 * name that is only concluded from an interpreter's arguments does not do: a process can write those.
 */
export function runsGenuine({ entry, image }: ProcessMoment, program: string): boolean {
  const { details } = entry;
  if (entry.ended || image === undefined || details === undefined || entry.image !== image) return false;
  if (details.containerId !== undefined || !details.hostRoot) return false;
  const identity = identityOf(program);
  if (identity === undefined || identityOf(`/proc/${entry.pid}/root${program}`) !== identity) return false;
  if (identityOf(`/proc/${entry.pid}/exe`) === identity) return true;
  return image.inferredFrom === undefined && withUsr(image.filename) === program && hasShebang(program);
}

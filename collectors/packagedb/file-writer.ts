// Joins a file change with the process that made it, which may have ended, or not be known yet, when the change is heard of.

import path from 'node:path';
import { readBootNs } from '../libc.ts';
import { type ActorMoment, ancestorsOf } from '../process-event.ts';
import type { BootNs } from '../process-record.ts';
import type { Image, ProcessEntry, ProcessTable } from '../process-table.ts';

/** Who made a change; or why that is not known, in one clause, with the pid where at least that is. */
export type FileWriter =
  | { moment: ActorMoment; inferredFrom: string | undefined }
  | { unobserved: string; pid: number | undefined };

/** A process as it was known when its change was heard of. */
export interface WriterSeen {
  pid: number;
  atNs: BootNs;
  entry: ProcessEntry | undefined;
  image: Image | undefined;
}

export interface FileWriters {
  /** To be called at once: the process may be gone a moment later. */
  see(pid: number): WriterSeen;
  /** Effective user id of the process, or of its nearest ancestor that could be read; undefined: not known. */
  userOf(process: Pick<WriterSeen, 'entry' | 'image'>): number | undefined;
  /** To be called when the process table has caught up. */
  resolve(seen: WriterSeen): FileWriter;
  /** Where the kernel does not say who: the package manager that has run since then, if there was one. */
  infer(manager: 'dpkg' | 'rpm' | undefined, sinceNs: BootNs): FileWriter;
}

const managers = {
  dpkg: /^dpkg$/,
  // These have librpm in them, and run no rpm.
  rpm: /^(?:rpm|rpmdb|dnf\d?|dnf-\d|yum|microdnf|tdnf|zypper|packagekitd)$/,
};

/** A child that has not executed anything yet started a moment after its record's time. */
const startToleranceNs = 20e6;

/** Ancestors that are asked for the user of a process that has ended. */
const maxUserSteps = 8;

export function createFileWriters(table: ProcessTable): FileWriters {
  const momentOf = (entry: ProcessEntry, image: Image | undefined): ActorMoment => ({
    entry,
    image,
    ancestors: ancestorsOf(entry),
  });

  return {
    see(pid) {
      const atNs = readBootNs();
      const entry = pid > 0 ? table.recall(pid) : undefined;
      if (entry !== undefined) table.inspect(entry);
      return { pid, atNs, entry, image: entry?.image };
    },

    userOf({ entry, image }) {
      let steps = 0;
      for (let at = entry; at !== undefined && steps < maxUserSteps; at = at.parent, steps++) {
        const details = table.inspect(at);
        // Of its own it is to be the program that runs: sudo changes the user.
        if (details !== undefined && (at !== entry || at.detailsImage === image)) return details.userId;
      }
      return undefined;
    },

    resolve({ pid, atNs, entry, image }) {
      if (pid <= 0)
        return { unobserved: 'the kernel did not say who: a process of another pid namespace', pid: undefined };
      const now = table.recall(pid);
      if (now !== undefined && (now === entry || (entry === undefined && now.startNs < atNs + startToleranceNs))) {
        const later = now.image?.execNs !== undefined && now.image.execNs > atNs;
        return {
          moment: momentOf(now, later ? (image ?? now.parentImageAtFork ?? now.image) : now.image),
          inferredFrom: undefined,
        };
      }
      if (entry !== undefined) return { moment: momentOf(entry, image), inferredFrom: undefined };
      return { unobserved: 'the process had ended before it could be read', pid };
    },

    infer(manager, sinceNs) {
      const patterns = manager === undefined ? Object.values(managers) : [managers[manager]];
      const running = [...table.aliveSince(sinceNs)].filter(({ image }) => {
        const name = image && path.basename(image.probedImage ?? image.filename);
        return name !== undefined && patterns.some((pattern) => pattern.test(name));
      });
      // Of a front end and what it started the last one writes.
      const last = running.filter((entry) => !running.some((other) => isBelow(other, entry)));
      const [only] = last;
      if (only === undefined) return { unobserved: 'it is not known who, and no package manager ran', pid: undefined };
      if (last.length > 1) {
        return { unobserved: `it is not known who: ${last.length} package managers ran`, pid: undefined };
      }
      table.inspect(only);
      return { moment: momentOf(only, only.image), inferredFrom: 'the one package manager that ran at that moment' };
    },
  };
}

function isBelow(entry: ProcessEntry, ancestor: ProcessEntry): boolean {
  for (let at = entry.parent; at; at = at.parent) if (at === ancestor) return true;
  return false;
}

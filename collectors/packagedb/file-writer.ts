// Joins a file change with the process that made it, which may have ended, or may not be known yet, when the change is read.

import path from 'node:path';
import type { WriterSource } from '../event/event.ts';
import type { InferredBasis, UnobservedReason } from '../event/reasons.ts';
import type { Clock } from '../host/clock.ts';
import { namesOf, type PackageManager, packageTools, toolsOf } from '../packages/tools.ts';
import { ancestorsOf } from '../process/describe-process.ts';
import type { ActorSnapshot, Image, ProcessEntry } from '../process/process.ts';
import type { BootNs } from '../process/process-record.ts';
import type { ProcessTable } from '../process/process-table.ts';

/** Who made a change; or why that is not known, with the pid where at least that is. */
export type FileWriter =
  | { snapshot: ActorSnapshot; source: WriterSource; inferredFrom: InferredBasis | undefined }
  | { unobserved: UnobservedReason; pid: number | undefined };

/** A process as it was known when the event of its change was read. */
export interface WriterSeen {
  pid: number;
  atNs: BootNs;
  entry: ProcessEntry | undefined;
  image: Image | undefined;
  /** Pid of another process that closed what this one had written. */
  closedBy?: number;
}

/** Times of the file itself: its event may have waited in the kernel's queue. */
export interface FileTimes {
  /** Change of its status (stat(2)), by a clock that goes in steps. */
  changedNs: BootNs;
  /** Birth, of a file that was made. */
  bornNs?: BootNs | undefined;
}

export interface FileWriters {
  /** To be called when the event is read: the process may be gone a moment later. */
  see(pid: number): WriterSeen;
  /** Effective user id of the process, or of its nearest ancestor whose user is known; undefined: not known. */
  userOf(process: Pick<WriterSeen, 'entry' | 'image'>): number | undefined;
  /** To be called when the process table has the records up to `seen.atNs`. `times`: of the file, where it could be opened. */
  resolve(seen: WriterSeen, times?: FileTimes): FileWriter;
  /** The writer where the kernel names none: the package manager that has run since then, if exactly one has. */
  infer(manager: PackageManager | undefined, sinceNs: BootNs): FileWriter;
}

export const notSeen = (): FileWriter => ({ unobserved: 'change_not_seen', pid: undefined });

/** The writer of a file that was found in a new directory, which `writer` made. */
export const asMaker = (writer: FileWriter): FileWriter =>
  'snapshot' in writer ? inferred(writer.snapshot, 'directory_creator') : writer;

const inferred = (snapshot: ActorSnapshot, inferredFrom: InferredBasis): FileWriter => ({
  snapshot,
  source: 'inferred',
  inferredFrom,
});
const named = (snapshot: ActorSnapshot): FileWriter => ({ snapshot, source: 'kernel', inferredFrom: undefined });

/** The programs that write each manager's database. */
const managers: Readonly<Record<PackageManager, ReadonlySet<string>>> = {
  dpkg: namesOf(toolsOf('manager').filter(({ managers }) => managers.includes('dpkg'))),
  rpm: namesOf(packageTools.filter(({ librpm }) => librpm === true)),
};

/** /proc says that a process started this much later than its fork record, at most. */
const startToleranceNs = 20e6;

/** How far the clock of file times may be behind (10 ms on a kernel of 100 Hz), and the boot clock be off. */
const clockStepNs = 12e6;

const isPackageManager = (image: Image | undefined): boolean => {
  const name = image && path.basename(image.probedImage ?? image.filename);
  return name !== undefined && Object.values(managers).some((names) => names.has(name));
};

/** Ancestors whose user may stand for that of a process that has ended. */
const maxUserSteps = 8;

export function createFileWriters(table: ProcessTable, clock: Pick<Clock, 'bootNs'>): FileWriters {
  const snapshotOf = (entry: ProcessEntry, image: Image | undefined): ActorSnapshot => ({
    entry,
    image,
    ancestors: ancestorsOf(entry),
  });

  const writerAt = (entry: ProcessEntry, seen: Image | undefined, atNs: BootNs, times?: FileTimes): FileWriter => {
    const { image, formerImage, parentImageAtFork } = entry;
    const execNs = image?.execNs ?? 0;
    if (execNs > atNs) {
      return named(snapshotOf(entry, seen ?? parentImageAtFork ?? image));
    }
    // A file that is older than the process only got a new name from it (a link).
    const bornNs = times?.bornNs !== undefined && times.bornNs + clockStepNs > entry.startNs ? times.bornNs : undefined;
    const changedNs = bornNs ?? times?.changedNs ?? atNs;
    if (changedNs + clockStepNs < entry.startNs) {
      return inferred(snapshotOf(entry, image), 'closing_process');
    }
    if (changedNs >= execNs) return named(snapshotOf(entry, image));
    const formerProgram = formerImage ?? parentImageAtFork ?? image;
    if (changedNs + clockStepNs < execNs) {
      return inferred(snapshotOf(entry, formerProgram), 'program_before_exec');
    }
    // Tools write as soon as they run. A package manager does not: it reads its database first.
    const before = isPackageManager(image);
    return inferred(snapshotOf(entry, before ? formerProgram : image), 'program_at_exec');
  };

  const resolve = ({ pid, atNs, entry, image }: Omit<WriterSeen, 'closedBy'>, times?: FileTimes): FileWriter => {
    if (pid <= 0) return { unobserved: 'other_pid_namespace', pid: undefined };
    const now = table.recall(pid);
    if (now === entry || (entry === undefined && now !== undefined && now.startNs < atNs + startToleranceNs)) {
      if (now !== undefined) return writerAt(now, image, atNs, times);
    }
    if (entry === undefined) return { unobserved: 'process_exited', pid };
    // The pid passed to another process between the change and the reading of its event: the kernel does not say which of them it was.
    if (now !== undefined && now.startNs < atNs && !(times && now.startNs > times.changedNs + clockStepNs)) {
      return inferred(snapshotOf(now, now.image), 'reused_pid');
    }
    return named(snapshotOf(entry, image));
  };

  return {
    see(pid) {
      const atNs = clock.bootNs();
      const entry = pid > 0 ? table.recall(pid) : undefined;
      if (entry !== undefined) table.inspect(entry);
      return { pid, atNs, entry, image: entry?.image };
    },

    userOf({ entry, image }) {
      let steps = 0;
      for (let process = entry; process !== undefined && steps < maxUserSteps; process = process.parent, steps++) {
        const details = table.inspect(process);
        // The process's own user counts only if it was read while this program ran: sudo changes the user.
        if (details !== undefined && (process !== entry || process.detailsImage === image)) return details.userId;
      }
      return undefined;
    },

    resolve({ closedBy, ...seen }, times) {
      const writer = resolve(seen, times);
      if (closedBy === undefined || !('snapshot' in writer)) return writer;
      return inferred(writer.snapshot, writer.inferredFrom ?? 'closed_by_other');
    },

    infer(manager, sinceNs) {
      const programs = manager === undefined ? Object.values(managers) : [managers[manager]];
      const running = [...table.aliveSince(sinceNs)].filter(({ image }) => {
        const name = image && path.basename(image.probedImage ?? image.filename);
        return name !== undefined && programs.some((names) => names.has(name));
      });
      // A front end runs a package manager: the last of the chain writes.
      const last = running.filter((entry) => !running.some((other) => isBelow(other, entry)));
      const [only] = last;
      if (only === undefined) return { unobserved: 'no_package_manager', pid: undefined };
      if (last.length > 1) {
        return { unobserved: 'several_package_managers', pid: undefined };
      }
      table.inspect(only);
      return {
        snapshot: snapshotOf(only, only.image),
        source: 'only_package_manager',
        inferredFrom: 'only_package_manager',
      };
    },
  };
}

function isBelow(entry: ProcessEntry, ancestor: ProcessEntry): boolean {
  for (let parent = entry.parent; parent; parent = parent.parent) if (parent === ancestor) return true;
  return false;
}

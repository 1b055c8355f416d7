// Joins a file change with the process that caused it. The process may have ended, or may not be known yet, when the
// event is read.

import type { WriterSource } from '../event/event.ts';
import type { InferredBasis, UnobservedReason } from '../event/reasons.ts';
import type { Clock } from '../host/clock.ts';
import { namesOf, type PackageManager, packageTools, toolsOf } from '../packages/tools.ts';
import { ancestorsOf } from '../process/ancestors.ts';
import { mayBeRoot, possibleCredentials } from '../process/credentials.ts';
import type { ActorSnapshot, Image, ProcessEntry } from '../process/process.ts';
import type { BootNs } from '../process/process-record.ts';
import type { ProcessTable } from '../process/process-table.ts';
import { isNamed } from '../process/program-name.ts';

/** The process that caused a change; or the reason why it is not known, with its pid if that is known. */
export type FileWriter =
  | { snapshot: ActorSnapshot; source: WriterSource; inferredFrom: InferredBasis | undefined }
  | { unobserved: UnobservedReason; pid: number | undefined };

/** The process of a change, as it was known when the event was read. */
export interface WriterSeen {
  pid: number;
  atNs: BootNs;
  entry: ProcessEntry | undefined;
  image: Image | undefined;
  /** Pid of another process that closed the file which this one wrote. */
  closedBy?: number;
}

/**
 * Times of the file itself, which are nearer to the change than the event, since that may have waited in the kernel's
 * queue.
 */
export interface FileTimes {
  /** ctime (stat(2)), from a clock that advances in steps. */
  changedNs: BootNs;
  /** Birth time, if the change is the creation. */
  bornNs?: BootNs | undefined;
}

/**
 * Finds the processes that caused file changes: `see` when the event is read, `resolve` when the process table has
 * caught up.
 */
export interface FileWriters {
  /** Finds and reads the process. Must be called when the event is read, since the process may end a moment later. */
  see(pid: number): WriterSeen;
  /** Whether the process is known not to be root's: it has no id of root, nor had its program when it was executed. */
  isUnprivileged(process: Pick<WriterSeen, 'entry' | 'image'>): boolean;
  /**
   * Finds the writer. Must be called when the process table has the records up to `seen.atNs`. `times`: undefined if
   * the file could not be opened.
   */
  resolve(seen: WriterSeen, times?: FileTimes): FileWriter;
  /**
   * Infers the writer if the kernel names none: the package manager that ran since `sinceNs`, if there is exactly one.
   */
  infer(manager: PackageManager | undefined, sinceNs: BootNs): FileWriter;
}

/** The writer of a change that a comparison found. */
export const notSeen = (): FileWriter => ({ unobserved: 'change_not_seen', pid: undefined });

/** The writer of a file that was found in a new directory: inferred to be the process that created the directory. */
export const asMaker = (writer: FileWriter): FileWriter =>
  'snapshot' in writer ? inferred(writer.snapshot, 'directory_creator') : writer;

const inferred = (snapshot: ActorSnapshot, inferredFrom: InferredBasis): FileWriter => ({
  snapshot,
  source: 'inferred',
  inferredFrom,
});
const named = (snapshot: ActorSnapshot): FileWriter => ({ snapshot, source: 'kernel', inferredFrom: undefined });

/** The names of the programs that write the database of each package manager. */
const managers: Readonly<Record<PackageManager, ReadonlySet<string>>> = {
  dpkg: namesOf(toolsOf('manager').filter(({ managers }) => managers.includes('dpkg'))),
  rpm: namesOf(packageTools.filter(({ librpm }) => librpm === true)),
};

/** How much later than in its fork record a process may have started according to /proc. */
const startToleranceNs = 20e6;

/** How far the clock of file times may be behind (10 ms on a kernel of 100 Hz), plus the error of the boot clock. */
const clockStepNs = 12e6;

const isManager = (
  image: Image | undefined,
  programs: readonly ReadonlySet<string>[] = Object.values(managers),
): boolean => image !== undefined && isNamed(image, (name) => programs.some((names) => names.has(name)));

/** Maximum number of ancestors that are read for the user of a process that has ended. */
const maxUserSteps = 8;

/** Creates the search in `table`. Each method may read /proc of a process. */
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
    // If the file is older than the process, the process only created a new name for it (a hard link): the birth time
    // does not count.
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
    // The change happened at about the time of the exec. Most tools write as soon as they run, but a package manager
    // reads its database first: then the program before the exec made the change.
    const before = isManager(image);
    return inferred(snapshotOf(entry, before ? formerProgram : image), 'program_at_exec');
  };

  const resolve = ({ pid, atNs, entry, image }: Omit<WriterSeen, 'closedBy'>, times?: FileTimes): FileWriter => {
    if (pid <= 0) return { unobserved: 'other_pid_namespace', pid: undefined };
    const now = table.recall(pid);
    if (now === entry || (entry === undefined && now !== undefined && now.startNs < atNs + startToleranceNs)) {
      if (now !== undefined) return writerAt(now, image, atNs, times);
    }
    if (entry === undefined) return { unobserved: 'process_exited', pid };
    // Another process has had the pid since before the event was read. The kernel does not say which of the two caused
    // the change.
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

    isUnprivileged({ entry, image }) {
      let process = entry;
      for (let steps = 0; process !== undefined && steps < maxUserSteps; process = process.parent, steps++) {
        table.inspect(process);
      }
      const credentials = entry && possibleCredentials(entry, image);
      return credentials !== undefined && !mayBeRoot(credentials);
    },

    resolve({ closedBy, ...seen }, times) {
      const writer = resolve(seen, times);
      if (closedBy === undefined || !('snapshot' in writer)) return writer;
      return inferred(writer.snapshot, writer.inferredFrom ?? 'closed_by_other');
    },

    infer(manager, sinceNs) {
      const programs = manager === undefined ? Object.values(managers) : [managers[manager]];
      const running = [...table.aliveSince(sinceNs)].filter(({ image }) => isManager(image, programs));
      // A front end starts a package manager: only the last process of such a chain writes.
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

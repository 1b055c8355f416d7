// Decides whether a process with the name of a package tool runs the distribution's own file. The check runs right
// after the exec.

import path from 'node:path';
import { type Answer, known } from '../answer.ts';
import type { GenuineFields } from '../event/event.ts';
import type { InferredBasis } from '../event/reasons.ts';
import { fileIdentity } from '../host/file-identity.ts';
import type { Host } from '../host/host.ts';
import { executableOf } from '../process/executable.ts';
import type { ExecSnapshot, LeaderSnapshots, ProcessEntry, ProcessSnapshot, ToolCheck } from '../process/process.ts';
import { appearsGenuine, isInRoot, mappedNow, ownSystemOf, runsGenuine, seesOtherFile } from './genuine-program.ts';

/**
 * A program of a distribution and the package that owns it. A path may occur more than once, for several distributions.
 */
interface PackageProgram {
  path: string;
  package: string;
}

/**
 * Checks whether processes run the programs of the distribution. The result is kept with the process image, since an
 * upgrade may replace the file later.
 */
export interface PackageTools {
  /**
   * Must be called for each exec: checks a listed program before an upgrade can replace its file. Resolves when the
   * process and all its ancestors are checked; undefined: they are already.
   */
  notice(exec: ExecSnapshot): Promise<void> | undefined;
  /** Queries the owners of all listed programs, so that the first processes do not wait for them. */
  askOwners(): void;
  /** Whether the process runs the host's own file `program`. Its arguments, which it can write, do not count. */
  isGenuine(process: ProcessSnapshot, program: string): boolean;
  /** Whether the process itself is genuine; undefined: not known, or it has not the name of a tool. */
  genuineProcess(process: ProcessSnapshot): boolean | undefined;
  /**
   * Checks the process of an exec, its parent and its leaders. The returned function gives the results that are known
   * when it is called.
   */
  genuine(exec: ExecSnapshot, leaders: LeaderSnapshots): () => GenuineRound;
}

/** The results of one exec. `inferred`: for each field that is a conclusion, the basis. */
interface GenuineRound {
  fields: GenuineFields;
  inferred: Record<string, InferredBasis>;
}

interface PackageToolsDeps {
  host: Host;
  /** Programs that are checked when they start. */
  programs: readonly PackageProgram[];
  /**
   * Programs whose names no other program may have: a process with such a name that runs another file is not genuine.
   */
  tools: readonly PackageProgram[];
  /** Whether one of the packages owns the file, by the package database; undefined: not known. */
  owns(file: string, packageNames: readonly string[]): Answer<boolean>;
  /** Reads /proc of a process into its entry. */
  inspect(entry: ProcessEntry): unknown;
}

const unknown: ToolCheck = { genuine: known<boolean>(undefined) };

/** Indexes the programs by path and name. Nothing is read or queried before the first call of a method. */
export function openPackageTools({ host, programs, tools, owns, inspect }: PackageToolsDeps): PackageTools {
  const packagesOf = new Map<string, string[]>();
  for (const { path: file, package: owner } of [...programs, ...tools]) {
    packagesOf.set(file, [...(packagesOf.get(file) ?? []), owner]);
  }
  /** The paths of the tools, by file name. */
  const filesOf = new Map<string, string[]>();
  for (const { path: file } of tools) {
    const name = path.basename(file);
    filesOf.set(name, [...(filesOf.get(name) ?? []), file]);
  }

  /** Whether the process, or else its nearest ancestor that could be read, is on the host and in no container. */
  const isOnHost = (entry: ProcessEntry): boolean => {
    for (let current: ProcessEntry | undefined = entry; current; current = current.parent) {
      inspect(current);
      if (current.details) return current.details.hostRoot && current.details.containerId === undefined;
    }
    return false;
  };

  /**
   * Whether the file has the name of a tool but is another file. A link to the tool, or the same file under another
   * name, is not.
   */
  const isElsewhere = (process: ProcessSnapshot, file: string, inferredFrom: InferredBasis | undefined): boolean => {
    const identity = fileIdentity(host, file);
    const mapped = mappedNow(host, process);
    return (
      inferredFrom === undefined &&
      identity !== undefined &&
      (filesOf.get(path.basename(file)) ?? []).every((one) => ![identity, mapped].includes(fileIdentity(host, one)))
    );
  };

  const checkNow = (process: ProcessSnapshot, file: string, owners: readonly string[] | undefined): ToolCheck => {
    const { entry, image } = process;
    if (image === undefined) return unknown;
    inspect(entry);
    if (image.probedImage !== undefined && owners !== undefined) {
      // The probe names the file that was mapped. If another file has replaced it since, its owner is not known.
      const mapped = mappedNow(host, process);
      const isInPlace = mapped === undefined || mapped === fileIdentity(host, file);
      return { genuine: isInPlace ? owns(file, owners) : known<boolean>(undefined), probed: true };
    }
    if (owners === undefined) {
      const { inferredFrom } = executableOf(host, entry, image);
      return isOnHost(entry) && isElsewhere(process, file, inferredFrom) ? { genuine: known(false) } : unknown;
    }
    if (runsGenuine(host, process, file)) return { genuine: owns(file, owners) };
    if (seesOtherFile(host, process, file)) return { genuine: known(false) };
    // Only for an exec that polling /proc found: the arguments of a process that is older than the agent prove nothing.
    if (image.inferredFrom !== undefined && image.execNs !== undefined && appearsGenuine(host, process, file)) {
      return { genuine: owns(file, owners), inferredFrom: image.inferredFrom };
    }
    const ownRoot = ownSystemOf(host, process, file);
    return ownRoot === undefined ? unknown : { genuine: known(true), ownRoot };
  };

  /** Checks a process once after each exec: an upgrade may replace the file later. */
  const check = (process: ProcessSnapshot): ToolCheck => {
    const { entry, image } = process;
    if (image === undefined) return unknown;
    const file = executableOf(host, entry, image).path;
    const owners = packagesOf.get(file);
    if (owners === undefined && !filesOf.has(file.slice(file.lastIndexOf('/') + 1))) return unknown;
    if (image.tool === undefined || (image.probedImage !== undefined && !image.tool.probed)) {
      image.tool = checkNow(process, file, owners);
    }
    return image.tool;
  };

  return {
    notice(exec) {
      let pending = check(exec).genuine.pending;
      // Called for each exec on the host. Most have nothing to wait for, so that no promise is made for them.
      for (const ancestor of exec.ancestors) {
        const ancestorPending = check(ancestor).genuine.pending;
        if (ancestorPending !== undefined && ancestorPending !== pending)
          pending = pending === undefined ? ancestorPending : both(pending, ancestorPending);
      }
      return pending;
    },
    askOwners() {
      for (const [file, owners] of packagesOf) owns(file, owners);
    },
    isGenuine(process, program) {
      if (process.image === undefined || executableOf(host, process.entry, process.image).path !== program)
        return false;
      const { genuine, ownRoot, inferredFrom } = check(process);
      return genuine.value === true && ownRoot === undefined && inferredFrom === undefined;
    },
    genuineProcess: (process) => check(process).genuine.value,
    genuine(exec, leaders) {
      const checks = new Map<keyof GenuineFields, ToolCheck>();
      const note = (role: keyof GenuineFields, process: ProcessSnapshot | undefined): void => {
        if (process === undefined || !isInLineage(exec, process)) return;
        const seen = check(process);
        if (seen.ownRoot === undefined || isInRoot(host, seen.ownRoot, exec.entry.pid)) checks.set(role, seen);
      };
      note('process', exec);
      note('parent', exec.ancestors[0]);
      note('session_leader', leaders.session_leader);
      note('group_leader', leaders.group_leader);
      return () => {
        const round: GenuineRound = { fields: {}, inferred: {} };
        for (const [role, { genuine, inferredFrom }] of checks) {
          if (genuine.value === undefined) continue;
          round.fields[role] = genuine.value;
          if (inferredFrom !== undefined) round.inferred[`stepparent.genuine.${role}`] = inferredFrom;
        }
        return round;
      };
    },
  };
}

async function both(first: Promise<void>, second: Promise<void>): Promise<void> {
  await first;
  await second;
}

/**
 * Whether the process is that of the exec, or an ancestor that already ran this program when it forked the next process
 * of the lineage. Other processes prove nothing: any process can execute dpkg after a fork, or join a session that a
 * real dpkg leads.
 */
function isInLineage(exec: ExecSnapshot, { entry, image }: ProcessSnapshot): boolean {
  if (entry === exec.entry) return true;
  for (let current = exec.entry; current.parent; current = current.parent) {
    if (current.parent === entry) return current.parentImageAtFork === undefined || current.parentImageAtFork === image;
  }
  return false;
}

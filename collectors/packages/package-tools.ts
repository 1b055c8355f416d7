// Decides whether a process with the name of a package tool runs the distribution's own file. The check runs right
// after the exec.

import path from 'node:path';
import { type Answer, known } from '../answer.ts';
import type { GenuineFields } from '../event/event.ts';
import type { InferredBasis } from '../event/reasons.ts';
import { fileIdentity } from '../host/file-identity.ts';
import type { Host } from '../host/host.ts';
import { hasHostRoot } from '../proc/place.ts';
import { visitAncestors } from '../process/ancestors.ts';
import { executableOf } from '../process/executable.ts';
import type {
  ActorSnapshot,
  Image,
  LeaderSnapshots,
  ProcessEntry,
  ProcessSnapshot,
  ToolCheck,
} from '../process/process.ts';
import { inspectNearest, placeSeenLast } from '../process/process-place.ts';
import { isOtherFile } from '../process/recognize-program.ts';
import {
  appearsGenuine,
  isInRoot,
  mappedNow,
  ownSystemOf,
  runsGenuine,
  seesOtherFile,
  withUsr,
} from './genuine-program.ts';

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
   * Must be called for each exec or transaction: checks a listed program before an upgrade can replace its file. Resolves when the
   * process and all its ancestors are checked; undefined: they are already.
   */
  notice(actor: ActorSnapshot): Promise<void> | undefined;
  /** Queries the owners of all listed programs, so that the first processes do not wait for them. */
  askOwners(): void;
  /** Whether the process runs the host's own file `program`. Its arguments, which it can write, do not count. */
  isGenuine(process: ProcessSnapshot, program: string): boolean;
  /** Whether the process itself is genuine; undefined: not known, or it has not the name of a tool. */
  genuineProcess(process: ProcessSnapshot): boolean | undefined;
  /**
   * Checks the process of an event, its parent and its leaders. The returned function gives the results that are known
   * when it is called.
   */
  genuine(actor: ActorSnapshot, leaders: LeaderSnapshots): () => GenuineRound;
}

/** The results of one exec. `inferred`: for each field that is a conclusion, the basis. */
interface GenuineRound {
  fields: GenuineFields;
  inferred: Record<string, InferredBasis>;
  /**
   * For each ancestor whose program is listed, by its position: true if it runs the host's own file and a package of the list owns that,
   * false if it runs another file; not known of the others.
   */
  verified: ReadonlyMap<number, boolean>;
}

interface PackageToolsDeps {
  host: Host;
  /** Programs that are checked when they start. */
  programs: readonly PackageProgram[];
  /**
   * Programs whose names no other program may have: a process with such a name that runs another file is not genuine.
   */
  tools: readonly PackageProgram[];
  /** Programs that are checked only as ancestors, for `verified`. */
  origins?: readonly PackageProgram[];
  /** Whether one of the packages owns the file, by the package database; undefined: not known. */
  owns(file: string, packageNames: readonly string[]): Answer<boolean>;
  /** Reads /proc of a process into its entry. */
  inspect(entry: ProcessEntry): unknown;
}

const unknown: ToolCheck = { genuine: known<boolean>(undefined) };

/** Indexes the programs by path and name. Nothing is read or queried before the first call of a method. */
export function openPackageTools({
  host,
  programs,
  tools,
  origins = [],
  owns,
  inspect,
}: PackageToolsDeps): PackageTools {
  const packagesOf = new Map<string, string[]>();
  for (const { path: file, package: owner } of [...programs, ...tools, ...origins]) {
    packagesOf.set(file, [...(packagesOf.get(file) ?? []), owner]);
  }
  /** Files that `stepparent.genuine.*` says nothing of. */
  const onlyOrigins = new Set(origins.map(({ path: file }) => file));
  for (const { path: file } of [...programs, ...tools]) onlyOrigins.delete(file);
  /** The paths of the tools, by file name. */
  const filesOf = new Map<string, string[]>();
  for (const { path: file } of tools) {
    const name = path.basename(file);
    filesOf.set(name, [...(filesOf.get(name) ?? []), file]);
  }

  /** Whether the process, or else its nearest ancestor that could be read, has the root directory of the host. */
  const isOnHost = ({ entry, image }: ProcessSnapshot): boolean => {
    inspectNearest(entry, inspect);
    return hasHostRoot(placeSeenLast(entry, image));
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

  /** The check of a tool of another system. Its PATH may begin with /bin, which is a link to /usr/bin, as debootstrap's does. */
  const ownToolOf = (process: ProcessSnapshot, program: string): ToolCheck => {
    const ownRoot = packagesOf.has(program) ? ownSystemOf(host, process, program) : undefined;
    return ownRoot === undefined ? unknown : { genuine: known(true), ownRoot };
  };

  /** Whether the process runs a copy of a listed program. A link to it, or the same file under another name, is no copy. */
  const isCopy = ({ program, probedImage }: Image, file: string): boolean =>
    program !== undefined &&
    probedImage === undefined &&
    program.basis !== 'same_file' &&
    isOtherFile(program, file) &&
    (packagesOf.has(program.path) || filesOf.has(path.basename(program.path)));

  const checkNow = (process: ProcessSnapshot, file: string, owners: readonly string[] | undefined): ToolCheck => {
    const { entry, image } = process;
    if (image === undefined) return unknown;
    inspect(entry);
    if (isCopy(image, file)) return isOnHost(process) ? { genuine: known(false) } : unknown;
    if (image.probedImage !== undefined && owners !== undefined) {
      // The probe names the file that was mapped. If another file has replaced it since, its owner is not known.
      const mapped = mappedNow(host, process);
      const isInPlace = mapped === undefined || mapped === fileIdentity(host, file);
      return isInPlace
        ? { genuine: owns(file, owners), isHostFile: true, probed: true }
        : { genuine: known<boolean>(undefined), probed: true };
    }
    if (owners === undefined) {
      const { inferredFrom } = executableOf(host, entry, image);
      if (!isOnHost(process)) return ownToolOf(process, withUsr(file));
      return isElsewhere(process, file, inferredFrom) ? { genuine: known(false) } : unknown;
    }
    if (runsGenuine(host, process, file)) return { genuine: owns(file, owners), isHostFile: true };
    if (seesOtherFile(host, process, file)) return { genuine: known(false) };
    // Only for an exec that polling /proc found: the arguments of a process that is older than the agent prove nothing.
    if (image.inferredFrom !== undefined && image.execNs !== undefined && appearsGenuine(host, process, file)) {
      return { genuine: owns(file, owners), inferredFrom: image.inferredFrom };
    }
    return ownToolOf(process, file);
  };

  /** Checks a process once after each exec: an upgrade may replace the file later. */
  const check = (entry: ProcessEntry, image: Image | undefined): ToolCheck => {
    if (image === undefined) return unknown;
    const file = executableOf(host, entry, image).path;
    const owners = packagesOf.get(file);
    const isListed = owners !== undefined || filesOf.has(file.slice(file.lastIndexOf('/') + 1));
    if (!isListed && !isCopy(image, file)) return unknown;
    if (image.tool === undefined || (image.probedImage !== undefined && !image.tool.probed)) {
      image.tool = checkNow({ entry, image }, file, owners);
    }
    return image.tool;
  };

  const isOnlyOrigin = ({ entry, image }: ProcessSnapshot): boolean =>
    image !== undefined && onlyOrigins.has(executableOf(host, entry, image).path);

  const verifiedIn = (exec: ActorSnapshot): ReadonlyMap<number, boolean> => {
    const verified = new Map<number, boolean>();
    for (const [index, ancestor] of exec.ancestors.entries()) {
      const { image } = ancestor;
      if (image === undefined || !packagesOf.has(executableOf(host, ancestor.entry, image).path)) continue;
      const { genuine, isHostFile, ownRoot, inferredFrom } = check(ancestor.entry, image);
      const isProven = ownRoot === undefined && inferredFrom === undefined && isInLineage(exec, ancestor);
      // A file of the host that no package of the list owns: an administrator may have put it there.
      const isUnowned = genuine.value === false && isHostFile === true;
      if (genuine.value !== undefined && isProven && !isUnowned) verified.set(index, genuine.value);
    }
    return verified;
  };

  return {
    notice(exec) {
      let pending = check(exec.entry, exec.image).genuine.pending;
      // Called for each exec on the host. Most have nothing to wait for, so that no promise is made for them, and no list of
      // ancestors.
      visitAncestors(exec, (entry, image) => {
        const ancestorPending = check(entry, image).genuine.pending;
        if (ancestorPending !== undefined && ancestorPending !== pending)
          pending = pending === undefined ? ancestorPending : both(pending, ancestorPending);
        return false;
      });
      return pending;
    },
    askOwners() {
      for (const [file, owners] of packagesOf) owns(file, owners);
    },
    isGenuine(process, program) {
      if (process.image === undefined || executableOf(host, process.entry, process.image).path !== program)
        return false;
      const { genuine, ownRoot, inferredFrom } = check(process.entry, process.image);
      return genuine.value === true && ownRoot === undefined && inferredFrom === undefined;
    },
    genuineProcess: ({ entry, image }) => check(entry, image).genuine.value,
    genuine(exec, leaders) {
      const checks = new Map<keyof GenuineFields, ToolCheck>();
      const note = (role: keyof GenuineFields, process: ProcessSnapshot | undefined): void => {
        if (process === undefined || !isInLineage(exec, process) || isOnlyOrigin(process)) return;
        const seen = check(process.entry, process.image);
        if (seen.ownRoot === undefined || isInRoot(host, seen.ownRoot, exec.entry.pid)) checks.set(role, seen);
      };
      note('process', exec);
      note('parent', exec.ancestors[0]);
      note('session_leader', leaders.session_leader);
      note('group_leader', leaders.group_leader);
      return () => {
        const round: GenuineRound = { fields: {}, inferred: {}, verified: verifiedIn(exec) };
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
function isInLineage(exec: ActorSnapshot, { entry, image }: ProcessSnapshot): boolean {
  if (entry === exec.entry) return true;
  for (let current = exec.entry; current.parent; current = current.parent) {
    if (current.parent === entry) return current.parentImageAtFork === undefined || current.parentImageAtFork === image;
  }
  return false;
}

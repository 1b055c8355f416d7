// Whether processes are the package tools that they are called: the distribution's own files, looked at while a process is fresh.

import path from 'node:path';
import type { GenuineFields } from './event.ts';
import { executableOf } from './executable.ts';
import { isIn, looksGenuine, mappedNow, ownSystemOf, runsGenuine, seesAnother } from './genuine-program.ts';
import type { ExecMoment, ProcessMoment } from './process-event.ts';
import type { ProcessEntry, ToolLook } from './process-table.ts';
import { fileIdentity } from './which-file.ts';

/** A program of the distribution's, and the package that owns it; a path may stand more than once, for several distributions. */
interface PackageProgram {
  path: string;
  package: string;
}

export interface LeaderMoments {
  session_leader?: ProcessMoment;
  group_leader?: ProcessMoment;
}

export interface PackageTools {
  /** To be called for each exec: a program on a list is looked at while it is fresh, before an upgrade replaces its file. */
  notice(process: ProcessMoment): void;
  /** It runs the host's own file `program`, by what was seen and not by what it says of itself. */
  isGenuine(process: ProcessMoment, program: string): boolean;
  /** Of the process itself; undefined: not known, or its name is no tool's. */
  genuineProcess(process: ProcessMoment): boolean | undefined;
  /** The same of those round an exec; `inferred` says of which field why it is a conclusion. */
  genuine(exec: ExecMoment, leaders: LeaderMoments): { fields: GenuineFields; inferred: Record<string, string> };
}

interface PackageToolsParts {
  /** Programs that are looked at when they start. */
  programs: readonly PackageProgram[];
  /** Those whose names are theirs alone: whatever else has one is an impostor. */
  tools: readonly PackageProgram[];
  /** Whether the package owns the file, by the distribution's own account; undefined: it does not say. */
  owns(file: string, packageName: string): boolean | undefined;
  /** Reads what /proc shows of a process into its entry. */
  inspect(entry: ProcessEntry): unknown;
}

const unknown: ToolLook = { genuine: undefined };

export function openPackageTools({ programs, tools, owns, inspect }: PackageToolsParts): PackageTools {
  const packagesOf = new Map<string, string[]>();
  for (const { path: file, package: owner } of [...programs, ...tools]) {
    packagesOf.set(file, [...(packagesOf.get(file) ?? []), owner]);
  }
  /** By name, where its file may be. */
  const filesOf = new Map<string, string[]>();
  for (const { path: file } of tools) {
    const name = path.basename(file);
    filesOf.set(name, [...(filesOf.get(name) ?? []), file]);
  }

  const owned = (file: string, owners: readonly string[]): boolean | undefined => {
    const answers = owners.map((owner) => owns(file, owner));
    return answers.includes(true) || (answers.includes(false) ? false : undefined);
  };

  /** The nearest of its line that could be looked at is on the host: paths mean there what they mean to us. */
  const isOnHost = (entry: ProcessEntry): boolean => {
    for (let at: ProcessEntry | undefined = entry; at; at = at.parent) {
      inspect(at);
      if (at.details) return at.details.hostRoot && at.details.containerId === undefined;
    }
    return false;
  };

  /** It has a tool's name, and lies where no tool lies: neither a link to one, nor that file under another name. */
  const isElsewhere = (process: ProcessMoment, file: string, inferredFrom: string | undefined): boolean => {
    const identity = fileIdentity(file);
    const mapped = mappedNow(process);
    return (
      inferredFrom === undefined &&
      identity !== undefined &&
      (filesOf.get(path.basename(file)) ?? []).every((one) => ![identity, mapped].includes(fileIdentity(one)))
    );
  };

  const lookAt = (process: ProcessMoment, file: string, owners: readonly string[] | undefined): ToolLook => {
    const { entry, image } = process;
    if (image === undefined) return unknown;
    inspect(entry);
    if (image.probedImage !== undefined && owners !== undefined) {
      // That very file; should another one stand there by now, it cannot be told whose that one was.
      const mapped = mappedNow(process);
      const stands = mapped === undefined || mapped === fileIdentity(file);
      return { genuine: stands ? owned(file, owners) : undefined, probed: true };
    }
    if (owners === undefined) {
      const { inferredFrom } = executableOf(entry, image);
      return isOnHost(entry) && isElsewhere(process, file, inferredFrom) ? { genuine: false } : unknown;
    }
    if (runsGenuine(process, file)) return { genuine: owned(file, owners) };
    if (seesAnother(process, file)) return { genuine: false };
    // Only where /proc is polled: what a process that was there before the agent says of itself is nothing.
    if (image.inferredFrom !== undefined && image.execNs !== undefined && looksGenuine(process, file)) {
      return { genuine: owned(file, owners), inferredFrom: image.inferredFrom };
    }
    const ownRoot = ownSystemOf(process, file);
    return ownRoot === undefined ? unknown : { genuine: true, ownRoot };
  };

  /** Looked at once for each program that a process runs: later its file may have been replaced by an upgrade. */
  const look = (process: ProcessMoment): ToolLook => {
    const { entry, image } = process;
    if (image === undefined) return unknown;
    const file = executableOf(entry, image).path;
    const owners = packagesOf.get(file);
    if (owners === undefined && !filesOf.has(path.basename(file))) return unknown;
    if (image.tool === undefined || (image.probedImage !== undefined && !image.tool.probed)) {
      image.tool = lookAt(process, file, owners);
    }
    return image.tool;
  };

  return {
    notice(process) {
      const { entry, image } = process;
      if (image !== undefined && packagesOf.has(executableOf(entry, image).path)) look(process);
    },
    isGenuine(process, program) {
      if (process.image === undefined || executableOf(process.entry, process.image).path !== program) return false;
      const { genuine, ownRoot, inferredFrom } = look(process);
      return genuine === true && ownRoot === undefined && inferredFrom === undefined;
    },
    genuineProcess: (process) => look(process).genuine,
    genuine(exec, leaders) {
      const fields: GenuineFields = {};
      const inferred: Record<string, string> = {};
      const note = (role: keyof GenuineFields, process: ProcessMoment | undefined): void => {
        if (process === undefined || !isInLine(exec, process)) return;
        const { genuine, ownRoot, inferredFrom } = look(process);
        if (genuine === undefined || (ownRoot !== undefined && !isIn(ownRoot, exec.entry.pid))) return;
        fields[role] = genuine;
        if (inferredFrom !== undefined) inferred[`stepparent.genuine.${role}`] = inferredFrom;
      };
      note('process', exec);
      note('parent', exec.ancestors[0]);
      note('session_leader', leaders.session_leader);
      note('group_leader', leaders.group_leader);
      return { fields, inferred };
    },
  };
}

/**
 * It is the process itself, or the line that leads to it was forked by that very program. Any process can become dpkg after it
 * has forked, or put itself into a session that a real dpkg leads.
 */
function isInLine(exec: ExecMoment, { entry, image }: ProcessMoment): boolean {
  if (entry === exec.entry) return true;
  for (let at = exec.entry; at.parent; at = at.parent) {
    if (at.parent === entry) return at.parentImageAtFork === undefined || at.parentImageAtFork === image;
  }
  return false;
}

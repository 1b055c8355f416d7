// Finds the initiator of an event: the nearest ancestor that is not a wrapper, such as sudo, env or a shell.

import path from 'node:path';
import type { InitiatorFields, LineageStep } from '../../collectors/event/event.ts';
import type { InferredBasis, UnobservedReason } from '../../collectors/event/reasons.ts';
import { namesOf, toolsOf } from '../../collectors/packages/tools.ts';
import { afterLinker, isDynamicLinker } from '../../collectors/process/dynamic-linker.ts';
import { isInterpreter, parseInterpreterRun } from '../../collectors/process/interpreters.ts';
import { mayInstall } from './installing-command.ts';
import { findOrigin, type InitiatedEvent } from './origin.ts';
import { isPackageProgram } from './package-operation.ts';

/** Directories of the distribution's programs. The last two hold Ubuntu's sudo and coreutils written in Rust. */
const systemDirectory = /^\/(?:(?:usr\/)?s?bin|usr\/lib\/cargo\/bin(?:\/coreutils)?)\/([^/]+)$/;

const words = (text: string): string[] => text.trim().split(/\s+/);

/** The package tools that are wrappers; a tool that installs by itself or at a request over D-Bus is not one. */
const wrapperTools = toolsOf('manager', 'front end', 'wrapper');

/**
 * Programs that only start the program that their caller names. A program counts only if it is in a system directory.
 */
const wrappers: ReadonlySet<string> = new Set([
  ...words(`
    sudo sudo-rs sudo.ws su su-rs doas pkexec runuser setpriv capsh newgrp sg runcon
    env nohup timeout xargs nice ionice chrt taskset numactl prlimit choom setarch linux32 linux64 setsid stdbuf time watch
    flock script find parallel start-stop-daemon systemd-run systemd-inhibit systemd-cat dbus-run-session
    unshare nsenter chroot tmux screen
  `),
  ...namesOf(wrapperTools),
]);

/** Package tools with paths of their own. */
const wrapperPaths: ReadonlySet<string> = new Set(wrapperTools.flatMap(({ paths = [] }) => paths));

/** PATH_MAX: a longer text is not a path. */
const maxPathBytes = 4096;
/**
 * Depth to which commands such as `ld.so ld.so ...` are resolved; below it the program counts as the command line names
 * it.
 */
const maxNested = 4;

/** The initiator, or why it was not found. */
export interface FoundInitiator {
  initiator?: InitiatorFields;
  /** Reasons by field name. */
  unobserved: Record<string, UnobservedReason>;
  inferred: Record<string, InferredBasis>;
}

const field = 'stepparent.initiator';

/**
 * Whether the process of the event can be its initiator: a program that runs a package transaction by a library does
 * what a started dpkg or rpm would do for it.
 */
export const isOwnInitiator = ({ event }: Pick<InitiatedEvent, 'event'>): boolean =>
  event?.category?.includes('package') === true;

/** Finds the initiator from the event, without reading the host. Undefined: the event has no process. */
export function findInitiator(event: InitiatedEvent): FoundInitiator | undefined {
  if (event.process === undefined) return undefined;
  const ancestors = event.stepparent.lineage ?? [];
  /** The ancestors, and before them the process itself if it can be the initiator. */
  const isOwn = isOwnInitiator(event);
  const lineage = isOwn ? [event.process as LineageStep, ...ancestors] : ancestors;
  const found: FoundInitiator = { unobserved: {}, inferred: {} };
  const unobserved = (reason: UnobservedReason): FoundInitiator => {
    found.unobserved[field] = reason;
    return found;
  };
  /** The programs of the ancestors that were checked so far: all but the last are wrappers. */
  const passed: Program[] = [];
  const programAt = (step: LineageStep, index: number): Program => {
    const args = index === 0 ? 'process.parent.args' : `stepparent.lineage.${index}.args`;
    return programOf(step, event.stepparent.inferred?.[args] === 'read_later');
  };

  // A package tool that was not asked to install anything does not pass a request on: a hook of it installs.
  const mayBeHook = isOwn || isPackageProgram(event.process.name ?? '');
  const first = lineage.findIndex((step, index) => {
    const program = programAt(step, index);
    passed.push(program);
    return !program.wraps || (mayBeHook && !mayInstall(step));
  });
  const seen = first === -1 ? lineage.length : first;
  if (ancestors.length === 0 && first === -1) return unobserved('parent_unobserved');
  if (first === -1 && event.stepparent.truncated?.['stepparent.lineage'] !== undefined) {
    return unobserved('only_wrappers');
  }
  // A service manager only runs the command of a unit, so the initiator is the first program of that unit.
  const isTopmost = seen > 0 && (first === -1 || isServiceManager(lineage[first]));
  const index = isTopmost ? seen - 1 : seen;
  const step = lineage[index];
  const program = passed[index];
  if (step === undefined || program?.path === undefined) {
    return unobserved('ancestor_exited');
  }

  const uncertainty = passed.slice(0, index + 1).find(({ uncertainty }) => uncertainty !== undefined)?.uncertainty;
  if (uncertainty !== undefined) found.inferred[field] = uncertainty;
  const executable = program.path;
  const sha256 = step.temporary_script?.path === program.path ? step.temporary_script.sha256 : undefined;
  const steps = lineage.map((one, position) => ({
    step: one,
    path: programAt(one, position).path,
    script: scriptOf(one),
    verified: isOwn && position === 0 ? event.stepparent.genuine?.process : one.verified,
  }));
  const { fields, unobserved: notObserved, inferred } = findOrigin(event, steps, index);
  if (fields.origin === undefined) found.unobserved[`${field}.origin`] = 'user_and_unit_unobserved';
  for (const name in notObserved) found.unobserved[`${field}.${name}`] = notObserved[name] as UnobservedReason;
  for (const name in inferred) found.inferred[`${field}.${name}`] = inferred[name] as InferredBasis;
  found.initiator = {
    entity_id: step.entity_id,
    pid: step.pid,
    name: path.basename(executable),
    executable,
    ...fields,
    ...(sha256 === undefined ? {} : { hash: { sha256 } }),
    wrappers: lineage.slice(0, index).map(({ name, executable = '' }) => name ?? path.basename(executable)),
  };
  return found;
}

/** The program that an ancestor really runs: a script instead of its interpreter. */
interface Program {
  /** Undefined: not observed. */
  path: string | undefined;
  /** The program is a wrapper: it only runs the command that its parent names. */
  wraps: boolean;
  /** Why the path is inferred. */
  uncertainty?: InferredBasis;
}

const isWrapper = (file: string): boolean =>
  wrapperPaths.has(file) || wrappers.has(systemDirectory.exec(file)?.[1] ?? '');

/** Events of one process share the objects of their lineage. */
const programs = new WeakMap<LineageStep, Program>();

/** `readLater`: the arguments were read after the exec. The process can have rewritten them, so that they name no script. */
function programOf(step: LineageStep, readLater: boolean): Program {
  const known = programs.get(step);
  if (known !== undefined) return known;
  const program = findProgram(step, readLater);
  programs.set(step, program);
  return program;
}

function findProgram(
  { executable, program, args, working_directory: directory }: LineageStep,
  readLater: boolean,
): Program {
  // By its content it is another program than its path says: a copy acts for itself, whatever its name.
  const isCopy = program !== undefined && !isDynamicLinker(executable ?? '');
  if (isCopy) return { path: executable, wraps: false };
  let file = executable;
  let line: readonly string[] | undefined = args;
  for (let nested = 0; nested < maxNested && file !== undefined; nested++) {
    const isLinker = isDynamicLinker(file);
    const run = isLinker ? undefined : parseInterpreterRun(systemDirectory.exec(file)?.[1] ?? '', line ?? []);
    if (!isLinker && run === undefined) return { path: file, wraps: isWrapper(file) };
    const wraps = isLinker || run?.isShell === true;
    if (line === undefined) {
      return {
        path: file,
        wraps,
        uncertainty: 'args_unobserved',
      };
    }
    const rest = run?.script ?? afterLinker(line);
    const [next] = rest;
    if (next === undefined || !isPath(next)) return { path: file, wraps };
    if (readLater) return { path: file, wraps, uncertainty: 'read_later' };
    if (!path.isAbsolute(next) && directory === undefined) {
      return { path: path.normalize(next), wraps: false, uncertainty: 'script_relative' };
    }
    file = path.resolve(directory ?? '/', next);
    line = rest;
    // From here on only the path of the script decides, not its interpreter.
    if (!isLinker) return { path: file, wraps: isWrapper(file) };
  }
  return { path: file, wraps: false };
}

/** The script of an interpreter in any directory, as the user has installed it for himself. */
function scriptOf({ executable = '', args = [], working_directory: directory }: LineageStep): string | undefined {
  if (!isInterpreter(executable)) return undefined;
  const [script] = parseInterpreterRun(executable, args)?.script ?? [];
  return script !== undefined && isPath(script) ? path.resolve(directory ?? '/', script) : undefined;
}

/** Excludes a pipe in place of a file: `bash <(curl ...)` passes /dev/fd/63 to bash. */
const isPath = (text: string): boolean =>
  text !== '' && Buffer.byteLength(text) < maxPathBytes && !/^\/(?:dev\/(?:fd\/|std)|proc\/)/.test(text);

const isServiceManager = (step: LineageStep | undefined): boolean =>
  step !== undefined && (step.pid === 1 || /^(?:\/usr)?\/lib\/systemd\/systemd$/.test(step.executable ?? ''));

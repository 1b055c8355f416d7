// Reads the scripts above an installation whose paths do not identify them. A script may be removed as soon as it ends, so
// that it is read when the tool that it started is observed.

import path from 'node:path';
import { type Answer, ask } from '../answer.ts';
import { errorCode } from '../error-message.ts';
import type { LineageStep, StepparentEvent } from '../event/event.ts';
import type { UnobservedReason } from '../event/reasons.ts';
import type { Host } from '../host/host.ts';
import { reportOwnFault, tryRead } from '../host/read-faults.ts';
import { digestOf, readHead } from '../host/read-file.ts';
import { type RegularFile, Unreadable } from '../host/regular-file.ts';
import { namesOf, toolsOf } from '../packages/tools.ts';
import { executableOf, isPrivateName } from './executable.ts';
import { isInterpreter, parseInterpreterRun } from './interpreters.ts';
import type { ActorSnapshot, Image, ProcessSnapshot } from './process.ts';
import { argsOf, isNamed } from './program-name.ts';
import { isKnownByContent } from './temporary-path.ts';

/** The result of one reading: the hash, or why it is not known. Both undefined: the file is no script. */
interface ScriptHash {
  sha256?: string;
  unobserved?: UnobservedReason;
}

/** A script that an ancestor runs. */
export interface AncestorScript {
  /** Position of the ancestor in the lineage. */
  index: number;
  path: string;
  hash: Answer<ScriptHash>;
}

/** Finds and reads the scripts above a process that installs packages. Each script is read once for its process. */
export interface AncestorScripts {
  /**
   * Whether there may be such a script above a package manager. Reads nothing, so that most of its runs need not be
   * described for it.
   */
  mayBeAbove(exec: ActorSnapshot & { image: Image }): boolean;
  /** `lineage`: the ancestors of the process as they are described. */
  above(process: ActorSnapshot, lineage: readonly LineageStep[]): AncestorScript[];
}

/** Maximum size of a script that is read. */
const maxBytes = 1024 * 1024;
/** Maximum number of scripts above one tool. */
const maxScripts = 4;
/** Maximum number of files that are open at once. */
const maxOpen = 64;
/** How much later than the exec the change time of the script may be: the two clocks differ by less. */
const toleranceMs = 2;
/** The descriptors at which shells and other interpreters have their script open. */
const scriptDescriptors = [255, 10, 3, 4, 5, 6, 7, 8, 9];

const managers = namesOf(toolsOf('manager'));
/** Whether the program installs packages itself: dpkg or rpm. */
export const isPackageManager = (image: Image): boolean => isNamed(image, (name) => managers.has(name));

/** Whether an ancestor may run a script that is known by its content. `executable`: the path of its program. */
function mayRunScript(image: Image, executable: string): boolean {
  if (!isInterpreter(executable)) return isKnownByContent(executable);
  const args = argsOf(image);
  if (args === undefined) return true;
  const [script] = parseInterpreterRun(executable, args)?.script ?? [];
  return script !== undefined && (!path.isAbsolute(script) || isKnownByContent(path.normalize(script)));
}

/** The script that an ancestor runs; if it is no interpreter by its path, its program, which may be a script. */
function scriptOf({ executable, args, program, working_directory: directory }: LineageStep): string | undefined {
  // A copy of an interpreter counts as itself, whatever it runs.
  if (executable === undefined || program !== undefined || !isInterpreter(executable)) return executable;
  const [script] = parseInterpreterRun(executable, args ?? [])?.script ?? [];
  if (!script || isPrivateName(script)) return undefined;
  return path.isAbsolute(script) ? path.normalize(script) : directory && path.join(directory, script);
}

/** Opens the reader of one host. */
export function openAncestorScripts(host: Host): AncestorScripts {
  const known = new WeakMap<Image, { path: string; hash: Answer<ScriptHash> }>();
  let open = 0;

  /** Opens the file in the view of the process. Undefined: it is gone. Throws other errors of open(2). */
  const openInside = (pid: number, file: string): RegularFile | undefined => {
    try {
      return host.open(`/proc/${pid}/root${file}`);
    } catch (error) {
      if (errorCode(error) !== 'ENOENT') throw error;
    }
    // The file was removed while the interpreter has it open.
    const descriptor = scriptDescriptors
      .map((number) => `/proc/${pid}/fd/${number}`)
      .find((link) => tryRead(() => host.readLink(link)) === `${file} (deleted)`);
    return descriptor === undefined ? undefined : host.open(descriptor);
  };

  /** Whether the file has not changed since the process began to run it. */
  const isAsExecuted = (file: RegularFile, { entry, image }: ProcessSnapshot): boolean => {
    const { ctimeNs, mtimeNs, nlink } = file.stat();
    const startedMs = host.clock.bootEpochMs() + (image?.execNs ?? entry.startNs) / 1e6 + toleranceMs;
    // The removal of the file changes the change time.
    return Number((nlink === 0n ? mtimeNs : ctimeNs) / 1000n) / 1000 <= startedMs;
  };

  const hashOf = async (file: RegularFile): Promise<ScriptHash> => {
    open++;
    try {
      return { sha256: await digestOf(file, 'sha256', maxBytes) };
    } catch (error) {
      reportOwnFault(error);
      return { unobserved: error instanceof Unreadable ? error.reason : 'unreadable' };
    } finally {
      open--;
      file.close();
    }
  };

  const read = (process: ProcessSnapshot, file: string, isExecuted: boolean): ScriptHash | Promise<ScriptHash> => {
    const { entry, image } = process;
    if (entry.ended || entry.image !== image || !host.proc.mayReadInside(entry.pid)) {
      return { unobserved: 'process_exited' };
    }
    if (open >= maxOpen) return { unobserved: 'too_many_scripts' };
    let opened: RegularFile | undefined;
    try {
      opened = openInside(entry.pid, file);
      if (opened === undefined) return { unobserved: 'file_gone' };
      const isScript = !isExecuted || readHead(opened, 2).toString('latin1') === '#!';
      if (isScript && isAsExecuted(opened, process)) return hashOf(opened);
      opened.close();
      return isScript ? { unobserved: 'file_replaced' } : {};
    } catch (error) {
      opened?.close();
      reportOwnFault(error);
      return { unobserved: error instanceof Unreadable ? error.reason : 'unreadable' };
    }
  };

  return {
    mayBeAbove: (exec) =>
      isPackageManager(exec.image) &&
      exec.ancestors.some(
        ({ entry, image }) => image !== undefined && mayRunScript(image, executableOf(host, entry, image).path),
      ),
    above({ ancestors }, lineage) {
      const scripts: AncestorScript[] = [];
      for (const [index, step] of lineage.entries()) {
        const ancestor = ancestors[index];
        const file = scriptOf(step);
        if (ancestor?.image === undefined || file === undefined || !isKnownByContent(file)) continue;
        if (scripts.length >= maxScripts) break;
        let seen = known.get(ancestor.image);
        if (seen?.path !== file) {
          const found = read(ancestor, file, file === step.executable);
          seen = { path: file, hash: found instanceof Promise ? ask(found) : { value: found, pending: undefined } };
          known.set(ancestor.image, seen);
        }
        scripts.push({ index, ...seen });
      }
      return scripts;
    },
  };
}

/** The event with the hashes of the scripts that ancestors run. */
export function withAncestorScripts(document: StepparentEvent, scripts: readonly AncestorScript[]): StepparentEvent {
  if (scripts.length === 0) return document;
  const { process, stepparent } = document;
  const lineage = [...(stepparent.lineage ?? [])];
  const unobserved = { ...stepparent.unobserved };
  let parent = process?.parent;
  for (const { index, path, hash } of scripts) {
    const step = lineage[index];
    const { sha256, unobserved: reason = 'read_timeout' } = hash.value ?? {};
    if (sha256 === undefined) {
      if (hash.value === undefined || hash.value.unobserved)
        unobserved[`stepparent.lineage.${index}.temporary_script`] = reason;
      continue;
    }
    if (step !== undefined) lineage[index] = { ...step, temporary_script: { path, sha256 } };
    if (index === 0 && parent?.executable === path) parent = { ...parent, hash: { sha256 } };
  }
  return {
    ...document,
    ...(process && { process: { ...process, ...(parent && { parent }) } }),
    stepparent: {
      ...stepparent,
      lineage,
      ...(Object.keys(unobserved).length > 0 && { unobserved }),
    },
  };
}

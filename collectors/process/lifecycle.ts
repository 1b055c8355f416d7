// Finds the processes that are, or were started by, a package's script, from the program that is executed and its parent.

import path from 'node:path';
import type { LifecycleFields } from '../event/event.ts';
import type { Notes } from '../event/notes.ts';
import { onlyPackageFile, scriptOfFile } from '../packages/script-file.ts';
import {
  isInDpkgDirectory,
  type PackageFile,
  type PackageManager,
  parseDebFile,
  parseInfoFile,
  parseRpmFile,
} from '../packages/tools.ts';
import type { Image, Lifecycle, LifecycleScript, ProcessEntry } from './process.ts';

/** Whether a run of rpm with these arguments may run scripts of packages. */
export type ChangesPackages = (manager: 'rpm', args: readonly string[]) => boolean;

/**
 * A daemon that a script starts keeps the mark for good, and so does all that it starts. So many programs of one script
 * are followed.
 */
export const maxExecsOfScript = 5000;

const scriptletFile = /(?:^|\/)rpm-tmp\.\w{6}$/;

/** Asked at every exec of the host. */
function runs(image: Image | undefined, tool: PackageManager): boolean {
  const file = image?.probedImage ?? image?.filename;
  return file?.endsWith(tool) === true && path.basename(file) === tool;
}

/** What a forked child is, before it executes anything. */
export function lifecycleBelow(parent: ProcessEntry | undefined): Lifecycle | undefined {
  const above = parent?.lifecycle;
  return above && { script: above.script, depth: above.depth + 1 };
}

/**
 * What a process is once it has executed `image`; `inherited`: the parent's program, when the process was until now
 * nothing but a fork of it.
 */
export function lifecycleAtExec(
  entry: ProcessEntry,
  inherited: Image | undefined,
  image: Image,
  changesPackages: ChangesPackages | undefined,
): Lifecycle | undefined {
  const script = dpkgScript(entry, image, inherited) ?? rpmScript(inherited, changesPackages);
  if (script !== undefined) return { script, depth: 0 };
  const { lifecycle } = entry;
  if (lifecycle === undefined) return undefined;
  lifecycle.script.execs++;
  if (lifecycle.script.execs > maxExecsOfScript) return undefined;
  return lifecycle.depth > 0 ? lifecycle : { ...lifecycle, depth: 1 };
}

/** Effective user id of a process that has just called execve; undefined: /proc was not read before the execve. */
const userBeforeExec = ({ details, detailsImage, formerImage }: ProcessEntry): number | undefined =>
  detailsImage === formerImage ? details?.userId : undefined;

function dpkgScript(
  entry: ProcessEntry,
  { filename: execveName }: Image,
  inherited: Image | undefined,
): LifecycleScript | undefined {
  const byDpkg = runs(inherited, 'dpkg');
  // Most execs of a host.
  if (!byDpkg && !isInDpkgDirectory(execveName)) return undefined;
  // What execve was given may lead anywhere.
  const filename = path.posix.normalize(execveName);
  const userId = userBeforeExec(entry);
  // Without dpkg it is root who has business with its scripts.
  if (!byDpkg && (!isInDpkgDirectory(filename) || (userId ?? 0) !== 0)) return undefined;
  const inferredFrom = byDpkg || userId === 0 ? undefined : 'script_path';
  // Also below another --admindir.
  const named = scriptOfFile(filename);
  if (named?.phase === undefined) return undefined;
  const script = { manager: 'dpkg', path: filename, phase: named.phase, inferredFrom, execs: 0 } as const;
  if (named.package !== undefined) {
    const installed = parseInfoFile(path.basename(filename));
    return installed && { ...script, package: installed.package, packageInferredFrom: undefined };
  }
  // Before the package is installed: its preinst, and on an error its postrm.
  const name = singlePackage(inherited, parseDebFile);
  return {
    ...script,
    package: name,
    packageInferredFrom: name === undefined ? undefined : 'package_file_name',
  };
}

/** rpm executes nothing of its own in a child of it: what a child executes is a package's, or a macro's. */
function rpmScript(
  inherited: Image | undefined,
  changesPackages: ChangesPackages | undefined,
): LifecycleScript | undefined {
  if (inherited === undefined || !runs(inherited, 'rpm')) return undefined;
  const args = argsOf(inherited);
  if (args !== undefined && changesPackages && !changesPackages('rpm', args)) return undefined;
  const name = singlePackage(inherited, parseRpmFile);
  return {
    manager: 'rpm',
    path: undefined,
    package: name,
    phase: undefined,
    packageInferredFrom: name === undefined ? undefined : 'package_file_name',
    inferredFrom: undefined,
    execs: 0,
  };
}

const argsOf = (image: Image): string[] | undefined => image.args ?? image.attemptArgs?.args;

/** Undefined also where not all arguments were observed. */
function singlePackage(
  tool: Image | undefined,
  parseFile: (file: string) => PackageFile | undefined,
): string | undefined {
  const args = tool && argsOf(tool);
  if (!tool || !args || tool.argsTruncated || (!tool.args && tool.attemptArgs?.truncated)) return undefined;
  return onlyPackageFile(args, parseFile)?.package;
}

/** For the event of an exec, with its arguments where they were observed; adds what is concluded to the notes. */
export function describeLifecycle(
  { script, depth }: Lifecycle,
  args: string | readonly string[] | undefined,
  notes: Notes,
): LifecycleFields {
  // The interpreter's argument is the file; the kernel knows only the interpreter.
  if (script.manager === 'rpm' && depth === 0) {
    script.path ??= [args ?? []]
      .flat()
      .slice(1)
      .find((arg) => scriptletFile.test(arg));
  }
  const field = 'stepparent.lifecycle_script';
  if (script.inferredFrom) notes.inferred[field] = script.inferredFrom;
  if (script.packageInferredFrom) notes.inferred[`${field}.package`] = script.packageInferredFrom;
  if (script.package === undefined) notes.unobserved[`${field}.package`] = 'not_shown';
  if (script.phase === undefined) notes.unobserved[`${field}.phase`] = 'not_shown';
  if (script.execs === maxExecsOfScript) notes.truncated[field] = maxExecsOfScript;
  return {
    manager: script.manager,
    ...(script.path === undefined ? {} : { path: script.path }),
    ...(script.package === undefined ? {} : { package: script.package }),
    ...(script.phase === undefined ? {} : { phase: script.phase }),
    depth,
  };
}

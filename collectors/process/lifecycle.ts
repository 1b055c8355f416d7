// Finds the processes that run a script of a package, or were started by one, from the executed program and its parent.

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
import { mayBeRoot } from './credentials.ts';
import type { Image, Lifecycle, LifecycleScript, ProcessEntry } from './process.ts';
import { argsOf, isNamed } from './program-name.ts';

/** Whether a run of rpm with these arguments may run scripts of packages. */
export type ChangesPackages = (manager: 'rpm', args: readonly string[]) => boolean;

/**
 * Maximum number of programs that are attributed to one run of a script. A daemon that a script starts belongs to the
 * script as long as it lives, and so does every process below the daemon.
 */
export const maxExecsOfScript = 5000;

const scriptletFile = /(?:^|\/)rpm-tmp\.\w{6}$/;

const isManager: Readonly<Record<PackageManager, (name: string) => boolean>> = {
  dpkg: (name) => name === 'dpkg',
  rpm: (name) => name === 'rpm',
};

/** Whether the image is the package manager's program. Called for every exec on the host. */
const runs = (image: Image | undefined, tool: PackageManager): boolean =>
  image !== undefined && isNamed(image, isManager[tool]);

/** Whether the image is dpkg or rpm, by its name. */
export const runsManager = (image: Image | undefined): boolean => runs(image, 'dpkg') || runs(image, 'rpm');

/** The lifecycle of a forked child before its first exec. */
export function lifecycleBelow(parent: ProcessEntry | undefined): Lifecycle | undefined {
  const above = parent?.lifecycle;
  return above && { script: above.script, depth: above.depth + 1 };
}

/**
 * The lifecycle of a process after it executed `image`. `inherited`: the program that the process had from its parent
 * since the fork; undefined: it has executed another program in between.
 */
export function lifecycleAtExec(
  entry: ProcessEntry,
  inherited: Image | undefined,
  image: Image,
  changesPackages: ChangesPackages | undefined,
): Lifecycle | undefined {
  const script =
    dpkgScript(entry, image, inherited) ??
    rpmScript(inherited, changesPackages) ??
    (inherited !== undefined && entry.parent?.runsLibrpm ? scriptletOf(undefined) : undefined);
  if (script !== undefined) return { script, depth: 0 };
  const { lifecycle } = entry;
  if (lifecycle === undefined) return undefined;
  lifecycle.script.execs++;
  if (lifecycle.script.execs > maxExecsOfScript) return undefined;
  return lifecycle.depth > 0 ? lifecycle : { ...lifecycle, depth: 1 };
}

/** Whether root executed the image. Undefined: not known. A script gets the user of the process that executes it. */
function isByRoot({ details, detailsImage, formerImage }: ProcessEntry, { before }: Image): boolean | undefined {
  if (details !== undefined && detailsImage === formerImage) return details.userId === 0;
  return before === undefined || mayBeRoot(before) ? undefined : false;
}

function dpkgScript(entry: ProcessEntry, image: Image, inherited: Image | undefined): LifecycleScript | undefined {
  const byDpkg = runs(inherited, 'dpkg');
  // The cheap test comes first: it dismisses most execs on a host.
  if (!byDpkg && !isInDpkgDirectory(image.filename)) return undefined;
  // The name may contain `..` and lead out of the directory of dpkg.
  const filename = path.posix.normalize(image.filename);
  const byRoot = isByRoot(entry, image);
  // If dpkg is not the parent, a run by another user than root does not count: it changes no package.
  if (!byDpkg && (!isInDpkgDirectory(filename) || byRoot === false)) return undefined;
  const inferredFrom = byDpkg || byRoot ? undefined : 'script_path';
  // dpkg may have another administrative directory (--admindir).
  const named = scriptOfFile(filename);
  if (named?.phase === undefined) return undefined;
  const script = { manager: 'dpkg', path: filename, phase: named.phase, inferredFrom, execs: 0 } as const;
  if (named.package !== undefined) {
    const installed = parseInfoFile(path.basename(filename));
    return installed && { ...script, package: installed.package, packageInferredFrom: undefined };
  }
  // dpkg runs the preinst, and on an error the postrm, from the unpack directory, where the name of the script has no
  // package.
  const name = singlePackage(inherited, parseDebFile);
  return {
    ...script,
    package: name,
    packageInferredFrom: name === undefined ? undefined : 'package_file_name',
  };
}

/** A program that a child of rpm executes belongs to a scriptlet or to a macro: rpm starts no programs of its own. */
function rpmScript(
  inherited: Image | undefined,
  changesPackages: ChangesPackages | undefined,
): LifecycleScript | undefined {
  if (inherited === undefined || !runs(inherited, 'rpm')) return undefined;
  const args = argsOf(inherited);
  if (args !== undefined && changesPackages && !changesPackages('rpm', args)) return undefined;
  return scriptletOf(singlePackage(inherited, parseRpmFile));
}

/** A scriptlet of rpm; `name`: its package, if that is known. */
function scriptletOf(name: string | undefined): LifecycleScript {
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

/**
 * The package of the only package file among the tool's arguments. Undefined: no argument is one or several are, or the
 * arguments are incomplete.
 */
function singlePackage(
  tool: Image | undefined,
  parseFile: (file: string) => PackageFile | undefined,
): string | undefined {
  const args = tool && argsOf(tool);
  if (!tool || !args || tool.argsTruncated || (!tool.args && tool.attemptArgs?.truncated)) return undefined;
  return onlyPackageFile(args, parseFile)?.package;
}

/**
 * The value of `stepparent.lifecycle_script` for an exec. `args`: its arguments; undefined: not observed. Adds to the
 * notes.
 */
export function describeLifecycle(
  { script, depth }: Lifecycle,
  args: string | readonly string[] | undefined,
  notes: Notes,
): LifecycleFields {
  // rpm executes the interpreter with the script as an argument, so that execve was passed only the interpreter.
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

// Recognizes scripts of packages by path, parses the control file beside them, and finds the package file among a manager's arguments.

import { type PackageFile, parseRpmFile, scriptletPrefix, scriptPhases, unpackDirectory } from './tools.ts';

/** More of a script's content is not kept. */
export const maxScriptBytes = 64 * 1024;

/** What a script's name says. */
export interface NamedScript {
  /** As in the file's name, with the architecture where that has it: `libc6:amd64`. */
  package?: string;
  /** rpm's files do not say. */
  phase?: string;
}

const unpackEnd = `/${unpackDirectory}/`;
const controlEnd = `${unpackEnd}control`;

/** Undefined: it is no script of a package. Wider than dpkg's own names: a file that only resembles a script is checked as well. */
export function scriptOfFile(file: string): NamedScript | undefined {
  const nameStart = file.lastIndexOf('/') + 1;
  const [directory, name] = [file.slice(0, nameStart), file.slice(nameStart)];
  if (directory.endsWith('/info/')) {
    const dot = name.lastIndexOf('.');
    const phase = name.slice(dot + 1);
    if (dot > 0 && scriptPhases.includes(phase)) return { package: name.slice(0, dot), phase };
  }
  if (directory.endsWith(unpackEnd) && scriptPhases.includes(name)) return { phase: name };
  const isScriptlet = directory !== '' && name.startsWith(scriptletPrefix) && name !== scriptletPrefix;
  return isScriptlet ? {} : undefined;
}

/** What dpkg is about to install: it unpacks the control file first. */
export const isControlFile = (file: string): boolean => file.endsWith(controlEnd);

/** The package and version of a control file (deb-control(5)). */
export function parseControl(text: string): { package: string; version: string } | undefined {
  const field = (name: string): string | undefined =>
    new RegExp(`^${name}:[ \\t]*(\\S+)[ \\t]*$`, 'im').exec(text.slice(0, maxScriptBytes))?.[1];
  const [name, version] = [field('Package'), field('Version')];
  return name === undefined || version === undefined ? undefined : { package: name, version };
}

/** The one package file among a command's arguments (with argv[0]), by its name. Undefined: there is none, or several. */
export function onlyPackageFile(
  args: readonly string[],
  parseFile: (file: string) => PackageFile | undefined,
): PackageFile | undefined {
  const files = args.slice(1).flatMap((arg) => parseFile(arg) ?? []);
  return files.length === 1 ? files[0] : undefined;
}

/** The one package that rpm was given as a file. */
export const rpmPackage = (args: readonly string[]): { package: string; version: string | undefined } | undefined => {
  const file = onlyPackageFile(args, parseRpmFile);
  return file && { package: file.package, version: file.version };
};

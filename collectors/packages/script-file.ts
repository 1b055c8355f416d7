// Recognizes scripts of packages by path, parses their control files, and finds the package file among the arguments of
// a package manager.

import { type PackageFile, parseRpmFile, scriptletPrefix, scriptPhases, unpackDirectory } from './tools.ts';

/** Maximum size of a script's content that is kept. */
export const maxScriptBytes = 64 * 1024;

/** The package and phase in the name of a script. */
export interface NamedScript {
  /** As in the name of the file, with the architecture if it is there: `libc6:amd64`. */
  package?: string;
  /** Absent for scriptlets of rpm, whose names do not contain it. */
  phase?: string;
}

const unpackEnd = `/${unpackDirectory}/`;
const controlEnd = `${unpackEnd}control`;

/**
 * Parses the path of a script of a package. Undefined for any other path. Also accepts names that dpkg does not use itself, so
 * that a file that only resembles a script is checked too.
 */
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

/** Whether the file is the control file of a package that dpkg unpacks. */
export const isControlFile = (file: string): boolean => file.endsWith(controlEnd);

/** The package of a control file (deb-control(5)). */
export interface PackageControl {
  package: string;
  version: string;
  architecture?: string;
}

/** Parses a control file. Undefined: it names no package or no version. */
export function parseControl(text: string): PackageControl | undefined {
  const field = (name: string): string | undefined =>
    new RegExp(`^${name}:[ \\t]*(\\S+)[ \\t]*$`, 'im').exec(text.slice(0, maxScriptBytes))?.[1];
  const [name, version, architecture] = [field('Package'), field('Version'), field('Architecture')];
  if (name === undefined || version === undefined) return undefined;
  return { package: name, version, ...(architecture !== undefined && { architecture }) };
}

/**
 * The only package file among the arguments of a command (argv[0] included), by its name. Undefined: no argument is one, or
 * several.
 */
export function onlyPackageFile(
  args: readonly string[],
  parseFile: (file: string) => PackageFile | undefined,
): PackageFile | undefined {
  const files = args.slice(1).flatMap((arg) => parseFile(arg) ?? []);
  return files.length === 1 ? files[0] : undefined;
}

/** The only package file among the arguments of rpm. */
export const rpmPackage = (args: readonly string[]): { package: string; version: string | undefined } | undefined => {
  const file = onlyPackageFile(args, parseRpmFile);
  return file && { package: file.package, version: file.version };
};

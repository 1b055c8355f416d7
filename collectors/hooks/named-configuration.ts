// Configuration files that arguments or variables of a package tool name, and what these make it run. They are read when the tool
// starts: no watched path has them.

import path from 'node:path';
import { reportOwnFault } from '../host/read-faults.ts';
import { readText } from '../host/read-file.ts';
import { type RegularFile, Unreadable } from '../host/regular-file.ts';
import { maxTextBytes } from '../watched/watched-text.ts';
import { aptArguments } from './apt-arguments.ts';
import { boundedCommands, type ConfigurationSyntax, commandsIn } from './configuration-commands.ts';
import { configurationTools } from './configuration-tools.ts';

/** A configuration file as the tool was given it: its path may be relative. */
export interface NamedFile {
  path: string;
  syntax: ConfigurationSyntax;
}

const maxFiles = 8;

/** The files that a tool of that name reads. `args`: argv[0] included. `variables`: `NAME=value`. */
export function namedFiles(name: string, args: readonly string[], variables: readonly string[]): NamedFile[] {
  const family = configurationTools.get(name);
  const files: NamedFile[] = [];
  const add = (syntax: ConfigurationSyntax, ...paths: readonly (string | undefined)[]): void => {
    for (const file of paths) if (file) files.push({ path: file, syntax });
  };
  if (family === 'apt') add('apt_conf', variableOf('APT_CONFIG', variables), ...aptArguments(args.slice(1)).files);
  // dnf-automatic has its file as an operand.
  if (name.startsWith('dnf-automatic')) add('dnf_conf', ...args.slice(1).filter((arg) => !arg.startsWith('-')));
  else if (family === 'dnf') add('dnf_conf', ...dnfFiles(args.slice(1)));
  const home = otherDirectory('HOME', variables, /^\/(?:root|home\/[^/]+)?$/);
  if (name.startsWith('aptitude')) add('apt_conf', home && `${home}/.aptitude/config`);
  if (family === 'dpkg') add('dpkg_cfg', home && `${home}/.dpkg.cfg`);
  if (family === 'rpm' || family === 'dnf') {
    const usual = /^\/(?:root|home\/[^/]+)\/\.config$/;
    const configuration = otherDirectory('XDG_CONFIG_HOME', variables, usual) ?? (home && `${home}/.config`);
    add('rpm_macros', home && `${home}/.rpmmacros`, configuration && `${configuration}/rpm/macros`);
    add('rpmrc', home && `${home}/.rpmrc`, configuration && `${configuration}/rpm/rpmrc`);
    if (family === 'rpm') add('popt', home && `${home}/.popt`);
  }
  return files.slice(0, maxFiles);
}

const variableOf = (name: string, variables: readonly string[]): string | undefined =>
  variables.find((variable) => variable.startsWith(`${name}=`))?.slice(name.length + 1);

/** The directory that the variable names, unless it is one of those that are watched. */
function otherDirectory(name: string, variables: readonly string[], watched: RegExp): string | undefined {
  const directory = variableOf(name, variables);
  if (directory === undefined || !directory.startsWith('/')) return undefined;
  const plain = path.posix.normalize(directory).replace(/(?<=.)\/$/, '');
  return watched.test(plain) ? undefined : plain;
}

/** By argparse: beginnings of the long name that no other option has, and the letter behind others without a value. */
function dnfFiles(args: readonly string[]): string[] {
  return args.flatMap((arg, i) => {
    const [option, value] = /^(?:--con(?:f(?:ig?)?)?(?:=|$)|-[qvbC46yh]*c=?)(.*)$/s.exec(arg) ?? [];
    if (option === undefined) return [];
    return value || option.endsWith('=') ? [value ?? ''] : args.slice(i + 1, i + 2);
  });
}

/**
 * What the files make the tool run. `open` opens a path of the process, and may throw. A file that is gone or is no regular one has no
 * commands; that it is too large to be read counts as one.
 */
export const namedCommands = (files: readonly NamedFile[], open: (file: string) => RegularFile): string[] =>
  boundedCommands(
    files.flatMap(({ path: file, syntax }) => {
      try {
        return [...commandsIn(syntax, readText(open(file), maxTextBytes))];
      } catch (error) {
        reportOwnFault(error);
        return error instanceof Unreadable && error.reason === 'too_large' ? [`${file}: too large to be read`] : [];
      }
    }),
  );

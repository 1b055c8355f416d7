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
  if (family === 'dnf') add('dnf_conf', ...dnfFiles(args.slice(1)));
  const home = otherHome(variables);
  if (family === 'dpkg') add('dpkg_cfg', home && `${home}/.dpkg.cfg`);
  if (family === 'rpm' || family === 'dnf') {
    add('rpm_macros', home && `${home}/.rpmmacros`, home && `${home}/.config/rpm/macros`);
    add('rpmrc', home && `${home}/.rpmrc`);
    if (family === 'rpm') add('popt', home && `${home}/.popt`);
  }
  return files.slice(0, maxFiles);
}

const variableOf = (name: string, variables: readonly string[]): string | undefined =>
  variables.find((variable) => variable.startsWith(`${name}=`))?.slice(name.length + 1);

/** HOME, unless it is one of the homes that are watched. */
function otherHome(variables: readonly string[]): string | undefined {
  const home = variableOf('HOME', variables);
  if (home === undefined || !home.startsWith('/')) return undefined;
  const plain = path.posix.normalize(home).replace(/\/$/, '');
  return plain === '' || /^\/(?:root|home\/[^/]+)$/.test(plain) ? undefined : plain;
}

function dnfFiles(args: readonly string[]): string[] {
  return args.flatMap((arg, i) => {
    const [, value] = /^(?:--config=|-c=?(?=.))(.*)$/s.exec(arg) ?? [];
    if (value !== undefined) return [value];
    return (arg === '-c' || arg === '--config') && args[i + 1] !== undefined ? [args[i + 1] as string] : [];
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

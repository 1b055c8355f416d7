// Finds the package operation of a command line, by the tool's own option grammar.

import type { PackageOperation } from '../../collectors/event/event.ts';
import { busyboxApplet } from '../../collectors/process/interpreters.ts';
import type { Command } from './command.ts';
import { parseDpkg } from './dpkg-options.ts';
import { parseRpm } from './rpm-options.ts';

const parsers: Readonly<Record<string, (args: readonly string[]) => Command | undefined>> = {
  dpkg: parseDpkg,
  rpm: parseRpm,
};

/** Whether the arguments of a program of that name can be a package operation; of busybox, those of its applets. */
export const isPackageProgram = (name: string): boolean => Object.hasOwn(parsers, name) || name.startsWith('busybox');

/** The options of busybox's dpkg that dpkg spells otherwise. */
const busyboxOptions: Readonly<Record<string, string>> = { '-C': '--configure', '-u': '--unpack' };

/** The most package names kept from one command line. */
const packagesKept = 64;

/**
 * The package operation that `args` (argv[0] included) ask of the tool `name`; undefined when it is neither dpkg nor
 * rpm, nor busybox with one of these as its applet. The caller decides the name from the program that ran, not from argv[0]. A command line that the tool rejects,
 * or answers with its help, is `other` with no packages. Where releases differ, the reading that changes packages
 * counts. For queries and verifications `packages` holds the operands, whatever they name. Only the arguments are read:
 * the environment, options in configuration files, and popt aliases that the host defines are not.
 */
export function parsePackageOperation(name: string, args: readonly string[]): PackageOperation | undefined {
  if (name.startsWith('busybox')) {
    const applet = busyboxApplet(args);
    const rest = args.slice(applet.start).map((arg) => (applet.name === 'dpkg' ? (busyboxOptions[arg] ?? arg) : arg));
    return applet.name.startsWith('busybox') ? undefined : parsePackageOperation(applet.name, [applet.name, ...rest]);
  }
  const parse = Object.hasOwn(parsers, name) ? parsers[name] : undefined;
  if (parse === undefined) return undefined;
  const command = parse(args);
  const packages = command === undefined || command.operation === 'other' ? [] : command.operands;
  return {
    manager: name as PackageOperation['manager'],
    operation: command?.operation ?? 'other',
    packages: packages.slice(0, packagesKept),
    packages_count: packages.length,
    ...(command?.root === undefined ? {} : { root: command.root || '/' }),
    ...(command?.database === undefined ? {} : { database: command.database }),
    dry_run: command?.dryRun ?? false,
    ...(command !== undefined && command.verificationOff.length > 0 && { verification_off: command.verificationOff }),
  };
}

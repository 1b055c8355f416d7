// Which files are scripts of packages, by their place and name; and what dpkg's control file beside them says.

import path from 'node:path';

/** More of a script's content is not kept. */
export const maxScriptBytes = 64 * 1024;

/** What a script's name says. */
export interface NamedScript {
  /** As in the file's name, with the architecture where that has it: `libc6:amd64`. */
  package?: string;
  /** rpm's files do not say. */
  phase?: string;
}

const phases = 'preinst|postinst|prerm|postrm|config';
// Wider than dpkg's own names: what only resembles one is looked at as well.
const installed = new RegExp(`/info/([^/]+)\\.(${phases})$`);
const unpacked = new RegExp(`/tmp\\.ci/(${phases})$`);
const scriptlet = /\/rpm-tmp\.[^/]+$/;

/** Undefined: it is no script of a package. */
export function scriptOfFile(file: string): NamedScript | undefined {
  const own = installed.exec(file);
  if (own) return { package: own[1] as string, phase: own[2] as string };
  const [, phase] = unpacked.exec(file) ?? [];
  if (phase !== undefined) return { phase };
  return scriptlet.test(file) ? {} : undefined;
}

/** What dpkg is about to install: it unpacks the control file first. */
export const isControlFile = (file: string): boolean => file.endsWith('/tmp.ci/control');

/** The package and version of a control file (deb-control(5)). */
export function parseControl(text: string): { package: string; version: string } | undefined {
  const field = (name: string): string | undefined =>
    new RegExp(`^${name}:[ \\t]*(\\S+)[ \\t]*$`, 'im').exec(text.slice(0, maxScriptBytes))?.[1];
  const [name, version] = [field('Package'), field('Version')];
  return name === undefined || version === undefined ? undefined : { package: name, version };
}

/** The one package that rpm was given as a file, by that file's name. */
export function rpmPackage(args: readonly string[]): { package: string; version: string | undefined } | undefined {
  const names = args.slice(1).flatMap((arg) => {
    const [, name, version] = /^(.+?)(?:-([^-]+-[^-]+)\.\w+)?\.rpm$/.exec(path.basename(arg).slice(0, 255)) ?? [];
    return name === undefined ? [] : [{ package: name, version }];
  });
  return names.length === 1 ? names[0] : undefined;
}

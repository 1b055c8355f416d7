// The name and the arguments of the program that an image really is: by its content, behind a dynamic linker, or as an
// applet of busybox.

import { namesOf, packageTools } from '../packages/tools.ts';
import { busyboxApplet } from './interpreters.ts';
import type { Image } from './process.ts';

/** The longest name of a package tool: a longer name is not that of a package tool. */
const maxNameChars = Math.max(...[...namesOf(packageTools)].map((name) => name.length));

const nameOf = (file: string): string => file.slice(file.lastIndexOf('/') + 1);

/** The path by which the program is known: that of its original, if its content was recognized. `executable`: its own. */
export const knownPathOf = ({ program, probedImage }: Image, executable: string): string =>
  probedImage === undefined && program !== undefined ? program.path : executable;

/**
 * The arguments from a probe or /proc or, failing that, those of the call of execve; behind a dynamic linker those of the
 * program that it runs. Undefined: not known (yet).
 */
export function argsOf({ args, attemptArgs, program, probedImage }: Image): string[] | undefined {
  const known = args ?? attemptArgs?.args;
  // The probe of a program behind a dynamic linker gives the program's own arguments.
  const start = probedImage === undefined ? (program?.argument?.index ?? 0) : 0;
  return start === 0 ? known : known?.slice(start);
}

/**
 * Whether the image is a program of such a name: by the name of its file, by its content, or as an applet of busybox.
 * Called for every exec on the host.
 */
export function isNamed(image: Image, accepts: (name: string) => boolean): boolean {
  const { program, probedImage, filename } = image;
  const file = probedImage ?? filename;
  const nameStart = file.lastIndexOf('/') + 1;
  if (file.length - nameStart <= maxNameChars && accepts(file.slice(nameStart))) return true;
  if (program === undefined) return false;
  const name = nameOf(program.path);
  return accepts(name) || (name.startsWith('busybox') && accepts(busyboxApplet(argsOf(image) ?? []).name));
}

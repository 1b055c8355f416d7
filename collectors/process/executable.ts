// Resolves the name that was passed to execve to `process.executable`: an absolute path without symlinks; for a script,
// the path of the script.

import path from 'node:path';
import type { HostFiles } from '../host/host-files.ts';
import { hasHostRoot } from '../proc/place.ts';
import { shebangInterpreter } from '../proc/script-of-interpreter.ts';
import type { Executable, Image, ProcessEntry } from './process.ts';
import { placeSeenLast } from './process-place.ts';

/**
 * Whether a name leads to a file only inside its process (/proc/self/..., /dev/fd/N): it can be resolved only while the
 * process lives.
 */
export const isPrivateName = (filename: string): boolean =>
  // Called for every exec on the host: the cheap test comes first.
  (filename.includes('proc/') || filename.includes('fd/')) && /^\/(?:dev\/fd|proc)\//.test(path.normalize(filename));

/**
 * Whether the paths of a process lead to the same files for the agent: by the last place that was observed of it and
 * its ancestors, else true.
 */
export function sharesRoot(entry: ProcessEntry | undefined, image = entry?.image): boolean {
  const place = placeSeenLast(entry, image);
  return place === undefined || hasHostRoot(place);
}

/** The working directory that was read of the process itself. */
export const workingDirectoryOf = ({ image, details }: ProcessEntry): string | undefined =>
  image?.directory ?? details?.workingDirectory;

/** The working directory of the nearest ancestor that was read. The process can have changed its own since the fork. */
const inheritedDirectoryOf = (entry: ProcessEntry): string | undefined => {
  for (let current = entry.parent; current; current = current.parent) {
    const directory = workingDirectoryOf(current);
    if (directory !== undefined) return directory;
  }
  return undefined;
};

type Links = Pick<HostFiles, 'realPath' | 'open'>;

/**
 * Whether `mapped` is the interpreter of the script. Behind env(1) it is any program, since env searches PATH for it.
 */
const runsScript = (files: Links, script: string, mapped: string): boolean => {
  const interpreter = shebangInterpreter(files, script);
  return interpreter !== undefined && (path.basename(interpreter) === 'env' || files.realPath(interpreter) === mapped);
};

/**
 * Finds the path of the program of an image, and keeps it in the image. Without `mapped` the function only resolves the
 * file name: this costs some microseconds, and the result is right unless a link has changed since. With `mapped`, the
 * file that /proc/PID/exe shows, it compares the two. They differ if a link has changed, or if the process has called
 * execve again and the agent has not read that record yet. The path is then the file name itself and not its target: a
 * process must not get the name of a program that it does not run.
 */
export function executableOf(files: Links, entry: ProcessEntry, image: Image, mapped?: string): Executable {
  if (image.probedImage !== undefined) return { path: image.probedImage, certain: true };
  const known = image.executable;
  if (known !== undefined && (known.certain || mapped === undefined)) return known;
  // In another root the name was resolved among the host's files, before the root was known.
  if (known !== undefined && known.path === mapped && sharesRoot(entry, image)) {
    image.executable = { path: mapped, certain: true };
    return image.executable;
  }
  const found: Executable = resolve(files, entry, image, mapped);
  found.certain = mapped !== undefined;
  image.executable = found;
  return found;
}

function resolve(files: Links, entry: ProcessEntry, image: Image, mapped: string | undefined): Executable {
  const inferred = image.inferredFrom === undefined ? {} : { inferredFrom: image.inferredFrom };
  if (isPrivateName(image.filename)) {
    return mapped === undefined ? { path: image.filename, inferredFrom: 'filename_file_gone' } : { path: mapped };
  }
  const { filename } = image;
  let absolute = filename;
  if (!path.isAbsolute(filename)) {
    if (mapped !== undefined && path.basename(mapped) === path.basename(filename)) return { path: mapped };
    const base = image.directory ?? workingDirectoryOf(entry);
    if (base === undefined) {
      const inherited = inheritedDirectoryOf(entry);
      return {
        path: inherited === undefined ? filename : path.join(inherited, filename),
        inferredFrom: 'filename_relative',
      };
    }
    absolute = path.join(base, filename);
  }
  if (!sharesRoot(entry, image)) return { path: path.normalize(absolute), ...inferred };
  const resolved = files.realPath(absolute);
  if (mapped === undefined) {
    if (resolved !== undefined) return { path: resolved, ...inferred };
    return { path: path.normalize(absolute), inferredFrom: 'filename_file_gone' };
  }
  if (resolved === mapped || path.normalize(absolute) === mapped) return { path: mapped };
  if (resolved !== undefined && runsScript(files, resolved, mapped)) return { path: resolved, ...inferred };
  if (resolved === undefined) {
    const directory = files.realPath(path.dirname(absolute));
    return directory !== undefined && path.join(directory, path.basename(absolute)) === mapped
      ? { path: mapped }
      : { path: path.normalize(absolute), inferredFrom: 'filename_file_gone' };
  }
  return {
    path: path.normalize(absolute),
    inferredFrom: 'filename_other_program',
    replaced: true,
  };
}

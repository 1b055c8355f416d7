// Resolves the name that execve was given to `process.executable`: an absolute path without symlinks; for a script, the script's path.

import path from 'node:path';
import type { HostFiles } from '../host/host-files.ts';
import { shebangInterpreter } from '../proc/script-of-interpreter.ts';
import type { Executable, Image, ProcessEntry } from './process.ts';

/** Names that mean a file only inside the process: what it really is can be read only while the process lives. */
export const isPrivateName = (filename: string): boolean =>
  // Asked at every exec of the host.
  (filename.includes('proc/') || filename.includes('fd/')) && /^\/(?:dev\/fd|proc)\//.test(path.normalize(filename));

/** Paths of this process mean the same to us: it is not known to be in another root. */
export const sharesRoot = (entry: ProcessEntry | undefined): boolean => {
  for (let current = entry; current; current = current.parent) if (current.details) return current.details.hostRoot;
  return true;
};

const workingDirectoryOf = (entry: ProcessEntry): string | undefined => {
  for (let current: ProcessEntry | undefined = entry; current; current = current.parent) {
    if (current.details?.workingDirectory) return current.details.workingDirectory;
  }
  return undefined;
};

type Links = Pick<HostFiles, 'realPath' | 'open'>;

/** The kernel runs the script with this program; env(1) then executes the program that it finds in PATH. */
const runsScript = (files: Links, script: string, mapped: string): boolean => {
  const interpreter = shebangInterpreter(files, script);
  return interpreter !== undefined && (path.basename(interpreter) === 'env' || files.realPath(interpreter) === mapped);
};

/**
 * Names the program of an image. Without `mapped` it resolves only the file name, which costs some microseconds and is right unless
 * a link was changed. With `mapped`, the file that /proc/PID/exe shows, it reports where the two differ: a link may lead elsewhere by
 * now, or the process may have called execve again and the record of that is still to come. Then the name itself counts, not the file
 * that it leads to: a process must not get the name of a program that it does not run.
 */
export function executableOf(files: Links, entry: ProcessEntry, image: Image, mapped?: string): Executable {
  if (image.probedImage !== undefined) return { path: image.probedImage, certain: true };
  const known = image.executable;
  if (known !== undefined && (known.certain || mapped === undefined)) return known;
  if (known !== undefined && known.path === mapped) {
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
    const base = workingDirectoryOf(entry);
    if (mapped !== undefined && path.basename(mapped) === path.basename(filename)) return { path: mapped };
    if (base === undefined) return { path: filename, inferredFrom: 'filename_relative' };
    absolute = path.join(base, filename);
  }
  if (!sharesRoot(entry)) return { path: path.normalize(absolute), ...inferred };
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

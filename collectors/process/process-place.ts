// Finds where a process ran a program, also if the process ended before it could be read.

import path from 'node:path';
import type { InferredBasis } from '../event/reasons.ts';
import { inUnknownRoot, onHost, type Place } from '../proc/place.ts';
import { isDynamicLinker } from './dynamic-linker.ts';
import type { Image, ProcessEntry, ProcessSnapshot } from './process.ts';

/** The place of a process. */
export interface FoundPlace {
  /** Undefined: not observed. */
  place: Place | undefined;
  /** Why the place is a conclusion; absent: the process was read while it ran the program. */
  inferredFrom?: InferredBasis;
}

/**
 * Whether a probe shows that the program is one of the host. A static program, and a linker outside of the system's
 * directories, may be a file of the host and run in a root below which it lies: a hit there proves it only if the program
 * was executed by the file's path on the host.
 */
export const startsOnHost = ({ start, filename, executable }: Image): boolean =>
  start !== undefined && (isDynamicLinker(start.probe) || start.probe === filename || start.probe === executable?.path);

/**
 * The last place that was observed above the program or in its process: by /proc, or by what the processes executed.
 * Undefined: none was.
 */
export function placeSeenLast(entry: ProcessEntry | undefined, image = entry?.image): Place | undefined {
  const entered = image?.enteredPlace;
  for (let current = entry; current; current = current.parent) {
    const { details, detailsImage } = current;
    if (details?.place === undefined) continue;
    const isOlder = entered !== undefined && detailsImage?.enteredPlace !== entered;
    return isOlder ? entered : details.place;
  }
  return entered;
}

/**
 * Finds the place of a process that was read if it could be read. The entry probe of dpkg or rpm is hit only in the
 * host's file, whatever the process sees of other files. If the process was not read, a hit in the dynamic linker of
 * the host shows the same (`startsOnHost`). Otherwise the last observed place decides, unless it is the host: a program of the host
 * would have hit a probe. `probesEveryLinker`: whether the sensor has such a probe on each dynamic linker of the host.
 */
export function findPlace({ entry, image }: ProcessSnapshot, probesEveryLinker: boolean): FoundPlace {
  const own = entry.detailsImage === image ? entry.details?.place : undefined;
  const isHostFile = image?.probedImage !== undefined && own?.kind !== 'host';
  if (own !== undefined && !isHostFile) return { place: own };
  if (isHostFile || (image !== undefined && startsOnHost(image)))
    return { place: onHost, inferredFrom: 'host_program' };
  const seen = placeSeenLast(entry, image);
  if (seen === undefined) return { place: undefined };
  if (seen.kind === 'host' && probesEveryLinker && image?.execNs !== undefined) return { place: undefined };
  if (seen === inUnknownRoot) return { place: seen, inferredFrom: 'not_on_host' };
  if (seen === image?.enteredPlace) return { place: seen, inferredFrom: 'chroot_command' };
  return { place: seen, inferredFrom: seen === entry.details?.place ? 'earlier_program' : 'nearest_ancestor' };
}

/** chroot(8) in a directory that only root can write to. */
const chrootCommand = /^\/(?:usr\/)?s?bin\/chroot$/;
/** Options with a value, which may be an argument of its own. GNU chroot accepts each unambiguous prefix. */
const optionWithValue = /^--[gu][a-z]*$/;

/**
 * The directory that the program makes the root of its process before it executes another program: the first operand
 * of chroot(8), if it is absolute. Undefined: another program, or its arguments were not observed.
 */
export function newRootOf({ filename, start, attemptArgs }: Image): string | undefined {
  // Called for each exec on the host: the cheap test comes first.
  if (!filename.endsWith('chroot')) return undefined;
  const args = start?.args ?? attemptArgs?.args;
  if (args === undefined || !chrootCommand.test(filename)) return undefined;
  let index = 1;
  while (args[index]?.startsWith('-')) {
    const option = args[index++];
    if (option === '--') break;
    if (optionWithValue.test(option ?? '')) index++;
  }
  const directory = args[index];
  const isCut = start?.truncated === true && index === args.length - 1;
  return directory !== undefined && path.isAbsolute(directory) && !isCut ? path.normalize(directory) : undefined;
}

/**
 * Whether no probe was hit by the program, which is not on the host, and by the one that executed it: the host can lose
 * a file and not have probed a program, but hardly both. Without the second condition a program that is not probed yet
 * could hide by removing its file.
 */
export const isOfUnknownRoot = ({ formerImage }: ProcessEntry, image: Image): boolean =>
  path.isAbsolute(image.filename) &&
  image.executable?.inferredFrom === 'filename_file_gone' &&
  [image, formerImage].every((one) => one?.execNs !== undefined && !startsOnHost(one));

/** Inspects the process or, if it has ended, its nearest ancestor that lives: what it sees is gone with it. */
export function inspectNearest(entry: ProcessEntry, inspect: (entry: ProcessEntry) => unknown): void {
  let current: ProcessEntry | undefined = entry;
  while (current !== undefined && inspect(current) === undefined) current = current.parent;
}

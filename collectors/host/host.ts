// The host that is watched, as one value: the only way to its files, its processes, its clocks and its rpm while an event is described or judged.

import { openProc, type Proc } from '../proc/read-proc.ts';
import { type Clock, systemClock } from './clock.ts';
import { type HostFiles, openHostFiles } from './host-files.ts';

export interface Host extends HostFiles {
  clock: Clock;
  proc: Proc;
}

export interface HostOptions {
  /** The directory that has the host's `/`. Empty: the running host. */
  root?: string;
  clock?: Clock;
}

/** A host over any files: those of a disk, or recorded ones. */
export const hostOf = (files: HostFiles, clock: Clock): Host => ({ ...files, clock, proc: openProc(files) });

export const openHost = ({ root = '', clock = systemClock }: HostOptions = {}): Host =>
  hostOf(openHostFiles(root), clock);

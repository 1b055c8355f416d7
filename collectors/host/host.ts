// The host that is watched, as one value: the only way to its files, its processes, its clocks and its rpm while an event is described or judged.

import { type AskRpm, RpmFailed, runRpm } from '../packages/run-rpm.ts';
import { openProc, type Proc } from '../proc/read-proc.ts';
import { type Clock, systemClock } from './clock.ts';
import { type HostFiles, openHostFiles } from './host-files.ts';

export interface Host extends HostFiles {
  clock: Clock;
  proc: Proc;
  /** rpm(8) of the host. Rejects with RpmFailed. */
  rpm: AskRpm;
}

export interface HostOptions {
  /** The directory that has the host's `/`. Empty: the running host. */
  root?: string;
  clock?: Clock;
}

/** A host over any files: those of a disk, or recorded ones. */
export const hostOf = (files: HostFiles, clock: Clock, rpm: AskRpm): Host => ({
  ...files,
  clock,
  proc: openProc(files),
  rpm,
});

/** The program of a host that does not run is not run either. */
const noRpm: AskRpm = () => Promise.reject(new RpmFailed('it is not run for another root', false));

export const openHost = ({ root = '', clock = systemClock }: HostOptions = {}): Host =>
  hostOf(openHostFiles(root), clock, root === '' ? runRpm : noRpm);

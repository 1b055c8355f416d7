// The watched host as one value. All code that describes or judges an event reads files, processes, clocks and rpm
// through it.

import { type AskRpm, RpmFailed, runRpm } from '../packages/run-rpm.ts';
import { openProc, type Proc } from '../proc/read-proc.ts';
import { type Clock, systemClock } from './clock.ts';
import { type HostFiles, openHostFiles } from './host-files.ts';

/** One host: its files, clocks, /proc and rpm. */
export interface Host extends HostFiles {
  clock: Clock;
  proc: Proc;
  /** Runs rpm(8) of the host. Rejects with RpmFailed. */
  rpm: AskRpm;
}

/** Selects the host that `openHost` opens, and its clocks (default: those of the running host). */
export interface HostOptions {
  /** The directory that contains the root file system of the host. Empty: the running host. */
  root?: string;
  clock?: Clock;
}

/** A host with the given files, on a disk or recorded. */
export const hostOf = (files: HostFiles, clock: Clock, rpm: AskRpm): Host => ({
  ...files,
  clock,
  proc: openProc(files),
  rpm,
});

/** rpm of a host that is not running is not run. */
const noRpm: AskRpm = () => Promise.reject(new RpmFailed('not run for another root', false));

/**
 * Opens the running host, or the root file system in a directory. With such a root, `rpm` always rejects with
 * RpmFailed.
 */
export const openHost = ({ root = '', clock = systemClock }: HostOptions = {}): Host =>
  hostOf(openHostFiles(root), clock, root === '' ? runRpm : noRpm);

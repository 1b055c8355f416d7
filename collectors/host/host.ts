// The watched host as one value. All code that describes or judges an event reads files, processes, clocks, rpm and the
// journal through it.

import { type AskRpm, RpmFailed, runRpm } from '../packages/run-rpm.ts';
import { openProc, type Proc } from '../proc/read-proc.ts';
import { type Clock, systemClock } from './clock.ts';
import { type HostFiles, openHostFiles } from './host-files.ts';
import { type AskJournal, runJournalctl } from './run-journalctl.ts';

/** One host: its files, clocks, /proc, rpm and journal. */
export interface Host extends HostFiles {
  clock: Clock;
  proc: Proc;
  /** Runs rpm(8) of the host. Rejects with RpmFailed. */
  rpm: AskRpm;
  /** Reads the journal of the host. */
  journal: AskJournal;
}

/** Selects the host that `openHost` opens, and its clocks (default: those of the running host). */
export interface HostOptions {
  /** The directory that contains the root file system of the host. Empty: the running host. */
  root?: string;
  clock?: Clock;
}

/** The journal of a host that is not running is not read. */
const noJournal: AskJournal = () => Promise.resolve(undefined);

/** A host with the given files, on a disk or recorded. */
export const hostOf = (files: HostFiles, clock: Clock, rpm: AskRpm, journal: AskJournal = noJournal): Host => ({
  ...files,
  clock,
  proc: openProc(files),
  rpm,
  journal,
});

/** rpm of a host that is not running is not run. */
const noRpm: AskRpm = () => Promise.reject(new RpmFailed('not run for another root', false));

/**
 * Opens the running host, or the root file system in a directory. With such a root, `rpm` always rejects with
 * RpmFailed, and `journal` has no answer.
 */
export const openHost = ({ root = '', clock = systemClock }: HostOptions = {}): Host =>
  root === ''
    ? hostOf(openHostFiles(root), clock, runRpm, runJournalctl)
    : hostOf(openHostFiles(root), clock, noRpm, noJournal);

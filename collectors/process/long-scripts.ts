// Finds scripts of packages that have run for long: one that hangs keeps the package manager's lock, and so all updates.

import type { ProcessEntry } from './process.ts';
import type { BootNs } from './process-record.ts';
import { argsOf } from './program-name.ts';

/** One run of a script of a package. */
export interface LongScript {
  manager: 'dpkg' | 'rpm';
  /** Absent: not known. */
  path?: string;
  package?: string;
  phase?: string;
  pid: number;
  running_seconds: number;
  /** Empty: not observed. */
  command: string;
}

/** A script that has run for less is not listed. */
const longScriptNs = 600e9;
/** Maximum number of runs in the list, those that have run for the longest time. */
export const maxLongScripts = 16;
const commandChars = 200;

/**
 * The scripts that have run for more than ten minutes at `nowNs`, longest first. What a script starts does not count, nor does
 * what it leaves running after its end.
 */
export const longScripts = (alive: Iterable<ProcessEntry>, nowNs: BootNs): LongScript[] =>
  [...alive]
    .filter((entry) => isScriptItself(entry) && nowNs - entry.startNs > longScriptNs)
    .toSorted((a, b) => a.startNs - b.startNs)
    .slice(0, maxLongScripts)
    .map((entry) => describe(entry, nowNs));

/** Debconf runs the script again below itself: the outer process is the run. */
const isScriptItself = ({ lifecycle, parent }: ProcessEntry): boolean =>
  lifecycle !== undefined && parent?.lifecycle === undefined;

function describe({ pid, startNs, image, lifecycle }: ProcessEntry, nowNs: BootNs): LongScript {
  const { manager = 'dpkg', path, package: name, phase } = lifecycle?.script ?? {};
  const command = (image && argsOf(image))?.join(' ') ?? image?.filename ?? '';
  return {
    manager,
    ...(path !== undefined && { path }),
    ...(name !== undefined && { package: name }),
    ...(phase !== undefined && { phase }),
    pid,
    running_seconds: Math.round((nowNs - startNs) / 1e9),
    command: command.length > commandChars ? `${command.slice(0, commandChars)}…` : command,
  };
}

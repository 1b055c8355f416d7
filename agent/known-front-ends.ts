// Decides whether a term is on a known-terms list and really is what its path says.

import { runsGenuine } from '../collectors/genuine-program.ts';
import type { ObservedExec, ProcessMoment } from '../collectors/process-event.ts';
import type { ProcessEntry } from '../collectors/process-table.ts';
import type { Verdict } from '../detectors/rules/rule.ts';

/** A program that may count as seen from the start, and the packages of the distributions that own it. */
interface KnownProgram {
  path: string;
  package: string;
}

/** `unverified`: the path is listed, but the process could not be shown to run the distribution's own file of that path. */
export type TermStanding = 'known' | 'unverified' | 'unlisted';

export interface KnownTerms {
  /** To be called for each exec: a listed program is verified while it is fresh, before an upgrade replaces its file. */
  notice(exec: ObservedExec): void;
  standing(verdict: Verdict, exec: ObservedExec): TermStanding;
}

interface KnownTermsParts {
  lists: ReadonlyMap<string, readonly KnownProgram[]>;
  /** Whether the package owns the file, by the distribution's own account. */
  owns(file: string, packageName: string): boolean;
  /** Reads what /proc shows of a process into its entry. */
  inspect(entry: ProcessEntry): unknown;
}

/** Which process of an event a term names; other fields cannot be verified and are never known. */
const processOfField: Readonly<Record<string, (exec: ObservedExec) => ProcessMoment | undefined>> = {
  'process.executable': ({ moment }) => moment,
  'process.parent.executable': ({ moment }) => moment.ancestors[0],
};

/** A parent that forked under one face and took another one since is neither. */
const changedFace = ({ moment }: ObservedExec, process: ProcessMoment): boolean =>
  process.entry === moment.entry.parent &&
  moment.entry.parentImageAtFork !== undefined &&
  moment.entry.parentImageAtFork !== process.image;

export function openKnownTerms({ lists, owns, inspect }: KnownTermsParts): KnownTerms {
  const packagesOf = new Map<string, string[]>();
  for (const { path, package: owner } of [...lists.values()].flat()) {
    packagesOf.set(path, [...(packagesOf.get(path) ?? []), owner]);
  }

  /** Looked at once for each program that a process runs: later its file may have been replaced by an upgrade. */
  const isGenuine = (process: ProcessMoment, program: string): boolean => {
    const { entry, image } = process;
    if (image === undefined) return false;
    if (image.genuine === undefined) {
      inspect(entry);
      image.genuine =
        runsGenuine(process, program) && (packagesOf.get(program) ?? []).some((owner) => owns(program, owner));
    }
    return image.genuine;
  };

  return {
    notice(exec) {
      const program = exec.read('process.executable');
      if (typeof program === 'string' && packagesOf.has(program)) isGenuine(exec.moment, program);
    },
    standing({ rule, terms }, exec) {
      const [field] = rule.termFields;
      const [term] = terms;
      if (terms.length !== 1 || field === undefined || term == null) return 'unlisted';
      const listed = rule.knownTerms.some((list) => lists.get(list)?.some(({ path }) => path === term));
      const process = processOfField[field]?.(exec);
      if (!listed || process === undefined) return 'unlisted';
      return !changedFace(exec, process) && isGenuine(process, term) ? 'known' : 'unverified';
    },
  };
}

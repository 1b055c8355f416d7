// Decides whether a term is on a known-terms list and really is what its path says.

import type { PackageProgram, PackageTools } from '../collectors/package-tools.ts';
import type { ObservedExec, ProcessMoment } from '../collectors/process-event.ts';
import type { Verdict } from '../detectors/rules/rule.ts';

/** `unverified`: the path is listed, but the process could not be shown to run the distribution's own file of that path. */
export type TermStanding = 'known' | 'unverified' | 'unlisted';

export interface KnownTerms {
  /** To be called for each exec: a listed program is verified while it is fresh, before an upgrade replaces its file. */
  notice(exec: ObservedExec): void;
  standing(verdict: Verdict, exec: ObservedExec): TermStanding;
}

interface KnownTermsParts {
  lists: ReadonlyMap<string, readonly PackageProgram[]>;
  tools: Pick<PackageTools, 'notice' | 'isGenuine'>;
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

export function openKnownTerms({ lists, tools }: KnownTermsParts): KnownTerms {
  return {
    notice: ({ moment }) => tools.notice(moment),
    standing({ rule, terms }, exec) {
      const [field] = rule.termFields;
      const [term] = terms;
      if (terms.length !== 1 || field === undefined || term == null) return 'unlisted';
      const listed = rule.knownTerms.some((list) => lists.get(list)?.some(({ path }) => path === term));
      const process = processOfField[field]?.(exec);
      if (!listed || process === undefined) return 'unlisted';
      return !changedFace(exec, process) && tools.isGenuine(process, term) ? 'known' : 'unverified';
    },
  };
}

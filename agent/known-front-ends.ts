// Decides whether a verdict's term is on a known-terms list and really is what its path says.

import { runsGenuine } from '../collectors/genuine-program.ts';
import type { ObservedExec, ProcessMoment } from '../collectors/process-event.ts';
import type { Verdict } from '../detectors/rules/rule.ts';

/** A program that may count as seen from the start, and the packages of the distributions that own it. */
export interface KnownProgram {
  path: string;
  package: string;
}

/** Which process of an event a term names; other fields cannot be verified and are never known. */
const processOfField: Readonly<Record<string, (exec: ObservedExec) => ProcessMoment | undefined>> = {
  'process.executable': ({ moment }) => moment,
  'process.parent.executable': ({ moment }) => moment.ancestors[0],
};

/** A parent that forked under one face and took another one since is neither. */
const changedFace = ({ moment }: ObservedExec, process: ProcessMoment): boolean =>
  process === moment.ancestors[0] &&
  moment.entry.parentImageAtFork !== undefined &&
  moment.entry.parentImageAtFork !== process.image;

/**
 * Whether the verdict's one term is known: listed for the rule, run for real by the process that it names, and owned by
 * the distribution's package.
 */
export function isKnownTerm(
  { rule, terms }: Verdict,
  exec: ObservedExec,
  lists: ReadonlyMap<string, readonly KnownProgram[]>,
  owns: (file: string, packageName: string) => boolean,
): boolean {
  const [field] = rule.termFields;
  const [term] = terms;
  if (terms.length !== 1 || field === undefined || term == null) return false;
  const process = processOfField[field]?.(exec);
  if (process === undefined || changedFace(exec, process)) return false;
  const listed = rule.knownTerms.flatMap((list) => lists.get(list) ?? []).filter(({ path }) => path === term);
  return listed.length > 0 && runsGenuine(process, term) && listed.some((entry) => owns(term, entry.package));
}

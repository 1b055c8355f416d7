// Decides whether a term is on a known-terms list and really is what its path says.

import type { PackageTools } from '../../collectors/packages/package-tools.ts';
import type { ObservedExec } from '../../collectors/process/observe-exec.ts';
import type { ProcessSnapshot } from '../../collectors/process/process.ts';
import type { KnownTerm } from '../rules/known-terms.ts';
import type { Verdict } from '../rules/rule.ts';
import { findInitiator } from './initiator.ts';

/** `unverified`: the path is listed, but the process could not be shown to run the distribution's own file of that path. */
export type TermStanding = 'known' | 'unverified' | 'unlisted';

export interface TermClassifier {
  classify(verdict: Verdict, exec: ObservedExec): TermStanding;
}

interface TermClassifierDeps {
  /** The lists that count now. */
  lists(): ReadonlyMap<string, readonly KnownTerm[]>;
  tools: Pick<PackageTools, 'isGenuine'>;
}

/** Which process of an event a rule's first term names: the number of steps above the one it is about. */
const stepsToField: Readonly<Record<string, (exec: ObservedExec) => number | undefined>> = {
  'process.executable': () => 0,
  'process.parent.executable': () => 1,
  'stepparent.initiator.executable': (exec) => {
    const initiator = findInitiator(exec.document())?.initiator;
    return initiator && initiator.wrappers.length + 1;
  },
};

/** The process has executed another program since it forked the child: its present program did not start the child. */
const reexecedSinceFork = (process: ProcessSnapshot, child: ProcessSnapshot | undefined): boolean =>
  process.entry === child?.entry.parent &&
  child.entry.parentImageAtFork !== undefined &&
  child.entry.parentImageAtFork !== process.image;

export function openTermClassifier({ lists, tools }: TermClassifierDeps): TermClassifier {
  return {
    classify({ rule, terms }, exec) {
      const [field] = rule.termFields;
      const [program, origin] = terms;
      if (field === undefined || program == null || terms.length > 2) return 'unlisted';
      const listed = rule.knownTerms.some((list) =>
        lists()
          .get(list)
          ?.some((known) => known.path === program && known.origin === origin),
      );
      const steps = listed ? stepsToField[field]?.(exec) : undefined;
      if (steps === undefined) return 'unlisted';
      const line = [exec.snapshot, ...exec.snapshot.ancestors];
      const process = line[steps];
      if (process === undefined) return 'unlisted';
      return !reexecedSinceFork(process, line[steps - 1]) && tools.isGenuine(process, program) ? 'known' : 'unverified';
    },
  };
}

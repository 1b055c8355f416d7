// Decides whether a term is on a known-terms list, and whether the process really runs the program of that path.

import type { StepparentEvent } from '../../collectors/event/event.ts';
import type { PackageTools } from '../../collectors/packages/package-tools.ts';
import type { ActorSnapshot, ProcessSnapshot } from '../../collectors/process/process.ts';
import type { KnownTerm } from '../rules/known-terms.ts';
import type { Verdict } from '../rules/rule.ts';
import { findInitiator, isOwnInitiator } from './initiator.ts';

/**
 * `unverified`: the path is listed, but it is not proven that the process runs the distribution's file of that path.
 */
export type TermStanding = 'known' | 'unverified' | 'unlisted';

/** An event with the process that caused it. */
export interface CausedEvent {
  snapshot: ActorSnapshot;
  document(): StepparentEvent;
}

/** Compares the terms of matches with the known-terms lists. */
export interface TermClassifier {
  classify(verdict: Verdict, event: CausedEvent): TermStanding;
}

interface TermClassifierDeps {
  /** The lists of the current configuration. */
  lists(): ReadonlyMap<string, readonly KnownTerm[]>;
  tools: Pick<PackageTools, 'isGenuine'>;
}

/** The process that a rule's first term names, as the number of steps above the event's process. */
const stepsToField: Readonly<Record<string, (event: CausedEvent) => number | undefined>> = {
  'process.executable': () => 0,
  'process.parent.executable': () => 1,
  'stepparent.initiator.executable': (cause) => {
    const event = cause.document();
    const initiator = findInitiator(event)?.initiator;
    return initiator && initiator.wrappers.length + (isOwnInitiator(event) ? 0 : 1);
  },
};

/**
 * Whether the process has executed another program since it forked the child, so that its present program did not start
 * the child.
 */
const reexecedSinceFork = (process: ProcessSnapshot, child: ProcessSnapshot | undefined): boolean =>
  process.entry === child?.entry.parent &&
  child.entry.parentImageAtFork !== undefined &&
  child.entry.parentImageAtFork !== process.image;

/**
 * Prepares the comparison. A term is `unlisted` unless the rule's first field is the executable of the process, of its
 * parent or of its initiator.
 */
export function openTermClassifier({ lists, tools }: TermClassifierDeps): TermClassifier {
  return {
    classify({ rule, terms }, event) {
      const [field] = rule.termFields;
      const [program, origin] = terms;
      if (field === undefined || program == null || terms.length > 2) return 'unlisted';
      const listed = rule.knownTerms.some((list) =>
        lists()
          .get(list)
          ?.some((known) => known.path === program && known.origin === origin),
      );
      const steps = listed ? stepsToField[field]?.(event) : undefined;
      if (steps === undefined) return 'unlisted';
      const line = [event.snapshot, ...event.snapshot.ancestors];
      const process = line[steps];
      if (process === undefined) return 'unlisted';
      return !reexecedSinceFork(process, line[steps - 1]) && tools.isGenuine(process, program) ? 'known' : 'unverified';
    },
  };
}

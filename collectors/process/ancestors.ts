// The ancestors of a process at one moment.

import type { ActorSnapshot, ExecSnapshot, Image, ProcessEntry, ProcessSnapshot } from './process.ts';
import type { BootNs } from './process-record.ts';

/** Maximum number of ancestors in an event. */
const maxLineage = 16;

/** The ancestors of a process in their current state, nearest first, at most 16. */
export function ancestorsOf(entry: ProcessEntry): ProcessSnapshot[] {
  const ancestors: ProcessSnapshot[] = [];
  for (let ancestor = entry.parent; ancestor && ancestors.length < maxLineage; ancestor = ancestor.parent) {
    ancestors.push({ entry: ancestor, image: ancestor.image });
  }
  return ancestors;
}

/** Collects the ancestors when they are first read: most execs are dismissed before that. */
export class LazyExecSnapshot implements ExecSnapshot {
  readonly entry: ProcessEntry;
  readonly image: Image;
  readonly timeNs: BootNs;
  readonly lifecycle: ExecSnapshot['lifecycle'];
  transaction: ExecSnapshot['transaction'];
  #ancestors: ProcessSnapshot[] | undefined;

  constructor(entry: ProcessEntry, image: Image, timeNs: BootNs) {
    this.entry = entry;
    this.image = image;
    this.timeNs = timeNs;
    this.lifecycle = entry.lifecycle;
    this.transaction = entry.transaction;
  }

  get ancestors(): ProcessSnapshot[] {
    this.#ancestors ??= ancestorsOf(this.entry);
    return this.#ancestors;
  }

  /** Whether the ancestors were collected; until then they are those of the process table. */
  get hasAncestors(): boolean {
    return this.#ancestors !== undefined;
  }
}

/** Visits the ancestors, nearest first, until `visit` returns true. Does not collect them. */
export function visitAncestors(
  actor: ActorSnapshot,
  visit: (entry: ProcessEntry, image: Image | undefined) => boolean,
): void {
  if (!(actor instanceof LazyExecSnapshot) || actor.hasAncestors) {
    actor.ancestors.some(({ entry, image }) => visit(entry, image));
    return;
  }
  let ancestor = actor.entry.parent;
  for (let depth = 0; ancestor !== undefined && depth < maxLineage; depth++) {
    if (visit(ancestor, ancestor.image)) return;
    ancestor = ancestor.parent;
  }
}

// Adds to the ancestors in an event whether they run the distribution's own files.

import type { StepparentEvent } from '../event/event.ts';

/** The event with the results of the checks, by the position of the ancestor. */
export function withVerified(document: StepparentEvent, verified: ReadonlyMap<number, boolean>): StepparentEvent {
  const { lineage } = document.stepparent;
  if (verified.size === 0 || lineage === undefined) return document;
  const checked = lineage.map((step, index) => {
    const result = verified.get(index);
    return result === undefined ? step : { ...step, verified: result };
  });
  return { ...document, stepparent: { ...document.stepparent, lineage: checked } };
}

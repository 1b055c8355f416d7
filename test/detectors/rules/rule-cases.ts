// What the suite over all rules wants to know of each: events that fire it, and near misses.

import type { FieldReader } from '../../../collectors/event/event.ts';
import { readPath } from '../../../collectors/event/read-path.ts';

/** An event as a plain object in the shape of an ECS document; only what a rule may look at. */
export type CaseEvent = { readonly [field: string]: unknown };

export interface RuleCases {
  hits: Readonly<Record<string, CaseEvent>>;
  misses: Readonly<Record<string, CaseEvent>>;
}

/** The event with some fields, by dotted name, set to other values; undefined takes the field away. */
export function changed(event: CaseEvent, changes: Readonly<Record<string, unknown>>): CaseEvent {
  const copy = structuredClone(event) as Record<string, unknown>;
  for (const [field, value] of Object.entries(changes)) {
    const steps = field.split('.');
    const last = steps.pop() ?? '';
    let holder = copy;
    for (const step of steps) {
      holder[step] ??= {};
      holder = holder[step] as Record<string, unknown>;
    }
    if (value === undefined) delete holder[last];
    else holder[last] = value;
  }
  return copy;
}

export const readerOf =
  (event: CaseEvent): FieldReader =>
  (field) =>
    readPath(event, field);

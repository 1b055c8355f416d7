// Parses the JSON in the database. JSON that the store cannot have written is damage.

import type { StepparentEvent } from '../collectors/event/event.ts';
import { leaderRoles, sharedFields } from './event-pieces.ts';

/** A row is not as the store wrote it; `message` names the fault. The store throws it as a StoreError, `corrupt`. */
export class DamagedRow extends Error {
  override name = 'DamagedRow';
}

/** The value of a column's JSON. Throws a DamagedRow. */
export function parseStored<T>(json: string | null): T {
  try {
    const value: T | null = json === null ? null : JSON.parse(json);
    if (value !== null) return value;
  } catch (error) {
    throw new DamagedRow('JSON that cannot be read', { cause: error });
  }
  throw new DamagedRow('a row without its JSON');
}

/** The event of a document. A document that SQL built has null in the place of a missing row. Throws a DamagedRow. */
export function parseDocument(json: string | null): StepparentEvent {
  const event = parseStored<StepparentEvent>(json);
  const { host, agent, process, stepparent } = event;
  const pieces: unknown[] = [host, agent, process, process?.parent, ...(stepparent?.lineage ?? [])];
  for (const role of leaderRoles) pieces.push(process?.[role]);
  for (const name of ['lineage', ...sharedFields] as const) pieces.push(stepparent?.[name]);
  if (pieces.includes(null)) throw new DamagedRow('an event that lacks a row');
  return event;
}

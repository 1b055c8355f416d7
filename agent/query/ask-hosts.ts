// Asks one statement of the events of many hosts: those that they have exported, or the alerts in their journals.

import { statSync } from 'node:fs';
import { escapeText } from '../../collectors/event/escape-text.ts';
import { askQuery, QueryEnded, type QueryRequest, type QueryResult } from './ask-query.ts';
import { withGatheredEvents } from './gather-events.ts';

const maxPathChars = 1000;

/** Asks the events below a directory. Throws as `withGatheredEvents` and `askQuery` do. */
export async function askEvents(
  directory: string,
  request: Omit<QueryRequest, 'source'>,
  timeoutMs: number,
): Promise<QueryResult> {
  return await withGatheredEvents(directory, [request.sql], async ({ source, notes }) => {
    const result = await askQuery({ ...request, source }, { timeoutMs });
    return { ...result, notes: [...notes, ...result.notes] };
  });
}

/** Throws a QueryEnded if there is no such directory: journalctl would find no entry in it. */
export function requireJournals(directory: string): void {
  if (statSync(directory, { throwIfNoEntry: false })?.isDirectory()) return;
  throw new QueryEnded(`--journal ${escapeText(directory, maxPathChars)}: no such directory`);
}

// Prints why an id names no alert or incident, or more than one.

import { escapeText } from '../../collectors/event/escape-text.ts';
import type { AlertRecord } from '../../storage/records.ts';
import { idChars as shortIdChars } from './alert-table.ts';
import { alertLine } from './story-lines.ts';

const idChars = 64;

/** Prints to standard error; `candidates` are the alerts and incidents whose ids begin with `id`. */
export function printCandidates(
  id: string,
  candidates: readonly { id: string; alert: AlertRecord | undefined }[],
): void {
  const shown = escapeText(id, idChars);
  if (candidates.length === 0) {
    console.error(`stepparent: no alert or incident has an id that begins with ${shown}; see \`stepparent alerts\``);
    return;
  }
  console.error(`stepparent: several ids begin with ${shown}:`);
  for (const each of candidates) {
    const text = each.alert === undefined ? '' : alertLine(each.alert).slice(shortIdChars + 2);
    console.error(`  ${escapeText(each.id, idChars)}  ${text}`);
  }
}

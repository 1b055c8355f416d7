// Formats rows of the package ledger for a terminal: when, what, which package, who asked.

import { escapeText } from '../../collectors/event/escape-text.ts';
import type { PackageHistory, PackageRow, PackageScript } from '../query/package-history.ts';
import { localTime } from './local-time.ts';

/** Lines are not made for a terminal that is narrower. */
const minColumns = 80;
const cellChars = 300;
const hostChars = 16;
/** Minutes are enough for people; `--json` has milliseconds. */
const timeChars = 16;
/** Between two columns. */
const gapChars = 2;

const timeText = (row: PackageRow): string => localTime(row.time_ms).slice(0, timeChars);

function actionText({ 'event.action': action, 'event.outcome': outcome }: PackageRow): string {
  const text = action ?? 'change';
  return outcome === 'success' ? text : `${text} ${outcome === 'failure' ? 'failed' : '(?)'}`;
}

const versionText = ({ 'package.version': version, former_version: former }: PackageRow): string =>
  former === null ? (version ?? '') : `${former} -> ${version ?? ''}`;

const hostText = (row: PackageRow): string => row['host.name'] ?? row['host.id'] ?? '(unknown host)';

const unobserved: Readonly<Record<string, string>> = {
  first_listing: '(in the first list)',
  listing: '(not observed)',
  installed: '(before the ledger)',
};

/** What the time is, if it is not that of a transaction. */
const timeSources: Readonly<Record<string, string>> = {
  dpkg_log: '(not observed; time of dpkg.log)',
  install_time: '(not observed; time of rpm)',
  listing: '(not observed; found then)',
};

function requestText({ requested_by: by, found_by: foundBy, time_source: source }: PackageRow): string {
  if (by !== null) return by;
  return (foundBy === 'listing' ? timeSources[source ?? ''] : undefined) ?? unobserved[foundBy] ?? '';
}

/** The part of the room that the first of two flexible cells can have if both need more. */
const firstShare = 2 / 3;

/**
 * The cells of each row, escaped. `columns`: width of the terminal; undefined: nothing is cut to a width. The two
 * flexible cells share the room beside the fixed ones.
 */
function fitted(
  rows: readonly { fixed: string[]; flexible: readonly [string, string] }[],
  columns: number | undefined,
): string[][] {
  const cells = rows.map(({ fixed, flexible }) => [...fixed, ...flexible].map((cell) => escapeText(cell, cellChars)));
  if (columns === undefined) return cells;
  const widths = (cells[0] ?? []).map((_, i) => Math.max(...cells.map((row) => row[i]?.length ?? 0)));
  const taken = widths.slice(0, -2).reduce((sum, width) => sum + width + gapChars, 0);
  const room = Math.max(columns, minColumns) - taken - gapChars;
  const [first = 0, last = 0] = widths.slice(-2);
  const firstWidth = Math.min(first, Math.max(Math.floor(room * firstShare), room - last));
  return rows.map(({ flexible: [one, other] }, i) => [
    ...(cells[i]?.slice(0, -2) ?? []),
    escapeText(one, firstWidth),
    escapeText(other, room - firstWidth),
  ]);
}

/** Cells of a list of changes. `hasHosts`: they are those of several hosts. */
export const changeCells = (rows: readonly PackageRow[], hasHosts: boolean, columns: number | undefined): string[][] =>
  fitted(
    rows.map((row) => ({
      fixed: [timeText(row), ...(hasHosts ? [hostText(row).slice(0, hostChars)] : []), actionText(row)],
      flexible: [`${row['package.name']} ${versionText(row)}`, requestText(row)],
    })),
    columns,
  );

/** Cells of the history of one package. */
export const historyCells = (rows: readonly PackageRow[], columns: number | undefined): string[][] =>
  fitted(
    rows.map((row) => ({
      fixed: [`  ${timeText(row)}`, actionText(row)],
      flexible: [versionText(row), requestText(row)],
    })),
    columns,
  );

/** The line above a history: the package, and which versions of it are installed. */
export function historyHeading(
  { rows: [row], installed }: PackageHistory,
  hasHosts: boolean,
  columns: number | undefined,
): string {
  if (row === undefined) return '';
  const name = [row['package.name'], row['package.architecture']].filter(Boolean).join(' ');
  const versions = installed.map((each) => {
    const since = each['event.action'] === 'present' ? 'since before' : 'since';
    return `${each['package.version']} installed ${since} ${timeText(each)}`;
  });
  const state = versions.length === 0 ? 'not installed' : versions.join(', ');
  const text = `${hasHosts ? `${hostText(row)}: ` : ''}${name} (${row['stepparent.transaction.manager']}): ${state}`;
  return escapeText(text, columns === undefined ? cellChars : Math.max(columns, minColumns));
}

/** The line of a stored script of the row's version. */
export function scriptLine(row: PackageRow, script: PackageScript, columns: number | undefined): string {
  const { phase, sha256, state, findings } = script;
  const remarks = [state === 'first' ? '' : state, ...findings].filter((text) => text !== '');
  const text = `script ${phase} of ${row['package.version']}: ${[sha256.slice(0, 16), ...remarks].join(', ')}`;
  return `  ${escapeText(text, (columns === undefined ? cellChars : Math.max(columns, minColumns)) - gapChars)}`;
}

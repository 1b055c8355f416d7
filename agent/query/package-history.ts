// Reads the package ledger: the statement that selects rows, and the history of each package.

import type { LedgerAction } from '../../detectors/package-ledger.ts';
import { rowObject } from './run-hunt.ts';

/** A row of the view `package_changes`, as JSON has it. */
export interface PackageRow {
  '@timestamp': string;
  time_ms: number;
  time_source: string | null;
  'host.id': string | null;
  'host.name': string | null;
  'stepparent.transaction.manager': string;
  'package.name': string;
  'package.architecture': string | null;
  'package.version': string | null;
  former_version: string | null;
  'event.action': LedgerAction | null;
  'event.outcome': 'success' | 'failure' | 'unknown';
  applied: 0 | 1 | null;
  state: string | null;
  installed: 0 | 1;
  requested_by: string | null;
  archive: string | null;
  sha256: string | null;
  source: string | null;
  repository: string | null;
  found_by: string;
}

/** A stored script of a version of a package. */
export interface PackageScript {
  phase: string;
  sha256: string;
  /** Its state when it was first seen. */
  state: string;
  /** Ids of the indicators in it. */
  findings: string[];
}

/** Which rows are read. */
export interface PackageFilter {
  /** Globs of the name and of the version; undefined: all packages. */
  match: { name: string; version: string } | undefined;
  /** Milliseconds since 1970. */
  sinceMs: number | undefined;
  manager: string | undefined;
}

/** `NAME=VERSION`, `NAME` or `=VERSION`, with `*`, `?` and `[...]`. */
export function parseMatch(text: string): { name: string; version: string } {
  const at = text.indexOf('=');
  const [name, version] = at < 0 ? [text, ''] : [text.slice(0, at), text.slice(at + 1)];
  return { name: name || '*', version: version || '*' };
}

const quote = (text: string): string => `'${text.replaceAll("'", "''").replaceAll('\0', '')}'`;

const identity = '"host.id", "host.name", "stepparent.transaction.manager", "package.name", "package.architecture"';

/**
 * The statement. A package that a version of matches is there with all its rows. A configuration that succeeded is left
 * out: it follows each installation.
 */
export function historySql({ match, sinceMs, manager }: PackageFilter): string {
  const conditions = [`NOT ("event.action" IS 'configure' AND "event.outcome" = 'success')`];
  if (manager !== undefined) conditions.push(`"stepparent.transaction.manager" = ${quote(manager)}`);
  if (match !== undefined) conditions.push(`"package.name" GLOB ${quote(match.name)}`);
  if (match === undefined && sinceMs !== undefined) conditions.push('time_ms >= :since');
  const rows = `SELECT * FROM package_changes WHERE ${conditions.join(' AND ')}`;
  const newest = 'ORDER BY time_ms DESC, sequence DESC';
  if (match === undefined) return `${rows} ${newest}`;
  const version = quote(match.version);
  const isHit = [
    `("package.version" GLOB ${version} OR former_version GLOB ${version})`,
    ...(sinceMs === undefined ? [] : ['time_ms >= :since']),
  ].join(' AND ');
  return `WITH of_name AS (${rows}),
hits AS (SELECT DISTINCT ${identity} FROM of_name WHERE ${isHit})
SELECT * FROM of_name o WHERE EXISTS (SELECT 1 FROM hits h WHERE ${identity
    .split(', ')
    .map((name) => `h.${name} IS o.${name}`)
    .join(' AND ')}) ${newest}`;
}

/** The rows of an answer to `historySql`. */
export const packageRows = (columns: string[], rows: (string | number | null)[][]): PackageRow[] =>
  rows.map((row) => rowObject(columns, row) as unknown as PackageRow);

/** One package of one host, and what happened to it, newest first. */
export interface PackageHistory {
  rows: PackageRow[];
  /** The installed versions, each with the row that installed it. */
  installed: PackageRow[];
}

const isArrival = (row: PackageRow | undefined): boolean =>
  row?.applied === 1 && ['install', 'upgrade', 'downgrade', 'present'].includes(row['event.action'] ?? '');

/** The histories of the rows, which are sorted; that with the newest row comes first. */
export function historiesOf(rows: readonly PackageRow[]): PackageHistory[] {
  const histories = new Map<string, PackageHistory>();
  for (const row of rows) {
    const key = JSON.stringify([
      ...[row['host.id'], row['host.name'], row['stepparent.transaction.manager']],
      ...[row['package.name'], row['package.architecture']],
    ]);
    const history = histories.get(key) ?? { rows: [], installed: [] };
    histories.set(key, history);
    history.rows.push(row);
    if (row.installed !== 1) continue;
    // The newest row that brought the version; without one, the oldest of its rows.
    const at = history.installed.findIndex((each) => each['package.version'] === row['package.version']);
    if (at < 0) history.installed.push(row);
    else if (!isArrival(history.installed[at])) history.installed[at] = row;
  }
  return [...histories.values()];
}

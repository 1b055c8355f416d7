// `stepparent packages`: what happened to packages, when and at whose request, and whether a version is installed.

import { type Command, Option } from 'commander';
import type { ScriptSlot } from '../../detectors/facts/script-state.ts';
import { printRows } from '../output/print-rows.ts';
import type { QueryResult } from '../query/ask-query.ts';
import type { PackageRow, PackageScript } from '../query/package-history.ts';
import { withStoreReader } from '../query/with-store.ts';
import {
  action,
  defineCommand,
  eventsOption,
  type GlobalOptions,
  journalOption,
  jsonOption,
  limitOption,
  sinceOption,
  timeoutOption,
} from './define-command.ts';

interface PackagesOptions extends GlobalOptions {
  /** `NAME=VERSION`, with globs. */
  match?: string;
  /** Milliseconds since 1970. */
  since?: number;
  manager?: 'dpkg' | 'rpm';
  /** Maximum number of changes, newest first. */
  limit: number;
  /** Milliseconds. */
  timeout: number;
  /** A directory of journals to query instead of the database of this host's agent. */
  journal?: string;
  /** A directory of events that hosts have exported, instead of what this host's agent has stored. */
  events?: string;
  json?: boolean;
}

export const command = (): Command =>
  defineCommand('packages')
    .description('list the changes of packages, newest first, or show the history of some')
    .option('--match <package>', 'history of the packages that NAME=VERSION matches; both can have * and ?')
    .addOption(sinceOption())
    .addOption(new Option('--manager <manager>', 'only packages of this manager').choices(['dpkg', 'rpm']))
    .addOption(limitOption('maximum number of changes').default(100))
    .addOption(timeoutOption())
    .addOption(journalOption())
    .addOption(eventsOption())
    .addOption(jsonOption())
    .action(action(printPackages));

/** The exit code if no package matches `--match`. */
const noMatch = 3;
const maxHistoryRows = 1_000_000;

/** Prints the changes, or the histories. Returns the exit code. */
async function printPackages(options: PackagesOptions): Promise<number> {
  const { packageRows, parseMatch } = await import('../query/package-history.ts');
  const { printNotes } = await import('../output/print-answer.ts');
  const { json, limit } = options;
  const match = options.match === undefined ? undefined : parseMatch(options.match);
  const { columns, rows: answers, truncated, notes } = await askLedger(options, match);
  const found = packageRows(columns, answers);
  const rows = found.slice(0, limit);
  const isOfHosts = options.journal !== undefined || options.events !== undefined;
  const scriptsOf = match === undefined || isOfHosts ? undefined : await readScripts(options, rows);
  if (json) {
    for (const row of rows) {
      const scripts = scriptsOf && { scripts: scriptsOf(row) };
      process.stdout.write(`${JSON.stringify({ ...row, ...scripts })}\n`);
    }
  } else if (match === undefined) await printChanges(rows, isOfHosts);
  else await printHistories(found, limit, { hasHosts: isOfHosts, scriptsOf });
  printNotes(notes);
  if (truncated || found.length > limit)
    console.error(`only the newest ${limit} changes are shown; --limit shows more`);
  if (match === undefined || rows.length > 0) return 0;
  if (!json) console.error('no package matches');
  return noMatch;
}

const terminalColumns = (): number | undefined => (process.stdout.isTTY ? process.stdout.columns : undefined);

async function printChanges(rows: readonly PackageRow[], hasHosts: boolean): Promise<void> {
  const { changeCells } = await import('../output/package-lines.ts');
  const listed = changeCells(rows, hasHosts, terminalColumns());
  printRows(
    listed.map((cells) => ({ cells })),
    'no changes of packages',
  );
}

/** Prints all packages, and at most `limit` of their changes. */
async function printHistories(
  rows: readonly PackageRow[],
  limit: number,
  { hasHosts, scriptsOf }: { hasHosts: boolean; scriptsOf: ScriptsOf | undefined },
): Promise<void> {
  const { historiesOf } = await import('../query/package-history.ts');
  const { historyCells, historyHeading, scriptLine } = await import('../output/package-lines.ts');
  const columns = terminalColumns();
  let left = limit;
  for (const history of historiesOf(rows)) {
    process.stdout.write(`${historyHeading(history, hasHosts, columns)}\n`);
    const shown = history.rows.slice(0, left);
    left -= shown.length;
    const listed = historyCells(shown, columns);
    if (listed.length > 0) {
      printRows(
        listed.map((cells) => ({ cells })),
        '',
      );
    }
    const versions = new Map(shown.map((row) => [row['package.version'], row]));
    for (const row of versions.values()) {
      for (const script of scriptsOf?.(row) ?? []) process.stdout.write(`${scriptLine(row, script, columns)}\n`);
    }
  }
}

async function askLedger(
  { config, since, manager, limit, timeout: timeoutMs, journal, events }: PackagesOptions,
  match: { name: string; version: string } | undefined,
): Promise<QueryResult> {
  const { askQuery } = await import('../query/ask-query.ts');
  const { askEvents, requireJournals } = await import('../query/ask-hosts.ts');
  const { historySql } = await import('../query/package-history.ts');
  const { resolvePaths } = await import('../configuration/paths.ts');
  const { readConfiguration } = await import('../configuration/read-configuration.ts');
  const sql = historySql({ match, sinceMs: since, manager });
  // Whether a package is installed can be said of a whole history only.
  const request = { sql, since: since ?? 0, now: Date.now(), limit: match === undefined ? limit : maxHistoryRows };
  if (events !== undefined) return await askEvents(events, request, timeoutMs);
  if (journal !== undefined) {
    requireJournals(journal);
    // The history of a package that matches can begin before `--since`.
    const from = match === undefined ? request.since : 0;
    return await askQuery({ ...request, since: from, source: { kind: 'journal', directory: journal } }, { timeoutMs });
  }
  const { database: path } = resolvePaths(readConfiguration(config).configuration, process.env);
  return await askQuery({ ...request, source: { kind: 'database', path } }, { timeoutMs });
}

type ScriptsOf = (row: PackageRow) => PackageScript[];

/** Reads the stored scripts of the packages; the result returns those of a row's version. */
async function readScripts({ config }: PackagesOptions, rows: readonly PackageRow[]): Promise<ScriptsOf> {
  const { findingsOf } = await import('../../detectors/facts/script-findings.ts');
  return await withStoreReader(config, (store) => {
    const scripts = new Map(
      [...new Set(rows.map((row) => row['package.name']))].map((name) => [
        name,
        store.listScripts(name).map(({ package: of, version, phase, sha256, state }): PackageScript & ScriptSlot => {
          const content = store.scriptsByPrefix(sha256)[0]?.content.toString('utf8') ?? '';
          return {
            package: of,
            version,
            phase,
            sha256,
            state,
            findings: [...new Set(findingsOf(content).map(({ id }) => id))],
          };
        }),
      ]),
    );
    return (row) => {
      const { 'package.name': name, 'package.architecture': architecture, 'package.version': version } = row;
      return (scripts.get(name) ?? [])
        .filter((each) => each.version === version && [name, `${name}:${architecture}`].includes(each.package))
        .map(({ phase, sha256, state, findings }) => ({ phase, sha256, state, findings }));
    };
  });
}

// `stepparent hunt`: which hunts there are, and what one of them, or each, finds now.

import { statSync } from 'node:fs';
import { escapeText } from '../../collectors/event/escape-text.ts';
import { openHost } from '../../collectors/host/host.ts';
import { hostTables } from '../../collectors/host-tables/host-tables.ts';
import { findingSql, type Hunt } from '../../detectors/hunts/hunt.ts';
import { readHunts } from '../../detectors/hunts/load-hunts.ts';
import type { RefusedRule } from '../../detectors/rules/rule.ts';
import { locateKey, nearest, TomlFileError } from '../../detectors/rules/toml-file.ts';
import { openAlertDatabase, SqlError } from '../../storage/query-database.ts';
import { resolvePaths } from '../configuration/paths.ts';
import { readConfiguration } from '../configuration/read-configuration.ts';
import { sourceOf } from '../configuration/rule-warnings.ts';
import { formatFault, refusedLine } from '../daemon/agent-status.ts';
import { localTime } from '../output/local-time.ts';
import { printAnswer } from '../output/print-answer.ts';
import { printRows } from '../output/print-rows.ts';
import { QueryEnded, type QuerySource } from '../query/ask-query.ts';
import { HuntError, runHunt } from '../query/run-hunt.ts';
import type { CheckOptions } from './rules.ts';

export interface HuntOptions {
  config?: string;
  json?: boolean;
  /** Every hunt, one after the other. */
  all?: boolean;
  /** Instead of each hunt's own window. */
  sinceMs?: number | undefined;
  /** Instead of each hunt's own number of rows. */
  limit?: number | undefined;
  timeoutMs: number;
  /** A folder of journals, instead of what this host's agent has stored. */
  journal?: string;
}

const lineChars = 1000;

/** Lists the hunts, or prints what they find. False when a hunt was refused or failed. */
export async function huntCommand(id: string | undefined, options: HuntOptions): Promise<boolean> {
  const { configuration } = readConfiguration(options.config);
  const { hunts, refused } = readHunts(configuration.hunts.directories);
  for (const each of refused) printRejected(each);
  if (id === undefined && !options.all && options.journal === undefined) {
    listHunts(hunts, options.json);
    return refused.length === 0;
  }
  const isOverJournals = options.journal !== undefined;
  const source: QuerySource = isOverJournals
    ? { kind: 'journal', directory: options.journal ?? '' }
    : { kind: 'database', path: resolvePaths(configuration, process.env).database };
  const chosen =
    id === undefined
      ? hunts.filter((hunt) => !isOverJournals || hunt.source !== 'host')
      : hunts.filter((hunt) => hunt.id === id);
  if (chosen.length === 0) {
    console.error(`stepparent: no hunt ${escapeText(id ?? '', lineChars)}; \`stepparent hunt\` lists them`);
    return false;
  }
  if (isOverJournals && !statSync(options.journal ?? '', { throwIfNoEntry: false })?.isDirectory()) {
    console.error(`stepparent: --journal ${escapeText(options.journal ?? '', lineChars)}: no such folder of journals`);
    return false;
  }
  const results = [];
  for (const hunt of chosen) results.push(await showHunt(hunt, source, options, chosen.length > 1));
  return refused.length === 0 && results.every(Boolean);
}

async function showHunt(hunt: Hunt, source: QuerySource, options: HuntOptions, hasHeading: boolean): Promise<boolean> {
  const { json, timeoutMs } = options;
  const nowMs = Date.now();
  const sinceMs = options.sinceMs ?? nowMs - hunt.windowMs;
  const limit = options.limit ?? hunt.limit;
  if (hasHeading && !json) {
    process.stdout.write(`${escapeText(`${hunt.id}: ${hunt.name}, since ${localTime(sinceMs)}`, lineChars)}\n`);
  }
  try {
    const from = hunt.source === 'host' ? ({ kind: 'host' } as const) : source;
    const run = { source: source.kind === 'journal' ? source : from, sinceMs, nowMs, limit, timeoutMs };
    printAnswer(await runHunt(hunt, run), { json, limit, more: hasHeading ? { hunt: hunt.id } : {} });
    if (hasHeading && !json) process.stdout.write('\n');
    return true;
  } catch (error) {
    if (!(error instanceof HuntError) && !(error instanceof QueryEnded)) throw error;
    console.error(`stepparent: ${escapeText(error.message, lineChars)}`);
    return false;
  }
}

/** Checks the configured hunts' files. Prints what is refused and each warning, with the place. True as of `rules check`. */
export async function huntsCheckCommand({ config, strict = false }: CheckOptions): Promise<boolean> {
  const { hunts, refused } = readHunts(readConfiguration(config).configuration.hunts.directories);
  const { faults, warnings } = await requireSelect(hunts);
  const lines = [...refused.map((each) => [refusedLine(each), each.excerpt]), ...faults];
  for (const [line = '', excerpt] of [...lines, ...warnings]) {
    process.stdout.write(`hunt ${escapeText(line, lineChars)}\n`);
    if (excerpt) process.stdout.write(`${excerpt}\n`);
  }
  const right = hunts.length - faults.length;
  const count = warnings.length === 0 ? '' : `, ${warnings.length} ${warnings.length === 1 ? 'warning' : 'warnings'}`;
  console.error(`${right} ${right === 1 ? 'hunt is' : 'hunts are'} right, ${lines.length} refused${count}`);
  return lines.length === 0 && !(strict && warnings.length > 0);
}

/**
 * Of each hunt whose statement SQLite rejects: the error, and the line of its key with a caret under it. Of the others: each column that
 * the hunt names and its rows have not.
 */
async function requireSelect(hunts: readonly Hunt[]): Promise<{ faults: string[][]; warnings: string[][] }> {
  const database = await openAlertDatabase([], hostTables(openHost()));
  const faults: string[][] = [];
  const warnings: string[][] = [];
  try {
    for (const hunt of hunts) {
      let key = 'hunt.sql';
      try {
        const columns = database.check(hunt.sql);
        if (hunt.finding?.unless !== undefined) key = 'hunt.finding.unless';
        if (hunt.finding !== undefined) database.check(findingSql(hunt));
        warnings.push(
          ...unknownColumns(hunt, columns).map(({ key, message }) => located('warning', hunt, key, message)),
        );
      } catch (error) {
        if (!(error instanceof SqlError)) throw error;
        faults.push(located('refused', hunt, key, error.message));
      }
    }
    return { faults, warnings };
  } finally {
    database.close();
  }
}

/** A row without such a column is the same as all others, or has a hole in its reason. */
function unknownColumns({ identity, finding }: Hunt, columns: readonly string[]) {
  const inReason = [...(finding?.reason ?? '').matchAll(/\{([^{}]+)\}/g)].map(([, column = '']) => column);
  const named = [
    ...identity.map((column) => ['hunt.identity', column] as const),
    ...inReason.map((column) => ['hunt.finding.reason', column] as const),
  ];
  return named
    .filter(([, column]) => !columns.includes(column))
    .map(([key, column]) => {
      const near = nearest(column, columns);
      const hint = near === undefined ? '' : `; did you mean "${near}"?`;
      return { key, message: `the rows have no column "${column}"${hint}` };
    });
}

/** What is wrong with a key of the hunt's file, and its line with a caret under it. */
function located(verdict: 'warning' | 'refused', { file }: Hunt, key: string, message: string): string[] {
  const source = sourceOf(file);
  const fault = new TomlFileError(`\`${key}\`: ${message}`, file, source, locateKey(source, key.split('.')));
  return [`${verdict}: ${formatFault(fault)}`, fault.excerpt];
}

function listHunts(hunts: readonly Hunt[], json: boolean | undefined): void {
  if (json) {
    for (const { id, name, description, source, windowMs, limit, finding, threat, file } of hunts) {
      const techniques = threat.flatMap(({ technique }) =>
        technique.flatMap((each) => [each.id, ...each.subtechnique.map((sub) => sub.id)]),
      );
      const summary = { id, name, description, source, window_days: windowMs / 86_400_000, limit };
      const line = { ...summary, findings: finding !== undefined, techniques, file };
      process.stdout.write(`${JSON.stringify(line)}\n`);
    }
    return;
  }
  printRows(
    hunts.map(({ id, windowMs, source, name }) => ({
      cells: [id, `${windowMs / 86_400_000}d`, source, name].map((cell) => escapeText(cell, lineChars)),
    })),
    'no hunts',
  );
}

function printRejected(refused: RefusedRule): void {
  console.error(`stepparent: hunt ${escapeText(refusedLine(refused), lineChars)}`);
  if (refused.excerpt !== '') console.error(refused.excerpt);
}

// `stepparent hunt`: which hunts there are, and what one of them, or each, finds now.

import { statSync } from 'node:fs';
import { escapeText } from '../../collectors/escape-text.ts';
import { hostTables } from '../../collectors/host-tables/host-tables.ts';
import { findingSql, type Hunt } from '../../detectors/hunts/hunt.ts';
import { readHunts } from '../../detectors/hunts/load-hunts.ts';
import type { RefusedRule } from '../../detectors/rules/rule.ts';
import { openAlertDatabase, SqlError } from '../../storage/query-database.ts';
import { QueryEnded, type QuerySource } from '../ask-query.ts';
import { localTime } from '../local-time.ts';
import { resolvePaths } from '../paths.ts';
import { readConfiguration } from '../read-configuration.ts';
import { HuntError, huntError, runHunt } from '../run-hunt.ts';
import { refusedLine } from '../status.ts';
import { printAnswer } from './print-answer.ts';
import { printRows } from './print-rows.ts';

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
  for (const each of refused) tellRefused(each);
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
    if (error instanceof HuntError && error.excerpt !== '') console.error(error.excerpt);
    return false;
  }
}

/** Checks the configured hunts' files. Prints what is refused, with the place; true when nothing is. */
export async function huntsCheckCommand({ config }: Pick<HuntOptions, 'config'>): Promise<boolean> {
  const { hunts, refused } = readHunts(readConfiguration(config).configuration.hunts.directories);
  const faults = await faultsInSql(hunts);
  const lines = [...refused.map((each) => [refusedLine(each), each.excerpt]), ...faults];
  for (const [line = '', excerpt] of lines) {
    process.stdout.write(`hunt ${escapeText(line, lineChars)}\n`);
    if (excerpt) process.stdout.write(`${excerpt}\n`);
  }
  const right = hunts.length - faults.length;
  console.error(`${right} ${right === 1 ? 'hunt is' : 'hunts are'} right, ${lines.length} refused`);
  return lines.length === 0;
}

/** Of each hunt whose statement SQLite does not take: what is wrong, and the line with a caret under it. */
async function faultsInSql(hunts: readonly Hunt[]): Promise<string[][]> {
  const database = await openAlertDatabase([], hostTables);
  try {
    return hunts.flatMap((hunt) => {
      for (const forFindings of hunt.finding === undefined ? [false] : [false, true]) {
        try {
          database.check(forFindings ? findingSql(hunt) : hunt.sql);
        } catch (error) {
          if (!(error instanceof SqlError)) throw error;
          const { message, excerpt } = huntError(hunt, error, forFindings);
          return [[`refused: ${message}`, excerpt]];
        }
      }
      return [];
    });
  } finally {
    database.close();
  }
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

function tellRefused(refused: RefusedRule): void {
  console.error(`stepparent: hunt ${escapeText(refusedLine(refused), lineChars)}`);
  if (refused.excerpt !== '') console.error(refused.excerpt);
}

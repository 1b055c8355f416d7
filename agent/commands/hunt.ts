// `stepparent hunt`: lists the hunts, or runs one or all of them and prints what they find.

import type { Command } from 'commander';
import { escapeText } from '../../collectors/event/escape-text.ts';
import type { Hunt } from '../../detectors/hunts/hunt.ts';
import { localTime } from '../output/local-time.ts';
import { printRows } from '../output/print-rows.ts';
import type { QuerySource } from '../query/ask-query.ts';
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

interface HuntOptions extends GlobalOptions {
  /** Run every hunt, one after the other. */
  all?: boolean;
  /** Start of the window, instead of the hunt's own; milliseconds since 1970. */
  since?: number;
  /** Maximum number of rows, instead of the hunt's own. */
  limit?: number;
  /** Milliseconds. */
  timeout: number;
  /** A directory of journals to query instead of the database of this host's agent. */
  journal?: string;
  /** A directory of events that hosts have exported, instead of what this host's agent has stored. */
  events?: string;
  json?: boolean;
}

export const command = (): Command =>
  defineCommand('hunt')
    .description('list the hunts, or run one or all of them')
    .argument('[name]', 'hunt to run (default: list the hunts)')
    .option('--all', 'run every hunt, one after another')
    .addOption(sinceOption("start of the window, instead of the hunt's own: 10m, 7d, or a date"))
    .addOption(limitOption("maximum number of rows, instead of the hunt's own"))
    .addOption(timeoutOption())
    .addOption(journalOption())
    .addOption(eventsOption())
    .addOption(jsonOption())
    .action(action(hunt));

const lineChars = 1000;

/** Lists the hunts, or runs them and prints their rows. Returns false if a hunt was rejected or failed. */
async function hunt(options: HuntOptions, id: string | undefined): Promise<boolean> {
  const { readHunts } = await import('../../detectors/hunts/load-hunts.ts');
  const { resolvePaths } = await import('../configuration/paths.ts');
  const { readConfiguration } = await import('../configuration/read-configuration.ts');
  const { rejectedLine } = await import('../daemon/agent-status.ts');
  const { requireJournals } = await import('../query/ask-hosts.ts');
  const { configuration } = readConfiguration(options.config);
  const { hunts, rejected } = readHunts(configuration.directories.hunts);
  for (const hunt of rejected) {
    console.error(`stepparent: hunt ${escapeText(rejectedLine(hunt), lineChars)}`);
    if (hunt.excerpt !== '') console.error(hunt.excerpt);
  }
  const { journal, events } = options;
  const gathered = journal ?? events;
  if (id === undefined && !options.all && gathered === undefined) {
    listHunts(hunts, options.json);
    return rejected.length === 0;
  }
  const chosen =
    id === undefined
      ? hunts.filter((each) => gathered === undefined || each.source !== 'host')
      : hunts.filter((each) => each.id === id);
  if (chosen.length === 0) {
    console.error(
      `stepparent: no hunt with the name ${escapeText(id ?? '', lineChars)}; \`stepparent hunt\` lists them`,
    );
    return false;
  }
  if (journal !== undefined) requireJournals(journal);
  const showAll = async (source: QuerySource): Promise<boolean> => {
    const results = [];
    for (const each of chosen) results.push(await showHunt(each, source, options, chosen.length > 1));
    return rejected.length === 0 && results.every(Boolean);
  };
  if (events === undefined) {
    return await showAll(
      journal === undefined
        ? { kind: 'database', path: resolvePaths(configuration, process.env).database }
        : { kind: 'journal', directory: journal },
    );
  }
  const { withGatheredEvents } = await import('../query/gather-events.ts');
  const { printNotes } = await import('../output/print-answer.ts');
  const statements = chosen.filter(({ source }) => source !== 'host').map(({ sql }) => sql);
  return await withGatheredEvents(events, statements, async ({ source, notes }) => {
    printNotes(notes);
    return await showAll(source);
  });
}

async function showHunt(
  hunt: Hunt,
  source: QuerySource,
  { json, timeout: timeoutMs, since, limit = hunt.limit }: HuntOptions,
  hasHeading: boolean,
): Promise<boolean> {
  const { printAnswer } = await import('../output/print-answer.ts');
  const { QueryEnded } = await import('../query/ask-query.ts');
  const { HuntError, runHunt } = await import('../query/run-hunt.ts');
  const nowMs = Date.now();
  const sinceMs = since ?? nowMs - hunt.windowMs;
  if (hasHeading && !json) {
    const window = hunt.language === 'esql' ? '' : `, since ${localTime(sinceMs)}`;
    process.stdout.write(`${escapeText(`${hunt.id}: ${hunt.name}${window}`, lineChars)}\n`);
  }
  try {
    const isOfHost = hunt.source === 'host' && source.kind === 'database';
    const run = { source: isOfHost ? ({ kind: 'host' } as const) : source, sinceMs, nowMs, limit, timeoutMs };
    const result = await runHunt(hunt, run);
    if (since !== undefined && hunt.language === 'esql') {
      result.notes.unshift(
        `the hunt ${hunt.id} is written in ES|QL and has its own window; --since does not change it`,
      );
    }
    printAnswer(result, { json, limit, more: hasHeading ? { hunt: hunt.id } : {} });
    if (hasHeading && !json) process.stdout.write('\n');
    return true;
  } catch (error) {
    if (!(error instanceof HuntError) && !(error instanceof QueryEnded)) throw error;
    console.error(`stepparent: ${escapeText(error.message, lineChars)}`);
    return false;
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

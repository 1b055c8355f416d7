// The child process that runs one SQL statement: SQLite cannot be interrupted, but a process can be killed.
// Reads a QueryRequest from standard input, writes lines of JSON: the columns, rows, and an end or an error.

import { readFileSync } from 'node:fs';
import { setPriority } from 'node:os';
import { errorMessage } from '../../collectors/error-message.ts';
import { openHost } from '../../collectors/host/host.ts';
import { onOwnFault } from '../../collectors/host/read-faults.ts';
import { hostTables } from '../../collectors/host-tables/host-tables.ts';
import { endWithParent } from '../../collectors/linux/libc.ts';
import { sqlFunctions } from '../../detectors/query/esql-functions.ts';
import { openGatheredDatabase } from '../../storage/gathered-database.ts';
import {
  type AnswerValue,
  openAlertDatabase,
  openQueryDatabase,
  type QueryDatabase,
  SqlError,
} from '../../storage/query-database.ts';
import { StoreError } from '../../storage/store-error.ts';
import { maxJournalAlerts, readJournalAlerts } from '../journal/read-journal-alerts.ts';
import type { QueryMessage, QueryRequest } from './ask-query.ts';
import { gatheredLedger } from './gathered-ledger.ts';

const rowsPerLine = 200;
/** Maximum size of one result, in UTF-16 units of JSON. */
const maxAnswerChars = 64 * 1024 * 1024;

const send = (message: QueryMessage): void => {
  process.stdout.write(`${JSON.stringify(message)}\n`);
};

const notes: string[] = [];
/** Reads that failed while host tables were filled; the tables treat them as missing. */
const failedReads: { count: number; first: string } = { count: 0, first: '' };
onOwnFault((error) => {
  if (failedReads.count++ === 0) failedReads.first = errorMessage(error);
});

function open({ source, since }: QueryRequest): Promise<QueryDatabase> | QueryDatabase {
  if (source.kind === 'database') return openQueryDatabase(source.path, hostTables(openHost()), sqlFunctions);
  if (source.kind === 'gathered') return openGatheredDatabase(source.path, sqlFunctions);
  const alerts =
    source.kind === 'journal'
      ? readJournalAlerts({
          directory: source.directory,
          sinceMs: since,
          onCut: () => notes.push(`only the newest ${maxJournalAlerts} alerts of the journals were read`),
        })
      : [];
  return openAlertDatabase(alerts, hostTables(openHost()), sqlFunctions, gatheredLedger);
}

async function answer(request: QueryRequest): Promise<void> {
  if (request.inBackground) {
    // The lowest priority: the query must not take CPU time from the agent or from the host.
    setPriority(19);
  }
  const database = await open(request);
  const asked = database.ask(request.sql, { since: request.since, now: request.now });
  send({ columns: asked.columns });
  let rows: AnswerValue[][] = [];
  let count = 0;
  let chars = 0;
  let truncated = false;
  for (const row of asked.rows) {
    chars += row.reduce<number>((sum, value) => sum + (typeof value === 'string' ? value.length : 8), 0);
    truncated = count >= request.limit || chars > maxAnswerChars;
    if (truncated) break;
    count++;
    rows.push(row);
    if (rows.length < rowsPerLine) continue;
    send({ rows });
    rows = [];
  }
  if (rows.length > 0) send({ rows });
  if (chars > maxAnswerChars) notes.push(`the answer is cut after ${count} rows: it is too large`);
  if (failedReads.count > 0)
    notes.push(`${failedReads.count} reads failed and their data is missing; the first error: ${failedReads.first}`);
  send({ end: { truncated, notes: [...notes, ...asked.notes] } });
}

try {
  if (endWithParent()) await answer(JSON.parse(readFileSync(0, 'utf8')));
} catch (error) {
  const message = errorMessage(error);
  send({
    error: {
      message,
      sql: error instanceof SqlError,
      trouble: error instanceof StoreError ? error.trouble : undefined,
    },
  });
}

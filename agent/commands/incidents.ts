// `stepparent incidents`: lists incidents, one per line: package transactions with alerts, and alerts without a transaction.

import type { Command } from 'commander';
import type { Incident } from '../../detectors/incident.ts';
import type { AlertRecord } from '../../storage/records.ts';
import { terminalColumns } from '../output/terminal-columns.ts';
import { withStoreReader } from '../query/with-store.ts';
import { action, defineCommand, type GlobalOptions, jsonOption, limitOption, sinceOption } from './define-command.ts';

interface IncidentsOptions extends GlobalOptions {
  /** Milliseconds since 1970. */
  since?: number;
  all?: boolean;
  /** Maximum number of incidents, newest first. */
  limit: number;
  json?: boolean;
}

export const command = (): Command =>
  defineCommand('incidents')
    .description('list incidents, newest last: package transactions with alerts, and other alerts')
    .argument('[id]', 'incident to list, by stepparent.transaction.id (default: list all)')
    .addOption(sinceOption('start of the time range of the alerts: 10m, 7d, or a date'))
    .option('--all', 'include incidents whose alerts are all closed, suppressed or from the learning period')
    .addOption(limitOption().default(20))
    .addOption(jsonOption())
    .action(action(printIncidents));

/** Prints incidents, newest last, or the one with the id `id`. Returns false if no incident has that id. */
async function printIncidents(options: IncidentsOptions, id: string | undefined): Promise<boolean> {
  const { config, since: sinceMs, all, limit, json } = options;
  const { openHost } = await import('../../collectors/host/host.ts');
  const { processesAlive } = await import('../../collectors/proc/process-alive.ts');
  const { alertCounts, alertTable } = await import('../output/alert-table.ts');
  const { readIncidents } = await import('../query/read-incidents.ts');
  const { leadingAlert } = await import('../query/read-story.ts');
  const { readBriefs } = await import('../query/read-briefs.ts');
  const rows: AlertRecord[] = [];
  const briefOf = readBriefs(config);
  const count = await withStoreReader(config, (store) => {
    let found = 0;
    for (const incident of readIncidents(store, { id, sinceMs, all, limit }, processesAlive(openHost().proc))) {
      found++;
      if (json) process.stdout.write(`${JSON.stringify(incident)}\n`);
      else {
        const alert = leadingAlert(store, incident.stepparent.transaction.id);
        if (alert !== undefined) rows.push(rowOf(incident, alert));
      }
    }
    return found;
  });
  if (rows.length > 0) {
    const table = alertTable(rows, { columns: terminalColumns(), nowMs: Date.now(), briefOf });
    for (const line of table) process.stdout.write(`${line}\n`);
    console.error(`${alertCounts(rows, 'incident')}; \`stepparent show ID\` explains one`);
  }
  if (count === 0) console.error(id === undefined ? 'no incidents' : 'no such incident');
  else if (id === undefined && count >= limit) console.error(`only the newest ${limit} are shown; --limit shows more`);
  return id === undefined || count > 0;
}

/** The most severe alert with the severity, the time and the number of alerts of the whole incident. */
function rowOf({ event, stepparent: { incident } }: Incident, alert: AlertRecord): AlertRecord {
  const { document } = alert;
  return {
    ...alert,
    lastMs: Date.parse(incident.last_alert),
    count: incident.alerts_count,
    document: { ...document, event: { ...document.event, severity: event.severity } },
  };
}

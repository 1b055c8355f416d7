// `stepparent incidents`: lists the package transactions that raised alerts, each with its steps.

import type { Command } from 'commander';
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
    .description('list package transactions that raised alerts, newest last')
    .argument('[id]', 'incident to show, by stepparent.transaction.id (default: list all)')
    .addOption(sinceOption('start of the time range of the alerts: 10m, 7d, or a date'))
    .option('--all', 'include incidents whose alerts are all suppressed or from the learning period')
    .addOption(limitOption().default(20))
    .addOption(jsonOption())
    .action(action(printIncidents));

/** Prints incidents, newest last, or the one with the id `id`. Returns false if no incident has that id. */
async function printIncidents(options: IncidentsOptions, id: string | undefined): Promise<boolean> {
  const { config, since: sinceMs, all, limit, json } = options;
  const { openHost } = await import('../../collectors/host/host.ts');
  const { processesAlive } = await import('../../collectors/proc/process-alive.ts');
  const { readIncidents } = await import('../query/read-incidents.ts');
  const { incidentLines } = await import('../output/incident-lines.ts');
  const count = await withStoreReader(config, (store) => {
    let printed = 0;
    for (const incident of readIncidents(store, { id, sinceMs, all, limit }, processesAlive(openHost().proc))) {
      const text = json
        ? JSON.stringify(incident)
        : `${printed === 0 ? '' : '\n'}${incidentLines(incident).join('\n')}`;
      process.stdout.write(`${text}\n`);
      printed++;
    }
    return printed;
  });
  if (count === 0) console.error(id === undefined ? 'no incidents' : 'no such incident');
  else if (id === undefined && count >= limit) console.error(`only the newest ${limit} are shown; --limit shows more`);
  return id === undefined || count > 0;
}

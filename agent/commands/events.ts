// `stepparent events`: lists the stored events, one per line.

import type { Command } from 'commander';
import { escapeText } from '../../collectors/event/escape-text.ts';
import type { StepparentEvent } from '../../collectors/event/event.ts';
import { localTime } from '../output/local-time.ts';
import { printRows } from '../output/print-rows.ts';
import { withStoreReader } from '../query/with-store.ts';
import { action, defineCommand, type GlobalOptions, jsonOption, limitOption, sinceOption } from './define-command.ts';

interface EventsOptions extends GlobalOptions {
  /** Milliseconds since 1970. */
  since?: number;
  /** Maximum number of events, newest first. */
  limit: number;
  json?: boolean;
}

export const command = (): Command =>
  defineCommand('events')
    .description('list stored events, newest last')
    .addOption(sinceOption())
    .addOption(limitOption().default(100))
    .addOption(jsonOption())
    .action(action(printEvents));

const cellChars = 300;

/** Prints the events that the filters select, oldest first. */
async function printEvents({ config, since: sinceMs, limit, json }: EventsOptions): Promise<void> {
  const { actionText } = await import('../../detectors/alert.ts');
  await withStoreReader(config, (store) => {
    const events = store.listEvents({ sinceMs, limit });
    if (json) for (const event of events) process.stdout.write(`${JSON.stringify(event)}\n`);
    else
      printRows(
        [...events].map((event) => rowOf(event, actionText)),
        'no events',
        limit,
      );
  });
}

function rowOf(event: StepparentEvent, actionText: (event: StepparentEvent) => string) {
  const { process: ran, stepparent, user } = event;
  const { manager } = stepparent.transaction ?? {};
  // Of a transaction, its result counts, not the command line.
  const isTransaction = manager !== undefined;
  const operation = isTransaction
    ? `${manager} ${event.event.outcome ?? ''}`.trim()
    : stepparent.package && `${stepparent.package.manager} ${stepparent.package.operation}`;
  const parent = ran?.parent?.executable ?? ran?.parent?.name;
  const description =
    ran === undefined || event.file !== undefined || isTransaction
      ? (event.message ?? actionText(event))
      : `${parent ?? '(parent not observed)'} ran ${ran.command_line ?? ran.executable ?? '(program not observed)'}`;
  const cells = [
    localTime(event['@timestamp']),
    event.event.action ?? '',
    operation ?? '',
    user?.name ?? user?.id ?? ran?.user?.name ?? ran?.user?.id ?? '',
    description,
  ];
  return { cells: cells.map((cell) => escapeText([cell].flat().join(','), cellChars)) };
}

// `stepparent events`: the stored events, one a line.

import { escapeText } from '../../collectors/event/escape-text.ts';
import type { StepparentEvent } from '../../collectors/event/event.ts';
import { deedText } from '../../detectors/alert.ts';
import { localTime } from '../output/local-time.ts';
import { printRows } from '../output/print-rows.ts';
import { withStoreReader } from '../query/with-store.ts';

export interface EventsOptions {
  config?: string;
  sinceMs?: number | undefined;
  /** The newest so many. */
  limit: number;
  json?: boolean;
}

const cellChars = 300;

/** Prints the events that fit, oldest first. */
export function eventsCommand({ config, sinceMs, limit, json }: EventsOptions): void {
  withStoreReader(config, (store) => {
    const events = store.listEvents({ sinceMs, limit });
    if (json) for (const event of events) process.stdout.write(`${JSON.stringify(event)}\n`);
    else printRows([...events].map(rowOf), 'no events', limit);
  });
}

function rowOf(event: StepparentEvent) {
  const { process: ran, stepparent, user } = event;
  const operation = stepparent.package && `${stepparent.package.manager} ${stepparent.package.operation}`;
  const parent = ran?.parent?.executable ?? ran?.parent?.name;
  const what =
    ran === undefined || event.file !== undefined
      ? (event.message ?? deedText(event))
      : `${parent ?? '(parent not observed)'} ran ${ran.command_line ?? ran.executable ?? '(program not observed)'}`;
  const cells = [
    localTime(event['@timestamp']),
    event.event.action ?? '',
    operation ?? '',
    user?.name ?? user?.id ?? ran?.user?.name ?? ran?.user?.id ?? '',
    what,
  ];
  return { cells: cells.map((cell) => escapeText([cell].flat().join(','), cellChars)) };
}

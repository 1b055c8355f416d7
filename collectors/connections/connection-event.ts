// Describes a connection as an ECS event: the destination, and the process that opens it.

import { ecsVersion, type StepparentEvent } from '../event/event.ts';
import type { HostContext } from '../host/host-context.ts';
import {
  dateOf,
  describeActor,
  describeTransaction,
  entityId,
  notesOf,
  ownerFields,
} from '../process/describe-process.ts';
import { describeLifecycle } from '../process/lifecycle.ts';
import type { Endpoint } from '../process/process-record.ts';
import type { ProcessTable } from '../process/process-table.ts';
import { type Connection, maxDestinations } from './connection-watch.ts';

/** The process table and the host data from which `describeConnection` takes the fields. */
export interface ConnectionEventDeps {
  table: ProcessTable;
  context: HostContext;
}

/** Builds the event. Reads /proc of the process and its ancestors if they were not read yet. */
export function describeConnection(connection: Connection, { table, context }: ConnectionEventDeps): StepparentEvent {
  const { actor, timeNs, source, destination, transaction, lifecycle } = connection;
  const { process, container, stepparent, notes } = describeActor(actor, table, context);
  const script = lifecycle && describeLifecycle(lifecycle, process.args, notes);
  if (source.port === 0) notes.unobserved['source.port'] = 'port_not_chosen';
  if (connection.isLast) notes.truncated.destination = maxDestinations;
  if (connection.found) notes.inferred['event.action'] = 'open_socket';
  return {
    '@timestamp': dateOf(context.host.clock.bootEpochMs(), timeNs),
    ecs: { version: ecsVersion },
    event: {
      id: `${entityId(context.bootId, actor.entry)}-connect-${Math.round(timeNs / 1e3)}-${endText(destination)}`,
      kind: 'event',
      category: ['network'],
      type: ['connection', 'start'],
      action: 'connection_attempted',
      module: 'stepparent',
      dataset: 'stepparent.network',
      provider: connection.found ? 'procfs' : context.sensor,
      created: new Date(context.host.clock.nowMs()).toISOString(),
    },
    host: context.hostFields,
    agent: context.agent,
    process,
    ...ownerFields(process),
    ...(container && { container }),
    source: { ip: source.ip, ...(source.port === 0 ? {} : { port: source.port }) },
    destination: { ip: destination.ip, port: destination.port },
    network: { transport: 'tcp', type: destination.ip.includes(':') ? 'ipv6' : 'ipv4', direction: 'egress' },
    stepparent: {
      ...stepparent,
      ...(script === undefined ? {} : { lifecycle_script: script }),
      ...(transaction && { transaction: describeTransaction(transaction, context) }),
      ...notesOf(notes),
    },
  };
}

const endText = ({ ip, port }: Endpoint): string => `${ip}-${port}`;

// Describes the processes that a package transaction left running as one ECS event of the topmost package tool.

import { ecsVersion, type StepparentEvent, type TransactionFields } from '../event/event.ts';
import type { HostContext } from '../host/host-context.ts';
import { ancestorsOf } from './ancestors.ts';
import {
  dateOf,
  describeActor,
  describeStep,
  describeTransaction,
  entityId,
  notesOf,
  ownerFields,
} from './describe-process.ts';
import type { LifecycleScript, ProcessEntry } from './process.ts';
import type { ProcessTable } from './process-table.ts';
import type { LeftRunning } from './survivors.ts';

type Survivor = NonNullable<TransactionFields['survivors']>[number];

/** Maximum number of processes in one event; each may have 8 KiB of arguments. */
export const maxSurvivors = 32;

/** Builds the event. Reads /proc of each process that was not read since its last exec. */
export function describeSurvivors(
  { transaction, timeNs, processes }: LeftRunning,
  { table, context }: { table: ProcessTable; context: HostContext },
): StepparentEvent {
  const { root } = transaction;
  const actor = { entry: root, image: root.image, ancestors: ancestorsOf(root) };
  const { process, container, stepparent, notes } = describeActor(actor, table, context);
  if (processes.length > maxSurvivors) notes.truncated['stepparent.transaction.survivors'] = maxSurvivors;
  const survivorOf = (entry: ProcessEntry): Survivor => {
    table.inspect(entry);
    return {
      ...describeStep({ entry, image: entry.image }, context),
      ...(entry.lifecycle && { script: scriptFields(entry.lifecycle.script) }),
    };
  };
  return {
    '@timestamp': dateOf(context.host.clock.bootEpochMs(), timeNs),
    ecs: { version: ecsVersion },
    event: {
      id: `${entityId(context.bootId, root)}-survivors-${Math.round(timeNs / 1e3)}`,
      kind: 'event',
      category: ['process'],
      type: ['info'],
      action: 'processes-left-running',
      module: 'stepparent',
      dataset: 'stepparent.process',
      provider: context.sensor,
      created: new Date(context.host.clock.nowMs()).toISOString(),
    },
    host: context.hostFields,
    agent: context.agent,
    process,
    ...ownerFields(process),
    ...(container && { container }),
    stepparent: {
      ...stepparent,
      transaction: {
        ...describeTransaction(transaction, context),
        survivors: processes.slice(0, maxSurvivors).map(survivorOf),
        survivors_count: processes.length,
      },
      ...notesOf(notes),
    },
  };
}

const scriptFields = ({ manager, path, package: name, phase }: LifecycleScript): NonNullable<Survivor['script']> => ({
  manager,
  ...(path === undefined ? {} : { path }),
  ...(name === undefined ? {} : { package: name }),
  ...(phase === undefined ? {} : { phase }),
});

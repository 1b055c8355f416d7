// Describes the start of the agent after an earlier run as one ECS event: how long no agent ran, and why.

import { ecsVersion, type StepparentEvent } from '../event/event.ts';
import type { HostContext } from '../host/host-context.ts';
import { ancestorsOf } from './ancestors.ts';
import { describeActor, entityId, notesOf, ownerFields } from './describe-process.ts';
import type { ProcessTable } from './process-table.ts';

/** The time between two runs of the agent; times in milliseconds since 1970. */
export interface AgentGap {
  reason: NonNullable<StepparentEvent['stepparent']['gap']>['reason'];
  sinceMs: number;
  untilMs: number;
}

/** Builds the event of the agent's own process, whose initiator started it. Undefined: the process is not in the table. */
export function describeStart(
  { reason, sinceMs, untilMs }: AgentGap,
  pid: number,
  { table, context }: { table: ProcessTable; context: HostContext },
): StepparentEvent | undefined {
  const entry = table.find(pid);
  if (entry === undefined) return undefined;
  const actor = { entry, image: entry.image, ancestors: ancestorsOf(entry) };
  const { process, container, stepparent, notes } = describeActor(actor, table, context);
  const iso = (ms: number): string => new Date(ms).toISOString();
  return {
    '@timestamp': iso(untilMs),
    ecs: { version: ecsVersion },
    event: {
      id: `${entityId(context.bootId, entry)}-started-${untilMs}`,
      kind: 'event',
      category: ['process'],
      type: ['info'],
      action: 'agent-started',
      module: 'stepparent',
      dataset: 'stepparent.process',
      provider: context.sensor,
      created: iso(untilMs),
      start: iso(Math.min(sinceMs, untilMs)),
      end: iso(untilMs),
    },
    host: context.hostFields,
    agent: context.agent,
    process,
    ...ownerFields(process),
    ...(container && { container }),
    stepparent: {
      ...stepparent,
      gap: { reason, seconds: Math.max(0, Math.round((untilMs - sinceMs) / 1000)) },
      ...notesOf(notes),
    },
  };
}

// Builds events about the agent itself, so that a failing agent does not look like a quiet host.

import { randomUUID } from 'node:crypto';
import type { HostContext } from '../host/host-context.ts';
import { ecsVersion, type StepparentEvent } from './event.ts';

/** The values of `event.action` in health events. */
export type HealthAction =
  | 'records-lost'
  | 'sensor-degraded'
  | 'store-set-aside'
  | 'configuration-reloaded'
  | 'agent-stopped'
  | 'file-events-lost'
  | 'connections-lost'
  | 'script-reads-lost'
  | 'package-directory-missing'
  | 'package-directory-found'
  | 'package-directory-replaced';

/**
 * Builds the ECS event. `reason`: what happened and why, in one clause. `lostEvents`: number of lost records, if any
 * were lost.
 */
export function healthEvent(
  context: HostContext,
  action: HealthAction,
  reason: string,
  lostEvents?: number,
): StepparentEvent {
  const now = new Date(context.host.clock.nowMs()).toISOString();
  return {
    '@timestamp': now,
    ecs: { version: ecsVersion },
    message: reason,
    event: {
      id: randomUUID(),
      kind: 'event',
      category: ['host'],
      type: ['info'],
      action,
      module: 'stepparent',
      dataset: 'stepparent.agent',
      provider: context.sensor,
      created: now,
    },
    host: context.hostFields,
    agent: context.agent,
    stepparent: {
      sensor: { name: context.sensor, reason, ...(lostEvents === undefined ? {} : { lost_events: lostEvents }) },
    },
  };
}

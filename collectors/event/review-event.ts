// Builds the event that tells what a person decided about an alert.

import { randomUUID } from 'node:crypto';
import { ecsVersion, type StepparentEvent } from './event.ts';

type ReviewFields = NonNullable<StepparentEvent['stepparent']['review']>;

/** The decision about one alert; `nowMs` in milliseconds since 1970. */
export interface ReviewFacts extends Omit<ReviewFields, 'alert' | 'rule'> {
  nowMs: number;
}

const actions: Readonly<Record<ReviewFields['state'], string>> = {
  acknowledged: 'alert-acknowledged',
  closed: 'alert-closed',
  open: 'alert-reopened',
};

/** Builds the ECS event; host and agent are those of the alert. */
export function reviewEvent(
  alert: { id: string; ruleId: string; document: StepparentEvent },
  { nowMs, ...facts }: ReviewFacts,
): StepparentEvent {
  const now = new Date(nowMs).toISOString();
  return {
    '@timestamp': now,
    ecs: { version: ecsVersion },
    message: `${actions[facts.state].replace('-', ' ')} by ${facts.user.name ?? facts.user.id}`,
    event: {
      id: randomUUID(),
      kind: 'event',
      category: ['configuration'],
      type: ['change'],
      action: actions[facts.state],
      module: 'stepparent',
      dataset: 'stepparent.agent',
      provider: 'stepparent',
      created: now,
    },
    host: alert.document.host,
    agent: alert.document.agent,
    stepparent: { review: { alert: alert.id, rule: alert.ruleId, ...facts } },
  };
}

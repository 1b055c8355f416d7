// The id of an alert, derived from event and rule, so that a replay of the event gives no second alert.

import { createHash } from 'node:crypto';

/** 32 hexadecimal digits: the same for the same event and rule. */
export const alertId = (eventId: string, ruleId: string): string =>
  createHash('sha256')
    .update(JSON.stringify([eventId, ruleId]))
    .digest('hex')
    .slice(0, 32);

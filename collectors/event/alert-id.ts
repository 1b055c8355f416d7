// The id of an alert: made of what it is about, so that a replay gives no second alert.

import { createHash } from 'node:crypto';

/** 32 hexadecimal digits: the same for the same event and rule. */
export const alertId = (eventId: string, ruleId: string): string =>
  createHash('sha256')
    .update(JSON.stringify([eventId, ruleId]))
    .digest('hex')
    .slice(0, 32);

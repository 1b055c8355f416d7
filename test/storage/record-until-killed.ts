// Child process: records and delivers in a loop until it is killed. It prints each delivery before it says so to the store.

import { writeSync } from 'node:fs';
import { openStore } from '../../storage/store.ts';
import { exampleFinding, exampleRule } from './examples.ts';

const [path = '', run = ''] = process.argv.slice(2);
const store = openStore(path, { sinks: ['journald', 'ndjson'] });
const fixed = exampleRule({ id: 'odd-option', type: 'query', window: 'fixed' });
writeSync(1, `${JSON.stringify({ setAside: store.setAside })}\n`);

for (let batch = 0; ; batch++) {
  const now = Date.now();
  // A rule for every few batches: some of its alerts are sent, some are over the rate limit.
  const rule = exampleRule({ id: `rule-${run}-${Math.floor(batch / 20)}` });
  const findings = Array.from({ length: 10 }, (_, i) => {
    const eventId = `${run}-${batch}-${i}`;
    return exampleFinding(now, { eventId, terms: [eventId], known: i === 9, rule: i === 8 ? fixed : rule });
  });
  store.record(findings, now);
  const items = store.pending('journald', 7, now);
  for (const { document } of items) writeSync(1, `${JSON.stringify({ delivered: document.stepparent.alert?.id })}\n`);
  store.delivered(items.map(({ id }) => id));
  if (batch % 5 === 4) store.prune(now, { maxBytes: Number.MAX_SAFE_INTEGER, alerts: Number.MAX_SAFE_INTEGER });
}

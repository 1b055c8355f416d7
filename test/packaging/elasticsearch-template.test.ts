// The Elasticsearch templates among the examples: as their fields make them, and with a place for all that is no event of a
// package (test/e2e/ecs-fields.test.ts has those).

import { readFileSync } from 'node:fs';
import { expect, test } from 'vitest';
import type { StepparentEvent } from '../../collectors/event/event.ts';
import { healthEvent } from '../../collectors/event/health-event.ts';
import { buildFinding } from '../../detectors/hunts/build-finding.ts';
import { readHunts, shippedHunts } from '../../detectors/hunts/load-hunts.ts';
import { elasticsearchTemplates } from '../../packaging/elasticsearch-template.ts';
import { hostContext } from '../collectors/host/host-context-double.ts';
import { unmapped } from '../ecs-values.ts';
import { exampleFinding, minute, start } from '../storage/examples.ts';
import { temporaryStore } from '../storage/temporary-store.ts';

test.each([...elasticsearchTemplates])('%s; else: npm run docs:elasticsearch', (file, text) => {
  expect(JSON.parse(readFileSync(file, 'utf8'))).toEqual(JSON.parse(text));
});

const findings = (): StepparentEvent[] =>
  readHunts([shippedHunts]).hunts.map((hunt) =>
    buildFinding({
      hunt,
      row: {
        'file.path': '/a/b',
        'process.executable': '/c',
        'process.parent.command_line': 'd',
        count: 1,
        none: null,
      },
      host: hostContext.hostFields,
      agent: hostContext.agent,
      state: 'open',
      id: 'f1',
      nowMs: start,
    }),
  );

function summaries(): StepparentEvent[] {
  const store = temporaryStore();
  const burst = Array.from({ length: 102 }, (_, i) => exampleFinding(start, { terms: [`/tmp/${i}`] }));
  store.record(burst, start);
  return store.summarize(start + 6 * minute);
}

test('findings, summaries and health events have mappings', () => {
  const reported = [...findings(), ...summaries()];
  expect(reported.length).toBeGreaterThan(1);
  expect(unmapped([...reported, healthEvent(hostContext, 'records-lost', 'overflow', 7)])).toEqual([]);
});

test('every delivered document has the fields that the examples build its id from', () => {
  for (const { event, rule } of [...findings(), ...summaries()]) {
    expect([event.id, rule?.id]).toEqual([expect.stringMatching(/./), expect.stringMatching(/./)]);
  }
});

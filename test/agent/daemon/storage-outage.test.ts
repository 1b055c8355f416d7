// Log lines about matches that cannot be stored.

import { expect, test } from 'vitest';
import { openStorageOutage } from '../../../agent/daemon/storage-outage.ts';
import type { JudgedEvent } from '../../../detectors/judge.ts';
import { exampleEvent, exampleException, exampleJudged, exampleRule, start } from '../../storage/examples.ts';

function judgedEvent(id: string, change: Parameters<typeof exampleJudged>[2] = {}): JudgedEvent {
  const event = exampleEvent(id, start);
  return {
    event,
    scope: '',
    verdicts: [exampleJudged(event, { rule: exampleRule({ id: 'r' }), terms: ['/p'] }, change)],
  };
}

function opened() {
  const lines: string[] = [];
  const say =
    (level: string) =>
    (message: string, values: Readonly<Record<string, unknown>> = {}) =>
      lines.push([level, message, ...Object.values(values)].join(' '));
  const outage = openStorageOutage({ error: say('error'), info: say('info') });
  return { outage, said: () => lines.splice(0) };
}

test('logs each match once, however often the store fails', () => {
  const { outage, said } = opened();
  const [a, b] = [judgedEvent('a'), judgedEvent('b')];
  outage.refused([a], 'full');
  outage.refused([a], 'full');
  outage.refused([a, b], 'full');
  expect(outage.reason).toBe('full');
  expect(said().map((line) => line.split(' ').slice(0, 4).join(' '))).toEqual([
    'error events cannot be',
    'error a rule matched,',
    'error a rule matched,',
  ]);
  outage.recovered();
  expect(outage.reason).toBeUndefined();
  expect(said()).toEqual(['info events are stored again 2']);
  outage.recovered();
  expect(said()).toEqual([]);
});

test('does not log a match that would raise no alert', () => {
  const { outage, said } = opened();
  const none = [{ known: true }, { alerting: false }, { exception: exampleException() }];
  outage.refused(
    none.map((change, i) => judgedEvent(String(i), change)),
    'full',
  );
  expect(said()).toEqual(['error events cannot be stored and wait in memory full']);
});

test('logs a bounded number of matches, and that there are more', () => {
  const { outage, said } = opened();
  outage.refused(
    Array.from({ length: 500 }, (_, i) => judgedEvent(String(i))),
    'full',
  );
  const lines = said();
  expect(lines.length).toBe(52);
  expect(lines.at(-1)).toContain('further matches are not logged');
});

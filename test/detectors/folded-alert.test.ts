// The alert that stands for the findings of several rules, from plain and from hostile alerts.

import { describe, expect, test } from 'vitest';
import { buildAlert, messageBytes } from '../../detectors/alert.ts';
import { foldedAlert, type OwnAlert } from '../../detectors/folded-alert.ts';
import type { Rule } from '../../detectors/rules/rule.ts';
import { day, exampleEvent, exampleRule, start } from '../storage/examples.ts';

function ownAlert(change: Partial<Rule>, terms: (string | null)[] = ['/usr/bin/python3']): OwnAlert {
  const rule = exampleRule(change);
  const event = exampleEvent('event-1', start);
  return { rule, document: buildAlert({ event, verdict: { rule, terms }, state: 'open', id: `id of ${rule.id}` }) };
}

const whole = ownAlert({ reason: 'first parent in {window}' });
const part = (change: Partial<Rule> = {}) =>
  ownAlert({ id: 'other', name: 'Other', reason: 'first person in {window}', ...change });
const reasonOf = (...alerts: [OwnAlert, ...OwnAlert[]]): string | undefined => {
  const [first, ...others] = alerts;
  return foldedAlert(first, others).stepparent.alert?.reason;
};

test('without others is the alert itself', () => {
  expect(foldedAlert(whole, [])).toBe(whole.document);
});

test('differs from the alert of the whole in message, reason, severity and findings, and changes neither', () => {
  const other = part({ severity: 'high', riskScore: 73 });
  const before = structuredClone([whole.document, other.document]);
  const { document } = whole;
  const reason = 'first parent, and first person in 90 days';
  expect(foldedAlert(whole, [other])).toEqual({
    ...document,
    message: document.message?.replace('first parent in 90 days', reason),
    event: { ...document.event, severity: 73, risk_score: 73 },
    stepparent: {
      ...document.stepparent,
      alert: {
        ...document.stepparent.alert,
        reason,
        findings: [
          {
            rule: { id: 'other', name: 'Other' },
            terms: ['/usr/bin/python3'],
            reason: 'first person in 90 days',
            severity: 73,
            risk_score: 73,
          },
        ],
      },
    },
  });
  expect([whole.document, other.document]).toEqual(before);
});

test('keeps its own severity if that is the highest', () => {
  const medium = ownAlert({ severity: 'medium', riskScore: 50 });
  expect(foldedAlert(medium, [part()]).event).toMatchObject({ severity: 47, risk_score: 50 });
});

describe('the reasons', () => {
  test.each<[string, OwnAlert[], string]>([
    ['with one window, named once', [part()], 'first parent, and first person in 90 days'],
    [
      'of three rules',
      [part(), part({ id: 'third', reason: 'first file in {window}' })],
      'first parent, and first person, and first file in 90 days',
    ],
    ['with two windows', [part({ windowMs: 30 * day })], 'first parent in 90 days; first person in 30 days'],
    ['one of which has no window', [part({ reason: 'odd person' })], 'first parent in 90 days; odd person'],
    [
      'one of which was not observed',
      [ownAlert({ id: 'other' }, [null])],
      'first parent in 90 days; process.parent.executable not observed, so the baseline could not be checked',
    ],
  ])('%s', (_, others, expected) => {
    expect(reasonOf(whole, ...others)).toBe(expected);
  });

  test('that are long leave room for who did what', () => {
    const long = (id: string) => ownAlert({ id, reason: `${id} ${'é'.repeat(1000)}` });
    const document = foldedAlert(long('a'), [long('b'), long('c')]);
    expect(Buffer.byteLength(document.message ?? '')).toBeLessThanOrEqual(messageBytes);
    expect(document.message).toMatch(/^alice through an unobserved ancestor of python3 ran "dpkg -i x\.deb" - a é/);
    expect(document.stepparent.alert?.findings).toHaveLength(2);
  });
});

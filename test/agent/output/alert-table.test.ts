// The table of alerts: one line for each alert in any width, and what is left out first.

import { expect, test } from 'vitest';
import { alertCounts, alertTable } from '../../../agent/output/alert-table.ts';
import { cellWidth } from '../../../agent/output/cell-width.ts';
import type { StepparentEvent } from '../../../collectors/event/event.ts';
import type { AlertRecord } from '../../../storage/records.ts';
import { alertDocument } from '../journal/alert-document.ts';

const lastMs = new Date(2026, 2, 3, 4, 26, 30).getTime();

function recordOf(change: Partial<AlertRecord> = {}, parts: Partial<StepparentEvent> = {}): AlertRecord {
  const document = { ...alertDocument(), ...parts };
  const id = 'a1f09c2e55667788';
  return {
    id,
    ruleId: 'r',
    scope: '',
    terms: ['t'],
    state: 'open',
    firstMs: lastMs,
    lastMs,
    count: 1,
    document,
    ...change,
  };
}

const initiator = (origin: string) => ({ entity_id: 'i', pid: 5, executable: '/usr/sbin/sshd', wrappers: [], origin });

/** A change of a file by a person over ssh. */
const change = (user: string, path: string, reason = 'only dpkg writes its database'): Partial<StepparentEvent> => ({
  event: { id: 'e', kind: 'alert', action: 'modification', severity: 47 },
  file: { path },
  process: { pid: 8, name: 'vi', executable: '/usr/bin/vi' },
  user: { id: '0', name: 'root' },
  stepparent: {
    initiator: initiator(`ssh as ${user}`),
    alert: { id: 'a1f09c2e55667788', terms: [], reason, state: 'open' },
  },
});

const tableOf = (alerts: AlertRecord[], columns: number, brief: string | undefined = 'not by dpkg'): string[] =>
  alertTable(alerts, { columns, nowMs: lastMs + 60_000, briefOf: () => brief });

const script = '/var/lib/dpkg/info/viewer.postinst';

test.each([
  [
    140,
    'ID        LAST   SEV     WHO             WHAT - WHY',
    `a1f09c2e  04:26  medium  alice over ssh  changed ${script} with vi - only dpkg writes its database`,
  ],
  [
    104,
    'ID        LAST   SEV     WHO             WHAT - WHY',
    'a1f09c2e  04:26  medium  alice over ssh  changed viewer.postinst with vi - only dpkg writes its database',
  ],
  [
    90,
    'ID        LAST   SEV     WHO             WHAT - WHY',
    'a1f09c2e  04:26  medium  alice over ssh  changed viewer.postinst with vi - not by dpkg',
  ],
  [
    72,
    'ID        LAST   SEV     WHO         WHAT - WHY',
    'a1f09c2e  04:26  medium  alice, ssh  changed viewer.posti… - not by dpkg',
  ],
])('in %i columns', (columns, heading, line) => {
  expect(tableOf([recordOf({}, change('alice', script))], columns)).toEqual([heading, line]);
});

test('the reason stands for a short one that the rule does not have, or that does not hold', () => {
  const [, without] = alertTable([recordOf({}, change('alice', script))], {
    columns: 90,
    nowMs: lastMs,
    briefOf: () => undefined,
  });
  expect(without).toMatch(/ - only dpkg writes its databa…$/);
  const unobserved = 'process.parent.executable not observed';
  const [, line] = tableOf([recordOf({ terms: [null] }, change('alice', script, unobserved))], 90);
  expect(line).toMatch(/ - process.parent.executab.*…$/);
});

test('findings of other rules have their short reasons beside that of the rule', () => {
  const document = change('alice', script, 'new editor, and new person in 90 days');
  const finding = (id: string, term: string | null) => ({
    rule: { id },
    terms: [term],
    reason: 'new person in 90 days',
    severity: 21,
    risk_score: 21,
  });
  const lineOf = (...findings: ReturnType<typeof finding>[]) => {
    const { alert } = document.stepparent ?? {};
    const whole = recordOf(
      {},
      { ...document, stepparent: { ...document.stepparent, ...(alert && { alert: { ...alert, findings } }) } },
    );
    const briefs: Record<string, string> = { r: 'new editor', other: 'first time' };
    return alertTable([whole], { columns: 90, nowMs: lastMs, briefOf: (id) => briefs[id] })[1];
  };
  expect(lineOf(finding('other', 'x'))).toMatch(/ - new editor, first time$/);
  expect(lineOf(finding('other', null), finding('third', 'x'))).toMatch(/ - new editor$/);
});

test('the count is at the end of its line, a state before the deed, and dates appear with an old alert', () => {
  const alerts = [
    recordOf({ count: 2, lastMs: lastMs - 10 * 86_400_000 }, change('alice', '/etc/x')),
    recordOf({ count: 12, state: 'learning' }, change('bob', '/yz')),
    recordOf({}, change('eve', '/etc/z')),
  ];
  expect(tableOf(alerts, 96)).toEqual([
    'ID        LAST         SEV     WHO             WHAT - WHY',
    'a1f09c2e  02-21 04:26  medium  alice over ssh  changed /etc/x with vi - not by dpkg           ×2',
    'a1f09c2e  03-03 04:26  medium  bob over ssh    (learning) changed /yz with vi - not by dpkg  ×12',
    'a1f09c2e  03-03 04:26  medium  eve over ssh    changed /etc/z with vi - not by dpkg',
  ]);
});

test('a finding of a hunt has its message', () => {
  const finding = recordOf(
    {},
    {
      message: '/etc/x is a file - new here',
      stepparent: {
        hunt: { id: 'files', row: {} },
        alert: { id: 'a1f09c2e', terms: [], reason: 'new here', state: 'open' },
      },
    },
  );
  expect(tableOf([finding], 100, undefined)[1]).toMatch(/ hunt files {2}\/etc\/x is a file - new here$/);
});

const hostile = [
  '\n<0>FORGED',
  '\x1b[2J',
  '\u202e',
  '漢'.repeat(200),
  'e\u0301'.repeat(200),
  'x'.repeat(5000),
  '\\n',
  '😀',
];

test.each([20, 40, 80, 81, 119, 120, 500])('hostile text takes one line of at most %i cells', (columns) => {
  const alerts = hostile.flatMap((text) => [
    recordOf({ count: 1_000_000 }, change(`a${text}`, `/etc/${text}`, `${text} - ${text}`)),
    recordOf({ id: text }, { message: text, stepparent: { hunt: { id: text, row: {} } } }),
  ]);
  const lines = tableOf(alerts, columns);
  expect(lines).toHaveLength(alerts.length + 1);
  for (const line of lines) {
    expect(line).toMatch(/^[^\p{C}\p{Default_Ignorable_Code_Point}\n]*$/u);
    expect(cellWidth(line)).toBeLessThanOrEqual(columns);
  }
});

test('no alert has only the heading', () => {
  expect(tableOf([], 80)).toHaveLength(1);
});

test('counts by severity, the highest first', () => {
  const of = (severity: number) => recordOf({}, { event: { id: 'e', kind: 'alert', severity } });
  expect(alertCounts([21, 99, 21, 47].map(of))).toBe('4 alerts: 1 critical, 1 medium, 2 low');
  expect(alertCounts([of(73)])).toBe('1 alert: 1 high');
});

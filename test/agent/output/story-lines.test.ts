// The story of an alert as lines: within the width whatever its text is, bounded, and with repeated steps folded.

import { expect, test } from 'vitest';
import { cellWidth } from '../../../agent/output/cell-width.ts';
import { foldSteps, storyLines } from '../../../agent/output/story-lines.ts';
import type { Story } from '../../../agent/query/read-story.ts';
import type { StepparentEvent } from '../../../collectors/event/event.ts';
import { buildIncident, type IncidentStep } from '../../../detectors/incident.ts';
import type { TermRecord } from '../../../storage/records.ts';
import { maximalAlert } from '../../maximal-documents.ts';
import { exampleRule } from '../../storage/examples.ts';
import { alertDocument } from '../journal/alert-document.ts';

function storyOf(document: StepparentEvent): Story {
  const incident = buildIncident({
    id: document.stepparent.transaction?.id ?? 'x',
    alerts: [{ state: 'open', document }],
    events: [],
    mostEvents: 10,
    eventsCount: 0,
    isAlive: () => true,
  });
  if (incident === undefined) throw new Error('no incident');
  const alert = {
    id: 'a1f09c2e55667788',
    ruleId: 'r',
    scope: '',
    terms: ['/opt/x', null],
    state: 'open' as const,
    firstMs: 0,
    lastMs: 1000,
    count: 3,
    document,
  };
  const term = { ruleId: 'r', scope: '', terms: ['/opt/y'], firstMs: 0, lastMs: 0, count: 1, origin: 'alert' as const };
  return {
    alert,
    incident,
    rule: exampleRule({ note: '# Look at this\n\n1. First: `x --from ALERT`\n   goes on\n2. Second' }),
    packages: document.stepparent.transaction?.packages ?? [],
    baseline: { count: 1, newest: [term], own: undefined },
    related: [alert],
  };
}

/** The document with `text` for every string that no part of the program reads as a keyword. */
function hostileDocument(text: string): StepparentEvent {
  const spoil = (value: unknown, key: string): unknown => {
    if (typeof value === 'string')
      return ['@timestamp', 'kind', 'origin', 'entity_id', 'action'].includes(key) ? value : text;
    if (Array.isArray(value)) return value.map((each) => spoil(each, key));
    if (typeof value !== 'object' || value === null) return value;
    return Object.fromEntries(Object.entries(value).map(([name, each]) => [name, spoil(each, name)]));
  };
  return spoil(maximalAlert, '') as StepparentEvent;
}

const hostile = [
  '\n<0>FORGED',
  '\x1b[2J',
  '\u202e',
  '漢'.repeat(300),
  'e\u0301'.repeat(300),
  'x'.repeat(50_000),
  ' '.repeat(3000),
  '\t\\n',
];

test.each(hostile.flatMap((text) => [80, 120].map((columns) => [text.slice(0, 8), columns, text] as const)))(
  'hostile text %j stays within %i columns',
  (_, columns, text) => {
    const lines = storyLines(storyOf(hostileDocument(text)), columns);
    expect(lines.length).toBeLessThan(500);
    for (const line of lines) {
      expect(line).toMatch(/^[^\p{C}\p{Default_Ignorable_Code_Point}\n]*$/u);
      expect(cellWidth(line)).toBeLessThanOrEqual(columns);
    }
  },
);

test('the process that the rule is about is marked, and the id stands in the guide', () => {
  const document: StepparentEvent = {
    ...alertDocument(),
    process: {
      pid: 8,
      entity_id: 'p8',
      name: 'dpkg',
      args: ['dpkg', '-i', 'x.deb'],
      parent: { pid: 7, entity_id: 'p7', executable: '/opt/x' },
      session_leader: { pid: 6, entity_id: 'p6', same_as_process: false },
    },
    stepparent: {
      lineage: [
        { entity_id: 'p7', pid: 7, name: 'x', executable: '/opt/x' },
        { entity_id: 'p6', pid: 6, name: 'bash', args: ['-bash'] },
      ],
      alert: { id: 'a1f09c2e55667788', terms: [], reason: 'new', state: 'open' },
    },
  };
  const lines = storyLines(storyOf(document), 80);
  const first = lines.findIndex((line) => line.startsWith('tree'));
  expect(lines.slice(first, first + 3)).toEqual([
    'tree      bash 6  -bash  session leader',
    '          └ 7  /opt/x  <- this alert',
    '            └ 8  dpkg -i x.deb',
  ]);
  expect(lines.find((line) => line.includes('matched:'))).toBeDefined();
  expect(lines.slice(-4)).toEqual(['Look at this', '', '1. First: `x --from a1f09c2e` goes on', '2. Second']);
});

test('a term without the random part of a path is explained', () => {
  const document: StepparentEvent = {
    ...alertDocument(),
    process: { executable: '/usr/bin/dpkg', parent: { executable: '/tmp/build-aB3dE6/tool' } },
  };
  const story = storyOf(document);
  const pattern = { ...story.baseline.newest[0], origin: 'pattern', terms: ['/tmp/build-*'], count: 7 } as TermRecord;
  const { alert, baseline } = story;
  const terms = ['/tmp/build-*/tool (cron)'];
  const lines = storyLines({ ...story, alert: { ...alert, terms }, baseline: { ...baseline, pattern } }, 200);
  expect(lines).toContain('baseline  /tmp/build-*/tool (cron): not known');
  expect(lines).toContain(
    '          "*" in /tmp/build-*/tool is a part that is new in each run: here /tmp/build-aB3dE6/tool',
  );
  expect(lines).toContainEqual(expect.stringMatching(/^ {10}allowed by the pattern \/tmp\/build-\* \(×7, last /));
  // The content of a script stands for its path.
  const script = storyLines({ ...story, alert: { ...alert, terms: ['/tmp/* (sha256 0123456789abcdef)'] } }, 200);
  expect(script.filter((line) => line.includes('new in each run'))).toEqual([]);
});

test('names the incident, and other rules with a finding in the alert', () => {
  const document = alertDocument();
  const { alert } = document.stepparent;
  const findings = [
    { rule: { id: 'other-rule' }, terms: ['/usr/sbin/nginx', null], reason: 'first', severity: 73, risk_score: 73 },
  ];
  const withOthers = {
    ...document,
    stepparent: { ...document.stepparent, ...(alert && { alert: { ...alert, reason: 'new, and first', findings } }) },
  };
  const lines = storyLines(storyOf(withOthers), 200);
  expect(lines[1]).toMatch(/ · incident 01234567-71-100 medium 47$/);
  expect(lines).toContain('why       new, and first');
  expect(lines).toContain('also      other-rule (high): /usr/sbin/nginx, (not observed)');
  expect(lines.filter((line) => line.includes('stepparent rules show'))).toEqual([
    expect.stringMatching(/rule +stepparent rules show r$/),
    expect.stringMatching(/also +stepparent rules show other-rule$/),
  ]);
});

test('an alert without a transaction is an incident by its own id', () => {
  const { transaction: _, ...stepparent } = alertDocument().stepparent;
  expect(storyLines(storyOf({ ...alertDocument(), stepparent }), 200)[1]).toMatch(/ · incident a1f09c2e medium 47$/);
});

const step = (kind: IncidentStep['kind'], what: string, more: Partial<IncidentStep> = {}): IncidentStep => ({
  '@timestamp': '2026-03-03T10:00:00.000Z',
  'event.id': what,
  kind,
  what,
  rank: 1,
  by: '/x.postinst',
  ...more,
});

test('repeated steps are folded, but not alerts, what runs, or other parents', () => {
  const run = (what: string, more: Partial<IncidentStep> = {}) =>
    step('exec', what, { 'process.executable': '/usr/bin/basename', ...more });
  const steps = [
    run('basename 1'),
    step('file', 'created /var/a'),
    run('basename 2'),
    run('basename 3', { rules: ['r'] }),
    step('file', 'deleted /var/b'),
    run('basename 4', { alive: true }),
    run('basename 5', { by: '/y.postinst' }),
    run('basename 6', { rank: 9 }),
    step('package', 'dpkg -i x'),
    step('package', 'dpkg -i x'),
  ];
  expect(foldSteps(steps).map(({ what, times, isMixed, rank }) => [what, times, isMixed, rank])).toEqual([
    ['basename 1', 3, true, 9],
    ['created /var/a', 2, true, 1],
    ['basename 3', 1, false, 1],
    ['basename 4', 1, false, 1],
    ['basename 5', 1, false, 1],
    ['dpkg -i x', 1, false, 1],
    ['dpkg -i x', 1, false, 1],
  ]);
});

// The alert document and its sentence, from plain and from hostile events.

import { describe, expect, test } from 'vitest';
import type { StepparentEvent } from '../../collectors/event/event.ts';
import { buildAlert, messageBytes } from '../../detectors/alert.ts';
import type { Rule } from '../../detectors/rules/rule.ts';
import { exampleEvent, exampleRule, hour, minute, start } from '../storage/examples.ts';

const id = '0f'.repeat(16);

function alertOf(
  change: Partial<StepparentEvent> = {},
  rule: Partial<Rule> = {},
  terms = ['/usr/bin/python3'] as (string | null)[],
) {
  const event = { ...exampleEvent('event-1', start), ...change };
  return buildAlert({ event, verdict: { rule: exampleRule(rule), terms }, state: 'open', id });
}

const reason = (rule: Partial<Rule>, change: Partial<StepparentEvent> = {}) =>
  alertOf(change, rule).stepparent.alert?.reason;

test('builds the whole document', () => {
  const event = exampleEvent('event-1', start);
  const before = structuredClone(event);
  const alert = buildAlert({
    event,
    verdict: { rule: exampleRule(), terms: ['/usr/bin/python3'] },
    state: 'learning',
    id,
  });
  expect(alert).toEqual({
    ...before,
    message:
      'alice through an unobserved ancestor of python3 ran "dpkg -i x.deb" - /usr/bin/python3 has not installed a package with dpkg on this host in the last 90 days',
    tags: ['OS: Linux', 'Tactic: Persistence'],
    event: { ...before.event, kind: 'alert', severity: 21, risk_score: 21 },
    rule: {
      id: 'dpkg-by-unusual-parent',
      name: 'DPKG Package Installed by Unusual Parent Process',
      description: 'Says when a package is installed by a parent that has not done so before.',
      version: '1',
      category: 'Persistence',
      license: 'Apache-2.0',
      author: ['stepparent'],
      reference: 'https://example.org/dpkg',
      ruleset: 'stepparent',
    },
    threat: [
      {
        framework: 'MITRE ATT&CK',
        tactic: {
          id: ['TA0003'],
          name: ['Persistence'],
          reference: ['https://attack.mitre.org/tactics/TA0003/'],
        },
        technique: {
          id: ['T1546'],
          name: ['Event Triggered Execution'],
          reference: ['https://attack.mitre.org/techniques/T1546/'],
          subtechnique: {
            id: ['T1546.016'],
            name: ['Installer Packages'],
            reference: ['https://attack.mitre.org/techniques/T1546/016/'],
          },
        },
      },
    ],
    stepparent: {
      ...before.stepparent,
      alert: {
        id,
        terms: ['/usr/bin/python3'],
        reason: '/usr/bin/python3 has not installed a package with dpkg on this host in the last 90 days',
        state: 'learning',
      },
    },
  });
  expect(event).toEqual(before);
});

test('a rule without references or threats leaves those fields out', () => {
  const { rule, threat } = alertOf({}, { references: [], threat: [] });
  expect(Object.keys(rule ?? {})).not.toContain('reference');
  expect(Object.keys(rule ?? {})).not.toContain('category');
  expect(threat).toEqual([]);
});

test.each([
  ['low', 21],
  ['medium', 47],
  ['high', 73],
  ['critical', 99],
] as const)('severity %s is %i, beside the risk score', (severity, number) => {
  expect(alertOf({}, { severity, riskScore: 5 }).event).toMatchObject({ severity: number, risk_score: 5 });
});

describe('why it is unusual', () => {
  test.each<[string, Partial<Rule>, string]>([
    ['fields by their names', { reason: '{process.name} of {user.name} {process.pid}' }, 'dpkg of root 4122'],
    ['a list', { reason: 'ran {process.args}' }, 'ran "dpkg -i x.deb"'],
    ['not observed', { reason: '{file.path} is odd' }, '(file.path not observed) is odd'],
    ['not a value', { reason: '{process} is odd' }, '(process not observed) is odd'],
    ['nothing inherited', { reason: '{constructor.name}' }, '(constructor.name not observed)'],
    ['who', { reason: 'first by {who}' }, 'first by alice through an unobserved ancestor of python3'],
    ['no impostor', { reason: '{impostor}' }, 'no observed program'],
    ['days', { reason: '{window}' }, '90 days'],
    ['an hour', { reason: '{window}', windowMs: hour }, '1 hour'],
    ['minutes', { reason: '{window}', windowMs: 90 * minute }, '90 minutes'],
    ['seconds', { reason: '{window}', windowMs: 1500 }, '1.5 seconds'],
  ])('%s', (_, rule, text) => {
    expect(reason(rule)).toBe(text);
  });

  test('says that the baseline could not be checked if a field was not observed', () => {
    const rule = { termFields: ['process.parent.executable', 'user.name'] };
    expect(alertOf({}, rule, [null, 'root']).stepparent.alert).toMatchObject({
      terms: [null, 'root'],
      reason: 'process.parent.executable not observed, so the baseline could not be checked',
    });
    // Its fields only make several alerts one.
    expect(alertOf({}, { ...rule, type: 'eql', reason: 'why' }, [null, 'root']).stepparent.alert?.reason).toBe('why');
  });

  test.each<[StepparentEvent['stepparent']['genuine'], string]>([
    [{ process: false }, '/tmp/dpkg'],
    [{ process: true, parent: false }, '/usr/bin/apt-get'],
    [{ process: false, parent: false }, '/tmp/dpkg or /usr/bin/apt-get'],
  ])('names who only has the name, by path: %j', (genuine, text) => {
    const process = { executable: '/tmp/dpkg', parent: { executable: '/usr/bin/apt-get' } };
    expect(
      reason({ reason: '{impostor}' }, { process, stepparent: { genuine } as StepparentEvent['stepparent'] }),
    ).toBe(text);
  });

  test('names the file that a dynamic linker runs', () => {
    const program = { path: '/usr/bin/dpkg', name: 'dpkg', recognized_by: 'build_id', argument: '/tmp/x' } as const;
    const stepparent = { genuine: { process: false }, program } as StepparentEvent['stepparent'];
    expect(reason({ reason: '{impostor}' }, { process: { executable: '/usr/lib/ld.so' }, stepparent })).toBe('/tmp/x');
  });

  test('does not expand a value that looks like a template', () => {
    const event = exampleEvent('e', start);
    expect(reason({ reason: '{process.name} {window}' }, { process: { ...event.process, name: '{window} $&' } })).toBe(
      '"{window} $&" 90 days',
    );
  });

  test('quotes a value whose spaces could pass for words of the reason', () => {
    const process = { parent: { executable: '/tmp/x in 90 days - usual' } };
    expect(reason({ reason: 'first by {process.parent.executable}' }, { process })).toBe(
      'first by "/tmp/x in 90 days - usual"',
    );
  });
});

describe('hostile text', () => {
  const hostile = '\x1b[2J\nAlert: none\u202e"\ud800\0\\';

  test('is escaped in the sentence', () => {
    const alert = alertOf(
      {
        process: {
          args: [hostile],
          working_directory: hostile,
          name: hostile,
          parent: { executable: hostile, pid: 1 },
        },
        user: { name: hostile },
        container: { id: hostile },
        stepparent: { login_user: { id: '1', name: `${hostile}2` }, systemd: { unit: hostile } },
      },
      { reason: '{process.name} is odd' },
    );
    for (const text of [alert.message, alert.stepparent.alert?.reason]) {
      expect(text).toMatch(/^[\x20-\x7e]+$/);
      expect(text).toContain('\\x1b[2J\\nAlert: none\\u202e');
    }
    expect(alert.process?.args).toEqual([hostile]);
  });

  test.each(['x', '\x1b', '日', '😀', '\ud800'])('%j without end stays within a kilobyte, reason included', (char) => {
    const long = char.repeat(5000);
    const { message } = alertOf(
      {
        process: { args: [long, long], working_directory: long, name: long, parent: { executable: long, pid: 1 } },
        user: { name: long },
        stepparent: { login_user: { id: long }, systemd: { unit: long } },
      },
      { reason: `{process.name} ${'why '.repeat(200)}` },
    );
    expect(Buffer.byteLength(message ?? '')).toBeLessThanOrEqual(messageBytes);
    expect(message).toMatch(/^.*uid .*… through an unobserved ancestor of .*… ran ".*…" - .*… why why/u);
    expect(message?.isWellFormed()).toBe(true);
  });
});

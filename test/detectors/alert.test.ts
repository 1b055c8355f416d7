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

/** What happened, without the reason. */
const deed = (change: Partial<StepparentEvent>) => alertOf(change, { reason: 'why' }).message?.replace(/; why$/, '');
const reason = (rule: Partial<Rule>, change: Partial<StepparentEvent> = {}) =>
  alertOf(change, rule).stepparent.alert?.reason;

test('the whole document', () => {
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
      '/usr/bin/python3 (pid 4121) ran "dpkg -i x.deb" in /root as root (logged in as alice) in unit ssh.service; /usr/bin/python3 has not installed a package with dpkg on this host in the last 90 days',
    tags: ['OS: Linux', 'Tactic: Persistence'],
    event: { ...before.event, kind: 'alert', severity: 21, risk_score: 21 },
    rule: {
      id: 'dpkg-by-unusual-parent',
      name: 'DPKG Package Installed by Unusual Parent Process',
      description: 'Says when a package is installed by a parent that has not done so before.',
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

describe('what happened', () => {
  const child = { pid: 7, executable: '/usr/bin/dpkg', args: ['dpkg', '-i', 'x.deb'] };
  const parent = { pid: 6, executable: '/usr/bin/python3' };
  const bare = { user: { name: 'root' }, stepparent: {} };
  test.each<[string, Partial<StepparentEvent>, string]>([
    [
      'parent not observed',
      { process: child, ...bare },
      '"dpkg -i x.deb" (pid 7) was run, parent not observed, as root',
    ],
    [
      'only its name',
      { process: { ...child, parent: { name: 'python3' } }, ...bare },
      'python3 ran "dpkg -i x.deb" as root',
    ],
    [
      'arguments not observed',
      { process: { executable: '/usr/bin/dpkg', parent }, ...bare },
      '/usr/bin/python3 (pid 6) ran "/usr/bin/dpkg" as root',
    ],
    [
      'nothing observed',
      { process: {}, stepparent: {}, user: {} },
      '"(program not observed)" was run, parent not observed, (user not observed)',
    ],
    [
      'words with spaces',
      { process: { parent, args: ['dpkg', '-i', 'a b.deb', '', "it's"] }, ...bare },
      `/usr/bin/python3 (pid 6) ran "dpkg -i 'a b.deb' '' 'it's'" as root`,
    ],
    [
      'a quote cannot end the command',
      { process: { parent, args: ['dpkg', 'x" as nobody; "'] }, ...bare },
      `/usr/bin/python3 (pid 6) ran "dpkg 'x\\" as nobody; \\"'" as root`,
    ],
    [
      'only a user id',
      { process: { ...child, parent }, user: { id: '1001' }, stepparent: {} },
      '/usr/bin/python3 (pid 6) ran "dpkg -i x.deb" as uid 1001',
    ],
    [
      'logged in as the same',
      { process: { ...child, parent }, user: { name: 'root' }, stepparent: { login_user: { id: '0', name: 'root' } } },
      '/usr/bin/python3 (pid 6) ran "dpkg -i x.deb" as root',
    ],
    [
      'in a container',
      { process: { ...child, parent }, ...bare, container: { id: 'c0ffee'.repeat(10) } },
      '/usr/bin/python3 (pid 6) ran "dpkg -i x.deb" as root in container c0ffeec0ffee',
    ],
    [
      'a file',
      {
        process: parent,
        file: { path: '/var/lib/dpkg/info/x.postinst' },
        event: { id: 'e', kind: 'event', action: 'creation' },
        ...bare,
      },
      '/usr/bin/python3 (pid 6) created /var/lib/dpkg/info/x.postinst as root',
    ],
    [
      'a file, by nobody that was seen',
      { file: { path: '/x' }, event: { id: 'e', kind: 'event', action: 'rename' }, stepparent: {}, user: {} },
      '/x was renamed, process not observed, (user not observed)',
    ],
    [
      'a file, some other way',
      { file: { path: '/x' }, process: parent, event: { id: 'e', kind: 'event', action: 'attribute\n' }, ...bare },
      '/usr/bin/python3 (pid 6) changed (attribute\\n) /x as root',
    ],
  ])('%s', (_, change, message) => {
    const event: Partial<StepparentEvent> = { ...change };
    if (!('process' in change)) delete (event as { process?: object }).process;
    expect(deed({ process: {}, ...event })).toBe(message);
  });
});

describe('why it is unusual', () => {
  test.each<[string, Partial<Rule>, string]>([
    ['fields by their names', { reason: '{process.name} of {user.name} {process.pid}' }, 'dpkg of root 4122'],
    ['a list', { reason: 'ran {process.args}' }, 'ran dpkg -i x.deb'],
    ['not observed', { reason: '{file.path} is odd' }, '(file.path not observed) is odd'],
    ['not a value', { reason: '{process} is odd' }, '(process not observed) is odd'],
    ['nothing inherited', { reason: '{constructor.name}' }, '(constructor.name not observed)'],
    ['days', { reason: '{window}' }, '90 days'],
    ['an hour', { reason: '{window}', windowMs: hour }, '1 hour'],
    ['minutes', { reason: '{window}', windowMs: 90 * minute }, '90 minutes'],
    ['seconds', { reason: '{window}', windowMs: 1500 }, '1.5 seconds'],
  ])('%s', (_, rule, text) => {
    expect(reason(rule)).toBe(text);
  });

  test('says so when what it compares was not observed', () => {
    const rule = { termFields: ['process.parent.executable', 'user.name'] };
    expect(alertOf({}, rule, [null, 'root']).stepparent.alert).toMatchObject({
      terms: [null, 'root'],
      reason: 'process.parent.executable not observed, so the baseline could not be checked',
    });
  });

  test('a value that looks like a template stays as it is', () => {
    const event = exampleEvent('e', start);
    expect(reason({ reason: '{process.name} {window}' }, { process: { ...event.process, name: '{window} $&' } })).toBe(
      '{window} $& 90 days',
    );
  });
});

describe('hostile text', () => {
  const hostile = '\x1b[2J\nAlert: none\u202e"\ud800\0\\';

  test('never reaches the sentence as it is', () => {
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
    expect(message).toMatch(
      /^.*… \(pid 1\) ran ".*…" in .*… as .*… \(logged in as uid .*…\) in unit .*…; .*… why why/u,
    );
    expect(message?.isWellFormed()).toBe(true);
  });
});

// Alerts in a real journal: fields are read back as they were written, and no value can add a field or an entry.

import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { alertOfEntry } from '../../../agent/journal/journal-alert.ts';
import { encodeEntry, fieldBytes, sendEntry } from '../../../agent/journal/journal-entry.ts';
import { journalFacts } from '../../../agent/journal/journal-fields.ts';
import { journalFieldNames, journalFields, openJournaldSink } from '../../../agent/sinks/journald.ts';
import { valueAt } from '../../../collectors/event/read-path.ts';
import { type Journald, journaldMissing, startJournald } from '../../journald.ts';
import { maximalAlert } from '../../maximal-documents.ts';
import { titled } from '../../needs.ts';
import { alertDocument } from '../journal/alert-document.ts';

test('the fields of an alert', () => {
  const { MESSAGE_ID, ...fields } = Object.fromEntries(journalFields(alertDocument()));
  expect(MESSAGE_ID).toMatch(/^[0-9a-f]{32}$/);
  expect(fields).toEqual({
    MESSAGE: '/usr/bin/python3 (pid 70) ran "dpkg -i x.deb" as root; not seen to run dpkg within 5 days',
    PRIORITY: '4',
    SYSLOG_IDENTIFIER: 'stepparent',
    STEPPARENT_ALERT_ID: 'a1',
    STEPPARENT_RULE: 'dpkg-unusual-parent',
    STEPPARENT_RULE_NAME: 'Unusual DPKG Execution',
    STEPPARENT_SEVERITY: 'medium',
    STEPPARENT_RISK_SCORE: '47',
    STEPPARENT_REASON: 'not seen to run dpkg within 5 days',
    STEPPARENT_ACTION: 'exec',
    STEPPARENT_EXECUTABLE: '/usr/bin/dpkg',
    STEPPARENT_COMMAND_LINE: 'dpkg -i x.deb',
    STEPPARENT_PID: '71',
    STEPPARENT_PARENT_EXECUTABLE: '/usr/bin/python3',
    STEPPARENT_PARENT_COMMAND_LINE: 'python3 -c pass',
    STEPPARENT_PARENT_PID: '70',
    STEPPARENT_TERMS: '["/usr/bin/python3"]',
    STEPPARENT_USER: 'root',
    STEPPARENT_USER_ID: '0',
    STEPPARENT_LOGIN_USER: 'mallory',
    STEPPARENT_LOGIN_USER_ID: '1000',
    STEPPARENT_UNIT: 'cron.service',
    STEPPARENT_TECHNIQUE: 'T1546.016',
    STEPPARENT_PACKAGE_MANAGER: 'dpkg',
    STEPPARENT_PACKAGE_OPERATION: 'install',
    STEPPARENT_PACKAGES: 'x.deb',
    STEPPARENT_PACKAGES_COUNT: '1',
    STEPPARENT_PACKAGE_DRY_RUN: 'false',
    STEPPARENT_TRANSACTION: '01234567-71-100',
    STEPPARENT_TRANSACTION_EXECUTABLE: '/usr/bin/dpkg',
    STEPPARENT_UNOBSERVED: 'process.hash.sha256',
  });
  expect(journalFields(alertDocument()).filter(([name]) => name === 'STEPPARENT_TECHNIQUE')).toHaveLength(2);
});

test.for([
  [21, '5'],
  [47, '4'],
  [73, '3'],
  [99, '2'],
] as const)('severity %i has priority %s', ([severity, priority]) => {
  const { event } = alertDocument();
  expect(journalFields(alertDocument({ event: { ...event, severity } }))).toContainEqual(['PRIORITY', priority]);
});

test('omits fields that were not observed', () => {
  const names = journalFields({ ...alertDocument({ process: {}, threat: [] }), stepparent: {} }).map(([name]) => name);
  expect(names).not.toContain('STEPPARENT_PID');
  expect(names).not.toContain('STEPPARENT_TECHNIQUE');
  expect(names).not.toContain('STEPPARENT_UNOBSERVED');
});

test('precedes each value with its length', () => {
  expect(encodeEntry([['A', 'x\nB=y']]).toString('latin1')).toBe('A\n\x05\0\0\0\0\0\0\0x\nB=y\n');
});

test('without journald, gives the reason and delivers nothing', async () => {
  const sink = openJournaldSink('/nowhere/socket');
  expect(await sink.deliver([alertDocument()])).toEqual({
    delivered: 0,
    trouble: 'no journald listens at /nowhere/socket (ENOENT)',
  });
});

describe.skipIf(journaldMissing)(titled('a real journald', journaldMissing), () => {
  let journald: Journald;
  beforeAll(async () => {
    journald = await startJournald();
  });
  afterAll(() => journald?.stop());

  test('returns an alert field by field', async () => {
    const sink = openJournaldSink();
    expect(await sink.deliver([alertDocument()])).toEqual({ delivered: 1 });
    const entries = journald.read('STEPPARENT_ALERT_ID=a1');
    expect(entries).toHaveLength(1);
    const sent = Object.fromEntries(journalFields(alertDocument()));
    expect(entries[0]).toMatchObject({ ...sent, STEPPARENT_TECHNIQUE: expect.any(Array), _PID: String(process.pid) });
    expect([...(entries[0]?.STEPPARENT_TECHNIQUE ?? [])].sort()).toEqual(['T1546', 'T1546.016']);
    expect(journald.read('STEPPARENT_TECHNIQUE=T1546.016')).toHaveLength(1);
    expect(journald.read('STEPPARENT_TRANSACTION=01234567-71-100')).toHaveLength(1);
  });

  test('returns the largest alert, fact by fact, to the reader of collected journals', async () => {
    const id = 'the largest';
    const document = {
      ...maximalAlert,
      user: { id: '1234' },
      process: { ...maximalAlert.process, working_directory: '' },
      stepparent: {
        ...maximalAlert.stepparent,
        alert: { ...alertDocument().stepparent.alert, id, terms: [null, 'a\nb'], reason: 'r', state: 'open' as const },
      },
    };
    expect(await openJournaldSink().deliver([document])).toEqual({ delivered: 1 });
    const [entry] = journald.read(`STEPPARENT_ALERT_ID=${id}`);
    const read = alertOfEntry(JSON.stringify(entry)) ?? {};
    const facts = journalFacts
      .map(({ field }) => field)
      .filter((field) => !['threat', 'stepparent.unobserved'].includes(field));
    const valuesOf = (from: object) => Object.fromEntries(facts.map((field) => [field, valueAt(from, field)]));
    expect(valuesOf(read)).toEqual(valuesOf(document));
    expect(read).toMatchObject({
      threat: [{ technique: { id: ['T1546'], subtechnique: { id: ['T1546.016'] } } }],
      stepparent: { unobserved: { 'process.args': expect.any(String), 'process.user': expect.any(String) } },
    });
  });

  test.for([
    ['newline', 'a\nPRIORITY=0\nSTEPPARENT_FORGED=1\n\nMESSAGE=forged', undefined],
    ['escape', '\x1b[2Jgone\x07\r', undefined],
    ['nul', 'a\0b', undefined],
    ['lone surrogate', 'a\ud800b', 'a\ufffdb'],
    ['not ASCII', 'Grüße 🦊', undefined],
  ] as const)('stores %s unchanged, as data', async ([name, command_line, stored]) => {
    const id = `forged ${name}`;
    const document = alertDocument({ process: { ...alertDocument().process, command_line } });
    document.stepparent = { ...document.stepparent, alert: { id, terms: [], reason: 'r', state: 'open' } };
    expect(await openJournaldSink().deliver([document])).toEqual({ delivered: 1 });
    const [entry, ...others] = journald.read(`STEPPARENT_ALERT_ID=${id}`);
    expect(others).toEqual([]);
    expect(entry?.STEPPARENT_COMMAND_LINE).toBe(stored ?? command_line);
    expect(entry?.PRIORITY).toBe('4');
    expect(journald.read('STEPPARENT_FORGED=1')).toEqual([]);
    expect(journald.read('MESSAGE=forged')).toEqual([]);
  });

  test('a message cannot start a line of its own', async () => {
    await openJournaldSink().deliver([alertDocument({ message: 'one\ntwo\x1b[2J, "C:\\\\x"' })]);
    expect(journald.read().at(-1)?.MESSAGE).toBe('one\\ntwo\\x1b[2J, "C:\\\\x"');
  });

  test('no entry exceeds the size of a datagram', () => {
    const sizeOf = (bytes: number) => encodeEntry(journalFieldNames.map((name) => [name, 'x'.repeat(bytes)])).length;
    expect(sizeOf(1024)).toBeGreaterThan(journalFieldNames.length * 1024);
    for (const bytes of [2048, 3000, 8192, 1_000_000]) expect(sizeOf(bytes)).toBeLessThanOrEqual(200_000);
    const one = encodeEntry([['A', 'x'.repeat(8192)]]);
    expect(one.includes('cut')).toBe(false);
  });

  test('cuts 100 kB at 8 KiB and marks the cut', async () => {
    const command_line = '€'.repeat(34_000);
    await openJournaldSink().deliver([alertDocument({ process: { command_line } })]);
    const stored = String(journald.read().at(-1)?.STEPPARENT_COMMAND_LINE);
    expect(Buffer.byteLength(stored)).toBeLessThanOrEqual(fieldBytes);
    expect(stored).toMatch(/^€{2700,}… \(cut, 102000 bytes\)$/);
  });

  test('accepts the largest possible entry', () => {
    const names = journalFieldNames;
    expect(sendEntry(names.map((name) => [name, 'x'.repeat(1_000_000)]))).toBeUndefined();
    expect(journald.read().at(-1)).toMatchObject(Object.fromEntries(names.map((name) => [name, expect.anything()])));
  });

  test('a stopped journald blocks nothing, and gets the alerts later', async () => {
    const documents = Array.from({ length: 3000 }, (_, index) => {
      const document = alertDocument();
      document.stepparent = { alert: { id: `still ${index}`, terms: ['still'], reason: 'standing', state: 'open' } };
      return document;
    });
    const sink = openJournaldSink();
    process.kill(journald.pid, 'SIGSTOP');
    const { delivered, trouble } = await sink.deliver(documents).finally(() => process.kill(journald.pid, 'SIGCONT'));
    expect(trouble).toBe('journald cannot keep up (EAGAIN)');
    let rest = documents.slice(delivered);
    while (rest.length > 0) {
      rest = rest.slice((await sink.deliver(rest)).delivered);
      await new Promise((resolve) => setImmediate(resolve));
    }
    expect(journald.read('STEPPARENT_REASON=standing')).toHaveLength(documents.length);
  });

  test('a journald that ended gets nothing, and one that came back does', async () => {
    const sink = openJournaldSink();
    await journald.stop();
    expect(await sink.deliver([alertDocument()])).toMatchObject({ delivered: 0, trouble: /no journald listens/ });
    journald = await startJournald();
    expect(await sink.deliver([alertDocument()])).toEqual({ delivered: 1 });
  });
});

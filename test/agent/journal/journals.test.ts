// Hunts over the journals of several hosts, collected by systemd's own programs.

import { execFile } from 'node:child_process';
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { alertJournalFields, alertOfEntry } from '../../../agent/journal/journal-alert.ts';
import { cutValue, fieldBytes } from '../../../agent/journal/journal-entry.ts';
import { journalFacts } from '../../../agent/journal/journal-fields.ts';
import { askQuery } from '../../../agent/query/ask-query.ts';
import { journalFieldNames, journalFields, openJournaldSink } from '../../../agent/sinks/journald.ts';
import type { StepparentEvent } from '../../../collectors/event/event.ts';
import { valueAt } from '../../../collectors/event/read-path.ts';
import { maximalAlert } from '../../maximal-documents.ts';
import { titled } from '../../needs.ts';
import { alertDocument } from './alert-document.ts';
import { gather, journalOf, journalRemoteMissing } from './journal-hosts.ts';

const maximalPackage = maximalAlert.stepparent.package as NonNullable<StepparentEvent['stepparent']['package']>;
const [idA, idB] = ['a'.repeat(32), 'b'.repeat(32)];

describe('an entry in the format of journalctl', () => {
  const entryOf = (change: Record<string, unknown> = {}) =>
    JSON.stringify({
      ...Object.fromEntries(journalFields(alertDocument())),
      _MACHINE_ID: idA,
      _HOSTNAME: 'web1',
      __REALTIME_TIMESTAMP: '1775822400000000',
      ...change,
    });

  test('gives the alert back', () => {
    expect(alertOfEntry(entryOf())).toMatchObject({
      '@timestamp': '2026-04-10T12:00:00.000Z',
      event: { kind: 'alert', category: ['process'], action: 'exec', severity: 47, risk_score: 47 },
      host: { id: idA, name: 'web1' },
      agent: { id: idA },
      process: {
        executable: '/usr/bin/dpkg',
        command_line: 'dpkg -i x.deb',
        parent: { executable: '/usr/bin/python3', command_line: 'python3 -c pass', pid: 70 },
      },
      user: { name: 'root' },
      rule: { id: 'dpkg-unusual-parent', name: 'Unusual DPKG Execution' },
      stepparent: {
        alert: { id: 'a1', reason: 'not seen to run dpkg within 5 days' },
        package: { packages: ['x.deb'] },
      },
    });
  });

  test.for([
    [
      'a file’s',
      { STEPPARENT_FILE: '/a/b.c' },
      { file: { path: '/a/b.c', name: 'b.c' }, event: { category: ['file'] } },
    ],
    ['a finding', { STEPPARENT_ACTION: 'hunt-finding' }, { event: { category: ['intrusion_detection'] } }],
    ['a script’s', { STEPPARENT_SCRIPT_DEPTH: '2' }, { stepparent: { lifecycle_script: { depth: 2 } } }],
    ['bytes', { STEPPARENT_EXECUTABLE: [47, 120] }, { process: { executable: '/x' } }],
    ['a field twice', { STEPPARENT_EXECUTABLE: ['/x', '/y'] }, { process: { executable: '/x' } }],
    ['its own time', { _SOURCE_REALTIME_TIMESTAMP: '1000000' }, { '@timestamp': '1970-01-01T00:00:01.000Z' }],
    [
      'a time that no date can be',
      { _SOURCE_REALTIME_TIMESTAMP: '99999999999999999999' },
      { '@timestamp': '2026-04-10T12:00:00.000Z' },
    ],
  ] as const)('%s', ([, change, expected]) => {
    expect(alertOfEntry(entryOf(change))).toMatchObject(expected);
  });

  describe('every fact that the sink writes is read', () => {
    /** The fields that differ: the message is on one line, `threat` has only ids, and `unobserved` only names. */
    const comparable = (field: string, value: unknown): unknown => {
      if (field === 'threat') return fieldsByEnd(value as object[], 'id');
      return field === 'stepparent.unobserved' ? Object.keys(value as object) : value;
    };
    const fieldsByEnd = (threats: object[], end: string) =>
      threats.flatMap((threat) => [
        ...[valueAt(threat, `technique.${end}`) ?? []].flat(),
        ...[valueAt(threat, `technique.subtechnique.${end}`) ?? []].flat(),
      ]);
    const entryFields = (document: StepparentEvent) => {
      const fields: Record<string, string | string[]> = {};
      for (const [name, value] of journalFields(document)) {
        fields[name] = fields[name] === undefined ? value : [fields[name], value].flat();
      }
      return fields;
    };
    const readBack = (document: StepparentEvent) =>
      alertOfEntry(JSON.stringify({ ...entryFields(document), _MACHINE_ID: idA, __REALTIME_TIMESTAMP: '1' })) ?? {};

    test.each(journalFacts.map(({ name, field }) => [name, field]))('%s: %s', (name, field) => {
      const value = valueAt(maximalAlert, field);
      expect(value).toBeDefined();
      expect(entryFields(maximalAlert)).toHaveProperty(name);
      expect(comparable(field, valueAt(readBack(maximalAlert), field))).toEqual(comparable(field, value));
    });

    test('writing the alert again gives the same entry', () => {
      expect(entryFields(readBack(maximalAlert) as StepparentEvent)).toEqual(entryFields(maximalAlert));
    });

    test('journalctl is asked for exactly the fields that the sink writes', () => {
      const own = alertJournalFields.filter((name) => !name.startsWith('_'));
      const derived = ['PRIORITY', 'MESSAGE_ID', 'SYSLOG_IDENTIFIER'];
      expect([...own, ...derived].sort()).toEqual([...journalFieldNames].sort());
    });

    test('derived fields are added', () => {
      expect(readBack(maximalAlert)).toMatchObject({
        event: { category: ['file'] },
        process: { name: 'program 30', parent: { name: 'program 20' } },
        file: { name: 'a.postinst' },
        stepparent: { initiator: { name: 'web app' } },
      });
    });

    const { transaction: _, ...withoutTransaction } = maximalAlert.stepparent;
    test.each<[string, object, string]>([
      ['a file', { destination: undefined }, 'file'],
      ['a connection', { file: undefined }, 'network'],
      ['a transaction', { file: undefined, destination: undefined }, 'package'],
      ['none of them', { file: undefined, destination: undefined, stepparent: withoutTransaction }, 'process'],
      ['a finding', { event: { ...maximalAlert.event, action: 'hunt-finding' } }, 'intrusion_detection'],
    ])('the category of %s', (_, change, category) => {
      const document = { ...maximalAlert, ...change } as StepparentEvent;
      expect(readBack(document)).toMatchObject({ event: { category: [category] } });
    });

    test.each<[string, Partial<StepparentEvent>]>([
      ['an empty list and an empty text', { process: { command_line: '', working_directory: '' } }],
      ['the user 0 without a name', { user: { id: '0' } }],
      ['a user whose name is not known here', { user: { id: '1234' }, stepparent: { login_user: { id: '4321' } } }],
      ['no user', {}],
      ['no packages', { stepparent: { package: { ...maximalPackage, packages: [], packages_count: 0 } } }],
      ['false and 0', { stepparent: { genuine: { parent: false }, lifecycle_script: { manager: 'rpm', depth: 0 } } }],
    ])('%s', (_, part) => {
      const { process, user, stepparent = {} } = part;
      const { alert } = maximalAlert.stepparent;
      const document = { ...maximalAlert, process, user, file: undefined, stepparent: { ...stepparent, alert } };
      const read = readBack(document as unknown as StepparentEvent);
      for (const [field, value] of Object.entries({ process, user, ...stepparent })) {
        const name = field in stepparent ? `stepparent.${field}` : field;
        expect(valueAt(read, name)).toEqual(value);
      }
    });

    test('a value that was cut at the bound is marked', () => {
      const { stepparent } = maximalAlert;
      const packages = Array.from({ length: 64 }, (_, i) => `${'é'.repeat(100)}${i}.deb`);
      const row = { text: 'x'.repeat(10_000) };
      const document: StepparentEvent = {
        ...maximalAlert,
        process: { command_line: '€'.repeat(5000) },
        stepparent: { ...stepparent, package: { ...maximalPackage, packages }, hunt: { id: 'h1', row } },
      };
      const read = alertOfEntry(
        JSON.stringify({
          ...Object.fromEntries(journalFields(document).map(([name, value]) => [name, cutValue(value, fieldBytes)])),
          _MACHINE_ID: idA,
          __REALTIME_TIMESTAMP: '1',
        }),
      );
      expect(read?.stepparent.truncated).toEqual({
        'process.command_line': 8192,
        'stepparent.package.packages': 8192,
        'stepparent.hunt.row': 8192,
      });
      const kept = read?.stepparent.package?.packages ?? [];
      expect(kept.length).toBeGreaterThan(30);
      expect(kept).toEqual(packages.slice(0, kept.length));
      expect(read?.stepparent.hunt).toEqual({ id: 'h1' });
    });
  });

  test.for([
    ['not an alert', { STEPPARENT_RULE: undefined }],
    ['without an id', { STEPPARENT_ALERT_ID: undefined }],
    ['of no host', { _MACHINE_ID: undefined }],
    ['of no time', { __REALTIME_TIMESTAMP: 'then' }],
    [
      'of times that no date can be',
      { _SOURCE_REALTIME_TIMESTAMP: '9'.repeat(20), __REALTIME_TIMESTAMP: '9'.repeat(20) },
    ],
    ['too long for journalctl', { STEPPARENT_RULE: null }],
  ] as const)('skips %s', ([, change]) => {
    expect(alertOfEntry(entryOf(change))).toBeUndefined();
  });

  test('skips lines that are not entries', () => {
    expect(['', '{', '7', 'null', '[]'].map(alertOfEntry)).toEqual(Array(5).fill(undefined));
  });
});

describe.skipIf(journalRemoteMissing)(titled('two hosts', journalRemoteMissing), () => {
  let scratch: string;
  let gathered: string;
  /** The directory with the journal of a third host, which has the largest alert. */
  let other: string;

  const alert = (id: string, rule: string, executable: string, file?: string) =>
    alertDocument({
      agent: { type: 'stepparent', id: `agent-${id}` },
      process: { executable, command_line: `${executable} x` },
      rule: { id: rule },
      stepparent: { alert: { id, terms: [], reason: 'r', state: 'open' } },
      ...(file === undefined ? {} : { file: { path: file } }),
      ...(file === undefined ? {} : { event: { id, kind: 'alert', action: 'creation' } }),
    });

  beforeAll(async () => {
    scratch = mkdtempSync(join(tmpdir(), 'stepparent-journals-'));
    const write =
      (...documents: ReturnType<typeof alert>[]) =>
      async (): Promise<void> => {
        expect(await openJournaldSink().deliver(documents)).toEqual({ delivered: documents.length });
      };
    const info = '/var/lib/dpkg/info';
    const journals = [
      await journalOf(
        'web1',
        idA,
        scratch,
        write(alert('1', 'common', '/usr/bin/dpkg'), alert('2', 'rare', '/tmp/x'), alert('2', 'rare', '/tmp/x')),
      ),
      await journalOf(
        'db1',
        idB,
        scratch,
        write(alert('1', 'common', '/usr/bin/dpkg'), alert('3', 'files', '/tmp/y', `${info}/evil.postinst`)),
      ),
    ];
    gathered = join(scratch, 'gathered');
    await gather(journals, gathered);
    other = join(scratch, 'other');
    await gather([await journalOf('mail1', 'c'.repeat(32), scratch, write(maximalAlert))], other);
  });
  afterAll(() => rmSync(scratch, { recursive: true }));

  const main = join(import.meta.dirname, '../../../agent/main.ts');
  const hunt = (...args: string[]) =>
    new Promise<{ code: number | null; rows: Record<string, unknown>[]; err: string }>((resolve) => {
      const child = execFile(
        process.execPath,
        [main, 'hunt', '--journal', gathered, '--json', ...args],
        (_, out, err) =>
          resolve({
            code: child.exitCode,
            rows: out
              .split('\n')
              .filter(Boolean)
              .map((line) => JSON.parse(line)),
            err,
          }),
      );
    });

  test('counts distinct hosts, and an alert that was delivered twice once', async () => {
    const { code, rows, err } = await hunt('alerts-on-few-hosts');
    expect({ code, err }).toEqual({ code: 0, err: '' });
    expect(rows).toMatchObject([
      {
        'rule.id': 'files',
        'process.executable': '/tmp/y',
        'file.name': 'evil.postinst',
        hosts: 1,
        'host.name': 'db1',
      },
      { 'rule.id': 'rare', 'process.executable': '/tmp/x', hosts: 1, count: 1, 'host.name': 'web1' },
      { 'rule.id': 'common', hosts: 2, count: 2 },
    ]);
  });

  test('hunts over events see the events of alerts', async () => {
    const { rows } = await hunt('package-database-files');
    expect(rows).toMatchObject([{ 'file.name': 'evil.postinst', 'process.executable': '/tmp/y', agents: 1 }]);
  });

  test('without a name, runs each hunt that can query journals', async () => {
    const { code, rows } = await hunt();
    expect(code).toBe(0);
    expect(new Set(rows.map((row) => row.hunt))).toEqual(new Set(['alerts-on-few-hosts', 'package-database-files']));
    expect(await hunt('recent-package-database-changes')).toMatchObject({
      code: 1,
      err: expect.stringContaining('which journals do not contain'),
    });
  });

  test('SQL over the journals returns the facts of each alert', async () => {
    const columns = [
      'stepparent.alert.id',
      'stepparent.initiator.executable',
      'stepparent.genuine.parent',
      'stepparent.script.state',
      'stepparent.script.findings',
    ];
    const sql = `SELECT ${columns.map((name) => `"${name}"`).join(', ')} FROM alerts WHERE "rule.id" = 'r1'`;
    const source = { kind: 'journal', directory: other } as const;
    const { rows } = await askQuery({ source, sql, since: 0, now: 0, limit: 9 }, { timeoutMs: 30_000 });
    const { initiator, script } = maximalAlert.stepparent;
    expect(rows).toEqual([['a1', initiator?.executable, 0, script?.state, JSON.stringify(script?.findings)]]);
  });

  test('applies the window, and reports a missing directory', async () => {
    expect(await hunt('alerts-on-few-hosts', '--since', '2999-01-01')).toMatchObject({ code: 0, rows: [] });
    const nowhere = { kind: 'journal', directory: join(scratch, 'nowhere') } as const;
    const request = { source: nowhere, sql: 'SELECT 1', since: 0, now: 0, limit: 1 };
    await expect(askQuery(request, { timeoutMs: 30_000 })).rejects.toThrow('journalctl: ');
  });
});

// A transaction as an event: its class, its packages, its process, and the answers that come later.

import { describe, expect, test } from 'vitest';
import { ask, known } from '../../../collectors/answer.ts';
import type { StepparentEvent } from '../../../collectors/event/event.ts';
import { ancestorsOf } from '../../../collectors/process/ancestors.ts';
import { createProcessTable } from '../../../collectors/process/process-table.ts';
import type { LostFixes } from '../../../collectors/provenance/lost-fixes.ts';
import type { Provenance } from '../../../collectors/provenance/provenance.ts';
import type {
  ArchiveProvenance,
  DatabaseComparison,
  PackageChange,
  PackageTransaction,
} from '../../../collectors/transactions/package-transaction.ts';
import { observeTransaction } from '../../../collectors/transactions/transaction-event.ts';
import { hostContext, noKnowledge } from '../host/host-context-double.ts';
import { detailsOf, procDouble } from '../proc-double.ts';

const change = (values: Partial<PackageChange> = {}): PackageChange => ({
  name: 'tool',
  version: '1-1',
  architecture: 'noarch',
  action: 'install',
  applied: true,
  ...values,
});

function observe(
  values: Partial<PackageTransaction>,
  ancestorScripts = noKnowledge.ancestorScripts,
  lostFixes?: Provenance['lostFixes'],
) {
  const table = createProcessTable(
    procDouble(
      detailsOf(1, { parentPid: 0 }),
      detailsOf(9, { exe: '/usr/bin/bash' }),
      detailsOf(10, { exe: '/opt/installer', parentPid: 9, args: ['installer', 'x'] }),
    ),
  );
  table.seed();
  const entry = table.find(10);
  if (entry === undefined) throw new Error('no process');
  const packages = values.packages ?? [change()];
  return observeTransaction(
    {
      manager: 'rpm',
      actor: { entry, image: entry.image, ancestors: ancestorsOf(entry) },
      startNs: 5e9,
      endNs: 6.5e9,
      outcome: 'success',
      test: false,
      changed: packages.some(({ applied }) => applied === true),
      root: '/',
      database: '/var/lib/rpm',
      packagesCount: packages.length,
      comparison: undefined,
      notes: { unobserved: {}, inferred: {} },
      ...values,
      packages,
    },
    { ...noKnowledge, table, context: hostContext, ancestorScripts, lostFixes },
  );
}
const eventOf = (values: Partial<PackageTransaction> = {}): StepparentEvent => observe(values).document();

describe('the class of the event', () => {
  const failed = { applied: false };
  test.each<[string, Partial<PackageTransaction>, string[], string | undefined]>([
    ['an installation', {}, ['installation'], 'install'],
    ['an upgrade', { packages: [change({ action: 'upgrade' })] }, ['change'], 'upgrade'],
    ['a downgrade', { packages: [change({ action: 'downgrade' })] }, ['change'], 'downgrade'],
    ['a reinstallation', { packages: [change({ action: 'reinstall' })] }, ['change'], 'reinstall'],
    ['a removal', { packages: [change({ action: 'remove' })] }, ['deletion'], 'remove'],
    [
      'several',
      { packages: [change({ action: 'remove' }), change({ action: 'upgrade' }), change()] },
      ['installation', 'change', 'deletion'],
      'install',
    ],
    [
      'what was applied counts, not what was planned',
      { packages: [change(failed), change({ action: 'remove' })] },
      ['deletion'],
      'remove',
    ],
    ['a test', { test: true, packages: [change(failed)] }, ['info'], 'install'],
    ['a failure', { outcome: 'failure', packages: [change(failed)] }, ['info'], 'install'],
    ['a failure without packages', { outcome: 'failure', packages: [] }, ['info'], undefined],
    ['a change that was not observed', { packages: [], changed: undefined }, ['change'], undefined],
  ])('%s', (_what, values, type, action) => {
    const { event } = eventOf(values);
    expect([event.type, event.action]).toEqual([type, action]);
    expect(event).toMatchObject({
      category: ['package'],
      dataset: 'stepparent.package',
      outcome: values.outcome ?? 'success',
    });
  });
});

describe('the event', () => {
  test('waits for the content of a script above the process, and has its hash', async () => {
    const content = Promise.withResolvers<{ sha256: string }>();
    const script = { index: 0, path: '/usr/bin/bash', hash: ask(content.promise) };
    const { program, document } = observe({}, { mayBeAbove: () => true, above: () => [script] });
    expect(program).toBeDefined();
    content.resolve({ sha256: 'e3b0' });
    await program;
    expect(document().stepparent.lineage?.[0]?.temporary_script).toEqual({ path: '/usr/bin/bash', sha256: 'e3b0' });
    expect(document().process?.parent?.hash).toEqual({ sha256: 'e3b0' });
  });

  test('has packages as lists and as objects, times, process and transaction', () => {
    const upgrade = change({
      name: 'lib',
      action: 'upgrade',
      version: '2-1',
      formerVersion: '1-1',
      architecture: undefined,
    });
    expect(eventOf({ packages: [upgrade, change()] })).toMatchObject({
      '@timestamp': '2026-01-02T03:04:11.500Z',
      event: { start: '2026-01-02T03:04:10.000Z', end: '2026-01-02T03:04:11.500Z', duration: 1_500_000_000 },
      package: { type: 'rpm', name: ['tool', 'lib'], version: ['1-1', '2-1'], architecture: ['noarch', ''] },
      process: {
        pid: 10,
        executable: '/opt/installer',
        args: ['installer', 'x'],
        parent: { executable: '/usr/bin/bash' },
      },
      user: { id: '0', name: 'root' },
      stepparent: {
        lineage: [{ executable: '/usr/bin/bash' }, { pid: 1 }],
        transaction: {
          id: '01234567-10-100',
          manager: 'rpm',
          test: false,
          root: '/',
          database: '/var/lib/rpm',
          packages_count: 2,
          packages: [
            { name: 'tool', version: '1-1', architecture: 'noarch', action: 'install', applied: true },
            { name: 'lib', version: '2-1', action: 'upgrade', former_version: '1-1', applied: true },
          ],
        },
      },
    });
  });

  test('keeps the first 256 packages, changed ones first, and says that others are missing', () => {
    const many = Array.from({ length: 300 }, (_, i) => change({ name: `p${i}`, applied: i === 299 }));
    const { package: lists, stepparent } = eventOf({ packages: many });
    expect(lists?.name?.slice(0, 2)).toEqual(['p299', 'p0']);
    expect(lists?.name).toHaveLength(256);
    expect(stepparent.transaction?.packages_count).toBe(300);
    expect(stepparent.truncated).toEqual({ 'stepparent.transaction.packages': 256 });
  });

  test('without an end has none, and the time of its beginning', () => {
    const { event, '@timestamp': time } = eventOf({ endNs: undefined, outcome: 'unknown' });
    expect(time).toBe(event.start);
    expect(event).not.toHaveProperty('end');
    expect(event).not.toHaveProperty('duration');
  });

  test('two of one process in the same microsecond have different ids', () => {
    expect(eventOf().event.id).not.toBe(eventOf().event.id);
  });
});

describe('the downgrades', () => {
  const lower = change({ action: 'downgrade', version: '1-1', formerVersion: '2-1' });
  const of = (values: Partial<PackageTransaction>) => eventOf({ packages: [lower], ...values }).stepparent;
  const elsewhere = known<DatabaseComparison>({ unobserved: 'other_database' });

  test.each<[string, Partial<PackageTransaction>]>([
    ['of the host', {}],
    ['of the host by another name of its root', { root: '//' }],
    ['in a transaction that failed later', { outcome: 'failure' }],
    ['below a root that was not observed', { root: undefined }],
    ['in a database that could not be compared', { comparison: known({ unobserved: 'database_unreadable' }) }],
    ['beside other changes', { packages: [change(), lower, change({ action: 'remove' })] }],
    [
      'behind more packages than the event has',
      { packages: [...Array.from({ length: 300 }, () => change({ action: 'upgrade' })), lower] },
    ],
  ])('%s', (_what, values) => {
    expect(of(values).transaction?.downgrades).toEqual(['tool 2-1 -> 1-1']);
  });

  test.each<[string, Partial<PackageTransaction>]>([
    ['a reinstallation', { packages: [change({ action: 'reinstall' })] }],
    ['an upgrade', { packages: [change({ action: 'upgrade', version: '2-1', formerVersion: '1-1' })] }],
    ['a removal', { packages: [change({ action: 'remove' })] }],
    ['a downgrade that failed', { packages: [{ ...lower, applied: false }], outcome: 'failure' }],
    ['a downgrade of which it is not known whether it was written', { packages: [{ ...lower, applied: undefined }] }],
    ['a test', { packages: [{ ...lower, applied: false }], test: true }],
    ['another root', { root: '/mnt' }],
    ['another database', { comparison: elsewhere }],
  ])('are none: %s', (_what, values) => {
    expect(of(values).transaction).not.toHaveProperty('downgrades');
  });

  test('are at most 64', () => {
    const { transaction, truncated } = of({ packages: Array.from({ length: 65 }, () => lower) });
    expect(transaction?.downgrades).toHaveLength(64);
    expect(truncated).toEqual({ 'stepparent.transaction.downgrades': 64 });
  });
});

describe('the security updates that were removed', () => {
  const lower = change({ action: 'downgrade', version: '1-1', formerVersion: '2-1' });
  const found: LostFixes = {
    fixes: [{ name: 'tool', version: '1-1', securityVersion: '2-1', suite: 'stable-security' }],
    unobserved: undefined,
  };
  const observed = (values: Partial<PackageTransaction>, answer: Promise<LostFixes> = Promise.resolve(found)) => {
    const asked: unknown[] = [];
    const transaction = observe({ manager: 'dpkg', packages: [lower], ...values }, undefined, (changes) => {
      asked.push(...changes);
      return answer;
    });
    return { ...transaction, asked };
  };

  test('are asked for, and the event waits for the answer', async () => {
    const { asked, fixes, document } = observed({ packages: [change(), lower] });
    expect(asked).toEqual([{ name: 'tool', architecture: 'noarch', version: '1-1', formerVersion: '2-1' }]);
    await fixes;
    const { stepparent } = document();
    expect(stepparent.transaction?.lost_fixes).toEqual(['tool 1-1, stable-security has 2-1']);
    expect(Object.keys(stepparent.unobserved ?? {})).toEqual(['process.env_vars']);
  });

  test('are unobserved with a reason', async () => {
    const { fixes, document } = observed({}, Promise.resolve({ fixes: [], unobserved: 'no_security_lists' }));
    const reason = () => {
      const { 'process.env_vars': _, ...unobserved } = document().stepparent.unobserved ?? {};
      return unobserved;
    };
    expect(reason()).toEqual({ 'stepparent.transaction.lost_fixes': 'not_read_in_time' });
    await fixes;
    expect(reason()).toEqual({ 'stepparent.transaction.lost_fixes': 'no_security_lists' });
    expect(document().stepparent.transaction).not.toHaveProperty('lost_fixes');
  });

  test.each<[string, Partial<PackageTransaction>]>([
    ['an upgrade', { packages: [change({ action: 'upgrade', version: '2-1', formerVersion: '1-1' })] }],
    ['a downgrade that failed', { packages: [{ ...lower, applied: false }] }],
    ['a downgrade by rpm', { manager: 'rpm' }],
  ])('are not asked for: %s', (_what, values) => {
    const { asked, fixes } = observed(values);
    expect([asked, fixes]).toEqual([[], undefined]);
  });
});

describe('packages that are put on hold', () => {
  const hold = (name: string, isHeld = true) => ({ name, version: '1-1', architecture: 'amd64', isHeld });
  const held = { manager: 'dpkg', packages: [], changed: true } as const;

  test.each<[string, Partial<PackageTransaction>, string, object]>([
    ['a hold', { selections: [hold('a')] }, 'hold', { held: ['a 1-1'] }],
    ['a release', { selections: [hold('a', false)] }, 'unhold', { released: ['a 1-1'] }],
    ['both', { selections: [hold('b', false), hold('a')] }, 'hold', { held: ['a 1-1'], released: ['b 1-1'] }],
  ])('%s has an action of its own', (_what, values, action, fields) => {
    const { event, stepparent } = eventOf({ ...held, ...values });
    expect([event.type, event.action]).toEqual([['change'], action]);
    expect(stepparent.transaction).toMatchObject(fields);
    expect(stepparent.transaction).not.toHaveProperty(action === 'hold' && !('released' in fields) ? 'released' : 'x');
  });

  test('beside a change of packages do not name the action', () => {
    const { event } = eventOf({ manager: 'dpkg', selections: [hold('a', false)] });
    expect(event.action).toBe('install');
  });

  test('are cut with a note', () => {
    const selections = Array.from({ length: 65 }, (_, index) => hold(`a${index}`));
    const { stepparent } = eventOf({ ...held, selections });
    expect(stepparent.transaction?.held).toHaveLength(64);
    expect(stepparent.truncated).toEqual({ 'stepparent.transaction.held': 64 });
  });

  test('below a security update name it, and those that are released are not asked for', async () => {
    const asked: unknown[] = [];
    const { fixes, document } = observe(
      { ...held, selections: [hold('a'), hold('b', false)] },
      undefined,
      async (each) => {
        asked.push(each);
        const fix = { name: 'a', version: '1-1', securityVersion: '1-2', suite: 'stable-security' };
        return { fixes: [fix], unobserved: undefined };
      },
    );
    expect(asked).toEqual([[{ name: 'a', architecture: 'amd64', version: '1-1', formerVersion: undefined }]]);
    expect(document().stepparent.unobserved).toMatchObject({
      'stepparent.transaction.blocked_fixes': 'not_read_in_time',
    });
    await fixes;
    const { transaction } = document().stepparent;
    expect(transaction?.blocked_fixes).toEqual(['a 1-1, stable-security has 1-2']);
    expect(transaction).not.toHaveProperty('lost_fixes');
  });
});

describe('the comparison with the database', () => {
  const difference = { package: 'evil-1-1.noarch', kind: 'unreported_addition' } as const;
  test.each<[string, DatabaseComparison | undefined, object]>([
    ['the same', { differences: [], signatures: new Map() }, { verified: true }],
    [
      'differences',
      { differences: [difference], signatures: new Map() },
      { verified: false, differences: [difference] },
    ],
  ])('%s', (_what, comparison, expected) => {
    expect(eventOf({ comparison: known(comparison) }).stepparent.transaction).toMatchObject(expected);
  });
  test.each<[string, DatabaseComparison | undefined, string]>([
    ['another database', { unobserved: 'other_database' }, 'other_database'],
    ['no answer', undefined, 'database_unreadable'],
  ])('%s', (_what, comparison, reason) => {
    const { transaction, unobserved } = eventOf({ comparison: known(comparison) }).stepparent;
    expect(transaction).not.toHaveProperty('verified');
    expect(unobserved).toMatchObject({
      'stepparent.transaction.verified': reason,
      'stepparent.transaction.packages.signature': reason,
    });
  });
  test('gives each package that was not removed its signature', () => {
    const signature = { exists: true, key: '0123456789abcdef', key_imported: false };
    const { transaction } = eventOf({
      packages: [change({ name: 'lib', version: '1:2-1' }), change({ name: 'gone', action: 'remove' })],
      comparison: known({
        differences: [],
        signatures: new Map(['lib-1:2-1.noarch', 'gone-1-1.noarch'].map((name) => [name, signature])),
      }),
    }).stepparent;
    expect(transaction?.packages).toMatchObject([{ name: 'lib', signature }, { name: 'gone' }]);
    expect(transaction?.packages?.[1]).not.toHaveProperty('signature');
  });
  test('of a transaction that only removes packages lacks no signature', () => {
    const comparison = known<DatabaseComparison>({ unobserved: 'database_busy' });
    const { unobserved } = eventOf({ packages: [change({ action: 'remove' })], comparison }).stepparent;
    expect(unobserved).not.toHaveProperty(['stepparent.transaction.packages.signature']);
  });
  test('is waited for, and is in the event that is built afterwards', async () => {
    const observed = observe({
      comparison: ask(Promise.resolve<DatabaseComparison>({ differences: [difference], signatures: new Map() })),
    });
    await observed.database;
    expect(observed.document().stepparent.transaction?.verified).toBe(false);
    expect(observe({}).database).toBe(undefined);
  });
  test('many differences are cut', () => {
    const comparison = known({ differences: Array.from({ length: 100 }, () => difference), signatures: new Map() });
    const { transaction, truncated } = eventOf({ comparison }).stepparent;
    expect(transaction?.differences).toHaveLength(64);
    expect(truncated).toEqual({ 'stepparent.transaction.differences': 64 });
  });
});

describe('where the archives came from', () => {
  const sha256 = 'a'.repeat(64);
  const listed: ArchiveProvenance = {
    fields: { sha256, source: 'repository', repository: { site: 'deb.example.org', signed: true }, superseded: false },
    unobserved: {},
  };
  test('is in the package, and the digest in the list of ECS', () => {
    const event = eventOf({ packages: [change({ provenance: known(listed) }), change({ name: 'other' })] });
    expect(event.stepparent.transaction?.packages?.[0]).toMatchObject(listed.fields);
    expect(event.package?.checksum).toEqual([sha256, '']);
    expect(eventOf().package).not.toHaveProperty('checksum');
  });
  test('is waited for, and is in the event that is built afterwards', async () => {
    const observed = observe({ packages: [change({ provenance: ask(Promise.resolve(listed)) })] });
    await observed.archives;
    expect(observed.document().stepparent.transaction?.packages?.[0]?.source).toBe('repository');
    expect(observe({}).archives).toBe(undefined);
  });
  test.each<[string, ArchiveProvenance | undefined, object]>([
    ['not known in time', undefined, { sha256: 'not_read_in_time', source: 'not_read_in_time' }],
    [
      'a file that was gone',
      { fields: {}, unobserved: { sha256: 'file_gone', source: 'file_gone' } },
      { sha256: 'file_gone', source: 'file_gone' },
    ],
  ])('%s: the reason is in the event', (_what, provenance, reasons) => {
    const { transaction, unobserved } = eventOf({ packages: [change({ provenance: known(provenance) })] }).stepparent;
    expect(transaction?.packages?.[0]).not.toHaveProperty('sha256');
    expect(unobserved).toMatchObject(
      Object.fromEntries(
        Object.entries(reasons).map(([name, reason]) => [`stepparent.transaction.packages.${name}`, reason]),
      ),
    );
  });
});

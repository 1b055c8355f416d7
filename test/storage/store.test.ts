// Opening: permissions, old and foreign and broken files, a second process, and errors that say what to do.

import { execFileSync } from 'node:child_process';
import {
  chmodSync,
  cpSync,
  mkdirSync,
  readdirSync,
  readFileSync,
  renameSync,
  rmSync,
  statSync,
  truncateSync,
  writeFileSync,
} from 'node:fs';
import { join } from 'node:path';
import Database from 'better-sqlite3';
import { describe, expect, onTestFinished, test } from 'vitest';
import { limits } from '../../storage/limits.ts';
import { applicationId, migrations, schemaVersion, unreleasedVersion } from '../../storage/migrations.ts';
import { openStore, openStoreReader, Store, StoreReader } from '../../storage/store.ts';
import { StoreError } from '../../storage/store-error.ts';
import { needsRoot, titled, unmet } from '../needs.ts';
import { day, exampleChange, exampleFinding, start } from './examples.ts';
import { spoilSchema } from './spoil-schema.ts';
import { temporaryDirectory, temporaryStore } from './temporary-store.ts';

const fixture = (version: number) => readFileSync(join(import.meta.dirname, `fixtures/schema-${version}.sql`), 'utf8');

function troubleOf(call: () => unknown): string | undefined {
  try {
    call();
    return undefined;
  } catch (error) {
    expect(error).toBeInstanceOf(StoreError);
    expect((error as Error).message).not.toContain('\n');
    return (error as StoreError).trouble;
  }
}

/** A database that a process left behind without closing it: most of it is still in the write-ahead log. */
function crashedDatabase(path: string): void {
  const from = join(temporaryDirectory(), 'stepparent.db');
  const store = openStore(from, { nowMs: start });
  store.record([exampleFinding(start)], start);
  for (const suffix of ['', '-wal', '-shm']) cpSync(from + suffix, path + suffix);
  store.close();
}

describe('files', () => {
  test('directory 0700 and files 0600, whatever the umask', () => {
    const before = process.umask(0);
    onTestFinished(() => {
      process.umask(before);
    });
    const directory = join(temporaryDirectory(), 'a', 'b');
    const store = temporaryStore({}, join(directory, 'stepparent.db'));
    store.record([exampleFinding(start)], start);
    const mode = (path: string) => (statSync(path).mode & 0o777).toString(8);
    expect([mode(join(directory, '..')), mode(directory)]).toEqual(['700', '700']);
    const files = readdirSync(directory).sort();
    expect(files).toEqual(['stepparent.db', 'stepparent.db-shm', 'stepparent.db-wal']);
    expect(files.map((file) => mode(join(directory, file)))).toEqual(['600', '600', '600']);
  });

  test('restricts the mode of existing files', () => {
    const path = join(temporaryDirectory(), 'stepparent.db');
    crashedDatabase(path);
    for (const suffix of ['', '-wal', '-shm']) chmodSync(path + suffix, 0o644);
    temporaryStore({}, path);
    for (const suffix of ['', '-wal', '-shm']) expect(statSync(path + suffix).mode & 0o777).toBe(0o600);
  });

  test('sets the write-ahead log, vacuum and bounds', () => {
    const path = join(temporaryDirectory(), 'stepparent.db');
    temporaryStore({}, path);
    const db = new Database(path, { readonly: true });
    const read = (name: string) => db.pragma(name, { simple: true });
    expect([read('journal_mode'), read('auto_vacuum'), read('application_id'), read('user_version')]).toEqual([
      'wal',
      2,
      applicationId,
      schemaVersion,
    ]);
    db.close();
  });
});

describe('schema', () => {
  const schemaOf = (db: Database.Database) =>
    db.prepare('SELECT type, name, sql FROM sqlite_schema WHERE sql IS NOT NULL ORDER BY name').all();

  const released = migrations.map((_, i) => unreleasedVersion + i + 1);

  test.each(released)('version %i is the released schema', (version) => {
    const released = new Database(':memory:').exec(fixture(version));
    const built = new Database(':memory:');
    for (const sql of migrations.slice(0, version - unreleasedVersion)) built.exec(sql);
    expect(schemaOf(built)).toEqual(schemaOf(released));
  });

  test.each(released)('a database of version %i opens with all its rows', (version) => {
    const path = join(temporaryDirectory(), 'stepparent.db');
    new Database(path).exec(fixture(version)).close();
    const store = temporaryStore({}, path);
    expect(store.setAside).toBeUndefined();
    expect([...store.listEvents()].map(({ event }) => event.id)).toEqual(['event-1', 'event-2']);
    expect([...store.listAlerts()]).toMatchObject([{ id: '0f'.repeat(16), terms: ['/usr/bin/python3'], count: 2 }]);
    expect([...store.listTerms()].map(({ origin }) => origin)).toEqual(['alert', 'allowed']);
    expect(store.pending('journald', 10, start).map(({ document }) => document.message)).toEqual([
      'an alert',
      'a summary',
    ]);
    expect(store.learning(start)).toMatchObject({ startedMs: 1772532000000, untilMs: 1773136800000 });
    expect(store.summarize(start)).toMatchObject([{ stepparent: { summary: { alerts: 7 } } }]);
    const known = [exampleFinding(start), exampleFinding(start, { eventId: 'event-1' })];
    expect(store.record(known, start).alerts).toEqual([]);
    expect([...store.listEvents()]).toHaveLength(3);
  });
});

describe('set aside', () => {
  const broken: [string, (path: string) => void, RegExp][] = [
    ['text', (path) => writeFileSync(path, 'no database, but long enough for a header\n'.repeat(100)), /damaged/],
    ['a few bytes', (path) => writeFileSync(path, 'xyz'), /damaged/],
    ['another program’s database', (path) => new Database(path).exec('CREATE TABLE t (a)').close(), /not a stepparent/],
    [
      'another program’s, empty but marked',
      (path) => new Database(path).exec('PRAGMA application_id = 7').close(),
      /not a stepparent/,
    ],
    [
      'a newer one',
      (path) =>
        new Database(path).exec(`${fixture(schemaVersion)}; PRAGMA user_version = ${schemaVersion + 1}`).close(),
      /newer/,
    ],
    [
      'one that was never released',
      (path) =>
        new Database(path).exec(`${fixture(schemaVersion)}; PRAGMA user_version = ${unreleasedVersion}`).close(),
      /unreleased/,
    ],
    [
      'a page overwritten',
      (path) => {
        openStore(path, { nowMs: start }).close();
        const bytes = readFileSync(path);
        bytes.fill(0x5a, 4096 * 2, 4096 * 4);
        writeFileSync(path, bytes);
      },
      /damaged|malformed/,
    ],
    [
      'cut short',
      (path) => {
        const store = openStore(path, { nowMs: start });
        for (let i = 0; i < 20; i++) store.record([exampleFinding(start, { terms: [`${i}`] })], start);
        store.close();
        truncateSync(path, 4096 * 5);
      },
      /damaged|malformed/,
    ],
    [
      'emptied, with its log still there',
      (path) => {
        crashedDatabase(path);
        truncateSync(path, 0);
      },
      /write-ahead log is not/,
    ],
  ];

  test.each(broken)('%s', (_, make, reason) => {
    const directory = temporaryDirectory();
    const path = join(directory, 'stepparent.db');
    make(path);
    const evidence = new Map(readdirSync(directory).map((name) => [name, readFileSync(join(directory, name))]));
    const store = temporaryStore({ learningMs: 1000 }, path);
    expect(store.setAside?.reason).toMatch(reason);
    expect(store.setAside?.path).toBe(`${path}.aside-20260303T100000Z`);
    for (const [name, bytes] of evidence) {
      if (!name.endsWith('-shm')) {
        expect(readFileSync(join(directory, name.replace('.db', '.db.aside-20260303T100000Z')))).toEqual(bytes);
      }
    }
    expect(store.learning(start)).toBeUndefined();
    expect(store.record([exampleFinding(start)], start).alerts).toMatchObject([{ state: 'open' }]);
  });

  test('twice in one second: both are kept', () => {
    const directory = temporaryDirectory();
    const path = join(directory, 'stepparent.db');
    for (const text of ['first', 'second']) {
      writeFileSync(path, text);
      openStore(path, { nowMs: start }).close();
    }
    expect(
      readdirSync(directory)
        .filter((name) => name.includes('aside'))
        .sort(),
    ).toEqual(['stepparent.db.aside-20260303T100000Z', 'stepparent.db.aside-20260303T100000Z-2']);
  });

  test('on request, for damage that appears in use: the same store continues with a new file', () => {
    const path = join(temporaryDirectory(), 'stepparent.db');
    const store = temporaryStore({ learningMs: day }, path);
    store.record([exampleFinding(start)], start);
    expect(store.setAside).toBeUndefined();
    for (const suffix of ['', '-wal', '-shm']) chmodSync(path + suffix, 0o644);
    store.replaceDatabase('a row could not be read', start);
    expect(store.setAside).toEqual({
      path: `${path}.aside-20260303T100000Z`,
      reason: 'a row could not be read',
    });
    expect(store.learning(start)).toBeUndefined();
    expect([...store.listEvents()]).toEqual([]);
    expect(store.record([exampleFinding(start)], start).alerts).toMatchObject([{ state: 'open' }]);
    expect(store.pending('journald', 10, start)).toHaveLength(1);
    for (const file of [path, store.setAside?.path ?? '']) expect(statSync(file).mode & 0o777).toBe(0o600);
    const old = openStoreReader(store.setAside?.path ?? '');
    expect([...old.listEvents()]).toHaveLength(1);
    old.close();
  });

  test('on request, repeated after a failure', () => {
    const directory = join(temporaryDirectory(), 'state');
    const path = join(directory, 'stepparent.db');
    const store = temporaryStore({ learningMs: day }, path);
    renameSync(directory, `${directory}.moved`);
    writeFileSync(directory, '');
    expect(() => store.replaceDatabase('first', start)).toThrow(StoreError);
    rmSync(directory);
    renameSync(`${directory}.moved`, directory);
    store.replaceDatabase('first', start);
    expect(store.setAside).toEqual({ path: `${path}.aside-20260303T100000Z`, reason: 'first' });
    expect(store.learning(start)).toBeUndefined();
    expect(store.record([exampleFinding(start)], start).alerts).toHaveLength(1);
  });

  test('not after a crash, and not an empty file', () => {
    const directory = temporaryDirectory();
    crashedDatabase(join(directory, 'crashed.db'));
    writeFileSync(join(directory, 'empty.db'), '');
    expect(temporaryStore({}, join(directory, 'crashed.db')).status().events).toBe(1);
    expect(temporaryStore({}, join(directory, 'empty.db')).setAside).toBeUndefined();
  });

  test.each(broken)('never by a command: %s', (_, make) => {
    const directory = temporaryDirectory();
    const path = join(directory, 'stepparent.db');
    make(path);
    for (const openBeside of [openStoreReader, (file: string) => openStore(file, { mustExist: true })]) {
      const open = () => {
        const reader = openBeside(path);
        reader.learning(start);
        reader.status();
        reader.close();
      };
      if (statSync(path).size > 0) expect(troubleOf(open)).toMatch(/corrupt|foreign|newer|older/);
    }
    expect(readdirSync(directory).filter((name) => name.includes('aside'))).toEqual([]);
  });

  test('damage that appears in use throws a StoreError', () => {
    const path = join(temporaryDirectory(), 'stepparent.db');
    const store = temporaryStore({}, path);
    for (let i = 0; i < 200; i++) store.record([exampleFinding(start, { terms: [`${i}`] })], start);
    store.close();
    const bytes = readFileSync(path);
    // Behind the schema.
    bytes.fill(0x5a, 4096 * 50);
    writeFileSync(path, bytes);
    const reader = openStoreReader(path);
    onTestFinished(() => reader.close());
    expect(troubleOf(() => [...reader.listEvents()])).toBe('corrupt');
    expect(troubleOf(() => reader.status())).toBe('corrupt');
  });

  test('damage while the store is open throws a StoreError in every call until the file is replaced', () => {
    const store = temporaryStore();
    store.record([exampleFinding(start)], start);
    spoilSchema(store.path);
    const calls: Record<string, () => unknown> = {
      record: () => store.record([exampleFinding(start)], start),
      recordHunt: () => store.recordHunt('hunt', [], start),
      summarize: () => store.summarize(start),
      prune: () => store.prune(start),
      pending: () => store.pending('journald', 1, start),
      nextDueMs: () => store.nextDueMs('journald'),
      delivered: () => store.delivered([1]),
      failed: () => store.failed([1], start),
      removeTerm: () => store.removeTerm('rule', '', ['a']),
      allowTerm: () => store.allowTerm('rule', '', ['a'], start),
      allowPattern: () => store.allowPattern('rule', '', ['a*'], start),
      knownFiles: () => [...store.knownFiles('/a')],
      saveKnownFiles: () => store.saveKnownFiles('/a', [], []),
      forgetDirectories: () => store.forgetDirectories('/a', new Set()),
      lastContent: () => store.lastContent('/a'),
      saveContents: () => store.saveContents([], start),
      contentPaths: () => store.contentPaths(),
      watchedList: () => store.watchedList(),
      saveWatchedList: () => store.saveWatchedList(1),
      packageSources: () => store.packageSources(),
      savePackageSources: () => store.savePackageSources(new Map()),
      saveScripts: () => store.saveScripts([], start),
      scriptsOf: () => store.scriptsOf({ package: 'a', version: '1', phase: 'postinst' }),
      versionKnown: () => store.versionKnown('a', '1', start),
      scriptsComplete: () => store.scriptsComplete(),
      completeScripts: () => store.completeScripts(start),
      addFoundPackages: () =>
        store.addFoundPackages({
          manager: 'dpkg',
          host: { hostId: 'a', hostName: 'a' },
          foundBy: 'listing',
          changes: [{ ...exampleChange('a', '1'), timeMs: start, timeSource: 'listing' }],
        }),
      installedPackages: () => store.installedPackages('dpkg'),
      firstListedMs: () => store.firstListedMs('dpkg'),
      completeFirstList: () => store.completeFirstList('dpkg', start),
      digestsBeginMs: () => store.digestsBeginMs(start),
      listAlerts: () => [...store.listAlerts()],
      listEvents: () => [...store.listEvents({ limit: 1 })],
      listTerms: () => [...store.listTerms()],
      alertsByPrefix: () => store.alertsByPrefix('a'),
      lastAlertSeq: () => store.lastAlertSeq(),
      alertMark: () => store.alertMark(),
      moveAlertMark: () => store.moveAlertMark(1),
      beginRun: () => store.beginRun('a', start),
      keepAlive: () => store.keepAlive(start),
      endRun: () => store.endRun(start),
      reviewAlerts: () =>
        store.reviewAlerts(['a'], { state: 'closed', timeMs: start, by: 'alice', reason: undefined }, []),
      countAlerts: () => store.countAlerts(),
      suppressed: () => store.suppressed(),
      listIncidents: () => store.listIncidents({ states: ['open'], limit: 1 }),
      incidentAlerts: () => [...store.incidentAlerts('a')],
      transactionsByPrefix: () => store.transactionsByPrefix('a'),
      transactionEvents: () => [...store.transactionEvents('a')],
      countTransactionEvents: () => store.countTransactionEvents('a'),
      listScripts: () => store.listScripts(),
      scriptsByPrefix: () => store.scriptsByPrefix('a'),
      learning: () => store.learning(start),
      status: () => store.status(),
    };
    const troubles = () => Object.entries(calls).map(([name, call]) => [name, troubleOf(call)]);
    expect(troubles()).toEqual(Object.keys(calls).map((name) => [name, 'corrupt']));
    store.replaceDatabase('damaged', start);
    expect(troubles()).toEqual(Object.keys(calls).map((name) => [name, undefined]));
    const others = ['constructor', 'run', 'iterate', 'close', 'setAside', 'damage', 'translated', 'replaceDatabase'];
    const methods = [StoreReader, Store].flatMap(({ prototype }) => Object.getOwnPropertyNames(prototype));
    expect(Object.keys(calls).sort()).toEqual(methods.filter((name) => !others.includes(name)).sort());
  });
});

describe('while the agent runs', () => {
  test('a reader sees commits while the agent writes', () => {
    const path = join(temporaryDirectory(), 'stepparent.db');
    const agent = temporaryStore({}, path);
    agent.record([exampleFinding(start)], start);
    const reader = openStoreReader(path);
    onTestFinished(() => reader.close());
    const listing = reader.listAlerts();
    expect(listing.next().value).toMatchObject({ count: 1 });
    agent.record([exampleFinding(start), exampleFinding(start, { terms: ['x'] })], start);
    expect(listing.next().done).toBe(true);
    expect([...reader.listAlerts()].map(({ count }) => count)).toEqual([2, 1]);
    expect('record' in reader).toBe(false);
  });

  test('another process may edit the baseline', () => {
    const path = join(temporaryDirectory(), 'stepparent.db');
    const agent = temporaryStore({}, path);
    const command = temporaryStore({ mustExist: true }, path);
    agent.record([exampleFinding(start)], start);
    expect(command.removeTerm('dpkg-by-unusual-parent', '', ['/usr/bin/python3'])).toBe(true);
    command.allowTerm('dpkg-by-unusual-parent', '', ['x'], start);
    const { alerts } = agent.record([exampleFinding(start), exampleFinding(start, { terms: ['x'] })], start);
    expect(alerts.map(({ terms }) => terms)).toEqual([['/usr/bin/python3']]);
  });

  test('a missing database throws a StoreError', () => {
    const path = join(temporaryDirectory(), 'stepparent.db');
    expect(() => openStoreReader(path)).toThrow(`${path}: no database yet; start the agent first`);
    expect(troubleOf(() => openStoreReader(path))).toBe('missing');
    expect(troubleOf(() => openStore(join(path, '..', 'none', 'x.db'), { mustExist: true }))).toBe('missing');
    writeFileSync(path, '');
    expect(troubleOf(() => openStoreReader(path))).toBe('missing');
  });

  test('a lock that is held too long throws a StoreError', { timeout: 4 * limits.busyTimeoutMs }, () => {
    const path = join(temporaryDirectory(), 'stepparent.db');
    const agent = temporaryStore({}, path);
    const other = new Database(path).exec('BEGIN IMMEDIATE');
    onTestFinished(() => {
      other.close();
    });
    expect(troubleOf(() => agent.record([exampleFinding(start)], start))).toBe('busy');
    other.exec('ROLLBACK');
    expect(agent.record([exampleFinding(start)], start).alerts).toHaveLength(1);
  });
});

function namespacesMissing(): string | undefined {
  try {
    execFileSync('unshare', ['--mount', '--map-root-user', 'true'], { stdio: 'ignore' });
    return undefined;
  } catch {
    return 'this user cannot make mount namespaces';
  }
}

describe('errors of the file system', () => {
  const child = join(import.meta.dirname, 'record-until-error.ts');
  const noNamespaces = unmet(namespacesMissing());
  /** Runs the child in a mount namespace of its own, after `mount`; gives the trouble that ended it. */
  const runIn = (mount: string, directory: string) =>
    execFileSync(
      'unshare',
      [
        '--mount',
        '--map-root-user',
        'sh',
        '-c',
        `${mount} && exec "$@"`,
        'sh',
        process.execPath,
        child,
        join(directory, 'stepparent.db'),
      ],
      { encoding: 'utf8' },
    );

  test.skipIf(noNamespaces)(titled('a full disk: a clear line, and what was committed stays', noNamespaces), () => {
    const directory = temporaryDirectory();
    const answer = JSON.parse(runIn(`mount -t tmpfs -o size=512k tmpfs "${directory}"`, directory));
    expect(answer).toEqual({
      trouble: 'full',
      message: expect.stringMatching(/^\S+: no space left on the device or in the quota; free some space \(.*\)$/),
      recorded: expect.any(Number),
      readBack: answer.recorded,
    });
    expect(answer.recorded).toBeGreaterThan(0);
  });

  test('a directory that cannot be created, as below one that a service may not write', () => {
    expect(() => openStore('/proc/nowhere/stepparent.db')).toThrow(
      expect.objectContaining({
        name: 'StoreError',
        trouble: 'read-only',
        message: expect.stringMatching(/^\/proc\/nowhere\/stepparent\.db: cannot create its directory; .*ENOENT/),
      }),
    );
  });

  test.skipIf(noNamespaces)(titled('a read-only file system', noNamespaces), () => {
    const directory = temporaryDirectory();
    const answer = JSON.parse(runIn(`mount -t tmpfs -o ro tmpfs "${directory}"`, directory));
    expect(answer).toMatchObject({ trouble: 'read-only', recorded: 0 });
  });

  test.skipIf(needsRoot)(titled('a folder without permission', needsRoot), () => {
    const directory = temporaryDirectory();
    chmodSync(directory, 0o755);
    const inside = join(directory, 'private');
    mkdirSync(inside, { mode: 0o700 });
    openStore(join(inside, 'stepparent.db')).close();
    process.seteuid?.(65534);
    try {
      const path = join(inside, 'stepparent.db');
      expect(() => openStoreReader(path)).toThrow(/^\S+: permission denied; run as root \(EACCES.*\)$/);
      expect(troubleOf(() => openStore(path, { mustExist: true }))).toBe('privilege');
      expect(troubleOf(() => openStore(path))).toBe('privilege');
    } finally {
      process.seteuid?.(0);
    }
  });
});

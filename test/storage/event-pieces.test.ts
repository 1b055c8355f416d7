// Events come back byte for byte from the pieces that they are stored in; pieces are shared, and go when no event needs them.

import { readdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import Database from 'better-sqlite3';
import { describe, expect, onTestFinished, test } from 'vitest';
import type { LineageStep, ProcessFields, StepparentEvent } from '../../collectors/event/event.ts';
import { fields, isOfEvent } from '../../collectors/event/fields.ts';
import { healthEvent } from '../../collectors/event/health-event.ts';
import { valueAt } from '../../collectors/event/read-path.ts';
import type { JudgedEvent } from '../../detectors/judge.ts';
import { documentSql } from '../../storage/document-sql.ts';
import { prepareInsertEvent } from '../../storage/event-rows.ts';
import { limits } from '../../storage/limits.ts';
import { migrations } from '../../storage/migrations.ts';
import { openAlertDatabase } from '../../storage/query-database.ts';
import type { Store } from '../../storage/store.ts';
import { maximalAlert } from '../maximal-documents.ts';
import { day, exampleEvent, exampleFinding, start } from './examples.ts';
import { temporaryDirectory, temporaryStore } from './temporary-store.ts';

type Leader = NonNullable<ProcessFields['session_leader']>;

const parent: ProcessFields = {
  pid: 20,
  entity_id: '01234567-20-100',
  start: '2026-03-03T09:00:00.000Z',
  executable: '/usr/bin/bash',
  name: 'bash',
  args: ['bash', '-c', 'dpkg -i x.deb'],
  args_count: 3,
  command_line: 'bash -c dpkg -i x.deb',
  user: { id: '0', name: 'root' },
  supplemental_groups: [{ id: '7' }],
  working_directory: '/root',
};

/** The order of a step's keys is its own. */
const steps: LineageStep[] = [20, 10, 1].map((pid) => ({
  entity_id: `01234567-${pid}-100`,
  pid,
  name: 'bash',
  executable: '/usr/bin/bash',
  args: ['bash'],
  start: '2026-03-03T09:00:00.000Z',
  user: { id: '0' },
  working_directory: '/',
}));

function execEvent(id: string, change: Partial<ProcessFields> = {}): StepparentEvent {
  const event = exampleEvent(id, start);
  return {
    ...event,
    event: { ...event.event, created: new Date(start + 7).toISOString() },
    process: {
      ...parent,
      pid: 30,
      entity_id: '01234567-30-100',
      executable: '/usr/bin/dpkg',
      name: 'dpkg',
      args: ['dpkg', '-i', 'x.deb'],
      command_line: 'dpkg -i x.deb',
      ...change,
      session_leader: { ...(parent as Leader), same_as_process: false },
      group_leader: { pid: 30, same_as_process: true },
      parent: parent as NonNullable<ProcessFields['parent']>,
    },
    stepparent: {
      exec: { filename: './dpkg' },
      image: { path: '/usr/bin/dpkg' },
      lineage: steps,
      lifecycle_script: { manager: 'dpkg', path: '/var/lib/dpkg/info/a.postinst', depth: 1 },
      transaction: { id: '01234567-10-100', executable: '/usr/bin/apt-get' },
      unobserved: { 'process.tty': 'process_exited' },
      inferred: { 'process.user': 'nearest_ancestor' },
      truncated: { 'stepparent.lineage': 16 },
    },
  };
}

function withProcess(change: (process: ProcessFields) => object): StepparentEvent {
  const event = execEvent('e');
  return { ...event, process: change(event.process as ProcessFields) as ProcessFields };
}

/** A document of which JSON has a key that assigning would not make. */
const withKey = (key: string): StepparentEvent =>
  JSON.parse(JSON.stringify(execEvent('e')).replace('"pid":30', `"${key}":{"a":1},"pid":30`));

const {
  session_leader,
  group_leader,
  parent: maximalParent,
  ...maximalProcess
} = maximalAlert.process as ProcessFields;

/** The keys of its processes are in the order that collectors give them. */
const maximal: StepparentEvent = {
  ...maximalAlert,
  process: { ...maximalProcess, ...{ session_leader, group_leader, parent: maximalParent } } as ProcessFields,
};

const controls = Array.from({ length: 0x20 }, (_, i) => String.fromCharCode(i)).slice(1);
const texts = ['', ' ', '"', '\\', '\\u0000', '/', "'", '\x7f', '\u2028', '\ufeff', '\ufffd', 'é', '😀', ...controls];

/** Documents of collectors: what they consist of is stored in pieces only. */
const usual: [string, StepparentEvent][] = [
  ['an exec', execEvent('e')],
  ['every field', maximal],
  ['a file', { ...maximal, '@timestamp': '2026-04-10T12:00:00.123Z', file: { ...maximal.file, size: 2 ** 40 } }],
  ['a file of a process that is not known', { ...maximal, process: { pid: 7 } }],
  ['no process', (({ process, ...event }) => event)(execEvent('e'))],
  ['no parent', withProcess(({ parent: _, ...process }) => process)],
  ['no leaders', withProcess(({ session_leader: _, group_leader: __, ...process }) => process)],
  ['no lineage', { ...execEvent('e'), stepparent: {} }],
  ['a lineage without steps', { ...execEvent('e'), stepparent: { lineage: [] } }],
  [
    '16 ancestors',
    {
      ...execEvent('e'),
      stepparent: { lineage: Array.from({ length: 16 }, (_, i) => ({ ...steps[0], pid: i }) as LineageStep) },
    },
  ],
  ['a step with little', { ...execEvent('e'), stepparent: { lineage: [{ entity_id: '', pid: 0 }] } }],
  ['a time in the future', { ...execEvent('e'), '@timestamp': '2126-01-01T00:00:00.000Z' }],
  [
    'a time that is none',
    {
      ...execEvent('e'),
      '@timestamp': 'yesterday',
      event: { ...execEvent('e').event, created: '2026-02-30T00:00:00.000Z' },
    },
  ],
  [
    'an argument of 128 KiB',
    execEvent('e', { args: ['sh', 'x y '.repeat(2 ** 15)], command_line: `sh ${'x y '.repeat(2 ** 15)}` }),
  ],
  ['no arguments', execEvent('e', { args: [], command_line: '' })],
  ['an argument that is empty', execEvent('e', { args: ['a', '', 'b'], command_line: 'a  b' })],
  ['a command line of other words', execEvent('e', { args: ['a', 'b'], command_line: 'a c' })],
  ['a command line without arguments', withProcess(({ args, ...process }) => process)],
  ['__proto__', withKey('__proto__')],
  [
    'a health event',
    healthEvent(
      {
        host: { clock: { nowMs: () => start } },
        hostFields: { id: 'h' },
        agent: { type: 'stepparent' },
        sensor: 'tracefs',
      } as never,
      'records-lost',
      'it overflowed',
      3,
    ),
  ],
  ...texts.map((text): [string, StepparentEvent] => [
    JSON.stringify(text),
    {
      ...execEvent(`e${text}`, {
        args: [`a${text}`],
        command_line: `a${text}`,
        executable: text,
        working_directory: text,
      }),
      file: { path: `/${text}`, name: text, mtime: text },
      user: { id: '0', name: text },
    },
  ]),
];

const storiesDirectory = join(import.meta.dirname, '../stories');

/** The alerts of recorded stories, as the events that they report. */
const ofStories = readdirSync(storiesDirectory)
  .filter((name) => name.endsWith('.alert.json'))
  .flatMap((name) => JSON.parse(readFileSync(join(storiesDirectory, name), 'utf8')) as StepparentEvent[])
  .map((document): [string, StepparentEvent] => [`a story of ${document.rule?.id}`, document]);

/** What does not fit into the pieces is stored whole beside them. */
const unusual: [string, StepparentEvent][] = [
  ['keys in another order', maximalAlert],
  ['a lone surrogate', execEvent('e', { executable: '/\ud800', args: ['\udfff'], command_line: '\udfff' })],
  ['NUL', execEvent('e', { working_directory: 'a\0b', args: ['a\0b'] })],
  ['a lone surrogate in the path of a file', { ...maximal, file: { path: '/\ud800', name: '\ud800' } }],
  ['a path that its column cuts', { ...maximal, file: { path: `/${'x'.repeat(5000)}` } }],
  ['a process with a parent only', withProcess(({ parent: only }) => ({ parent: only }))],
  [
    'a leader that is not said to be the process or another',
    withProcess((process) => ({ ...process, session_leader: parent })),
  ],
  [
    'a leader that begins with it',
    withProcess((process) => ({ ...process, session_leader: { same_as_process: true, pid: 1 } })),
  ],
  ['values of other types', execEvent('e', { pid: '30', start: 7, args: 'x', command_line: null } as never)],
];

function inserted(documents: readonly StepparentEvent[]): Database.Database {
  const db = new Database(':memory:');
  onTestFinished(() => void db.close());
  for (const sql of migrations) db.exec(sql);
  const events = prepareInsertEvent(db);
  for (const document of documents)
    events.insert(document, Math.min(Date.parse(document['@timestamp']) || start, start + day), start);
  return db;
}

const select = `SELECT ${documentSql} AS document, document IS NULL AS inPieces FROM events e ORDER BY id`;

describe('byte for byte', () => {
  test.each([...usual, ...ofStories])('%s', (_, document) => {
    expect(inserted([document]).prepare(select).all()).toEqual([{ document: JSON.stringify(document), inPieces: 1 }]);
  });

  test.each(unusual)('stores the whole document: %s', (_, document) => {
    expect(inserted([document]).prepare(select).all()).toEqual([{ document: JSON.stringify(document), inPieces: 0 }]);
  });

  test('all documents in one database, with shared rows', () => {
    const documents = [...usual, ...ofStories, ...unusual, ...usual].map(([, document], i) => ({
      ...document,
      event: { ...document.event, id: `${i}` },
    }));
    const rows = inserted(documents).prepare<[], { document: string }>(select).all();
    expect(rows.map(({ document }) => document)).toEqual(documents.map((document) => JSON.stringify(document)));
  });
});

/** Of a leader the columns have all. */
const longLeader = {
  ...maximal,
  process: {
    ...maximal.process,
    session_leader: {
      ...maximal.process?.session_leader,
      executable: '/e'.repeat(5000),
      command_line: 'x '.repeat(5000),
    },
  },
} as StepparentEvent;

describe.each([
  ['in pieces', maximal],
  ['stored whole', maximalAlert],
  ['with a leader of long texts', longLeader],
])('the columns of an event %s', (_, document) => {
  const names = fields.filter((field) => field.within === undefined && isOfEvent(field)).map(({ name }) => name);
  const inSql = (name: string): unknown => {
    const value = valueAt(document, name);
    if (['event.category', 'event.type'].includes(name)) return [value].flat()[0];
    return typeof value === 'boolean' ? Number(value) : typeof value === 'object' ? JSON.stringify(value) : value;
  };

  test('fields read one by one, and all at once', async () => {
    const database = await openAlertDatabase([document], []);
    onTestFinished(() => database.close());
    const ask = (sql: string) => [...database.ask(sql, { since: 0, now: 0 }).rows][0];
    for (const name of names) expect([name, ask(`SELECT "${name}" FROM events`)?.[0]]).toEqual([name, inSql(name)]);
    const all = names.map((name) => `"${name}"`).join(', ');
    expect(ask(`SELECT ${all} FROM events`)).toEqual(names.map(inSql));
  });
});

const judged = (event: StepparentEvent): JudgedEvent => ({ event, scope: '', verdicts: [] });

function countsOf(store: Store): Record<string, number> {
  const db = new Database(store.path, { readonly: true });
  const tables = ['events', 'generations', 'processes', 'parts', 'origins'];
  const counts = tables.map((table) => [table, db.prepare(`SELECT count(*) FROM ${table}`).pluck().get() as number]);
  db.close();
  return Object.fromEntries(counts);
}

const execs = (count: number, prefix: string, change: Partial<StepparentEvent> = {}): JudgedEvent[] =>
  Array.from({ length: count }, (_, i) =>
    judged({ ...execEvent(`${prefix}${i}`, { pid: i, entity_id: `${prefix}${i}` }), ...change }),
  );

const documentsOf = (store: Store): string[] => [...store.listEvents()].map((event) => JSON.stringify(event));
const textsOf = (events: readonly JudgedEvent[]): string[] => events.map(({ event }) => JSON.stringify(event));

describe('a shared row', () => {
  test('is stored once, however often its object is built again', () => {
    const store = temporaryStore();
    store.record(execs(1, 'a'), start);
    const { processes = 0, parts, origins } = countsOf(store);
    store.record(structuredClone(execs(10, 'b')), start);
    expect(countsOf(store)).toMatchObject({ events: 11, processes: processes + 10, parts, origins });
  });

  test.each([
    { args: 'one long list of arguments', areShared: true, rows: 1 },
    { args: 'equal lists', areShared: false, rows: 10 },
  ])('of a process is stored $rows times for 10 events with $args', ({ areShared, rows }) => {
    const store = temporaryStore();
    store.record(execs(1, 'a'), start);
    const { processes = 0 } = countsOf(store);
    const long = Array.from({ length: 1000 }, (_, i) => `file-${i}`);
    const withArgs = (id: string, name: string): JudgedEvent => {
      const args = areShared ? long : [...long];
      return judged(execEvent(id, { pid: 5, entity_id: name, args, command_line: args.join(' ') }));
    };
    const events = Array.from({ length: 10 }, (_, i) => withArgs(`event ${i}`, 'touch'));
    store.record(events, start);
    expect(countsOf(store).processes).toBe(processes + rows);
    // Another process, which has inherited the arguments.
    const others = [withArgs('child', 'child'), withArgs('event 10', 'touch')];
    store.record(others, start);
    expect(documentsOf(store).slice(1)).toEqual(textsOf([...events, ...others]));
  });

  test('is stored again after a batch that was rolled back', () => {
    const store = temporaryStore();
    const broken = judged({ ...execEvent('broken'), ...{ unreadable: 1n } });
    expect(() => store.record([...execs(2, 'a'), broken], start)).toThrow(TypeError);
    expect(countsOf(store)).toEqual({ events: 0, generations: 0, processes: 0, parts: 0, origins: 0 });
    const events = execs(2, 'a');
    store.record(events, start);
    expect(documentsOf(store)).toEqual(textsOf(events));
  });

  test('is not reused from an older generation', () => {
    const path = join(temporaryDirectory(), 'stepparent.db');
    const [first, second] = [temporaryStore({}, path), temporaryStore({}, path)];
    const batches = [1, 2, 3, 4].map((n) => execs(2, `batch ${n} `));
    for (const [i, batch] of batches.entries()) (i % 2 === 0 ? first : second).record(batch, start);
    expect(documentsOf(first)).toEqual(textsOf(batches.flat()));
  });

  test('is forgotten when the database is replaced', () => {
    const store = temporaryStore();
    store.record(execs(2, 'a'), start);
    store.replaceDatabase('damaged', start);
    const events = execs(2, 'b');
    store.record(events, start);
    expect(documentsOf(store)).toEqual(textsOf(events));
  });

  test('is deleted after the last event that needs it, and not before', () => {
    const store = temporaryStore();
    const old = execs(1500, 'old');
    const recent = execs(1500, 'recent');
    store.record(old, start);
    store.record(recent, start + 10 * day);
    while (store.prune(start + 15 * day).more);
    expect(documentsOf(store)).toEqual(textsOf(recent));
    // The second generation has events of both batches, the third only recent ones.
    expect(countsOf(store)).toMatchObject({ generations: 2 });
    while (store.prune(start + 40 * day).more);
    expect(countsOf(store)).toMatchObject({ events: 0, generations: 1 });
    const later = execs(2, 'later');
    store.record(later, start + 40 * day);
    expect(documentsOf(store)).toEqual(textsOf(later));
  });

  test('is deleted after its own events, even if newer events of other users were deleted before', () => {
    const path = join(temporaryDirectory(), 'stepparent.db');
    const recordAnew = (events: JudgedEvent[]): Store => {
      const store = temporaryStore({}, path);
      store.record(events, start);
      return store;
    };
    const byOthers = { user: { id: '1000' } };
    const root = execs(2, 'root');
    recordAnew([...root, ...execs(1, 'first others ', byOthers)]);
    const store = recordAnew(execs(2, 'others ', byOthers));
    new Database(path).exec("DELETE FROM events WHERE user_class <> 'root'").close();
    const others = execs(1, 'later others ', byOthers);
    store.record(others, start);
    const last = execs(1, 'last');
    const newest = recordAnew(last);
    while (newest.prune(start).more);
    expect(documentsOf(newest)).toEqual(textsOf([...root, ...others, ...last]));
  });

  test("other users' events keep no rows of root’s events", () => {
    const store = temporaryStore();
    const root = execs(40, 'root');
    for (let i = 0; i < 40; i++) {
      store.record(execs(200, `others ${i} `, { user: { id: '1000' } }), start);
      store.record(root.slice(i, i + 1), start);
    }
    const before = countsOf(store);
    while (store.prune(start, { maxBytes: 400_000 }).more);
    const after = countsOf(store);
    expect(documentsOf(store).filter((text) => text.includes('"event":{"id":"root'))).toEqual(textsOf(root));
    expect(before.processes).toBeGreaterThan(8000);
    // Only the rows of the newest generation stay without their events.
    expect(after.processes).toBeLessThan(1500);
  });

  test('needs no steps of its own: events are deleted as fast as they can be recorded', () => {
    const store = temporaryStore();
    const count = 4 * 1024;
    store.record(execs(count, 'old'), start);
    store.record(execs(1, 'new'), start + 10 * day);
    let steps = 1;
    for (; store.prune(start + 10 * day, { maxBytes: 1 }).more; steps++);
    expect(countsOf(store)).toMatchObject({ events: 0 });
    expect(steps).toBeLessThan(count / limits.pruneRows + 5);
  });

  test('a step checks only the oldest generations with events', () => {
    const path = join(temporaryDirectory(), 'stepparent.db');
    for (let i = 0; i < 10; i++) temporaryStore({}, path).record(execs(1, `batch ${i} `), start);
    const store = temporaryStore({}, path);
    store.record(execs(1, 'newest'), start);
    const db = new Database(path);
    onTestFinished(() => void db.close());
    const { processes = 0 } = countsOf(store);
    db.exec(`DELETE FROM events WHERE event_id = 'batch 9 0'`);
    while (store.prune(start).more);
    expect(countsOf(store)).toMatchObject({ generations: 11, processes });
    db.exec(`DELETE FROM events WHERE event_id < 'batch 5'`);
    while (store.prune(start).more);
    expect(countsOf(store)).toMatchObject({ generations: 5, processes: (processes / 11) * 5 });
  });

  test('long arguments of other users take no space that alerts and root’s events need', () => {
    const store = temporaryStore();
    const root = Array.from({ length: 5 }, (_, i) => exampleFinding(start, { terms: [`${i}`] }));
    store.record(root, start);
    const argument = 'x'.repeat(2 ** 17);
    for (const [i, { event }] of execs(100, 'others ', { user: { id: '1000' } }).entries()) {
      const process = { ...event.process, args: ['a', argument], command_line: `a ${argument}`, pid: i };
      store.record([judged({ ...event, process } as StepparentEvent)], start);
    }
    while (store.prune(start, { maxBytes: 10 * 1024 * 1024 }).more);
    expect(documentsOf(store)).toEqual(textsOf(root));
    expect(store.status()).toMatchObject({ alerts: { open: 5 }, outbox: { journald: { waiting: 5 } } });
  });
});

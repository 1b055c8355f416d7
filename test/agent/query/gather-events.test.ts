// Events of many hosts, gathered in files: what is read of them, and what is left out with a note.

import { execFileSync, spawn } from 'node:child_process';
import {
  appendFileSync,
  existsSync,
  mkdirSync,
  mkdtempSync,
  readdirSync,
  readFileSync,
  renameSync,
  rmSync,
  statSync,
  symlinkSync,
  truncateSync,
  writeFileSync,
} from 'node:fs';
import { tmpdir } from 'node:os';
import { dirname, join } from 'node:path';
import { gzipSync, zstdCompressSync } from 'node:zlib';
import { afterEach, beforeEach, describe, expect, onTestFinished, test, vi } from 'vitest';
import { findEventFiles, nothingLeftOut, readLines } from '../../../agent/query/event-files.ts';
import { withGatheredEvents } from '../../../agent/query/gather-events.ts';
import { sqlFunctions } from '../../../detectors/query/esql-functions.ts';
import { openGatheredDatabase } from '../../../storage/gathered-database.ts';
import { execEvent, fileEvent } from '../../detectors/hunts/hunt-events.ts';

const sql = 'SELECT "agent.id", count(*) FROM events GROUP BY 1 ORDER BY 1';
let directory: string;
/** Where the temporary databases go. */
let scratch: string;

beforeEach(() => {
  directory = mkdtempSync(join(tmpdir(), 'stepparent-gather-'));
  scratch = mkdtempSync(join(tmpdir(), 'stepparent-scratch-'));
  vi.stubEnv('TMPDIR', scratch);
});
afterEach(() => {
  vi.unstubAllEnvs();
  for (const each of [directory, scratch]) rmSync(each, { recursive: true, force: true });
});

const lineOf = (agent: string): string =>
  `${JSON.stringify(fileEvent('/var/lib/dpkg/info/a.list', null, { agent }))}\n`;

function put(name: string, content: string | Buffer): string {
  const file = join(directory, name);
  mkdirSync(dirname(file), { recursive: true });
  writeFileSync(file, content);
  return file;
}

async function gather(statement = sql) {
  return await withGatheredEvents(directory, [statement], async ({ source, notes }) => {
    if (source.kind !== 'gathered') throw new Error('another source');
    const database = openGatheredDatabase(source.path, sqlFunctions);
    try {
      return { rows: [...database.ask(statement, { since: 0, now: 0 }).rows], notes };
    } finally {
      database.close();
    }
  });
}

test('reads plain and compressed files, rotated ones, in directories below', async () => {
  put('web1/1.ndjson', lineOf('plain'));
  put('web1/1.ndjson.1', lineOf('rotated'));
  put('web2/x/events.json.gz', Buffer.concat([gzipSync(lineOf('gz')), gzipSync(lineOf('gz'))]));
  put('web2/x/events.jsonl-20260301.zst', zstdCompressSync(lineOf('zst')));
  put('no-newline.json', lineOf('last').trimEnd());
  put('empty.ndjson', '');
  put('blank.ndjson', '\n \r\n');
  expect(await gather()).toEqual({
    rows: [
      ['gz', 2],
      ['last', 1],
      ['plain', 1],
      ['rotated', 1],
      ['zst', 1],
    ],
    notes: ['6 events of 5 hosts in 7 files'],
  });
});

test('an event in several files counts once', async () => {
  const line = lineOf('a');
  put('1.ndjson', line + line);
  put('2.ndjson', line);
  const { rows, notes } = await gather();
  expect(rows).toEqual([['a', 1]]);
  expect(notes).toEqual(['1 event of 1 host in 2 files, 2 events more than once']);
});

test('a note says that events with the same id differ', async () => {
  const event = execEvent('/usr/bin/curl evil', {}, { agent: 'a' });
  const forged = { ...event, process: { ...event.process, executable: '/usr/bin/true' } };
  put('1.ndjson', [forged, event, forged, event].map((each) => JSON.stringify(each)).join('\n'));
  const { rows, notes } = await gather('SELECT "process.executable" FROM events ORDER BY 1');
  expect(rows).toEqual([['/usr/bin/curl'], ['/usr/bin/true']]);
  expect(notes[1]).toBe('events that differ from another with the same event.id and host.id: 1; all are rows');
});

test('a note says that two hosts have the same agent.id', async () => {
  const event = fileEvent('/a', null, { agent: 'clone' });
  for (const id of ['one', 'two']) put(`${id}.ndjson`, JSON.stringify({ ...event, host: { id } }));
  const { rows, notes } = await gather('SELECT count(DISTINCT "host.id") FROM events');
  expect(rows).toEqual([[2]]);
  expect(notes[1]).toBe('values of agent.id that several hosts have, as clones do: 1; count by host.id');
});

describe('bad input', () => {
  test('damaged lines are left out and counted, with the first place', async () => {
    const file = put('1.ndjson', `${lineOf('a')}{"broken\n${lineOf('b')}[]\n`);
    appendFileSync(file, Buffer.from([0xff, 0xfe, 0x00, 0x0a]));
    expect(await gather()).toEqual({
      rows: [
        ['a', 1],
        ['b', 1],
      ],
      notes: ['2 events of 2 hosts in 1 file', `3 lines without an event left out, the first: line 2 of ${file}`],
    });
  });

  test('of a file that is damaged what is before is read', async () => {
    const whole = gzipSync(Array.from({ length: 2000 }, () => lineOf('a')).join(''), { level: 0 });
    put('cut.ndjson.gz', whole.subarray(0, whole.length - 200_000));
    put('not.ndjson.gz', lineOf('b'));
    put('not.ndjson.zst', lineOf('b'));
    put('good.ndjson', lineOf('c'));
    const { rows, notes } = await gather();
    expect(rows).toEqual([
      ['a', expect.any(Number)],
      ['c', 1],
    ]);
    expect(notes[1]).toMatch(/^3 files not read to the end, the first: .*\.(gz|zst): /);
  });

  test('a line of 1 GB is passed over', async () => {
    const file = put('1.ndjson', lineOf('a'));
    truncateSync(file, 1024 ** 3);
    appendFileSync(file, `\n${lineOf('b')}`);
    const before = process.memoryUsage().rss;
    const { rows, notes } = await gather();
    expect(rows.map(([agent]) => agent)).toEqual(['a', 'b']);
    expect(notes[1]).toBe(`1 line without an event left out, the first: line 2 of ${file}`);
    expect(process.memoryUsage().rss - before).toBeLessThan(200 * 1024 ** 2);
  });

  test('a file that expands to zeros or to blank lines is not read to its end', async () => {
    const event = gzipSync(lineOf('a'));
    const zeros = gzipSync(Buffer.alloc(16 * 1024 ** 2), { level: 9 });
    const lines = gzipSync('\n'.repeat(1_000_000));
    put('lines.ndjson.gz', Buffer.concat([gzipSync(lineOf('a')), lines, event]));
    const file = put('zeros.ndjson.gz', Buffer.concat([event, ...Array.from({ length: 17 }, () => zeros), event]));
    put('flat.ndjson', lineOf('b'));
    const { rows, notes } = await gather();
    expect(rows).toEqual([
      ['a', 2],
      ['b', 1],
    ]);
    const [, note = ''] = notes;
    expect(note).toMatch(/^2 files not read to the end, the first: /);
    const reasons = [`${file}: expands to more than 500 times its size`, 'more than 100000 lines without an event'];
    expect(reasons.filter((reason) => note.includes(reason))).toHaveLength(1);
  });

  test('lines of small objects and ids of megabytes do not fill the memory', () => {
    const line = JSON.stringify(fileEvent('/a', null, { agent: 'a' }));
    const withHost = (id: string, args: string): string =>
      `${line.slice(0, -1)},"host":{"id":"${id}"},"process":{"args":[${args}]}}\n`;
    for (let i = 0; i < 200; i++)
      appendFileSync(join(directory, 'ids.ndjson'), withHost(`${i}${'x'.repeat(4_000_000)}`, ''));
    put(
      'objects.ndjson',
      withHost('one', `${'{},'.repeat(1_300_000)}1`) + withHost('two', `${'{},'.repeat(2_000_000)}1`),
    );
    const module = join(import.meta.dirname, '../../../agent/query/gather-events.ts');
    const program = `
      const { withGatheredEvents } = await import(${JSON.stringify(module)});
      const sql = 'SELECT "host.id", "process.args" FROM events';
      const notes = await withGatheredEvents(${JSON.stringify(directory)}, [sql], async ({ notes }) => notes);
      console.log(JSON.stringify({ notes, mebibytes: process.resourceUsage().maxRSS / 1024 }));`;
    const run = execFileSync(process.execPath, ['--input-type=module', '-e', program], { encoding: 'utf8' });
    const { notes, mebibytes } = JSON.parse(run);
    expect(notes[0]).toMatch(/ of 2 hosts in 2 files/);
    expect(notes).toContainEqual(expect.stringMatching(/^1 line without an event left out, the first: line 2 of /));
    expect(mebibytes).toBeLessThan(600);
  }, 60_000);

  test('at the bound of events, a note names the host with the most', async () => {
    const event = fileEvent('/a', null, { agent: 'a' });
    const of = (host: string, n: number): string =>
      `${JSON.stringify({ ...event, host: { id: host }, event: { ...event.event, id: `${n}` } })}\n`;
    put('1.ndjson', of('quiet', 1) + [1, 2, 3, 4, 5].map((n) => of('loud', n)).join(''));
    const notes = await withGatheredEvents(directory, [sql], async (gathered) => gathered.notes, { maxEvents: 4 });
    expect(notes).toContain('only the first 4 events were read; 3 of them have the host.id loud');
  });

  test('symlinks, fifos, sockets and files of other names are not read', async () => {
    put('a/1.ndjson', lineOf('a'));
    put('a/.new', lineOf('b'));
    put('a/alerts.txt', lineOf('b'));
    symlinkSync('..', join(directory, 'a/loop'));
    symlinkSync('1.ndjson', join(directory, 'a/2.ndjson'));
    execFileSync('mkfifo', [join(directory, 'a/fifo.ndjson')]);
    const { rows, notes } = await gather();
    expect(rows).toEqual([['a', 1]]);
    expect(notes.slice(1)).toEqual([
      `1 file not read to the end, the first: ${directory}/a/fifo.ndjson: not a regular file`,
      expect.stringMatching(/^2 symlinks not followed, the first: /),
      expect.stringMatching(/^2 files passed over by name, the first: /),
    ]);
  });

  test('a symlink that takes the place of a directory is not followed', async () => {
    put('below/host/1.ndjson', 'own\n');
    put('elsewhere/1.ndjson', 'other\n');
    const leftOut = nothingLeftOut();
    for (const file of findEventFiles(join(directory, 'below'), leftOut)) {
      renameSync(join(directory, 'below/host'), join(directory, 'moved'));
      symlinkSync('../elsewhere', join(directory, 'below/host'));
      for await (const lines of readLines(file)) expect(lines).toEqual(['own']);
      expect(readFileSync(file.path, 'utf8')).toBe('other\n');
    }
    expect(leftOut.file.count).toBe(0);
    expect.assertions(3);
  });

  test('directories that are too deep are named', async () => {
    put(`${'d/'.repeat(40)}1.ndjson`, lineOf('a'));
    const { rows, notes } = await gather();
    expect(rows).toEqual([]);
    expect(notes[1]).toMatch(/^directories not read: 1, the first: .*more than 32 directories deep$/);
  });

  test('no such directory', async () => {
    directory = join(directory, 'nowhere');
    await expect(gather()).rejects.toThrow(`--events ${directory}: no such directory`);
    expect(readdirSync(scratch)).toEqual([]);
  });

  test.for([
    ['a\x1b[31mb', 'a\\x1b[31mb: no such directory'],
    ['loop', 'loop: ELOOP'],
    ['x'.repeat(300), 'x: ENAMETOOLONG'],
  ] as const)('the name of a directory that cannot be opened is escaped: %j', async ([name, message]) => {
    symlinkSync('loop', join(directory, 'loop'));
    const gathering = withGatheredEvents(join(directory, name), [sql], () => Promise.resolve());
    await expect(gathering).rejects.toMatchObject({ name: 'QueryEnded', message: expect.stringContaining(message) });
  });

  test('no directory for the database', async () => {
    vi.stubEnv('TMPDIR', join(scratch, 'nowhere'));
    await expect(gather()).rejects.toMatchObject({ name: 'StoreError' });
  });
});

describe('the temporary directory', () => {
  test('is private, and goes also after an error', async () => {
    put('1.ndjson', lineOf('a'));
    const modes = await withGatheredEvents(directory, [sql], async () => {
      const [name = ''] = readdirSync(scratch);
      return statSync(join(scratch, name)).mode & 0o777;
    });
    expect(modes).toBe(0o700);
    const failure = withGatheredEvents(directory, [sql], () => Promise.reject(new Error('it failed')));
    await expect(failure).rejects.toThrow('it failed');
    expect(readdirSync(scratch)).toEqual([]);
  });

  test.for(['SIGINT', 'SIGTERM', 'SIGHUP'] as const)('goes when %s ends the process', async (signal) => {
    put('1.ndjson', lineOf('a'));
    const module = join(import.meta.dirname, '../../../agent/query/gather-events.ts');
    const program = `
      const { withGatheredEvents } = await import(${JSON.stringify(module)});
      await withGatheredEvents(${JSON.stringify(directory)}, [${JSON.stringify(sql)}], async ({ source }) => {
        console.log(source.path);
        await new Promise((resolve) => setTimeout(resolve, 60_000));
      });`;
    const child = spawn(process.execPath, ['--input-type=module', '-e', program], {
      env: { ...process.env, TMPDIR: scratch },
      stdio: ['ignore', 'pipe', 'inherit'],
    });
    onTestFinished(() => void child.kill('SIGKILL'));
    const path = await new Promise<string>((resolve) => {
      child.stdout.once('data', (data: Buffer) => resolve(data.toString().trim()));
    });
    expect(existsSync(path)).toBe(true);
    child.kill(signal);
    const ended = await new Promise((resolve) => {
      child.once('close', (_, endedBy) => resolve(endedBy));
    });
    expect(ended).toBe(signal);
    expect(readdirSync(scratch)).toEqual([]);
  });
});

test('1,000 hosts with 100 events each', async () => {
  for (let host = 0; host < 1000; host++) {
    const lines = Array.from({ length: 100 }, (_, i) => {
      const command = i === 0 && host < 3 ? '/tmp/odd' : `/usr/bin/tool-${i % 10} ${i}`;
      return JSON.stringify(execEvent(command, {}, { agent: `agent-${host}` }));
    });
    put(`host-${host}/1.ndjson`, lines.join('\n'));
  }
  const rare = `SELECT "process.executable", count(*), count(DISTINCT "agent.id") AS agents FROM process_events
    GROUP BY 1 HAVING agents <= 3`;
  expect(await gather(rare)).toEqual({
    rows: [['/tmp/odd', 3, 3]],
    notes: ['100000 events of 1000 hosts in 1000 files'],
  });
}, 60_000);

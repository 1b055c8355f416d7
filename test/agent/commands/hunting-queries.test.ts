// Queries of the constructs that published hunts use, through `stepparent query`, and the shipped hunts over the same host: both with the
// rows that follow from the events by hand, and each difference between the two by name.

import { execFile } from 'node:child_process';
import {
  mkdirSync,
  mkdtempSync,
  readFileSync,
  rmSync,
  statSync,
  symlinkSync,
  utimesSync,
  writeFileSync,
} from 'node:fs';
import { tmpdir, userInfo } from 'node:os';
import { join } from 'node:path';
import { promisify } from 'node:util';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import type { StepparentEvent } from '../../../collectors/event/event.ts';
import { parseHunt } from '../../../detectors/hunts/load-hunts.ts';
import { openStore } from '../../../storage/store.ts';
import { dayMs, execEvent, fileEvent } from '../../detectors/hunts/hunt-events.ts';

const top = join(import.meta.dirname, '../../..');
const hourMs = 3_600_000;
const startMs = Date.now();
const weekMs = 7 * dayMs;
const info = '/var/lib/dpkg/info';
const dpkg = '/usr/bin/dpkg';
const rpm = '/usr/bin/rpm';

/** Where an event's row is: in the answer of the ES|QL query, of the shipped hunt, of both, of neither. */
type Listed = 'both' | 'query' | 'hunt' | 'neither';

interface Placed {
  event: StepparentEvent;
  listed: Listed;
}

/** The event on a Linux host, that long ago. */
function placed(event: StepparentEvent, listed: Listed, { ageMs = hourMs, os = 'linux', type = 'start' } = {}): Placed {
  return {
    event: {
      ...event,
      '@timestamp': new Date(startMs - ageMs).toISOString(),
      host: { ...event.host, os: { type: os } },
      event: { ...event.event, type: [type] },
    },
    listed,
  };
}

const files: readonly Placed[] = [
  placed(fileEvent(`${info}/twice.postinst`), 'both'),
  placed(fileEvent(`${info}/twice.postinst`), 'both', { ageMs: 2 * dayMs }),
  placed(fileEvent(`${info}/moved.prerm`, '/tmp/evil', { action: 'rename' }), 'both'),
  placed(fileEvent(`${info}/unobserved.config`, null), 'both'),
  placed(fileEvent('/var/lib/rpm/rpmdb.sqlite', rpm), 'both'),
  placed(fileEvent('/var/lib/rpm/below/it', '/tmp/evil'), 'both'),
  placed(fileEvent(`${info}/just-inside.preinst`), 'both', { ageMs: weekMs - hourMs }),
  ...['a', 'b', 'c'].map((agent) => placed(fileEvent(`${info}/three.preinst`, dpkg, { agent }), 'both')),
  ...['a', 'b', 'c', 'd'].map((agent) => placed(fileEvent(`${info}/four.preinst`, dpkg, { agent }), 'neither')),
  placed(fileEvent(`${info}/just-outside.preinst`), 'neither', { ageMs: weekMs + hourMs }),
  placed(fileEvent(`${info}/x.postinst`, '/tmp/evil', { action: 'modification' }), 'neither'),
  placed(fileEvent(`${info}/x.postinst`, '/tmp/evil', { action: 'deletion' }), 'neither'),
  placed(fileEvent(`${info}/x.list-new`), 'neither'),
  placed(fileEvent(`${info}/x.list`), 'neither'),
  placed(fileEvent(`${info}/x.md5sums`), 'neither'),
  placed(fileEvent(`${info}/x.md5sums.old`), 'neither'),
  placed(fileEvent('/var/lib/rpm/__db.001', rpm), 'neither'),
  placed(fileEvent('/var/lib/dpkg/status'), 'neither'),
  placed(fileEvent('/var/lib/dpkg/info-old/x.postinst', '/tmp/evil'), 'neither'),
  placed(fileEvent('/VAR/LIB/DPKG/INFO/x.postinst', '/tmp/evil'), 'neither'),
  placed(execEvent(`${info}/x.postinst`), 'neither'),
  // No other system has an agent: the hunt does not ask.
  placed(fileEvent(`${info}/of-another-system.postinst`), 'hunt', { os: 'macos' }),
  placed(fileEvent('/usr/lib/sysimage/rpm/strange', '/tmp/evil'), 'hunt'),
  placed(fileEvent(`/srv/image${info}/strange.postinst`, '/tmp/evil'), 'hunt'),
  placed(fileEvent('/var/lib/rpm/rpmdb.sqlite-wal', rpm), 'query'),
];

const below = (parent: StepparentEvent['process'], depth?: number) =>
  ({
    process: { parent },
    ...(depth === undefined
      ? {}
      : { stepparent: { lifecycle_script: { manager: 'dpkg', path: `${info}/x.postinst`, depth } } }),
  }) as Partial<StepparentEvent>;
const script = { executable: `${info}/x.postinst`, command_line: `/bin/sh ${info}/x.postinst configure` };
const scriptlet = { executable: '/usr/bin/bash', command_line: '/bin/sh /var/tmp/rpm-tmp.a1B2c3 1' };
const shell = { executable: '/usr/bin/bash', command_line: 'bash -c x' };

const execs: readonly Placed[] = [
  placed(execEvent('/usr/bin/systemctl daemon-reload', below(script, 1)), 'both'),
  placed(execEvent('/usr/bin/systemctl daemon-reload', below(scriptlet)), 'both'),
  placed(execEvent('/usr/bin/curl http://x', below(script)), 'both', { ageMs: weekMs - hourMs }),
  placed(execEvent('/usr/bin/curl http://y', below(scriptlet)), 'both'),
  ...['a', 'b', 'c'].map((agent) => placed(execEvent('/usr/bin/three', below(script, 1), { agent }), 'both')),
  ...['a', 'b', 'c', 'd'].map((agent) => placed(execEvent('/usr/bin/four', below(script, 1), { agent }), 'neither')),
  placed(execEvent('/tmp/old', below(script, 1)), 'neither', { ageMs: weekMs + hourMs }),
  placed(execEvent('/tmp/ended', below(script, 1), { action: 'end' }), 'neither', { type: 'end' }),
  placed(execEvent('/tmp/x', below(shell)), 'neither'),
  placed(execEvent('/tmp/x', below({ executable: dpkg, command_line: 'dpkg -i x.deb' })), 'neither'),
  placed(execEvent('/tmp/x', below({ executable: '/var/lib/dpkg/info-old/x.postinst' })), 'neither'),
  placed(execEvent('/tmp/x', below({ command_line: '/bin/sh /var/tmp/rpm-tmpx' })), 'neither'),
  placed(execEvent(`${info}/x.postinst`, below({ executable: dpkg })), 'neither'),
  placed(fileEvent(`${info}/y.postinst`, null, { action: 'attribute-change' }), 'neither'),
  placed(execEvent('/tmp/grandchild', below(shell, 2)), 'hunt'),
  placed(execEvent('/tmp/of-a-preinst', below({ executable: '/var/lib/dpkg/tmp.ci/preinst' })), 'hunt'),
  placed(execEvent('/tmp/of-another-tmppath', below({ command_line: '/bin/sh /dev/shm/rpm-tmp.x 1' })), 'hunt'),
];

let directory: string;
let config: string;
const packageFiles = () => join(directory, 'info');
const rpmFiles = () => join(directory, 'rpm');
const ageOf = (days: number) => new Date(startMs - days * dayMs);

beforeAll(() => {
  directory = mkdtempSync(join(tmpdir(), 'stepparent-hunting-'));
  config = join(directory, 'config.toml');
  writeFileSync(config, `directories.state = "${directory}/state"\ndirectories.runtime = "${directory}/run"\n`);
  const store = openStore(join(directory, 'state', 'stepparent.db'), { nowMs: Date.now() - 30 * dayMs });
  const events = [...files, ...execs].map(({ event }) => ({ event, scope: '' as const, verdicts: [] }));
  store.record(events, Date.now());
  store.close();

  for (const path of [packageFiles(), rpmFiles(), join(rpmFiles(), 'directory'), join(directory, 'beside')])
    mkdirSync(path);
  const put = (path: string, days: number, text = 'x\n') => {
    writeFileSync(path, text);
    utimesSync(path, ageOf(30), ageOf(days));
  };
  put(join(packageFiles(), 'recent.postinst'), 0, '#!/bin/sh\n');
  put(join(packageFiles(), '.hidden'), 6.9);
  put(join(packageFiles(), 'old.postinst'), 7.1);
  put(join(rpmFiles(), 'rpmdb.sqlite'), 1);
  put(join(rpmFiles(), 'directory', 'deeper'), 0);
  put(join(directory, 'beside', 'recent'), 0);
  symlinkSync('rpmdb.sqlite', join(rpmFiles(), 'link'));
});
afterAll(() => rmSync(directory, { recursive: true }));

type Row = Record<string, string | number | null>;

async function rowsOf(...args: readonly string[]): Promise<Row[]> {
  const command = [join(top, 'agent/main.ts'), ...args, '--json', '--config', config];
  const { stdout } = await promisify(execFile)(process.execPath, command);
  return stdout
    .split('\n')
    .filter((line) => line !== '')
    .map((line) => JSON.parse(line) as Row);
}

/** One line for each group of the events that are listed there: the fields, how many events, how many agents. */
function groupsOf(
  events: readonly Placed[],
  where: 'query' | 'hunt',
  valuesOf: (event: StepparentEvent) => (string | undefined)[],
): string[] {
  const groups = new Map<string, { count: number; agents: Set<string> }>();
  for (const { event, listed } of events) {
    if (listed !== 'both' && listed !== where) continue;
    const key = valuesOf(event)
      .map((value) => value ?? 'null')
      .join(' | ');
    const group = groups.get(key) ?? { count: 0, agents: new Set() };
    groups.set(key, { count: group.count + 1, agents: group.agents.add(event.agent.id ?? '') });
  }
  return [...groups].map(([key, { count, agents }]) => `${key} | ${count} | ${agents.size}`).sort();
}

const linesOf = (rows: readonly Row[], columns: readonly string[]): string[] =>
  rows.map((row) => columns.map((column) => String(row[column])).join(' | ')).sort();

const isAscending = (values: readonly unknown[]): boolean =>
  values.every((value, i) => i === 0 || Number(values[i - 1]) <= Number(value));

const fileNames = ({ file, process }: StepparentEvent) => [process?.executable, file?.name];
const commands = ({ process }: StepparentEvent) => [process?.executable, process?.command_line];

describe('files in package databases, rare by program and name', () => {
  test('the ES|QL query lists what follows from its conditions', async () => {
    const rows = await rowsOf(
      'query',
      `FROM logs-endpoint.events.file-*
| WHERE host.os.type == "linux" AND @timestamp > NOW() - 7 days
| KEEP agent.id, process.executable, file.name, file.path, event.action
| WHERE (file.path LIKE "/var/lib/rpm/*" OR file.path LIKE "/var/lib/dpkg/info/*") AND event.action IN ("creation", "rename")
// Files that each installation makes.
| WHERE NOT (file.name LIKE "*.md5sums*" OR file.name LIKE "__db*.*" OR file.name LIKE "*.list" OR file.name LIKE "*-new")
| STATS hosts = COUNT_DISTINCT(agent.id), seen = COUNT() BY process.executable, file.name
| WHERE hosts <= 3
| SORT seen ASC
| LIMIT 100`,
    );
    expect(linesOf(rows, ['process.executable', 'file.name', 'seen', 'hosts'])).toEqual(
      groupsOf(files, 'query', fileNames),
    );
    expect(Object.keys(rows[0] ?? {})).toEqual(['hosts', 'seen', 'process.executable', 'file.name']);
    expect(isAscending(rows.map(({ seen }) => seen))).toBe(true);
  });

  test('the shipped hunt lists the same, and each difference by name', async () => {
    const rows = await rowsOf('hunt', 'package-database-files');
    expect(linesOf(rows, ['process.executable', 'file.name', 'count', 'agents'])).toEqual(
      groupsOf(files, 'hunt', fileNames),
    );
    expect(isAscending(rows.map(({ count }) => count))).toBe(true);
  });
});

describe('programs that package scripts ran, rare by program and command line', () => {
  test('the ES|QL query lists what follows from its conditions', async () => {
    const rows = await rowsOf(
      'query',
      `from logs-endpoint.events.process-*
| where event.action == "exec" and event.type == "start" and host.os.type == "linux"
| keep @timestamp, agent.id, process.command_line, process.executable, process.parent.executable, process.parent.command_line
| where (process.parent.executable like "/var/lib/dpkg/info/*" or process.parent.command_line like "*/var/tmp/rpm-tmp.*")
    and @timestamp > now() - 7 days
| stats hosts = count_distinct(agent.id), seen = count() by process.command_line, process.executable
| where hosts <= 3
| sort seen asc
| limit 100`,
    );
    expect(linesOf(rows, ['process.executable', 'process.command_line', 'seen', 'hosts'])).toEqual(
      groupsOf(execs, 'query', commands),
    );
    expect(isAscending(rows.map(({ seen }) => seen))).toBe(true);
  });

  test('the shipped hunt lists the same, and each difference by name', async () => {
    const rows = await rowsOf('hunt', 'lifecycle-script-children');
    expect(linesOf(rows, ['process.executable', 'process.command_line', 'count', 'agents'])).toEqual(
      groupsOf(execs, 'hunt', commands),
    );
    expect(isAscending(rows.map(({ count }) => count))).toBe(true);
  });
});

describe('files of package databases that changed recently', () => {
  test('the osquery query lists what was modified in seven days, with owner, times and size', async () => {
    const rows = await rowsOf(
      'query',
      `SELECT f.path, f.filename, f.size AS bytes, g.groupname AS owning_group, u.username AS owner,
  datetime(f.btime, 'unixepoch') AS born, datetime(f.ctime, 'unixepoch') AS changed,
  datetime(f.mtime, 'unixepoch') AS modified, datetime(f.atime, 'unixepoch') AS accessed
FROM file f
LEFT JOIN groups g ON f.gid = g.gid
LEFT JOIN users u ON f.uid = u.uid
WHERE (mtime > strftime('%s', 'now') - (7 * 86400)) -- a week
  AND (f.path LIKE '${rpmFiles()}/%' OR f.path LIKE '${packageFiles()}/%'); -- of either manager`,
    );
    const names = ['.hidden', 'recent.postinst', 'directory', 'link', 'rpmdb.sqlite'];
    expect(rows.map(({ filename }) => filename).sort()).toEqual(names.sort());
    const recent = rows.find(({ filename }) => filename === 'recent.postinst');
    const { mtime, ctime, birthtime } = statSync(join(packageFiles(), 'recent.postinst'));
    const shown = (time: Date) => time.toISOString().slice(0, 19).replace('T', ' ');
    expect(recent).toEqual({
      path: join(packageFiles(), 'recent.postinst'),
      filename: 'recent.postinst',
      bytes: 10,
      owning_group: expect.any(String),
      owner: userInfo().username,
      born: shown(birthtime),
      changed: shown(ctime),
      modified: shown(mtime),
      accessed: expect.stringContaining(shown(ageOf(30)).slice(0, 10)),
    });
  });

  test('the shipped hunt lists these, what only its status change shows, and one directory deeper', async () => {
    const file = join(top, 'detectors/hunts/recent-package-database-changes.toml');
    const { query } = parseHunt(file, readFileSync(file, 'utf8'));
    const here = query.replaceAll(info, packageFiles()).replaceAll('/var/lib/rpm', rpmFiles());
    const rows = (await rowsOf('query', here)).filter(({ path }) => String(path).startsWith(directory));
    const names = ['.hidden', 'deeper', 'old.postinst', 'recent.postinst', 'directory', 'link', 'rpmdb.sqlite'];
    expect(rows.map(({ filename }) => filename).sort()).toEqual(names.sort());
    const modified = new Map(rows.map(({ filename, modified: at }) => [filename, String(at).slice(0, 10)]));
    expect(modified.get('old.postinst')).toBe(ageOf(7.1).toISOString().slice(0, 10));
  });
});

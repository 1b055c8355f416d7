// The status as text: what is shown, and that nothing in it can start a line.

import { expect, test } from 'vitest';
import { localTime } from '../../agent/local-time.ts';
import { type AgentStatus, formatStatus, type StoreFacts } from '../../agent/status.ts';

const time = '2026-04-10T12:00:00.000Z';
const local = localTime(time);

const store: StoreFacts = {
  path: '/var/lib/stepparent/stepparent.db',
  schema_version: 1,
  size_bytes: 1_572_864,
  events: 12,
  oldest_event: time,
  terms: { alert: 2, trusted: 1 },
  alerts: { open: 2, learning: 0, capped: 0, excepted: 4 },
  outbox: { journald: { waiting: 3, failing: 1, oldest: time } },
  learning: { started: time, until: time, active: false },
};

const running: AgentStatus = {
  pid: 42,
  version: '0.1.0',
  started: time,
  state: 'degraded',
  degraded: ['5 records of processes lost', 'events wait in memory: disk\n full'],
  configuration: ['/etc/stepparent/config.toml'],
  warnings: ['/etc/stepparent/config.toml:1: unknown key "a\n"'],
  reloaded: { last: time, refused: '/etc/stepparent/rules.d/x.toml:3:1: no\x1b' },
  restart_needed: ['sensor', 'alerts'],
  sensor: {
    name: 'tracefs',
    argv: ['entry probe on /usr/bin/dpkg', '/proc for everything else'],
    reasons: ['/usr/bin/rpm is not probed: ENOENT\nforged \x1b[2J'],
    unprobed: [],
    records: 1000,
    lost_events: 5,
    malformed_pages: 0,
    undecodable_records: 1,
    recovered_records: 0,
  },
  packages: {
    folders: [
      { path: '/var/lib/dpkg/info', by: 'fanotify', files: 3000 },
      { path: '/var/lib/rpm', real_path: '/rpm', by: 'chokidar', reason: 'fanotify_init: EPERM', files: 5 },
    ],
    missing: ['/var/lib/dpkg'],
    told: 12,
    untold: 3,
    ignored: 5,
    uncounted: 0,
  },
  processes: 231,
  processes_refused: 0,
  rules: {
    loaded: ['a', 'b'],
    refused: [{ file: '/r/x.toml', id: undefined, line: 3, column: 1, message: 'unknown key', excerpt: '' }],
  },
  hunts: {
    scheduled: [
      { id: 'rare', last: time, rows: 7, findings: 2, taken: 3 },
      { id: 'broken', last: time, findings: 0, trouble: 'no such table: x\n' },
      { id: 'later', findings: 0 },
    ],
    refused: [{ file: '/h/y.toml', id: undefined, line: 2, column: 1, message: 'unknown key', excerpt: '' }],
  },
  exceptions: { in_force: 2, expired: 1, warnings: ['/c/a.toml:3: it\x1b[2J'] },
  known_front_ends: true,
  store,
  sinks: [
    { name: 'journald', delivered: 7, failed: 2, trouble: { message: 'no journald', since: time, retry: time } },
    { name: 'ndjson', delivered: 10, failed: 0 },
  ],
  uncommitted: { waiting: 0, dropped: 0 },
  faults: [{ what: 'disk full', count: 2, last: time }],
  rss_bytes: 70 * 1_048_576,
  cpu_seconds: 1.25,
};

test('a running agent', () => {
  expect(formatStatus(running)).toBe(`stepparent 0.1.0 is degraded (pid 42, since ${local})
  degraded       5 records of processes lost
                 events wait in memory: disk\\n full
  configuration  /etc/stepparent/config.toml
                 /etc/stepparent/config.toml:1: unknown key "a\\n"
  reloaded       ${local}, refused: /etc/stepparent/rules.d/x.toml:3:1: no\\x1b
                 a restart is needed for: sensor, alerts
  sensor         tracefs
  arguments      entry probe on /usr/bin/dpkg
                 /proc for everything else
  limits         /usr/bin/rpm is not probed: ENOENT\\nforged \\x1b[2J
  received       1000 records, 5 lost
                 1 undecodable records
  packages       /var/lib/dpkg/info by fanotify, 3000 files
                 /var/lib/rpm (/rpm) by chokidar (no fanotify: fanotify_init: EPERM), 5 files
                 /var/lib/dpkg is missing
                 12 changes told
                 3 changes not told: too many
                 5 changes of other users' files, not told
  processes      231 known
  rules          2 loaded: a, b
                 refused: /r/x.toml:3:1: unknown key
  hunts          rare: ${local}, 7 rows, 2 told since the start (3 taken as known at the first run)
                 broken: ${local}, no such table: x\\n
                 later: has not run yet
                 refused: /h/y.toml:2:1: unknown key
  exceptions     2 in force, 1 expired
                 /c/a.toml:3: it\\x1b[2J
  front ends     verified ones count as known
  learning       ended ${local}
  baseline       3 terms (2 alert, 1 trusted)
  alerts         6 stored (2 open, 4 excepted)
  events         12 stored, since ${local}
  database       /var/lib/stepparent/stepparent.db, 1.5 MiB
  to journald    7 delivered, 3 waiting since ${local}
                 no journald; next try ${local}
  to ndjson      10 delivered, 0 waiting
  faults         disk full (2 times, last ${local})
  uses           70.0 MiB memory, 1.3 s CPU
`);
});

test('a stopped agent shows its store, if there is one', () => {
  expect(formatStatus({ state: 'stopped' })).toBe('stepparent is not running\n');
  expect(formatStatus({ state: 'stopped', store: { ...store, outbox: {}, terms: {} } }).split('\n')).toEqual([
    'stepparent is not running',
    `  learning       ended ${local}`,
    '  baseline       0 terms',
    '  alerts         6 stored (2 open, 4 excepted)',
    `  events         12 stored, since ${local}`,
    '  database       /var/lib/stepparent/stepparent.db, 1.5 MiB',
    '',
  ]);
});

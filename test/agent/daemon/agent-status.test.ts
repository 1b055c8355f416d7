// The status as text: its content, and that no value in it can start a line.

import { expect, test } from 'vitest';
import { type AgentStatus, formatStatus, type StoreFacts } from '../../../agent/daemon/agent-status.ts';
import { localTime } from '../../../agent/output/local-time.ts';

const time = '2026-04-10T12:00:00.000Z';
const local = localTime(time);

const store: StoreFacts = {
  path: '/var/lib/stepparent/stepparent.db',
  schema_version: 1,
  size_bytes: 1_572_864,
  events: 12,
  oldest_event: time,
  terms: { alert: 2, allowed: 1 },
  alerts: { open: 2, learning: 0, rate_limited: 0, suppressed: 4 },
  outbox: { journald: { waiting: 3, failing: 1, oldest: time } },
  learning: { started: time, until: time, active: false },
};

const running: AgentStatus = {
  pid: 42,
  version: '0.1.0',
  started: time,
  state: 'degraded',
  degraded: ['5 process records lost', '/var/lib/dpkg is missing', '/var/lib/rpm is\x1b\n missing'],
  health: [
    { check: 'kernel_tracing', state: 'ok', since: time },
    {
      check: 'process_records',
      state: 'degraded',
      reason: '5 process records lost',
      remedy: 'Raise `sensor.buffer_total_mib`.',
      since: time,
    },
    ...['/var/lib/dpkg is missing', '/var/lib/rpm is\x1b\n missing'].map((reason) => ({
      check: 'package_directories' as const,
      state: 'degraded' as const,
      reason,
      remedy: 'Restore the directory.',
      since: time,
    })),
  ],
  configuration: ['/etc/stepparent/config.toml'],
  warnings: ['/etc/stepparent/config.toml:1: unknown key "a\n"'],
  reloaded: { last: time, rejected: '/etc/stepparent/rules.d/x.toml:3:1: no\x1b' },
  restart_needed: ['sensor', 'alerts'],
  sensor: {
    name: 'tracefs',
    args: ['entry probe on /usr/bin/dpkg', '/proc for everything else'],
    reasons: ['/usr/bin/rpm is not probed: ENOENT\nforged \x1b[2J'],
    unprobed: [],
    transactions: [],
    unseen_transactions: [],
    records: 1000,
    lost_events: 5,
    malformed_pages: 0,
    undecodable_records: 1,
    recovered_records: 3,
  },
  packages: {
    directories: [
      { path: '/var/lib/dpkg/info', by: 'fanotify', files: 3000 },
      { path: '/var/lib/rpm', real_path: '/rpm', by: 'chokidar', reason: 'fanotify_init: EPERM', files: 5 },
    ],
    missing: ['/var/lib/dpkg'],
    reported: 12,
    dropped: 3,
    ignored: 5,
    uncounted: 0,
  },
  script_reads: {
    files: 640,
    rejected: 2,
    reason: 'ENOSPC\n',
    accesses: 90,
    lost: 1,
    reads: 4,
    dropped: 3,
    unknown: 5,
  },
  package_lists: {
    lists: 3,
    signed: 2,
    digests: 66_548,
    checked: time,
    read: time,
    incomplete: { lists_unreadable: 1 },
    doubt: 'lists_unreadable',
  },
  watched_paths: [
    {
      group: 'system',
      directories: 180,
      files: 2400,
      not_by_fanotify: [{ reason: 'name_to_handle_at: EOPNOTSUPP', directories: 2 }],
      skipped_directories: 0,
      uncounted: 0,
      not_entered: [],
      reported: 9,
      dropped: 0,
    },
    {
      group: 'users',
      directories: 12,
      files: 30,
      not_by_fanotify: [],
      skipped_directories: 1,
      uncounted: 7,
      not_entered: [{ path: '/home/al\x1bice', type: 'nfs4' }],
      reported: 0,
      dropped: 4,
    },
  ],
  executions: { seen: 900, without_arguments: 64 },
  processes: 231,
  processes_rejected: 0,
  connections: { reported: 2, dropped: 1 },
  long_scripts: [
    {
      manager: 'dpkg',
      path: '/var/lib/dpkg/info/x.postinst',
      package: 'x',
      phase: 'postinst',
      pid: 77,
      running_seconds: 779,
      command: '/bin/sh /var/lib/dpkg/info/x.postinst configure \x1b[2J',
    },
    { manager: 'rpm', pid: 78, running_seconds: 600, command: '/bin/sh /var/tmp/rpm-tmp.aBcDeF 1' },
  ],
  events_held: 0,
  rules: {
    loaded: ['a', 'b'],
    disabled: ['c'],
    rejected: [{ file: '/r/x.toml', id: undefined, line: 3, column: 1, message: 'unknown key', excerpt: '' }],
  },
  hunts: {
    scheduled: [
      { id: 'rare', last: time, rows: 7, findings: 2, learned: 3 },
      { id: 'broken', last: time, findings: 0, error: 'no such table: x\n' },
      { id: 'later', findings: 0 },
    ],
    rejected: [{ file: '/h/y.toml', id: undefined, line: 2, column: 1, message: 'unknown key', excerpt: '' }],
  },
  exceptions: { in_force: 2, expired: 1, warnings: ['/c/a.toml:3: it\x1b[2J'] },
  trust_package_managers: true,
  store,
  sinks: [
    { name: 'journald', delivered: 7, failed: 2, error: { message: 'no journald', since: time, retry: time } },
    { name: 'ndjson', delivered: 10, failed: 0 },
  ],
  uncommitted: { waiting: 0, dropped: 0 },
  faults: [{ what: 'disk full', count: 2, last: time }],
  rss_bytes: 70 * 1_048_576,
  cpu_seconds: 1.25,
};

/**
 * Each status as text, with <time> for the local time of the example. To accept a change: npm test --
 * test/agent/daemon/agent-status.test.ts -u
 */
test('formats a running agent, a stopped one with its store, and one that has never run', async () => {
  const shown = [
    formatStatus(running),
    formatStatus({ state: 'stopped', store: { ...store, outbox: {}, terms: {} } }),
    formatStatus({ state: 'stopped' }),
  ];
  await expect(shown.join('\n').replaceAll(local, '<time>')).toMatchFileSnapshot('status.golden.txt');
});

test.each<[string, AgentStatus['package_lists'], string[]]>([
  [
    'before the first list',
    { lists: 0, signed: 0, digests: 0, incomplete: {}, doubt: 'not_indexed_yet' },
    ['not read yet'],
  ],
  [
    'of lists that cannot be read',
    { lists: 0, signed: 0, digests: 0, incomplete: {}, doubt: 'lists_unreadable' },
    ['not read: lists_unreadable'],
  ],
  [
    'of a host without lists',
    { lists: 0, signed: 0, digests: 0, checked: time, incomplete: {}, doubt: 'no_package_lists' },
    ['apt has no package lists'],
  ],
  [
    'of lists that have not changed since the start',
    { lists: 1, signed: 1, digests: 5, checked: time, incomplete: {} },
    ['1 lists of apt, 1 signed, with 5 packages', `compared ${local}`],
  ],
  [
    'of lists that cannot be read any more',
    { lists: 1, signed: 1, digests: 5, checked: time, incomplete: {}, doubt: 'lists_unreadable' },
    ['1 lists of apt, 1 signed, with 5 packages', `compared ${local}`, 'the last comparison failed: lists_unreadable'],
  ],
])('the index of package lists %s', (_what, package_lists, lines) => {
  const shown = formatStatus({ ...running, package_lists }).split('\n');
  const first = shown.findIndex((line) => line.startsWith('  package lists'));
  const next = shown.findIndex((line, index) => index > first && /^ {2}\S/.test(line));
  expect(shown.slice(first, next).map((line) => line.slice(17))).toEqual(lines);
});

test('escapes line breaks and control characters', () => {
  const text = formatStatus(running);
  expect(text).not.toMatch(/^(?: missing|forged)/m);
  expect(text).not.toContain('\x1b');
});

// Health checks: the problems that each finds, the times of their changes, and the changes that are logged.

import { readFileSync } from 'node:fs';
import path from 'node:path';
import { describe, expect, test } from 'vitest';
import {
  checkHealth,
  degradedReasons,
  type Health,
  type HealthInput,
  healthChecks,
  openHealthTracker,
} from '../../../agent/daemon/health.ts';
import { start } from '../../storage/examples.ts';

const isoTime = (ms: number): string => new Date(ms).toISOString();

const sink = (name: string, message?: string) => ({
  name,
  delivered: 0,
  failed: 0,
  ...(message === undefined ? {} : { error: { message, since: isoTime(start), retry: isoTime(start) } }),
});

const healthy: HealthInput = {
  collection: {
    untraced: undefined,
    sensor: { unprobed: [], unseen_transactions: [], lost_events: 0 },
    packages: { directories: [{ path: '/var/lib/dpkg', by: 'fanotify', files: 1 }], missing: [] },
    script_reads: { rejected: 0 },
    watched_paths: [{ group: 'system', directories: 9, not_by_fanotify: [], skipped_directories: 0, uncounted: 0 }],
  },
  policy: { reloadFailure: undefined, rules: 1, rejectedRules: 0, rejectedHunts: 0 },
  storage: { refused: undefined, dropped: 0 },
  delivery: { sinks: [sink('journald'), sink('stdout'), sink('ndjson')], unwritable: undefined },
  recentFaults: [],
};

const { collection, policy, storage, delivery } = healthy;
const unwritable = { directory: '/logs', code: 'EROFS' };
const full = { directories: 9, not_by_fanotify: [], skipped_directories: 2, uncounted: 3 };
const polled = (reason: string) => ({ path: '/x', by: 'chokidar' as const, reason, files: 1 });

/** Each line: the check, the reports of the parts, and the sentences that the check gives. */
const problems: [check: Health['check'], input: Partial<HealthInput>, reasons: string[]][] = [
  [
    'configuration_reload',
    { policy: { ...policy, reloadFailure: 'a.toml:1:1: no' } },
    ['the last reload failed: a.toml:1:1: no'],
  ],
  [
    'kernel_tracing',
    { collection: { ...collection, untraced: 'no tracefs' } },
    ['the agent polls /proc and can miss short processes: no tracefs'],
  ],
  [
    'argument_probes',
    {
      collection: { ...collection, sensor: { ...collection.sensor, unprobed: ['a is not probed', 'b is not probed'] } },
    },
    ['a is not probed', 'b is not probed'],
  ],
  [
    'rpm_transactions',
    { collection: { ...collection, sensor: { ...collection.sensor, unseen_transactions: ['librpm shows none'] } } },
    ['librpm shows none'],
  ],
  [
    'process_records',
    { collection: { ...collection, sensor: { ...collection.sensor, lost_events: 7 } } },
    ['7 process records lost'],
  ],
  [
    'package_writers',
    {
      collection: {
        ...collection,
        packages: {
          directories: [...collection.packages.directories, polled('EPERM'), polled('EXDEV'), polled('EPERM')],
          missing: [],
        },
      },
    },
    [
      'the agent cannot name writers in 2 of 4 package database directories: EPERM',
      'the agent cannot name writers in 1 of 4 package database directories: EXDEV',
    ],
  ],
  [
    'script_readers',
    { collection: { ...collection, script_reads: { rejected: 3, reason: 'ENOSPC' } } },
    ['the agent cannot see who reads 3 maintainer scripts: ENOSPC'],
  ],
  [
    'package_directories',
    { collection: { ...collection, packages: { directories: [], missing: ['/a', '/b'] } } },
    ['/a is missing', '/b is missing'],
  ],
  [
    'watched_paths',
    {
      collection: {
        ...collection,
        watched_paths: [
          { ...full, group: 'system', not_by_fanotify: [{ reason: 'EPERM', directories: 4 }] },
          // A user who fills a home directory is no problem of the agent.
          { ...full, group: 'users', not_by_fanotify: [{ reason: 'EPERM', directories: 2 }] },
        ],
      },
    },
    [
      'changes in 6 of 18 watched directories are found late and without their process: EPERM',
      '2 directories of watched paths not watched because there are too many',
      '3 files in watched paths not compared because there are too many',
    ],
  ],
  ['rule_files', { policy: { ...policy, rejectedRules: 2 } }, ['2 rules rejected']],
  ['hunt_files', { policy: { ...policy, rejectedHunts: 1 } }, ['1 hunts rejected']],
  ['loaded_rules', { policy: { ...policy, rules: 0 } }, ['no rule is loaded']],
  ['event_storage', { storage: { ...storage, refused: 'disk full' } }, ['events wait in memory: disk full']],
  ['dropped_findings', { storage: { ...storage, dropped: 3 } }, ['3 events lost because they could not be stored']],
  [
    'journald',
    { delivery: { ...delivery, sinks: [sink('journald', 'no socket')] } },
    ['the journal does not take alerts: no socket'],
  ],
  [
    'standard_output',
    { delivery: { ...delivery, sinks: [sink('stdout', 'EPIPE')] } },
    ['alerts are not written: EPIPE'],
  ],
  [
    'alerts_file',
    // The directory cannot be written either: this is one problem, not two.
    { delivery: { sinks: [sink('ndjson', 'ENOSPC')], unwritable } },
    ['alerts are not written: ENOSPC'],
  ],
  ['logs_directory', { delivery: { ...delivery, unwritable } }, ['alerts are not written: /logs (EROFS)']],
  [
    'alert_command',
    { delivery: { ...delivery, sinks: [sink('socket', 'the command ended with 3')] } },
    ['alerts are not handed to /etc/stepparent/on-alert: the command ended with 3'],
  ],
  ['recent_faults', { recentFaults: ['a failed', 'b failed'] }, ['a failed', 'b failed']],
];

const track = (input: HealthInput): Health[] =>
  openHealthTracker({ info: () => {}, warn: () => {} })(start, checkHealth(input));

describe('the checks', () => {
  test('find nothing if every part is in order: one line for each check', () => {
    expect(track(healthy)).toEqual(healthChecks.map(({ check }) => ({ check, state: 'ok', since: isoTime(start) })));
  });

  test.each(problems)('%s', (check, input, reasons) => {
    const health = track({ ...healthy, ...input });
    expect(degradedReasons(health)).toEqual(reasons);
    const remedy = healthChecks.find((each) => each.check === check)?.remedy;
    expect(health.filter(({ state }) => state === 'degraded')).toEqual(
      reasons.map((reason) => ({ check, state: 'degraded', reason, remedy, since: isoTime(start) })),
    );
  });

  test('have a problem in the table above, in the order of the list', () => {
    expect(problems.map(([check]) => check)).toEqual(healthChecks.map(({ check }) => check));
  });
});

test('a check keeps the time of its change if only its reason changes', () => {
  const trackHealth = openHealthTracker({ info: () => {}, warn: () => {} });
  const sinceOf = (ms: number, dropped: number) =>
    trackHealth(start + ms, checkHealth({ ...healthy, storage: { ...storage, dropped } }))
      .filter(({ check }) => check === 'dropped_findings' || check === 'journald')
      .map(({ since }) => Date.parse(since) - start);
  expect([sinceOf(0, 0), sinceOf(1, 0), sinceOf(2, 5), sinceOf(3, 6), sinceOf(4, 0)]).toEqual([
    [0, 0],
    [0, 0],
    [2, 0],
    [2, 0],
    [4, 0],
  ]);
});

describe('the log', () => {
  function logged(...inputs: Partial<HealthInput>[]): unknown[] {
    const lines: unknown[] = [];
    const trackHealth = openHealthTracker({
      info: (...line) => void lines.push(['info', ...line]),
      warn: (...line) => void lines.push(['warn', ...line]),
    });
    for (const input of inputs) trackHealth(start, checkHealth({ ...healthy, ...input }));
    return lines;
  }

  test('has each change once, with check and reason', () => {
    const degraded: Partial<HealthInput> = { delivery: { ...delivery, unwritable } };
    expect(logged({}, degraded, degraded, {}, {}, degraded)).toEqual([
      [
        'warn',
        'a health check is degraded',
        { check: 'logs_directory', reason: 'alerts are not written: /logs (EROFS)' },
      ],
      ['info', 'a health check is ok again', { check: 'logs_directory' }],
      [
        'warn',
        'a health check is degraded',
        { check: 'logs_directory', reason: 'alerts are not written: /logs (EROFS)' },
      ],
    ]);
  });

  test('has several reasons in one line', () => {
    const writers = problems.find(([check]) => check === 'package_writers')?.[1];
    expect(logged(writers ?? {})).toEqual([
      [
        'warn',
        'a health check is degraded',
        { check: 'package_writers', reason: expect.stringMatching(/EPERM; .*EXDEV$/) },
      ],
    ]);
  });

  test.each(problems)('%s: does not repeat what the part itself logs', (check, input) => {
    const definition = healthChecks.find((each) => each.check === check);
    const states = definition?.logs ?? [];
    expect(logged(input, {})).toHaveLength(states.length);
  });
});

test('docs/health.md has a row with the remedy for each check, in the order of the list', () => {
  const page = readFileSync(path.join(import.meta.dirname, '../../../docs/health.md'), 'utf8');
  const rows = [...page.matchAll(/^\| `(\w+)` \|.*\| (.*) \|$/gm)].map(([, check, remedy]) => ({ check, remedy }));
  expect(rows).toEqual(healthChecks.map(({ check, remedy }) => ({ check, remedy })));
});

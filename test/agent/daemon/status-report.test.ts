// The status document, composed of the reports of the agent's parts, and the health checks over the same reports.

import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { completeConfiguration } from '../../../agent/configuration/configuration.ts';
import type { StoreFacts } from '../../../agent/daemon/agent-status.ts';
import { readPolicy } from '../../../agent/daemon/policy.ts';
import { learningWarning, openStatusReport, type StatusReportDeps } from '../../../agent/daemon/status-report.ts';

const started = '2026-04-10T12:00:00.000Z';
let directory: string;
beforeAll(() => {
  directory = mkdtempSync(join(tmpdir(), 'status-report-'));
});
afterAll(() => rmSync(directory, { recursive: true }));

const defaults = completeConfiguration([{ learning: '7d' }]);
const configuration = {
  ...defaults,
  directories: { ...defaults.directories, rules: [join(import.meta.dirname, '../../../detectors/rules')] },
};
const inForce = readPolicy({
  configuration,
  files: ['a.toml'],
  warnings: ['odd'],
  exceptions: [],
  ruleSettings: [],
  settings: new Map(),
});

const learning = { started, until: started, active: true };
const facts: StoreFacts = {
  path: '/db',
  schema_version: 1,
  size_bytes: 1,
  events: 0,
  terms: {},
  alerts: { open: 0, learning: 0, rate_limited: 0, suppressed: 0 },
  outbox: {},
};

function opened(deps: Partial<StatusReportDeps> = {}) {
  const logged: unknown[] = [];
  const log = {
    info: (...line: unknown[]) => void logged.push(line),
    warn: (...line: unknown[]) => void logged.push(line),
  };
  const status = openStatusReport(
    {
      collection: {
        report: () => ({
          untraced: undefined,
          sensor: {
            name: 'tracefs',
            args: [],
            reasons: [],
            unprobed: [],
            transactions: [],
            unseen_transactions: [],
            records: 1,
            lost_events: 0,
            malformed_pages: 0,
            undecodable_records: 0,
            recovered_records: 0,
          },
          packages: { directories: [], missing: [], reported: 0, dropped: 0, ignored: 0, uncounted: 0 },
          script_reads: { files: 1, rejected: 0, accesses: 0, lost: 0, reads: 0, dropped: 0, unknown: 0 },
          package_lists: { lists: 0, signed: 0, digests: 0, incomplete: {} },
          watched_paths: [],
          processes: 2,
          processes_rejected: 0,
          executions: { seen: 0, without_arguments: 0 },
          connections: { reported: 0, dropped: 0 },
          long_scripts: [],
          events_held: 0,
        }),
      },
      policy: { report: () => ({ inForce, reloaded: undefined, restart_needed: ['sensor'], hunts: [] }) },
      storage: {
        report: () => ({ refused: undefined, uncommitted: { waiting: 0, dropped: 0 } }),
        facts: () => facts,
      },
      delivery: { report: () => ({ sinks: [], logsDirectory: directory }) },
      faults: { list: () => [], recent: () => [] },
      ...deps,
    },
    { started, log },
  );
  return { status, logged };
}

const unwritable = (): StatusReportDeps['delivery'] => ({
  report: () => ({ sinks: [], logsDirectory: join(directory, 'missing') }),
});

test('is running, with every check ok, without a problem', () => {
  const { status, logged } = opened();
  const report = status.report();
  expect(report).toMatchObject({
    pid: process.pid,
    started,
    state: 'running',
    degraded: [],
    configuration: ['a.toml'],
    restart_needed: ['sensor'],
    processes: 2,
  });
  expect(report).not.toHaveProperty('reloaded');
  expect(new Set(report.health.map(({ state }) => state))).toEqual(new Set(['ok']));
  expect(logged).toEqual([]);
});

test('degraded lists the reasons of the checks; the state is learning while the agent learns', () => {
  const reason = `alerts are not written: ${join(directory, 'missing')} (ENOENT)`;
  expect(opened({ delivery: unwritable() }).status.report()).toMatchObject({ state: 'degraded', degraded: [reason] });
  const storage = {
    report: () => ({ refused: undefined, uncommitted: { waiting: 0, dropped: 0 } }),
    facts: () => ({ ...facts, learning }),
  };
  expect(opened({ delivery: unwritable(), storage }).status.report()).toMatchObject({
    state: 'learning',
    degraded: [reason],
  });
});

test('runs the checks even if the database cannot be read', () => {
  const { status, logged } = opened({
    delivery: unwritable(),
    storage: {
      report: () => ({ refused: 'disk full', uncommitted: { waiting: 1, dropped: 0 } }),
      facts: () => {
        throw new Error('disk full');
      },
    },
  });
  status.checkHealth();
  status.checkHealth();
  expect(logged).toEqual([
    ['a health check is degraded', { check: 'logs_directory', reason: expect.stringContaining('ENOENT') }],
  ]);
  expect(() => status.report()).toThrow('disk full');
});

test('warns of `learning` for a database that was created without it', () => {
  expect(learningWarning(configuration, undefined)).toHaveLength(1);
  expect(learningWarning(configuration, learning)).toEqual([]);
  expect(learningWarning(completeConfiguration([]), undefined)).toEqual([]);
  expect(opened().status.report().warnings).toEqual(
    expect.arrayContaining(['odd', ...learningWarning(configuration, undefined)]),
  );
});

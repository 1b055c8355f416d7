// The metrics as Prometheus text: every line has the form that node_exporter reads, whatever the names contain.

import { expect, test } from 'vitest';
import { metricsText } from '../../../agent/output/metrics-text.ts';
import type { AlertCount } from '../../../storage/status.ts';
import { running, store } from '../daemon/example-status.ts';

const alerts: AlertCount[] = [
  { ruleId: 'a-rule', severity: 47, state: 'open', count: 3, lastMs: 1_775_822_400_500 },
  { ruleId: 'own "rule"\\\n# HELP x', severity: 73, state: 'suppressed', count: 1, lastMs: 5 },
];

/** https://prometheus.io/docs/instrumenting/exposition_formats/#text-based-format */
const sample =
  /^stepparent_[a-z_]+(?:\{[a-z]+="(?:[^"\\\n]|\\["\\n])*"(?:,[a-z]+="(?:[^"\\\n]|\\["\\n])*")*\})? -?[0-9.e+]+$/;

/** To accept a change: npm test -- test/agent/output/metrics-text.test.ts -u */
test('formats a running agent', async () => {
  const text = metricsText(running, alerts);
  for (const line of text.trimEnd().split('\n'))
    expect(line).toMatch(line.startsWith('#') ? /^# (?:HELP|TYPE) stepparent_/ : sample);
  await expect(text).toMatchFileSnapshot('metrics.golden.txt');
});

test('each name has one type, and no sample occurs twice', () => {
  const lines = metricsText(running, alerts).trimEnd().split('\n');
  const types = lines.filter((line) => line.startsWith('# TYPE')).map((line) => line.split(' ')[2]);
  expect(new Set(types).size).toBe(types.length);
  const samples = lines.filter((line) => !line.startsWith('#')).map((line) => line.slice(0, line.lastIndexOf(' ')));
  expect(new Set(samples).size).toBe(samples.length);
});

test('a stopped agent has the metrics of its database, and up is 0', () => {
  const text = metricsText({ state: 'stopped', store }, alerts);
  expect(text).toContain('\nstepparent_up 0\n');
  expect(text).toContain('\nstepparent_alerts{rule="a-rule",severity="medium",state="open"} 3\n');
  expect(text).toContain('\nstepparent_last_alert_time_seconds 1775822400.5\n');
  expect(text).not.toContain('stepparent_cpu_seconds_total');
});

test('without a database there is only up', () => {
  expect(metricsText({ state: 'stopped' }, []).trimEnd().split('\n')).toEqual([
    '# HELP stepparent_up Whether the agent answers (1) or not (0).',
    '# TYPE stepparent_up gauge',
    'stepparent_up 0',
  ]);
});

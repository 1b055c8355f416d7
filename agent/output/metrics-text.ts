// Formats the status of the agent and the numbers of its alerts as Prometheus text.

import type { AlertCount } from '../../storage/status.ts';
import { severityNamed } from '../configuration/severity.ts';
import type { AgentStatus, StoppedStatus } from '../daemon/agent-status.ts';

type Labels = Readonly<Record<string, string>>;

/** One metric: name without prefix, type, help, and its values with their labels. */
interface Metric {
  name: string;
  type: 'counter' | 'gauge';
  help: string;
  values: readonly (readonly [labels: Labels, value: number])[];
}

const one = (value: number): Metric['values'] => [[{}, value]];

/** Characters of a label's value; rule ids of the administrator's rules have no limit of their own. */
const labelChars = 200;

/** Format: https://prometheus.io/docs/instrumenting/exposition_formats/. Control characters, which it allows, become "?". */
const labelText = (text: string): string =>
  text
    .slice(0, labelChars)
    .replace(/[\p{Cc}\p{Cf}\p{Cs}\u2028\u2029]/gu, '?')
    .replace(/[\\"]/g, '\\$&');

function lines({ name, type, help, values }: Metric): string[] {
  if (values.length === 0) return [];
  const full = `stepparent_${name}`;
  return [
    `# HELP ${full} ${help}`,
    `# TYPE ${full} ${type}`,
    ...values.map(([labels, value]) => {
      const pairs = Object.entries(labels).map(([key, text]) => `${key}="${labelText(text)}"`);
      return `${full}${pairs.length === 0 ? '' : `{${pairs.join(',')}}`} ${value}`;
    }),
  ];
}

const seconds = (time: string): number => Date.parse(time) / 1000;

/**
 * The text, ending in a newline. Counters begin with the agent; alerts, terms and events are those that the database has, so their numbers also
 * go down. A stopped agent has `stepparent_up 0` and the metrics of its database.
 */
export function metricsText(status: AgentStatus | StoppedStatus, alerts: readonly AlertCount[]): string {
  const metrics = [
    {
      name: 'up',
      type: 'gauge',
      help: 'Whether the agent answers (1) or not (0).',
      values: one(status.state === 'stopped' ? 0 : 1),
    },
    ...(status.state === 'stopped' ? [] : agentMetrics(status)),
    ...(status.store === undefined ? [] : storeMetrics(status.store, alerts)),
  ] satisfies Metric[];
  return `${metrics.flatMap(lines).join('\n')}\n`;
}

/** What the sensors and watches lost, by the part that lost it. */
function losses(status: AgentStatus): Metric['values'] {
  const { sensor, packages, watched_paths: paths, script_reads: reads, connections, uncommitted } = status;
  return [
    [{ part: 'sensor' }, sensor.lost_events],
    [{ part: 'processes' }, status.processes_rejected],
    [{ part: 'packages' }, packages.dropped],
    ...paths.map(({ group, dropped }) => [{ part: `watched_paths_${group}` }, dropped] as const),
    [{ part: 'script_reads' }, reads.dropped + reads.lost],
    [{ part: 'connections' }, connections.dropped],
    [{ part: 'store' }, uncommitted.dropped],
  ];
}

function agentMetrics(status: AgentStatus): Metric[] {
  const { sinks, rules, executions, sensor } = status;
  /** A check with several problems has several lines. */
  const failing = new Map(status.health.map(({ check, state }) => [check, state === 'ok' ? 1 : 0]));
  return [
    {
      name: 'info',
      type: 'gauge',
      help: 'Version of the agent and its sensor.',
      values: [[{ version: status.version, sensor: sensor.name }, 1]],
    },
    {
      name: 'start_time_seconds',
      type: 'gauge',
      help: 'When the agent started, in seconds since 1970.',
      values: one(seconds(status.started)),
    },
    {
      name: 'learning',
      type: 'gauge',
      help: 'Whether the agent learns, and delivers no alerts.',
      values: one(status.state === 'learning' ? 1 : 0),
    },
    {
      name: 'health',
      type: 'gauge',
      help: 'Whether a health check is ok (1) or degraded (0).',
      values: [...failing].map(([check, ok]) => [{ check }, ok]),
    },
    {
      name: 'records_total',
      type: 'counter',
      help: 'Records of the kernel that the sensor read.',
      values: one(sensor.records),
    },
    { name: 'executions_total', type: 'counter', help: 'Executions seen.', values: one(executions.seen) },
    {
      name: 'executions_without_arguments_total',
      type: 'counter',
      help: 'Executions whose arguments the kernel did not give.',
      values: one(executions.without_arguments),
    },
    {
      name: 'lost_total',
      type: 'counter',
      help: 'Records, changes and events that were lost or dropped, by the part that lost them.',
      values: losses(status),
    },
    {
      name: 'faults_total',
      type: 'counter',
      help: 'Faults of the agent, by kind.',
      values: status.faults.map(({ what, count }) => [{ fault: what }, count]),
    },
    {
      name: 'rules',
      type: 'gauge',
      help: 'Rules by state.',
      values: [
        [{ state: 'loaded' }, rules.loaded.length],
        [{ state: 'disabled' }, rules.disabled.length],
        [{ state: 'rejected' }, rules.rejected.length],
      ],
    },
    {
      name: 'delivered_total',
      type: 'counter',
      help: 'Alerts delivered, by sink.',
      values: sinks.map(({ name, delivered }) => [{ sink: name }, delivered]),
    },
    {
      name: 'delivery_failures_total',
      type: 'counter',
      help: 'Attempts to deliver that failed, by sink.',
      values: sinks.map(({ name, failed }) => [{ sink: name }, failed]),
    },
    { name: 'resident_memory_bytes', type: 'gauge', help: 'Memory of the agent.', values: one(status.rss_bytes) },
    { name: 'cpu_seconds_total', type: 'counter', help: 'CPU time of the agent.', values: one(status.cpu_seconds) },
  ];
}

function storeMetrics(store: NonNullable<StoppedStatus['store']>, alerts: readonly AlertCount[]): Metric[] {
  const latest = Math.max(...alerts.map(({ lastMs }) => lastMs));
  return [
    {
      name: 'alerts',
      type: 'gauge',
      help: 'Alerts in the database.',
      values: alerts.map(({ ruleId, severity, state, count }) => [
        { rule: ruleId, severity: severityNamed(severity), state },
        count,
      ]),
    },
    {
      name: 'last_alert_time_seconds',
      type: 'gauge',
      help: 'When the last alert in the database last matched, in seconds since 1970.',
      values: alerts.length === 0 ? [] : one(latest / 1000),
    },
    { name: 'events', type: 'gauge', help: 'Events in the database.', values: one(store.events) },
    {
      name: 'terms',
      type: 'gauge',
      help: 'Terms in the baseline, by origin.',
      values: Object.entries(store.terms).map(([origin, count]) => [{ origin }, count]),
    },
    {
      name: 'database_bytes',
      type: 'gauge',
      help: 'Size of the database with its write-ahead log.',
      values: one(store.size_bytes),
    },
    {
      name: 'outbox',
      type: 'gauge',
      help: 'Alerts that wait for delivery, by sink.',
      values: Object.entries(store.outbox).map(([sink, { waiting }]) => [{ sink }, waiting]),
    },
  ];
}

// The status of the agent and of its store: the type of the JSON document, and its text form.

import { escapeText } from '../../collectors/event/escape-text.ts';
import type { PackageWatchReport } from '../../collectors/packagedb/package-watch.ts';
import type { RejectedRule } from '../../detectors/rules/rule.ts';
import type { StoreStatus } from '../../storage/status.ts';
import type { StoreReader } from '../../storage/store.ts';
import type { ExceptionsReport } from '../configuration/configured-exceptions.ts';
import { localTime } from '../output/local-time.ts';
import type { SinkStatus } from './delivery.ts';
import type { Fault } from './faults.ts';
import { countLine, type Health } from './health.ts';
import type { HuntStatus } from './hunt-schedule.ts';
import type { SensorReport } from './open-sensor.ts';

/** The store's facts; times are ISO 8601. */
export interface StoreFacts {
  path: string;
  schema_version: number;
  /** The database with its write-ahead log. */
  size_bytes: number;
  events: number;
  /** Absent when there is none. */
  oldest_event?: string;
  /** Number of known terms by origin. */
  terms: StoreStatus['terms'];
  alerts: StoreStatus['alerts'];
  /** Deliveries still to make, by sink; a sink without any is missing. */
  outbox: Record<string, { waiting: number; failing: number; oldest: string }>;
  /** Absent when the database was made without learning mode. */
  learning?: { started: string; until: string; active: boolean };
}

/** What a running agent answers to `status`; times are ISO 8601. */
export interface AgentStatus {
  pid: number;
  version: string;
  started: string;
  state: 'learning' | 'running' | 'degraded';
  /** What keeps it from detecting or delivering everything: the reasons in `health`. */
  degraded: string[];
  /** Every health check with its state. */
  health: Health[];
  /** The configuration files in force, first to last. */
  configuration: string[];
  /** The time of the last reload. `rejected`: why it failed; the previous configuration is still in force. Absent before the first reload. */
  reloaded?: { last: string; rejected?: string };
  /** What is odd about the configuration, with file and line. */
  warnings: string[];
  /** Keys that are configured otherwise than the agent was started with. */
  restart_needed: string[];
  sensor: SensorReport;
  /** The watch of package databases. */
  packages: PackageWatchReport;
  /** Entries of the process table. */
  processes: number;
  /** Processes that it had no room for. */
  processes_rejected: number;
  rules: { loaded: string[]; rejected: RejectedRule[] };
  /** Hunts that the agent runs; none when `hunts.interval` is "off". */
  hunts: { scheduled: HuntStatus[]; rejected: RejectedRule[] };
  exceptions: ExceptionsReport;
  /** Whether verified package front ends count as seen from the start. */
  trust_package_managers: boolean;
  store: StoreFacts;
  sinks: SinkStatus[];
  /** Findings that the store has not taken yet, and those given up since there were too many. */
  uncommitted: { waiting: number; dropped: number };
  faults: Fault[];
  rss_bytes: number;
  cpu_seconds: number;
}

/** What `status` shows when no agent runs. */
export interface StoppedStatus {
  state: 'stopped';
  store?: StoreFacts;
}

/** Reads the store's facts, under the names of the status document. Counts rows: for people, not for a hot path. */
export function storeFacts(store: Pick<StoreReader, 'status' | 'learning'>, nowMs: number): StoreFacts {
  const { path, schemaVersion, sizeBytes, events, oldestEventMs, terms, alerts, outbox } = store.status();
  const learning = store.learning(nowMs);
  return {
    path,
    schema_version: schemaVersion,
    size_bytes: sizeBytes,
    events,
    ...(oldestEventMs === undefined ? {} : { oldest_event: isoTime(oldestEventMs) }),
    terms,
    alerts,
    outbox: Object.fromEntries(
      Object.entries(outbox).map(([sink, { waiting, failing, oldestMs }]) => [
        sink,
        { waiting, failing, oldest: isoTime(oldestMs) },
      ]),
    ),
    ...(learning && {
      learning: {
        started: isoTime(learning.startedMs),
        until: isoTime(learning.untilMs),
        active: learning.active,
      },
    }),
  };
}

const isoTime = (ms: number): string => new Date(ms).toISOString();

/** The status as lines for a terminal, everything escaped, ending in a newline. */
export function formatStatus(status: AgentStatus | StoppedStatus): string {
  if (status.state === 'stopped') {
    return formatColumns('stepparent is not running', status.store ? storeLines(status.store, []) : []);
  }
  const { sensor, rules, uncommitted } = status;
  return formatColumns(
    `stepparent ${status.version} is ${status.state} (pid ${status.pid}, since ${localTime(status.started)})`,
    [
      ['degraded', healthLines(status.health)],
      [
        'configuration',
        [...(status.configuration.length > 0 ? status.configuration : ['defaults']), ...status.warnings.map(asWarning)],
      ],
      ['reloaded', reloadLines(status)],
      ['sensor', [sensor.name]],
      ['arguments', sensor.args],
      ['limits', sensor.reasons],
      [
        'received',
        [
          `${sensor.records} records, ${sensor.lost_events} lost`,
          ...countLine(sensor.malformed_pages, 'malformed pages'),
          ...countLine(sensor.undecodable_records, 'undecodable records'),
          ...countLine(sensor.recovered_records, 'records taken over from before the start'),
        ],
      ],
      ['packages', packageLines(status.packages)],
      [
        'processes',
        [`${status.processes} known`, ...countLine(status.processes_rejected, 'not taken in: the table was full')],
      ],
      ['rules', [`${rules.loaded.length} loaded: ${rules.loaded.join(', ')}`, ...rules.rejected.map(rejectedLine)]],
      ['hunts', [...status.hunts.scheduled.map(huntLine), ...status.hunts.rejected.map(rejectedLine)]],
      ['exceptions', exceptionLines(status.exceptions)],
      ['front ends', [status.trust_package_managers ? 'verified ones count as known' : 'none count as known']],
      ...storeLines(status.store, status.sinks),
      [
        'uncommitted',
        [
          ...countLine(uncommitted.waiting, 'findings wait in memory'),
          ...countLine(uncommitted.dropped, 'findings given up'),
        ],
      ],
      ['faults', status.faults.map(({ what, count, last }) => `${what} (${count} times, last ${localTime(last)})`)],
      ['uses', [`${megabytes(status.rss_bytes)} memory, ${status.cpu_seconds.toFixed(1)} s CPU`]],
    ],
  );
}

/** Each reason; beneath the last one of a check since when, and what to do. */
const healthLines = (health: readonly Health[]): string[] =>
  health.flatMap(({ check, reason, remedy, since }, index) => {
    if (reason === undefined) return [];
    const isLast = health[index + 1]?.check !== check;
    return isLast ? [reason, `  since ${localTime(since)}. ${remedy}`] : [reason];
  });

function reloadLines({ reloaded, restart_needed }: AgentStatus): string[] {
  return [
    ...(reloaded
      ? [`${localTime(reloaded.last)}${reloaded.rejected === undefined ? '' : `, failed: ${reloaded.rejected}`}`]
      : []),
    ...(restart_needed.length > 0 ? [`a restart is needed for: ${restart_needed.join(', ')}`] : []),
  ];
}

/** The watched directories, each with the means and what is wrong with them. */
function packageLines({ directories, missing, reported, dropped, ignored, uncounted }: PackageWatchReport): string[] {
  return [
    ...directories.map(({ path, real_path, by, reason, files }) => {
      const target = real_path === undefined ? '' : ` (${real_path})`;
      return `${path}${target} by ${by}${reason === undefined ? '' : ` (no fanotify: ${reason})`}, ${files} files`;
    }),
    ...missing.map((path) => `${path} is missing`),
    `${reported} changes reported`,
    ...countLine(dropped, 'changes dropped: too many'),
    ...countLine(ignored, "changes of other users' files, not reported"),
    ...countLine(uncounted, 'files counted, not compared'),
  ];
}

/** Why a rule or a hunt is rejected, on one line: file, line, column and message. Not escaped. */
export const formatFault = ({ file, line, column, message }: Omit<RejectedRule, 'id' | 'excerpt'>): string =>
  `${file}:${line}:${column}: ${message}`;

const asWarning = (warning: string): string => `warning: ${warning}`;

export const rejectedLine = (rule: RejectedRule): string => `rejected: ${formatFault(rule)}`;

function huntLine({ id, last, rows, findings, suppressed, learned, error }: HuntStatus): string {
  if (last === undefined) return `${id}: has not run yet`;
  const first = learned === undefined ? '' : ` (${learned} added to the baseline by the first run)`;
  const suppression = suppressed === undefined ? '' : `, ${suppressed} suppressed`;
  const outcome = error ?? `${rows ?? 0} rows${suppression}, ${findings} new since the start${first}`;
  return `${id}: ${localTime(last)}, ${outcome}`;
}

/** Nothing where there are none. */
export function exceptionLines({ in_force, expired, warnings }: ExceptionsReport): string[] {
  if (in_force + expired === 0) return [];
  return [`${in_force} in force${expired > 0 ? `, ${expired} expired` : ''}`, ...warnings.map(asWarning)];
}

type Line = readonly [heading: string, texts: readonly string[]];

function storeLines(store: StoreFacts, sinks: readonly SinkStatus[]): Line[] {
  const { learning, terms, alerts, outbox } = store;
  const known = Object.values(terms).reduce((sum, count) => sum + count, 0);
  const names = new Set([...sinks.map((sink) => sink.name), ...Object.keys(outbox)]);
  return [
    ['learning', learning ? [`${learning.active ? 'until' : 'ended'} ${localTime(learning.until)}`] : []],
    ['baseline', [`${known} terms${formatCounts(terms)}`]],
    ['alerts', [`${Object.values(alerts).reduce((sum, count) => sum + count, 0)} stored${formatCounts(alerts)}`]],
    ['events', [`${store.events} stored${store.oldest_event ? `, since ${localTime(store.oldest_event)}` : ''}`]],
    ['database', [`${store.path}, ${megabytes(store.size_bytes)}`]],
    ...[...names].map((name): Line => {
      const sink = sinks.find((each) => each.name === name);
      const { waiting = 0, oldest } = outbox[name] ?? {};
      return [
        `to ${name}`,
        [
          [
            // It takes every alert, and writes those that no journal took.
            ...(sink ? [name === 'stdout' ? 'while there is no journal' : `${sink.delivered} delivered`] : []),
            `${waiting} waiting${oldest ? ` since ${localTime(oldest)}` : ''}`,
          ].join(', '),
          ...(sink?.error ? [`${sink.error.message}; next try ${localTime(sink.error.retry)}`] : []),
        ],
      ];
    }),
  ];
}

const formatCounts = (counts: Readonly<Partial<Record<string, number>>>): string => {
  const parts = Object.entries(counts).filter(([, count]) => count);
  return parts.length > 0 ? ` (${parts.map(([name, count]) => `${count} ${name}`).join(', ')})` : '';
};

const megabytes = (bytes: number): string => `${(bytes / 1_048_576).toFixed(1)} MiB`;

const headingWidth = 15;
const lineChars = 1000;

/** Headings in one column, texts in the next; a heading without texts is left out. */
function formatColumns(title: string, lines: readonly Line[]): string {
  const columns = lines.flatMap(([heading, texts]) =>
    texts.map((text, index) => `  ${(index === 0 ? heading : '').padEnd(headingWidth)}${escapeText(text, lineChars)}`),
  );
  return `${[escapeText(title, lineChars), ...columns].join('\n')}\n`;
}

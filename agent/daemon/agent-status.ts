// The status of the agent and of its store: the type of the JSON document, and its formatting as text.

import { escapeText } from '../../collectors/event/escape-text.ts';
import type { PackageWatchReport } from '../../collectors/packagedb/package-watch.ts';
import type { ExecutionCounts } from '../../collectors/process/exec-collector.ts';
import type { LongScript } from '../../collectors/process/long-scripts.ts';
import type { PackageListsReport } from '../../collectors/provenance/package-lists.ts';
import type { ScriptReadersReport } from '../../collectors/script-reads/script-readers.ts';
import type { ScriptWatchReport } from '../../collectors/script-reads/watch-scripts.ts';
import type { PathWatchReport } from '../../collectors/watched/path-watch.ts';
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

/** Facts about the store; times are ISO 8601. */
export interface StoreFacts {
  path: string;
  schema_version: number;
  /** Size of the database and its write-ahead log. */
  size_bytes: number;
  events: number;
  /** Absent if no event is stored. */
  oldest_event?: string;
  /** Number of known terms by origin. */
  terms: StoreStatus['terms'];
  alerts: StoreStatus['alerts'];
  /** Pending deliveries by sink; a sink without pending deliveries is absent. */
  outbox: Record<string, { waiting: number; failing: number; oldest: string }>;
  /** Absent if the database was created without learning mode. */
  learning?: { started: string; until: string; active: boolean };
}

/** The answer of a running agent to `status`; times are ISO 8601. */
export interface AgentStatus {
  pid: number;
  version: string;
  started: string;
  state: 'learning' | 'running' | 'degraded';
  /** Why the agent cannot detect or deliver everything: the reasons in `health`. */
  degraded: string[];
  /** Every health check with its state. */
  health: Health[];
  /** The configuration files in force, in the order in which they were read. */
  configuration: string[];
  /**
   * The time of the last reload. `rejected`: why it failed; the previous configuration is still in force. Absent before the first
   * reload.
   */
  reloaded?: { last: string; rejected?: string };
  /** Warnings about the configuration and the rules, each with file and line. */
  warnings: string[];
  /** Keys whose configured value differs from the one that the agent was started with. */
  restart_needed: string[];
  sensor: SensorReport;
  /** The watch of package databases. */
  packages: PackageWatchReport;
  /** The watch of processes that read maintainer scripts. */
  script_reads: ScriptWatchReport & ScriptReadersReport;
  /** The index of apt's package lists. */
  package_lists: PackageListsReport;
  /** The watches of other paths, one for each group. */
  watched_paths: PathWatchReport[];
  /** Executions since the start; `without_arguments`: those whose arguments the kernel did not give. */
  executions: Readonly<ExecutionCounts>;
  /** Number of entries in the process table. */
  processes: number;
  /** Number of processes that did not fit into the full process table. */
  processes_rejected: number;
  /** Connections of package tools and packages' scripts: numbers of events, and of those dropped by the rate limit. */
  connections: { reported: number; dropped: number };
  /** Scripts of packages that have run for more than ten minutes, longest first, at most 16. */
  long_scripts: LongScript[];
  /** Number of events that wait for data before they are judged, at most some seconds. */
  events_held: number;
  /** `disabled`: the rules that the configuration switches off. */
  rules: { loaded: string[]; disabled: string[]; rejected: RejectedRule[] };
  /** `scheduled`: the hunts that the agent runs; empty if `hunts.interval` is "off". */
  hunts: { scheduled: HuntStatus[]; rejected: RejectedRule[] };
  exceptions: ExceptionsReport;
  /** Whether verified package front ends are known terms from the start. */
  trust_package_managers: boolean;
  store: StoreFacts;
  sinks: SinkStatus[];
  /** Events that are not stored yet, and events that were lost because too many waited. */
  uncommitted: { waiting: number; dropped: number };
  faults: Fault[];
  rss_bytes: number;
  cpu_seconds: number;
}

/** The status if no agent runs. `store` is absent if the database cannot be read. */
export interface StoppedStatus {
  state: 'stopped';
  store?: StoreFacts;
}

/** Reads the facts of the store. It counts rows, which is too slow for a hot path. */
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

/** The status as lines for a terminal, escaped, ending in a newline. */
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
      ['transactions', sensor.transactions.map((library) => `of rpm, in every program that uses ${library}`)],
      ['limits', sensor.reasons],
      [
        'received',
        [
          `${sensor.records} records, ${sensor.lost_events} lost`,
          ...countLine(sensor.malformed_pages, 'malformed pages'),
          ...countLine(sensor.undecodable_records, 'undecodable records'),
          ...countLine(sensor.recovered_records, 'records recovered from before the start'),
        ],
      ],
      ['packages', packageLines(status.packages)],
      ['script reads', scriptReadLines(status.script_reads)],
      ['package lists', packageListLines(status.package_lists)],
      ['watched paths', status.watched_paths.flatMap(pathLines)],
      [
        'executions',
        [
          `${status.executions.seen} seen`,
          ...countLine(status.executions.without_arguments, 'without arguments from the kernel'),
        ],
      ],
      [
        'processes',
        [`${status.processes} known`, ...countLine(status.processes_rejected, 'rejected because the table was full')],
      ],
      [
        'connections',
        [
          `${status.connections.reported} of packages reported`,
          ...countLine(status.connections.dropped, 'dropped because of the rate limit'),
        ],
      ],
      ['long scripts', status.long_scripts.map(longScriptLine)],
      [
        'rules',
        [
          `${rules.loaded.length} loaded: ${rules.loaded.join(', ')}`,
          ...(rules.disabled.length > 0 ? [`off by the configuration: ${rules.disabled.join(', ')}`] : []),
          ...rules.rejected.map(rejectedLine),
        ],
      ],
      ['hunts', [...status.hunts.scheduled.map(huntLine), ...status.hunts.rejected.map(rejectedLine)]],
      ['exceptions', exceptionLines(status.exceptions)],
      ['front ends', [status.trust_package_managers ? 'verified ones count as known' : 'none count as known']],
      ...storeLines(status.store, status.sinks),
      [
        'uncommitted',
        [
          ...countLine(uncommitted.waiting, 'events waiting in memory'),
          ...countLine(uncommitted.dropped, 'events lost because they could not be stored'),
        ],
      ],
      ['faults', status.faults.map(({ what, count, last }) => `${what} (${count} times, last ${localTime(last)})`)],
      ['uses', [`${megabytes(status.rss_bytes)} memory, ${status.cpu_seconds.toFixed(1)} s CPU`]],
    ],
  );
}

/** Each reason; below the last reason of a check, the start of the problem and the remedy. */
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

/** The watched directories, each with the kernel interface that watches it, and the counts of changes. */
function packageLines({ directories, missing, reported, dropped, ignored, uncounted }: PackageWatchReport): string[] {
  return [
    ...directories.map(({ path, real_path, by, reason, files }) => {
      const target = real_path === undefined ? '' : ` (${real_path})`;
      return `${path}${target} by ${by}${reason === undefined ? '' : ` (no fanotify: ${reason})`}, ${files} files`;
    }),
    ...missing.map((path) => `${path} is missing`),
    `${reported} changes reported`,
    ...countLine(dropped, 'changes dropped because too many waited'),
    ...countLine(ignored, "changes of other users' files, not reported"),
    ...countLine(uncounted, 'files counted but not compared'),
  ];
}

function scriptReadLines(report: AgentStatus['script_reads']): string[] {
  const { files, rejected, reason, accesses, reads, dropped, unknown, lost } = report;
  const why = reason === undefined ? '' : `: ${reason}`;
  return [
    `${files} scripts watched${rejected === 0 ? why : ''}`,
    ...countLine(rejected, `scripts not watched${why}`),
    `${accesses} accesses, ${reads} reads by an interpreter outside dpkg`,
    ...countLine(unknown, 'accesses by a process that ended before the agent knew it'),
    ...countLine(dropped, 'accesses not examined because too many waited'),
    ...countLine(lost, "overflows of the kernel's queue"),
  ];
}

/** The index of apt's lists, by which the content of an archive shows where it came from. */
function packageListLines({ lists, signed, digests, checked, read, incomplete, doubt }: PackageListsReport): string[] {
  if (checked === undefined) return [doubt === 'not_indexed_yet' ? 'not read yet' : `not read: ${doubt}`];
  if (lists === 0) return ['apt has no package lists'];
  return [
    `${lists} lists of apt, ${signed} signed, with ${digests} packages`,
    `compared ${localTime(checked)}${read === undefined ? '' : `, read ${localTime(read)}`}`,
    ...Object.entries(incomplete).map(([reason, count]) => `${count} not known completely: ${reason}`),
    ...(doubt === undefined || doubt in incomplete ? [] : [`the last comparison failed: ${doubt}`]),
  ];
}

function longScriptLine({ manager, path, package: name, pid, running_seconds, command }: LongScript): string {
  const script = path ?? `a script of ${manager}`;
  const owner = name === undefined ? '' : ` of ${name}`;
  return `${script}${owner} has run for ${Math.floor(running_seconds / 60)} minutes (pid ${pid}): ${command}`;
}

const pathGroups: Readonly<Record<PathWatchReport['group'], string>> = {
  system: 'of the system',
  users: 'in the homes of users',
};

/** One group of watched paths, with what is not watched. */
function pathLines(report: PathWatchReport): string[] {
  const { group, directories, files, reported, dropped } = report;
  return [
    `${directories} directories ${pathGroups[group]}, ${files} files, ${reported} changes reported`,
    ...report.not_by_fanotify.map(
      (other) => `${other.directories} directories are compared, without the process of a change: ${other.reason}`,
    ),
    ...countLine(dropped, 'changes found by comparison because too many came'),
    ...countLine(report.skipped_directories, 'directories not watched because there are too many'),
    ...countLine(report.uncounted, 'files counted but not compared'),
    ...report.not_entered.map(({ path, type }) => `${path} is not entered (${type})`),
  ];
}

/** Why a rule or a hunt is rejected, on one line: file, line, column and message. Not escaped. */
export const formatFault = ({ file, line, column, message }: Omit<RejectedRule, 'id' | 'excerpt'>): string =>
  `${file}:${line}:${column}: ${message}`;

const asWarning = (warning: string): string => `warning: ${warning}`;

/** The line that commands print for a rejected rule or hunt. Not escaped. */
export const rejectedLine = (rule: RejectedRule): string => `rejected: ${formatFault(rule)}`;

function huntLine({ id, last, rows, findings, suppressed, learned, error }: HuntStatus): string {
  if (last === undefined) return `${id}: has not run yet`;
  const first = learned === undefined ? '' : ` (${learned} added to the baseline by the first run)`;
  const suppression = suppressed === undefined ? '' : `, ${suppressed} suppressed`;
  const outcome = error ?? `${rows ?? 0} rows${suppression}, ${findings} new since the start${first}`;
  return `${id}: ${localTime(last)}, ${outcome}`;
}

/** The counts and warnings; empty if no exceptions are configured. */
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
            // This sink counts every alert as delivered, but writes only while the journal is unavailable.
            ...(sink
              ? [name === 'stdout' ? 'only while the journal is unavailable' : `${sink.delivered} delivered`]
              : []),
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

/** Formats headings in one column and texts in the next; a heading without texts is omitted. */
function formatColumns(title: string, lines: readonly Line[]): string {
  const columns = lines.flatMap(([heading, texts]) =>
    texts.map((text, index) => `  ${(index === 0 ? heading : '').padEnd(headingWidth)}${escapeText(text, lineChars)}`),
  );
  return `${[escapeText(title, lineChars), ...columns].join('\n')}\n`;
}

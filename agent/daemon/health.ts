// The health checks: each finds in the reports of the agent's parts why the agent cannot detect or deliver everything.

import type { PackageWatchReport } from '../../collectors/packagedb/package-watch.ts';
import type { ScriptWatchReport } from '../../collectors/script-reads/watch-scripts.ts';
import type { PathWatchReport } from '../../collectors/watched/path-watch.ts';
import type { SinkStatus } from './delivery.ts';
import type { Log } from './log.ts';
import type { SensorReport } from './open-sensor.ts';

/** The parts of the reports that the checks read. */
export interface HealthInput {
  collection: {
    /** Why the agent does not trace the kernel; undefined if it does, or if the configuration chose polling. */
    untraced: string | undefined;
    sensor: Pick<SensorReport, 'unprobed' | 'unseen_transactions' | 'lost_events'>;
    packages: Pick<PackageWatchReport, 'directories' | 'missing'>;
    script_reads: Pick<ScriptWatchReport, 'reason' | 'rejected'>;
    watched_paths: readonly Pick<
      PathWatchReport,
      'group' | 'directories' | 'not_by_fanotify' | 'skipped_directories' | 'uncounted'
    >[];
  };
  policy: {
    /** Why the last reload failed. */
    reloadFailure: string | undefined;
    rules: number;
    rejectedRules: number;
    rejectedHunts: number;
  };
  storage: {
    /** Why the database accepts no events at present. */
    refused: string | undefined;
    /** Number of findings that were dropped before they could be stored. */
    dropped: number;
  };
  delivery: {
    sinks: readonly SinkStatus[];
    /** The directory of alerts.ndjson and the error of the attempt to access it; undefined if it can be written. */
    unwritable: { directory: string; code: string } | undefined;
  };
  /** Faults of the last hour, one sentence each. */
  recentFaults: readonly string[];
}

type HealthState = 'ok' | 'degraded';

/** One line of the list. A check with several problems has one line for each, with the same `since`. */
export interface Health {
  /** A stable keyword for searches and comparisons. */
  check: HealthCheck['check'];
  state: HealthState;
  /** The problem, in one sentence. Absent if the check is ok, as is `remedy`. */
  reason?: string;
  /** Instructions for the administrator. */
  remedy?: string;
  /** When the check entered this state, as the agent observed it; ISO 8601. */
  since: string;
}

interface HealthDefinition {
  check: string;
  remedy: string;
  /** The states whose beginning is logged here. The part that reports the problem logs the others, with more detail. */
  logs: readonly HealthState[];
  /** One sentence for each problem. */
  find(input: HealthInput): readonly string[];
}

/** `COUNT NOUN`, or nothing if the count is 0. */
export const countLine = (count: number, noun: string): string[] => (count > 0 ? [`${count} ${noun}`] : []);

const sentence = (reason: string | undefined, prefix = ''): string[] =>
  reason === undefined ? [] : [`${prefix}${reason}`];

const undelivered = ({ delivery }: HealthInput, sink: string, prefix: string): string[] =>
  sentence(delivery.sinks.find(({ name }) => name === sink)?.error?.message, prefix);

/** All checks, in the order in which they are shown. */
export const healthChecks = [
  {
    check: 'configuration_reload',
    remedy: 'Correct the file that the reason names, then run `stepparent reload`.',
    logs: [],
    find: ({ policy }) => sentence(policy.reloadFailure, 'the last reload failed: '),
  },
  {
    check: 'kernel_tracing',
    remedy: 'Run the agent on the host, as root, with tracefs mounted and without kernel lockdown, and restart it.',
    logs: [],
    find: ({ collection }) => sentence(collection.untraced, 'the agent polls /proc and can miss short processes: '),
  },
  {
    check: 'argument_probes',
    remedy: 'Restore the file of the distribution, or use a kernel with uprobes; the agent tries again by itself.',
    logs: ['ok'],
    find: ({ collection }) => collection.sensor.unprobed,
  },
  {
    check: 'rpm_transactions',
    remedy: 'Restore the library of the distribution, or use a kernel with uprobes; the agent tries again by itself.',
    logs: ['ok'],
    find: ({ collection }) => collection.sensor.unseen_transactions,
  },
  {
    check: 'process_records',
    remedy: 'Raise `sensor.buffer_total_mib` and restart the agent; the restart also resets the count.',
    logs: [],
    find: ({ collection }) => countLine(collection.sensor.lost_events, 'process records lost'),
  },
  {
    check: 'package_writers',
    remedy: 'Run the agent on the host, on Linux 5.9 or newer, with CAP_SYS_ADMIN, and restart it.',
    logs: ['degraded', 'ok'],
    find: ({ collection }) => unknownWriters(collection.packages.directories),
  },
  {
    check: 'script_readers',
    remedy: 'Run the agent on the host, on Linux 5.9 or newer, with CAP_SYS_ADMIN, and restart it.',
    logs: ['degraded', 'ok'],
    find: ({
      collection: {
        script_reads: { reason, rejected },
      },
    }) => sentence(reason, `the agent cannot see who reads ${rejected > 0 ? `${rejected} ` : ''}maintainer scripts: `),
  },
  {
    check: 'package_directories',
    remedy: 'Restore the directory, or remove it from `directories.package_databases` and restart the agent.',
    logs: [],
    find: ({ collection }) => collection.packages.missing.map((path) => `${path} is missing`),
  },
  {
    check: 'watched_paths',
    remedy:
      'Run the agent on the host, on Linux 5.9 or newer, with CAP_SYS_ADMIN; remove paths in `watched_paths`; restart it.',
    logs: ['degraded', 'ok'],
    find: ({ collection }) => unwatchedPaths(collection.watched_paths),
  },
  {
    check: 'rule_files',
    remedy: 'Correct what `stepparent rules check` reports, then run `stepparent reload`.',
    logs: [],
    find: ({ policy }) => countLine(policy.rejectedRules, 'rules rejected'),
  },
  {
    check: 'hunt_files',
    remedy: 'Correct what `stepparent run --check` reports, then run `stepparent reload`.',
    logs: [],
    find: ({ policy }) => countLine(policy.rejectedHunts, 'hunts rejected'),
  },
  {
    check: 'loaded_rules',
    remedy: 'Name a directory with valid rules in `directories.rules`, then run `stepparent reload`.',
    logs: [],
    find: ({ policy }) => (policy.rules === 0 ? ['no rule is loaded'] : []),
  },
  {
    check: 'event_storage',
    remedy: 'Free disk space or repair the file system of the database; the agent tries again by itself.',
    logs: [],
    find: ({ storage }) => sentence(storage.refused, 'events wait in memory: '),
  },
  {
    check: 'dropped_findings',
    remedy: 'Make sure that the database can be written, and restart the agent to reset the count.',
    logs: ['degraded'],
    find: ({ storage }) => countLine(storage.dropped, 'events lost because they could not be stored'),
  },
  {
    check: 'journald',
    remedy:
      'Check `systemctl status systemd-journald`; alerts are printed on standard output, and wait in the database until the journal takes them.',
    logs: [],
    find: (input) => undelivered(input, 'journald', 'the journal does not take alerts: '),
  },
  {
    check: 'standard_output',
    remedy: 'Restart the agent with a standard output that can be written; alerts wait in the database.',
    logs: [],
    find: (input) => undelivered(input, 'stdout', 'alerts are not written: '),
  },
  {
    check: 'alerts_file',
    remedy: 'Free disk space or correct the permissions of alerts.ndjson; alerts wait in the database.',
    logs: [],
    find: (input) => undelivered(input, 'ndjson', 'alerts are not written: '),
  },
  {
    // Only alerts are written there: without this check, the problem would be found at the next alert.
    check: 'logs_directory',
    remedy: 'Create the directory or make it writable for root; alerts wait in the database.',
    logs: ['degraded', 'ok'],
    find: ({ delivery: { sinks, unwritable } }) =>
      unwritable === undefined || sinks.some(({ name, error }) => name === 'ndjson' && error)
        ? []
        : [`alerts are not written: ${unwritable.directory} (${unwritable.code})`],
  },
  {
    check: 'alert_command',
    remedy:
      'Check `systemctl status stepparent-alert.socket` and `journalctl -u "stepparent-alert@*"`; alerts wait in the database.',
    logs: [],
    find: (input) => undelivered(input, 'socket', 'alerts are not handed to /etc/stepparent/on-alert: '),
  },
  {
    check: 'recent_faults',
    remedy: 'Read the log of the agent (`journalctl -u stepparent`); the check is ok an hour after the last fault.',
    logs: ['ok'],
    find: ({ recentFaults }) => recentFaults,
  },
] as const satisfies readonly HealthDefinition[];

type HealthCheck = (typeof healthChecks)[number];

/** One sentence for all directories that lack fanotify for the same reason. */
const unknownWriters = (directories: PackageWatchReport['directories']): string[] =>
  [...Map.groupBy(directories, ({ reason }) => reason)].flatMap(([reason, affected]) =>
    reason === undefined
      ? []
      : [
          `the agent cannot name writers in ${affected.length} of ${directories.length} package database directories: ${reason}`,
        ],
  );

const unwatchedPaths = (groups: HealthInput['collection']['watched_paths']): string[] => {
  const all = groups.reduce((sum, { directories }) => sum + directories, 0);
  const byReason = Map.groupBy(
    groups.flatMap(({ not_by_fanotify: unwatched }) => unwatched),
    ({ reason }) => reason,
  );
  return [
    ...[...byReason].map(([reason, affected]) => {
      const count = affected.reduce((sum, { directories }) => sum + directories, 0);
      return `changes in ${count} of ${all} watched directories are found late and without their process: ${reason}`;
    }),
    // A user who fills a home directory is no reason to doubt the others.
    ...groups
      .filter(({ group }) => group !== 'users')
      .flatMap((report) => [
        ...countLine(report.skipped_directories, 'directories of watched paths not watched because there are too many'),
        ...countLine(report.uncounted, 'files in watched paths not compared because there are too many'),
      ]),
  ];
};

/** Each check with its problems; without one, the check is ok. */
export type FoundHealth = readonly (readonly [definition: HealthCheck, reasons: readonly string[]])[];

/** Runs every check. */
export const checkHealth = (input: HealthInput): FoundHealth =>
  healthChecks.map((definition) => [definition, definition.find(input)]);

/** Returns `trackHealth`, which remembers since when each check is in its state, and logs each change once. */
export function openHealthTracker(log: Pick<Log, 'info' | 'warn'>): (nowMs: number, found: FoundHealth) => Health[] {
  const entered = new Map<string, { state: HealthState; since: string }>();
  return function trackHealth(nowMs, found) {
    return found.flatMap(([{ check, remedy, logs }, reasons]): Health[] => {
      const state: HealthState = reasons.length === 0 ? 'ok' : 'degraded';
      const before = entered.get(check);
      const current = before?.state === state ? before : { state, since: new Date(nowMs).toISOString() };
      entered.set(check, current);
      const isLogged = current !== before && (logs as readonly HealthState[]).includes(state);
      if (isLogged && state === 'degraded') {
        log.warn('a health check is degraded', { check, reason: reasons.join('; ') });
      } else if (isLogged && before !== undefined) log.info('a health check is ok again', { check });
      if (state === 'ok') return [{ check, ...current }];
      return reasons.map((reason) => ({ check, state, reason, remedy, since: current.since }));
    });
  };
}

/** The reasons of all checks that are degraded. */
export const degradedReasons = (health: readonly Health[]): string[] =>
  health.flatMap(({ reason }) => (reason === undefined ? [] : [reason]));

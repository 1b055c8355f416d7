// Builds the status document from the reports of the agent's parts, and runs the health checks on them.

import fs from 'node:fs';
import { errorCode } from '../../collectors/error-message.ts';
import type { Clock } from '../../collectors/host/clock.ts';
import type { PackageWatch } from '../../collectors/packagedb/package-watch.ts';
import { longScripts } from '../../collectors/process/long-scripts.ts';
import type { ProcessTable } from '../../collectors/process/process-table.ts';
import type { Provenance } from '../../collectors/provenance/provenance.ts';
import type { ScriptWatch } from '../../collectors/script-reads/watch-scripts.ts';
import type { Configuration } from '../configuration/configuration.ts';
import { version } from '../version.ts';
import { type AgentStatus, type StoreFacts, storeFacts } from './agent-status.ts';
import type { Delivery, SinkStatus } from './delivery.ts';
import type { Faults } from './faults.ts';
import { checkHealth, degradedReasons, type Health, openHealthTracker } from './health.ts';
import type { Log } from './log.ts';
import type { Sensor } from './open-sensor.ts';
import type { Pipeline } from './pipeline.ts';
import { exceptionsOf, type Policy } from './policy.ts';
import type { Recorder } from './recorder.ts';
import type { PathsWatch } from './watch-paths.ts';

/** The sensor, the watches of files, the process table and the pipeline. */
interface CollectionReport
  extends Pick<
    AgentStatus,
    | 'sensor'
    | 'packages'
    | 'script_reads'
    | 'package_lists'
    | 'watched_paths'
    | 'executions'
    | 'processes'
    | 'processes_rejected'
    | 'connections'
    | 'long_scripts'
    | 'events_held'
  > {
  /** Why the agent does not trace the kernel; undefined if it does, or if the configuration chose polling. */
  untraced: string | undefined;
}

interface PolicyReport extends Pick<AgentStatus, 'restart_needed'> {
  inForce: Policy;
  /** The last reload; undefined before the first. */
  reloaded: AgentStatus['reloaded'] | undefined;
  hunts: AgentStatus['hunts']['scheduled'];
}

interface StorageReport extends Pick<AgentStatus, 'uncommitted'> {
  /** Why the database accepts no events at present. */
  refused: string | undefined;
}

interface DeliveryReport {
  sinks: SinkStatus[];
  /** Undefined if `alerts.ndjson` is off. */
  logsDirectory: string | undefined;
}

/** The parts of the agent that a status document consists of. Each document and each health check reads them again. */
export interface StatusReportDeps {
  collection: { report(): CollectionReport };
  policy: { report(): PolicyReport };
  /** `facts` counts rows, and throws if the database cannot be read. */
  storage: { report(): StorageReport; facts(): StoreFacts };
  delivery: { report(): DeliveryReport };
  faults: Pick<Faults, 'list' | 'recent'>;
}

/** Builds a status document for each request. `report` throws a StoreError if the database cannot be read. */
export interface StatusReport {
  report(): AgentStatus;
  /** Runs the health checks, so that their changes are logged even if no client requests the status. */
  checkHealth(): void;
}

/** Combines the reports of the process sensor, the watches of files, the process table and the pipeline. */
export const collectionReport = (
  sensor: Pick<Sensor, 'degraded' | 'report'>,
  {
    packages,
    scripts,
    lists,
    paths,
  }: {
    packages: Pick<PackageWatch, 'report'>;
    scripts: Pick<ScriptWatch, 'report'>;
    lists: Pick<Provenance, 'report'>;
    paths: Pick<PathsWatch, 'report'>;
  },
  { table, clock }: { table: Pick<ProcessTable, 'size' | 'rejected' | 'alive'>; clock: Pick<Clock, 'bootNs'> },
  pipeline: Pick<Pipeline, 'connections' | 'executions' | 'held' | 'scriptReads'>,
): StatusReportDeps['collection'] => ({
  report: () => ({
    untraced: sensor.degraded,
    sensor: sensor.report(),
    packages: packages.report(),
    script_reads: { ...scripts.report(), ...pipeline.scriptReads() },
    package_lists: lists.report(),
    watched_paths: paths.report(),
    executions: pipeline.executions(),
    processes: table.size,
    processes_rejected: table.rejected,
    connections: pipeline.connections(),
    long_scripts: longScripts(table.alive(), clock.bootNs()),
    events_held: pipeline.held,
  }),
});

/** Combines the store's facts with the recorder's counts of uncommitted and dropped events. */
export const storageReport = (
  store: Parameters<typeof storeFacts>[0],
  recorder: Pick<Recorder, 'refused' | 'waiting' | 'dropped'>,
): StatusReportDeps['storage'] => ({
  report: () => ({
    refused: recorder.refused,
    uncommitted: { waiting: recorder.waiting, dropped: recorder.dropped },
  }),
  facts: () => storeFacts(store, Date.now()),
});

/**
 * Combines the states of the sinks with the directory of `alerts.ndjson`, whose write permission the health checks
 * test.
 */
export const deliveryReport = (
  delivery: Pick<Delivery, 'status'>,
  logsDirectory: string | undefined,
): StatusReportDeps['delivery'] => ({ report: () => ({ sinks: delivery.status(), logsDirectory }) });

/** The code of the error if the directory cannot be written. */
function unwritableCode(directory: string): string | undefined {
  try {
    fs.accessSync(directory, fs.constants.W_OK);
    return undefined;
  } catch (error) {
    return errorCode(error) || String(error);
  }
}

function unwritableDirectory(directory: string | undefined): { directory: string; code: string } | undefined {
  const code = directory === undefined ? undefined : unwritableCode(directory);
  return directory === undefined || code === undefined ? undefined : { directory, code };
}

/**
 * Warns that `learning` has no effect on an existing database: a package starts the agent before its user can configure it. `learning`
 * is the store's report.
 */
export const learningWarning = (configuration: Pick<Configuration, 'learning'>, learning: unknown): string[] =>
  configuration.learning === undefined || learning !== undefined
    ? []
    : ['`learning` has no effect: it applies to a new database, and this one was created without it'];

/** `started` is ISO 8601. */
export function openStatusReport(
  deps: StatusReportDeps,
  { started, log }: { started: string; log: Pick<Log, 'info' | 'warn'> },
): StatusReport {
  const trackHealth = openHealthTracker(log);

  const readReports = () => ({
    collection: deps.collection.report(),
    policy: deps.policy.report(),
    storage: deps.storage.report(),
    delivery: deps.delivery.report(),
  });

  const healthOf = ({ collection, policy, storage, delivery }: ReturnType<typeof readReports>): Health[] =>
    trackHealth(
      Date.now(),
      checkHealth({
        collection,
        policy: {
          reloadFailure: policy.reloaded?.rejected,
          rules: policy.inForce.rules.length,
          rejectedRules: policy.inForce.rejected.rules.length,
          rejectedHunts: policy.inForce.rejected.hunts.length,
        },
        storage: { refused: storage.refused, dropped: storage.uncommitted.dropped },
        delivery: { sinks: delivery.sinks, unwritable: unwritableDirectory(delivery.logsDirectory) },
        recentFaults: deps.faults.recent(),
      }),
    );

  return {
    report() {
      const facts = deps.storage.facts();
      const reports = readReports();
      const { collection, policy, storage, delivery } = reports;
      const { inForce, reloaded } = policy;
      const health = healthOf(reports);
      const degraded = degradedReasons(health);
      const { user, system } = process.cpuUsage();
      return {
        pid: process.pid,
        version,
        started,
        state: facts.learning?.active ? 'learning' : degraded.length === 0 ? 'running' : 'degraded',
        degraded,
        health,
        sensor: collection.sensor,
        packages: collection.packages,
        script_reads: collection.script_reads,
        package_lists: collection.package_lists,
        watched_paths: collection.watched_paths,
        executions: collection.executions,
        processes: collection.processes,
        processes_rejected: collection.processes_rejected,
        connections: collection.connections,
        long_scripts: collection.long_scripts,
        events_held: collection.events_held,
        rules: {
          loaded: inForce.rules.map(({ id }) => id),
          disabled: inForce.disabled.map(({ id }) => id),
          rejected: inForce.rejected.rules,
        },
        hunts: { scheduled: policy.hunts, rejected: inForce.rejected.hunts },
        exceptions: exceptionsOf(inForce),
        configuration: [...inForce.files],
        ...(reloaded && { reloaded }),
        warnings: [...inForce.warnings, ...learningWarning(inForce.configuration, facts.learning)],
        restart_needed: policy.restart_needed,
        trust_package_managers: inForce.configuration.trust_package_managers,
        store: facts,
        uncommitted: storage.uncommitted,
        sinks: delivery.sinks,
        faults: deps.faults.list(),
        rss_bytes: process.memoryUsage.rss(),
        cpu_seconds: (user + system) / 1e6,
      };
    },
    checkHealth: () => void healthOf(readReports()),
  };
}

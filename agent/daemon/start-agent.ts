// Starts the agent: lists its stages and their dependencies, and stops them.

import { healthEvent } from '../../collectors/event/health-event.ts';
import { type Host, openHost } from '../../collectors/host/host.ts';
import { readHostContext } from '../../collectors/host/host-context.ts';
import { onOwnFault } from '../../collectors/host/read-faults.ts';
import { raiseFileLimit } from '../../collectors/linux/libc.ts';
import { createDpkgJournal } from '../../collectors/packagedb/dpkg-journal.ts';
import { askRpm, packageDirectories, type RpmDirectories } from '../../collectors/packagedb/package-directories.ts';
import type { PackageWatch } from '../../collectors/packagedb/package-watch.ts';
import { fileTurns } from '../../collectors/packagedb/work-turns.ts';
import { openKnownPrograms } from '../../collectors/packages/known-programs.ts';
import { hasRpm } from '../../collectors/packages/run-rpm.ts';
import { dpkgDirectory } from '../../collectors/packages/tools.ts';
import { openProcView } from '../../collectors/proc/inspect-process.ts';
import { createProcessTable } from '../../collectors/process/process-table.ts';
import { openRecognizer } from '../../collectors/process/recognize-program.ts';
import { snapshotPids } from '../../collectors/procfs/process-snapshot.ts';
import { openRpmRepositories } from '../../collectors/provenance/rpm-repositories.ts';
import { runDnfHistory } from '../../collectors/provenance/run-dnf-history.ts';
import type { ScriptWatch } from '../../collectors/script-reads/watch-scripts.ts';
import { openTimers, type Timers } from '../../collectors/timers.ts';
import { choosePaths } from '../../collectors/watched/choose-paths.ts';
import { openMounts } from '../../collectors/watched/mounts.ts';
import { parsePackageOperation } from '../../detectors/facts/package-operation.ts';
import { openStore } from '../../storage/store.ts';
import type { Paths } from '../configuration/paths.ts';
import type { ReadConfiguration } from '../configuration/read-configuration.ts';
import { requirePrivateDirectory } from '../configuration/require-private-directory.ts';
import { version } from '../version.ts';
import { readAgentId } from './agent-id.ts';
import { followRuns } from './agent-runs.ts';
import type { AgentStatus } from './agent-status.ts';
import { listenControl } from './control-socket.ts';
import { type End, openEnd } from './end.ts';
import { type Faults, openFaults } from './faults.ts';
import { startHousekeeping } from './housekeeping.ts';
import { type HuntSchedule, scheduledRun, startHuntSchedule } from './hunt-schedule.ts';
import { openLedgerComparison } from './ledger-comparison.ts';
import type { Log } from './log.ts';
import { openDelivery, sinkNames } from './open-delivery.ts';
import { openKnowledge } from './open-knowledge.ts';
import { openSensor } from './open-sensor.ts';
import { openPipeline } from './pipeline.ts';
import { openPolicyInForce, type PolicyInForce } from './policy-in-force.ts';
import { openRecorder } from './recorder.ts';
import { openRequests, type Requests } from './requests.ts';
import { recordScriptBaseline } from './script-baseline.ts';
import { watchSelf } from './self-watch.ts';
import { collectionReport, deliveryReport, learningWarning, openStatusReport, storageReport } from './status-report.ts';
import { stopReason } from './stop-reason.ts';
import { watchPackageLists } from './watch-package-lists.ts';
import { watchPackageSources } from './watch-package-sources.ts';
import { watchPackages } from './watch-packages.ts';
import { type PathsWatch, watchPaths } from './watch-paths.ts';
import { watchScriptReads } from './watch-script-reads.ts';
import { watchTracing } from './watch-tracing.ts';

/** A running agent, for the process that started it. */
export interface Agent {
  status(): AgentStatus;
  /** A number that changes after each poll of the sensor, once all records of the poll were handled. */
  progress(): number;
  /**
   * Replaces the policy in force by the result of `readAgain`, between two events. Keeps the previous one if `readAgain` throws or if a rule
   * or hunt that is in force would be rejected; the log and `status` have the reason. The control socket offers the same, and answers with
   * the new status.
   */
  reload(): void;
  /**
   * Stops everything: commits all events, and removes the tracing instance from the kernel. Runs every step with a time limit and logs
   * those that fail. Never rejects; a second call returns the first call's promise. `why` is the cause, such as a signal.
   */
  stop(why: string): Promise<void>;
}

/** The configuration, the paths and the log of an agent, and the callbacks of the process that starts it. */
export interface AgentDeps {
  /** The configuration in force until the first reload. */
  read: ReadConfiguration;
  /** Reads the configuration for a reload. */
  readAgain(): ReadConfiguration;
  /** Called after each reload, also one that failed. */
  onReload(): void;
  paths: Paths;
  log: Log;
  /** Aborts the start: the stages that were started are stopped, and `startAgent` throws the signal's reason. */
  signal?: AbortSignal;
}

/** How often the health checks run for the log. */
const healthEveryMs = 30_000;

/** When rpm's databases are listed for the first time: the start has more urgent work. */
const listRpmAfterMs = 10_000;

/** Starts the agent, stage by stage. Resolves when every collector works. `run` prints what it throws. */
export async function startAgent(deps: AgentDeps): Promise<Agent> {
  const { paths, log } = deps;
  const faults = openFaults(log);
  const requests = openRequests();
  const end = openEnd(log, requests.end);
  const timers = openTimers((error) => faults.note('a task of the agent failed', error));
  const started = new Date().toISOString();
  const host = openHost();
  const start: Start = {
    started,
    deps,
    host,
    faults,
    policy: openPolicyInForce(deps.read, host.clock, log),
    timers,
    end,
  };
  // The first step: the removal of probes and of the tracing instance opens files.
  end.add('limit of open files', raiseFileLimit);
  end.add('reports of failed reads', reportFailedReads(faults));
  end.add('timers', () => timers.close());
  // The socket comes first: it ensures that only one agent runs.
  const control = await listenControl(paths.controlSocket, requests.handlers, faults.note);
  end.add('control socket', () => control.close());
  try {
    deps.signal?.throwIfAborted();
    const storage = openStorage(start);
    const events = await openEvents(start, storage);
    const watches = await startCollecting(start, storage, events);
    const hunts = startHunts(start, storage, events);
    startHousekeeping({
      store: storage.store,
      policy: () => start.policy.current,
      timers,
      onAlerts: storage.delivery.wake,
      onFault: faults.note,
    });
    watchSelf({ every: timers.every, onFault: faults.note });
    requests.begin(openAnswers(start, storage, events, watches, hunts));
    const { context, table, pipeline } = events;
    return {
      status: requests.status,
      reload: requests.reload,
      progress: events.sensor.progress,
      stop(why) {
        const reason = stopReason(why, table, context.userName);
        log.info('stopping', { reason });
        pipeline.recordHealth(healthEvent(context, 'agent-stopped', reason));
        return end.run();
      },
    };
  } catch (error) {
    await end.run();
    throw error;
  }
}

/** The dependencies of every stage. */
interface Start {
  /** ISO 8601. */
  started: string;
  deps: AgentDeps;
  host: Host;
  faults: Faults;
  policy: PolicyInForce;
  timers: Timers;
  end: End;
}

/** record and deliver: opens the database and the delivery to the sinks. */
function openStorage({ deps: { read, paths, log }, host, faults, end }: Start) {
  const { alerts, learning } = read.configuration;
  requirePrivateDirectory(paths.stateDirectory, 'directories.state');
  const store = openStore(paths.database, { sinks: sinkNames(alerts), learningMs: learning });
  end.add('database', () => store.close());
  for (const warning of learningWarning(read.configuration, store.learning(host.clock.nowMs()))) log.warn(warning);
  const recorder = openRecorder({ store, nowMs: host.clock.nowMs, log, onFault: faults.note });
  const delivery = openDelivery(store, alerts, paths, log);
  end.add('delivery', () => delivery.stop());
  recorder.onAlerts(delivery.wake);
  return { store, recorder, delivery };
}
type Storage = ReturnType<typeof openStorage>;

/** track, hold, enrich and judge: opens the sensor, the process table and the pipeline, before any record is read. */
async function openEvents(
  { deps: { read, paths, log, signal }, host, faults, policy, timers, end }: Start,
  storage: Storage,
) {
  // rpm runs before the sensor is open, so that it causes no event.
  const rpmDirectories = await unlessAborted(askRpmDirectories(host, faults), signal);
  const sensor = openSensor({ host, settings: read.configuration.sensor, onFault: faults.note, log });
  end.add('process sensor', () => sensor.stop());
  const context = readHostContext(host, { id: readAgentId(paths.stateDirectory), version }, sensor.name);
  const probesEveryLinker = sensor.probes.coversLinkers;
  const recognize = openRecognizer(host, openKnownPrograms(host));
  const table = createProcessTable(openProcView(host), { changesPackages, probesEveryLinker, recognize });
  const { knowledge, terms } = openKnowledge(context, table, () => policy.current.configuration.trust_package_managers);
  const dpkgJournal = createDpkgJournal(host, dpkgDirectory, faults.note);
  end.add("watch of dpkg's journal", () => dpkgJournal.close());
  const provenance = watchPackageLists({ host, store: storage.store, timers, onFault: faults.note });
  end.add('package lists', () => provenance.stop());
  const repositories = openRpmRepositories({ host, readDnfHistory: runDnfHistory, onFault: faults.note });
  const pipeline = openPipeline({
    host: { table, context, knowledge, dpkgJournal, provenance, repositories, turns: fileTurns },
    sensor,
    storage,
    policy: { judging: policy.judging, classifyTerm: terms.classify },
    onFault: faults.note,
  });
  end.add('events', () => pipeline.stop());
  return { rpmDirectories, sensor, context, table, pipeline, dpkgJournal, provenance };
}
type Events = Awaited<ReturnType<typeof openEvents>>;

/** Starts the collectors: processes first, so that the writers of files are known. */
async function startCollecting(
  { deps: { read, log, signal }, host, faults, timers, end }: Start,
  { store, recorder }: Storage,
  { rpmDirectories, sensor, context, table, pipeline, dpkgJournal, provenance }: Events,
): Promise<{ packages: PackageWatch; scripts: ScriptWatch; paths: PathsWatch }> {
  const snapshot = await unlessAborted(snapshotPids(host.proc), signal);
  if (snapshot.fault !== undefined) log.warn(snapshot.fault);
  table.seed(snapshot.pids);
  if (sensor.degraded !== undefined) pipeline.recordHealth(healthEvent(context, 'sensor-degraded', sensor.degraded));
  sensor.start(pipeline.handleRecords);
  if (sensor.instance !== undefined) {
    const tracing = watchTracing({ instance: sensor.instance, host: { table, context }, pipeline, faults });
    end.add('watch of the tracing instance', () => tracing.stop());
  }
  await unlessAborted(pipeline.prepare(), signal);
  const run = followRuns({
    store,
    bootId: context.bootId,
    nowMs: host.clock.nowMs,
    timers,
    log,
    onGap: (gap) => pipeline.handleGap(gap, process.pid),
    onFault: faults.note,
  });
  end.add('run of the agent', run.end);
  dpkgJournal.start(pipeline.dpkgUpdates);
  const ledger = openLedgerComparison({ store, pipeline, host, context, timers, onFault: faults.note });
  ledger.compare('dpkg');
  ledger.compare('rpm', listRpmAfterMs);
  end.add('package ledger', ledger.stop);
  const directories = packageDirectories(read.configuration.directories.package_databases, rpmDirectories, host.exists);
  const scripts = watchScriptReads(directories, { context, pipeline, faults });
  end.add('watch of script reads', () => scripts.stop());
  const deps = { store, host: { table, context }, pipeline, faults, log };
  const packages = watchPackages(directories, { ...deps, scripts });
  end.add('watch of package databases', () => packages.stop());
  const mounts = openMounts(host.clock);
  const sources = await unlessAborted(
    watchPackageSources({
      reader: { files: host, mayOpen: (path) => !mounts.isForeign(path), next: () => fileTurns.next() },
      store,
      async offeredVersions() {
        const installed = await pipeline.packages.list('dpkg');
        return provenance.offeredVersions(typeof installed === 'string' ? [] : installed);
      },
      timers,
      monotonicMs: host.clock.monotonicMs,
      onFault: faults.note,
    }),
    signal,
  );
  end.add('package sources', () => sources.stop());
  const paths = watchPaths(choosePaths(read.configuration.watched_paths), { ...deps, mounts, sources });
  end.add('watch of paths', () => paths.stop());
  const readScripts = (): void => void recordScriptBaseline({ host, store, pipeline, timers, onFault: faults.note });
  readScripts();
  recorder.onSetAside(({ path, reason }, isNow) => {
    pipeline.recordHealth(healthEvent(context, 'store-set-aside', `${reason}; kept as ${path}`));
    if (!isNow) return;
    packages.saveAgain();
    paths.saveAgain();
    sources.saveAgain();
    readScripts();
    ledger.compare('dpkg');
    ledger.compare('rpm');
  });
  return { packages, scripts, paths };
}
type Watches = Awaited<ReturnType<typeof startCollecting>>;

function startHunts(
  { deps: { paths, log }, faults, policy, end }: Start,
  { store, delivery }: Storage,
  { context }: Events,
): HuntSchedule {
  const hunts = startHuntSchedule({
    policy: () => policy.current,
    run: scheduledRun(paths.database),
    store,
    context,
    listener: {
      onAlerts: delivery.wake,
      onFirstRun: ({ id }, known) =>
        log.info('first run of a hunt: its rows were added to the baseline without alerts', { hunt: id, rows: known }),
      onFault: faults.note,
    },
  });
  end.add('hunts', () => hunts.stop());
  return hunts;
}

/** The status, with its health checks, and the reload. */
function openAnswers(
  { started, deps: { read, readAgain, onReload, paths, log }, faults, policy, timers }: Start,
  { store, recorder, delivery }: Storage,
  { sensor, context, table, pipeline, provenance }: Events,
  watches: Watches,
  hunts: HuntSchedule,
): Requests {
  const status = openStatusReport(
    {
      collection: collectionReport(
        sensor,
        { ...watches, lists: provenance },
        { table, clock: context.host.clock },
        pipeline,
      ),
      policy: { report: () => ({ ...policy.report(), hunts: hunts.status() }) },
      storage: storageReport(store, recorder),
      delivery: deliveryReport(delivery, read.configuration.alerts.ndjson ? paths.logsDirectory : undefined),
      faults,
    },
    { started, log },
  );
  timers.every(healthEveryMs, status.checkHealth);
  status.checkHealth();
  return {
    status: status.report,
    reload() {
      policy.reload(readAgain, (summary) => {
        hunts.reload();
        pipeline.recordHealth(healthEvent(context, 'configuration-reloaded', summary));
        pipeline.commit();
      });
      onReload();
    },
  };
}

/** Reports reads that failed because of the agent; the reader treats their target as missing. Returns what ends the reports. */
const reportFailedReads = (faults: Faults): (() => void) =>
  onOwnFault((error) => faults.note('a read failed, treating its target as missing', error));

async function askRpmDirectories(host: Host, faults: Faults): Promise<RpmDirectories | undefined> {
  const directories = await askRpm(host);
  if (directories === undefined && hasRpm(host)) {
    faults.note('rpm did not report its directories, watching the default ones');
  }
  return directories;
}

/** Waits for `result`; throws the signal's reason as soon as the signal aborts. */
async function unlessAborted<T>(result: Promise<T>, signal: AbortSignal | undefined): Promise<T> {
  if (signal === undefined) return result;
  const aborted = Promise.withResolvers<never>();
  const onAbort = (): void => aborted.reject(signal.reason);
  signal.addEventListener('abort', onAbort, { once: true });
  if (signal.aborted) onAbort();
  try {
    return await Promise.race([result, aborted.promise]);
  } finally {
    signal.removeEventListener('abort', onAbort);
  }
}

/** Whether an operation of rpm runs scripts of packages: a verification runs %verifyscript. */
const changesPackages = (manager: 'rpm', args: readonly string[]): boolean => {
  const operation = parsePackageOperation(manager, args)?.operation;
  return operation !== 'query' && operation !== 'other' && operation !== 'build';
};

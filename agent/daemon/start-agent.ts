// Starts the agent: lists its stages and what each needs, and ends them again.

import { healthEvent } from '../../collectors/event/health-event.ts';
import { type Host, openHost } from '../../collectors/host/host.ts';
import { readHostContext } from '../../collectors/host/host-context.ts';
import { onOwnFault } from '../../collectors/host/read-faults.ts';
import { raiseFileLimit } from '../../collectors/linux/libc.ts';
import { askRpm, packageDirectories, type RpmDirectories } from '../../collectors/packagedb/package-directories.ts';
import type { PackageWatch } from '../../collectors/packagedb/package-watch.ts';
import { hasRpm } from '../../collectors/packages/run-rpm.ts';
import { openProcView } from '../../collectors/proc/inspect-process.ts';
import { createProcessTable } from '../../collectors/process/process-table.ts';
import { snapshotPids } from '../../collectors/procfs/process-snapshot.ts';
import { openTimers, type Timers } from '../../collectors/timers.ts';
import { parsePackageOperation } from '../../detectors/facts/package-operation.ts';
import { openStore } from '../../storage/store.ts';
import type { Paths } from '../configuration/paths.ts';
import type { ReadConfiguration } from '../configuration/read-configuration.ts';
import { requirePrivateDirectory } from '../configuration/require-private-directory.ts';
import { version } from '../version.ts';
import { readAgentId } from './agent-id.ts';
import type { AgentStatus } from './agent-status.ts';
import { listenControl } from './control-socket.ts';
import { type End, openEnd } from './end.ts';
import { type Faults, openFaults } from './faults.ts';
import { startHousekeeping } from './housekeeping.ts';
import { type HuntSchedule, scheduledRun, startHuntSchedule } from './hunt-schedule.ts';
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
import { watchPackages } from './watch-packages.ts';

export interface Agent {
  status(): AgentStatus;
  /** A number that changes after each poll of the sensor whose records were all handled. */
  progress(): number;
  /**
   * Puts what `readAgain` gives in the place of what is in force, between two events. Nothing changes where it throws or where a
   * rule or hunt that is in force would be rejected: the log and `status` say why. The same is asked for through the control socket, and
   * answered with the status after it.
   */
  reload(): void;
  /**
   * Ends everything: what was seen is committed, the kernel's instance removed. Every step is taken and none is waited for
   * without end; what fails is in the log. Never rejects; called again, it is the same end.
   */
  stop(): Promise<void>;
}

export interface AgentDeps {
  /** What is in force until the first reload. */
  read: ReadConfiguration;
  /** What a reload puts in its place. */
  readAgain(): ReadConfiguration;
  /** After each reload, also one that was rejected. */
  onReload(): void;
  paths: Paths;
  log: Log;
  /** Breaks the start off: what was started is ended again, and `startAgent` throws its reason. */
  signal?: AbortSignal;
}

/** How often the health checks run for the log. */
const healthEveryMs = 30_000;

/** Starts the agent, stage by stage. Resolves when every collector works; throws what `run` explains to the operator. */
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
  // Each probe and the tracing instance are removed by writing to a file.
  end.add('limit of open files', raiseFileLimit);
  end.add('reports of failed reads', reportFailedReads(faults));
  end.add('timers', () => timers.close());
  // First of all the socket: only one of two agents can hold it.
  const control = await listenControl(paths.controlSocket, requests.handlers, faults.note);
  end.add('control socket', () => control.close());
  try {
    deps.signal?.throwIfAborted();
    const storage = openStorage(start);
    const events = await openEvents(start, storage);
    const watch = await startCollecting(start, storage, events);
    const hunts = startHunts(start, storage, events);
    startHousekeeping({
      store: storage.store,
      policy: () => start.policy.current,
      timers,
      onAlerts: storage.delivery.wake,
      onFault: faults.note,
    });
    watchSelf({ every: timers.every, onFault: faults.note });
    requests.begin(openAnswers(start, storage, events, watch, hunts));
    return { status: requests.status, reload: requests.reload, progress: events.sensor.progress, stop: end.run };
  } catch (error) {
    await end.run();
    throw error;
  }
}

/** What every stage has to hand. */
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

/** record and deliver: the database, and the sinks that get what it has for them. */
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

/** track, hold, enrich and judge: the sensor, the process table and the pipeline, before any record is read. */
async function openEvents({ deps: { read, paths, log, signal }, host, faults, policy, end }: Start, storage: Storage) {
  // rpm runs before the sensor is there to see it.
  const rpmDirectories = await unlessAborted(askRpmDirectories(host, faults), signal);
  const sensor = openSensor({ host, settings: read.configuration.sensor, onFault: faults.note, log });
  end.add('process sensor', () => sensor.stop());
  const context = readHostContext(host, { id: readAgentId(paths.stateDirectory), version }, sensor.name);
  const table = createProcessTable(openProcView(host), { changesPackages });
  const { knowledge, terms } = openKnowledge(host, table, () => policy.current.configuration.trust_package_managers);
  const pipeline = openPipeline({
    host: { table, context, knowledge },
    sensor,
    storage,
    policy: { judging: policy.judging, classifyTerm: terms.classify },
    onFault: faults.note,
  });
  end.add('events', () => pipeline.stop());
  return { rpmDirectories, sensor, context, table, pipeline };
}
type Events = Awaited<ReturnType<typeof openEvents>>;

/** Starts the collectors: processes first, so that the writers of files are known. */
async function startCollecting(
  { deps: { read, log, signal }, host, faults, timers, end }: Start,
  { store, recorder }: Storage,
  { rpmDirectories, sensor, context, table, pipeline }: Events,
): Promise<PackageWatch> {
  const snapshot = await unlessAborted(snapshotPids(host.proc), signal);
  if (snapshot.fault !== undefined) log.warn(snapshot.fault);
  table.seed(snapshot.pids);
  if (sensor.degraded !== undefined) pipeline.recordHealth(healthEvent(context, 'sensor-degraded', sensor.degraded));
  sensor.start(pipeline.handleRecords);
  await unlessAborted(pipeline.prepare(), signal);
  const directories = packageDirectories(read.configuration.directories.package_databases, rpmDirectories, host.exists);
  const watch = watchPackages(directories, { store, host: { table, context }, pipeline, faults, log });
  end.add('watch of package databases', () => watch.stop());
  const readScripts = (): void => void recordScriptBaseline({ host, store, pipeline, timers, onFault: faults.note });
  readScripts();
  recorder.onSetAside(({ path, reason }, isNow) => {
    pipeline.recordHealth(healthEvent(context, 'store-set-aside', `${reason}; kept as ${path}`));
    if (!isNow) return;
    watch.saveAgain();
    readScripts();
  });
  return watch;
}

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
        log.info('a hunt ran for the first time here: what it found is known from now on', { hunt: id, rows: known }),
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
  { sensor, context, table, pipeline }: Events,
  watch: PackageWatch,
  hunts: HuntSchedule,
): Requests {
  const status = openStatusReport(
    {
      collection: collectionReport(sensor, watch, table),
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

/** What could not be read, as if it were not there. Returns what ends the reports. */
const reportFailedReads = (faults: Faults): (() => void) =>
  onOwnFault((error) => faults.note('something could not be read, as if it were not there', error));

async function askRpmDirectories(host: Host, faults: Faults): Promise<RpmDirectories | undefined> {
  const directories = await askRpm(host);
  if (directories === undefined && hasRpm(host)) {
    faults.note('rpm did not say which directories are its own: the usual ones are watched');
  }
  return directories;
}

/** Throws the signal's reason once it aborts; what was waited for may never come. */
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

/** Packages' scripts run in these; %verifyscript in a verification. */
const changesPackages = (manager: 'rpm', args: readonly string[]): boolean => {
  const operation = parsePackageOperation(manager, args)?.operation;
  return operation !== 'query' && operation !== 'other' && operation !== 'build';
};

// Wires the agent together: sensor, process table, rules, store, delivery; and takes it apart again.

import fs from 'node:fs';
import { readHostContext } from '../collectors/host-context.ts';
import { openPackageOwner } from '../collectors/package-owner.ts';
import { openPackageTools } from '../collectors/package-tools.ts';
import { askRpm } from '../collectors/packagedb/package-folders.ts';
import type { PackageWatch } from '../collectors/packagedb/package-watch.ts';
import { openProcView, readHostNamespaces } from '../collectors/proc/inspect-process.ts';
import { createProcessCollector } from '../collectors/process-collector.ts';
import type { ProcessRecord } from '../collectors/process-record.ts';
import { createProcessTable } from '../collectors/process-table.ts';
import { snapshotPids } from '../collectors/procfs/process-snapshot.ts';
import { openScriptCopies } from '../collectors/script-copies.ts';
import { sensorEvent } from '../collectors/sensor-event.ts';
import { realPath } from '../collectors/which-file.ts';
import { compileExceptions } from '../detectors/exceptions.ts';
import { parsePackageOperation } from '../detectors/facts/package-operation.ts';
import { readHunts } from '../detectors/hunts/load-hunts.ts';
import { compileKql } from '../detectors/query/kql.ts';
import { packageToolsList, readKnownTerms, shippedKnownTerms } from '../detectors/rules/known-terms.ts';
import { readRules } from '../detectors/rules/load-rules.ts';
import { limits } from '../storage/limits.ts';
import { openStore, type Store } from '../storage/open-store.ts';
import { StoreError } from '../storage/store-error.ts';
import { readAgentId } from './agent-id.ts';
import type { Configuration } from './configuration.ts';
import { type ConfiguredException, exceptionsReport, knownNames } from './configured-exceptions.ts';
import { listenControl } from './control-socket.ts';
import { startDelivery } from './delivery.ts';
import { openFaults } from './faults.ts';
import { journaldListens } from './journal-entry.ts';
import { openKnownTerms } from './known-front-ends.ts';
import type { Log } from './log.ts';
import { openHuntSchedule } from './open-hunt-schedule.ts';
import { watchPackages } from './open-package-watch.ts';
import { openSensor, packageTools } from './open-sensor.ts';
import type { Paths } from './paths.ts';
import { createPipeline } from './pipeline.ts';
import { openScriptEvidence } from './script-evidence.ts';
import { openJournaldSink } from './sinks/journald.ts';
import { openNdjsonSink } from './sinks/ndjson.ts';
import type { Sink } from './sinks/sink.ts';
import { openStdoutSink } from './sinks/stdout.ts';
import { type AgentStatus, storeFacts } from './status.ts';
import { openTimers } from './timers.ts';
import { version } from './version.ts';

export interface Agent {
  status(): AgentStatus;
  /** Another number after each look of the sensor that was handled whole. */
  progress(): number;
  /** Ends everything: what was seen is committed, the kernel's instance removed. */
  stop(): Promise<void>;
}

export interface AgentParts {
  configuration: Configuration & { rules_directories: readonly string[] };
  /** The configuration's files, to name them in errors. */
  configurationFiles: readonly string[];
  exceptions: readonly ConfiguredException[];
  paths: Paths;
  log: Log;
}

/** How often due summaries, retention and old waiting execs are looked after. */
const tidyEveryMs = 30_000;
const pruneAgainMs = 250;
/** An exec that waits for its arguments is told after this at the latest. */
const flushAfterMs = 60;
const commitAgainMs = 1000;

/** Starts the agent. Resolves when every collector works; throws what `run` explains to the operator. */
export async function startAgent(parts: AgentParts): Promise<Agent> {
  const { configuration, exceptions, paths, log } = parts;
  const started = new Date().toISOString();
  const faults = openFaults(log);
  const { rules, refused } = readRules(configuration.rules_directories);
  for (const rule of refused) log.error('a rule was refused', { ...rule });
  if (rules.length === 0) log.error('no rule is loaded: nothing will be detected', {});
  const { hunts, refused: refusedHunts } = readHunts(configuration.hunts.directories);
  for (const hunt of refusedHunts) log.error('a hunt was refused', { ...hunt });
  const exceptionFor = compileExceptions(exceptions);
  const reportExceptions = () => exceptionsReport(exceptions, knownNames(rules, hunts), Date.now());
  for (const warning of reportExceptions().warnings) log.warn('an exception needs a look', { warning });
  const lists = readKnownTerms(shippedKnownTerms);

  // First of all, the one thing that tells two agents apart: who holds the socket.
  let status: () => AgentStatus = () => {
    throw new Error('the agent is still starting');
  };
  const control = await listenControl(paths.controlSocket, { status: () => status() });
  const undo: (() => unknown)[] = [() => control.close()];
  try {
    const { journald, ndjson } = configuration.alerts;
    const sinkNames = [...(journald ? ['journald', 'stdout'] : []), ...(ndjson ? ['ndjson'] : [])];
    const storeOptions = { sinks: sinkNames, learningMs: configuration.learning };
    let store: Store = openStore(paths.database, storeOptions);
    undo.unshift(() => store.close());
    fs.mkdirSync(paths.logsDirectory, { recursive: true, mode: 0o700 });

    // ps-list and rpm are looked up here, not where the caller's environment says.
    process.env.PATH = '/usr/sbin:/usr/bin:/sbin:/bin';

    const agent = { id: readAgentId(paths.stateDirectory), version };
    const table = createProcessTable(openProcView(readHostNamespaces()), { changesPackages });
    // Before the sensor is there to see it.
    const rpm = await askRpm();

    let onRecords: (records: ProcessRecord[]) => void = () => {};
    const sensor = openSensor({
      settings: configuration.sensor,
      onRecords: (batch) => onRecords(batch),
      onFault: faults.note,
    });
    undo.unshift(() => sensor.stop());
    const context = readHostContext(agent, sensor.name);

    /** Why the journal does not take alerts; while it does not, they are also told on standard output. */
    let journaldTrouble: string | undefined;
    const sinks: Sink[] = [
      ...(journald
        ? [
            openJournaldSink(),
            openStdoutSink(process.stdout, () => journaldTrouble !== undefined || !journaldListens()),
          ]
        : []),
      ...(ndjson ? [openNdjsonSink(paths.alerts)] : []),
    ];
    const delivery = startDelivery({
      outbox: {
        pending: (sink, limit) => store.pending(sink, limit),
        nextDueMs: (sink) => store.nextDueMs(sink),
        delivered: (ids) => store.delivered(ids),
        failed: (ids, nextMs) => store.failed(ids, nextMs),
      },
      sinks,
      onTrouble(sink, trouble) {
        if (sink === 'journald') journaldTrouble = trouble;
        if (trouble === undefined) log.info('alerts are delivered again', { sink });
        else log.warn('alerts cannot be delivered and wait in the outbox', { sink, reason: trouble });
      },
    });
    undo.unshift(() => delivery.stop());

    const { later, soon, clear } = openTimers();
    const tools = openPackageTools({
      programs: [...lists.values()].flat(),
      tools: lists.get(packageToolsList) ?? [],
      owns: openPackageOwner(),
      inspect: table.inspect,
    });

    const pipeline = createPipeline({
      rules,
      records: compileKql(configuration.events.record).matches,
      containerAlerts: configuration.container_alerts,
      knownTerms: openKnownTerms({ lists: configuration.known_front_ends ? lists : new Map(), tools }),
      commit(findings) {
        try {
          const { alerts } = store.record(findings, Date.now());
          if (alerts.length > 0) delivery.wake();
        } catch (error) {
          if (error instanceof StoreError && error.trouble === 'corrupt') {
            store.close();
            store = openStore(paths.database, { ...storeOptions, setAsideBecause: error.message });
            tellSetAside();
          }
          throw error;
        }
      },
      exceptionFor: (ruleId, read) => exceptionFor(ruleId, read, Date.now()),
      onFault: faults.note,
    });
    const scripts = openScriptEvidence({
      store: () => store,
      table,
      context,
      takeFile: pipeline.takeFile,
      takeExec: pipeline.take,
      onFault: faults.note,
    });
    const takeScripts = (): void => {
      void scripts.takeBaseline().catch((error: unknown) => faults.note('scripts could not be taken down', error));
    };
    let packages: PackageWatch | undefined;
    const tellSetAside = (): void => {
      if (store.setAside === undefined) return;
      log.error('the database could not be used and was set aside; a new one was begun', { ...store.setAside });
      pipeline.keep(
        sensorEvent(context, 'store-set-aside', `${store.setAside.reason}; kept as ${store.setAside.path}`),
      );
      if (packages === undefined) return;
      packages.saveAgain();
      takeScripts();
    };
    tellSetAside();

    const commit = (): void => {
      pipeline.commit();
      if (pipeline.waiting > 0) commitAgain();
    };
    const commitAgain = soon(commitAgainMs, commit);
    const probed = new Set(sensor.name === 'tracefs' ? packageTools.map((tool) => realPath(tool) ?? tool) : []);
    const collector = createProcessCollector({
      table,
      context,
      witness: { tools, copies: openScriptCopies() },
      isProbed: (executable) => probed.has(executable),
      onExec: scripts.exec,
      onLost({ count }) {
        faults.note(`the sensor lost records`, new Error(`${count} at least`));
        pipeline.keep(sensorEvent(context, 'records-lost', 'the kernel buffer overflowed', count));
      },
    });
    const flush = (): void => {
      if (collector.flush(sensor.readUntilNs())) flushAgain();
    };
    const flushAgain = soon(flushAfterMs, () => {
      flush();
      commit();
    });
    onRecords = (batch) => {
      for (const record of batch) collector.handle(record);
      flush();
      commit();
    };

    const snapshot = await snapshotPids();
    if (snapshot.fault !== undefined) faults.note(snapshot.fault);
    table.seed(snapshot.pids);
    if (sensor.degraded !== undefined) {
      log.warn('the kernel cannot be traced: /proc is polled, and short runs can be missed', {
        reason: sensor.degraded,
      });
      pipeline.keep(sensorEvent(context, 'sensor-degraded', sensor.degraded));
    }
    sensor.start();
    commit();
    await scripts.prepare();
    const watch = watchPackages({
      configuration,
      rpm,
      store: () => store,
      table,
      context,
      pipeline,
      scripts,
      commit,
      faults,
    });
    packages = watch;
    takeScripts();
    undo.unshift(() => watch.stop());

    const termMs = Math.max(limits.huntRowMs, ...rules.map((rule) => rule.windowMs));
    const prune = (): void => {
      const { more } = store.prune(Date.now(), {
        eventDays: configuration.retention.event_days,
        maxBytes: configuration.retention.max_mb * 1024 * 1024,
        ...(rules.length > 0 ? { termMs } : {}),
      });
      if (more) later(pruneAgainMs, guarded(prune));
    };
    const guarded = (run: () => void) => (): void => {
      try {
        run();
      } catch (error) {
        faults.note('the store could not be tidied', error);
      }
    };
    const tidy = setInterval(
      guarded(() => {
        if (store.summarize(Date.now()).length > 0) delivery.wake();
        prune();
      }),
      tidyEveryMs,
    );
    later(1000, guarded(prune));

    const schedule = openHuntSchedule({
      hunts,
      intervalMs: configuration.hunts.interval,
      database: paths.database,
      store: () => store,
      context,
      exceptionFor,
      onAlerts: delivery.wake,
      log,
      faults,
    });
    undo.unshift(() => schedule?.stop());

    status = () => {
      const facts = storeFacts(store, Date.now());
      const report = sensor.report();
      const sound = sensor.degraded === undefined && report.lost_events === 0 && refused.length === 0;
      const { user, system } = process.cpuUsage();
      return {
        pid: process.pid,
        version,
        started,
        state: facts.learning?.active ? 'learning' : sound && journaldTrouble === undefined ? 'running' : 'degraded',
        sensor: report,
        packages: watch.report(),
        processes: table.size,
        processes_refused: table.refused,
        rules: { loaded: rules.map(({ id }) => id), refused },
        hunts: { scheduled: schedule?.status() ?? [], refused: refusedHunts },
        exceptions: reportExceptions(),
        configuration: [...parts.configurationFiles],
        known_front_ends: configuration.known_front_ends,
        store: facts,
        uncommitted: { waiting: pipeline.waiting, dropped: pipeline.dropped },
        sinks: delivery.status(),
        faults: faults.list(),
        rss_bytes: process.memoryUsage.rss(),
        cpu_seconds: (user + system) / 1e6,
      };
    };

    return {
      status: () => status(),
      progress: sensor.progress,
      async stop() {
        clearInterval(tidy);
        await schedule?.stop();
        await watch.stop();
        await sensor.stop();
        clear();
        collector.flush(Number.POSITIVE_INFINITY);
        scripts.stop();
        pipeline.commit();
        await delivery.stop();
        await control.close();
        store.close();
      },
    };
  } catch (error) {
    // A step that fails, at once or later, keeps none of the others from being taken.
    for (const step of undo) await (async () => step())().catch(() => {});
    throw error;
  }
}

/** Packages' scripts run in these; %verifyscript in a verification. */
const changesPackages = (manager: 'rpm', args: readonly string[]): boolean => {
  const operation = parsePackageOperation(manager, args)?.operation;
  return operation !== 'query' && operation !== 'other' && operation !== 'build';
};

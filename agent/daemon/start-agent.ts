// Wires the agent together: sensor, process table, rules, store, delivery; and takes it apart again.

import { errorMessage } from '../../collectors/error-message.ts';
import { healthEvent } from '../../collectors/event/health-event.ts';
import { openHost } from '../../collectors/host/host.ts';
import { readHostContext } from '../../collectors/host/host-context.ts';
import { onOwnTrouble } from '../../collectors/host/read-faults.ts';
import { ensureDirectory } from '../../collectors/linux/ensure-directory.ts';
import { raiseFileLimit } from '../../collectors/linux/libc.ts';
import { askRpm } from '../../collectors/packagedb/package-directories.ts';
import type { PackageWatch } from '../../collectors/packagedb/package-watch.ts';
import { openPackageOwner } from '../../collectors/packages/package-owner.ts';
import { openPackageTools } from '../../collectors/packages/package-tools.ts';
import { hasRpm } from '../../collectors/packages/run-rpm.ts';
import { openScriptCopies } from '../../collectors/packages/script-copies.ts';
import { probedPrograms } from '../../collectors/packages/tools.ts';
import { openProcView } from '../../collectors/proc/inspect-process.ts';
import { createProcessCollector } from '../../collectors/process/exec-collector.ts';
import type { ProcessRecord } from '../../collectors/process/process-record.ts';
import { createProcessTable } from '../../collectors/process/process-table.ts';
import { snapshotPids } from '../../collectors/procfs/process-snapshot.ts';
import { takeSteps } from '../../collectors/take-steps.ts';
import { openTimers } from '../../collectors/timers.ts';
import { parsePackageOperation } from '../../detectors/facts/package-operation.ts';
import { packageToolsList, readKnownTerms, shippedKnownTerms } from '../../detectors/rules/known-terms.ts';
import { limits } from '../../storage/limits.ts';
import { openStore } from '../../storage/store.ts';
import { StoreError } from '../../storage/store-error.ts';
import type { Paths } from '../configuration/paths.ts';
import type { ReadConfiguration } from '../configuration/read-configuration.ts';
import { requirePrivateDirectory } from '../configuration/require-private-directory.ts';
import { journaldListens } from '../journal/journal-entry.ts';
import { openJournaldSink } from '../sinks/journald.ts';
import { openNdjsonSink } from '../sinks/ndjson.ts';
import type { Sink } from '../sinks/sink.ts';
import { openStdoutSink } from '../sinks/stdout.ts';
import { version } from '../version.ts';
import { readAgentId } from './agent-id.ts';
import { type AgentStatus, formatFault, storeFacts } from './agent-status.ts';
import { listenControl } from './control-socket.ts';
import { startDelivery } from './delivery.ts';
import { openExecHold } from './exec-hold.ts';
import { lostRecords, openFaults } from './faults.ts';
import { scheduledRun, startHuntSchedule } from './hunt-schedule.ts';
import type { Log } from './log.ts';
import { watchPackages } from './open-package-watch.ts';
import { openSensor } from './open-sensor.ts';
import { createPipeline, type PipelinePolicy } from './pipeline.ts';
import { exceptionsOf, newlyRejected, type Policy, readPolicy, restartKeys } from './policy.ts';
import { openScriptEvidence } from './script-evidence.ts';
import { watchSelf } from './self-watch.ts';
import { learningWarning, openStatusReport } from './status-report.ts';
import { openStorageOutage } from './storage-outage.ts';
import { openTermClassifier } from './term-standing.ts';

export interface Agent {
  status(): AgentStatus;
  /** Another number after each look of the sensor that was handled whole. */
  progress(): number;
  /**
   * Puts what `readAgain` gives in the place of what is in force, between two events. Nothing changes where it throws or where a
   * rule or hunt that is in force would be refused: the log and `status` say why. The same is asked for through the control socket, and
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
  /** After each reload, also one that was refused. */
  onReload(): void;
  paths: Paths;
  log: Log;
  /** Breaks the start off: what was started is ended again, and `startAgent` throws its reason. */
  signal?: AbortSignal;
}

/** The steps of the end, first to last; a start that fails ends what there is by then, in the same order. */
const endSteps = [
  'limit of open files',
  'hunts',
  'timers',
  'watch of package databases',
  'process sensor',
  'waiting executions',
  'waiting scripts',
  'held executions',
  'last events',
  'delivery',
  'database',
  'control socket',
  'reports of failed reads',
] as const;

/** systemd waits for 30 s (TimeoutStopSec=). */
const endLimits = { stepMs: 7000, allMs: 12_000 };

/** How often due summaries, retention and old waiting execs are looked after. */
const tidyEveryMs = 30_000;
const pruneAgainMs = 250;
/** How often the health checks run for the log. */
const healthEveryMs = 30_000;
/** An exec that waits for its arguments is told after this at the latest. */
const flushAfterMs = 60;
const commitAgainMs = 1000;

/** Starts the agent. Resolves when every collector works; throws what `run` explains to the operator. */
export async function startAgent(parts: AgentDeps): Promise<Agent> {
  const { paths, log, signal } = parts;
  const { configuration } = parts.read;
  const started = new Date().toISOString();
  const faults = openFaults(log);
  let policy = readPolicy(parts.read);
  const logPolicy = (): void => {
    for (const rule of policy.refused.rules) log.error('a rule was refused', { ...rule });
    for (const hunt of policy.refused.hunts) log.error('a hunt was refused', { ...hunt });
    if (policy.rules.length === 0) log.error('no rule is loaded: nothing will be detected', {});
    for (const warning of policy.warnings) log.warn('the configuration needs a look', { warning });
    for (const warning of exceptionsOf(policy).warnings) log.warn('an exception needs a look', { warning });
  };
  logPolicy();
  const lists = readKnownTerms(shippedKnownTerms);

  // First of all, the one thing that tells two agents apart: who holds the socket.
  let status: () => AgentStatus = () => {
    throw new Error('the agent is still starting');
  };
  let reload = (): void => {
    throw new Error('the agent is still starting');
  };
  const atEnd = new Map<(typeof endSteps)[number], () => unknown>();
  // Each probe and the instance are removed by writing to a file.
  atEnd.set('limit of open files', raiseFileLimit);
  let ended: Promise<void> | undefined;
  const end = (): Promise<void> => {
    status = () => {
      throw new Error('the agent is ending');
    };
    reload = status;
    ended ??= takeSteps(
      endSteps.map((name) => [name, () => atEnd.get(name)?.()]),
      (step, error) =>
        log.error('a step of the end failed; the others are taken', { step, reason: errorMessage(error) }),
      endLimits,
    );
    return ended;
  };
  const stopReports = onOwnTrouble((error) =>
    faults.note('something could not be read, as if it were not there', error),
  );
  atEnd.set('reports of failed reads', stopReports);
  const handlers = {
    status: () => status(),
    reload: () => {
      reload();
      return status();
    },
  };
  const control = await listenControl(paths.controlSocket, handlers, faults.note);
  atEnd.set('control socket', () => control.close());
  try {
    signal?.throwIfAborted();
    const { journald, ndjson } = configuration.alerts;
    const sinkNames = [...(journald ? ['journald', 'stdout'] : []), ...(ndjson ? ['ndjson'] : [])];
    requirePrivateDirectory(paths.stateDirectory, 'state_directory');
    const store = openStore(paths.database, { sinks: sinkNames, learningMs: configuration.learning });
    atEnd.set('database', () => store.close());
    for (const warning of learningWarning(configuration, store.learning(Date.now()))) log.warn(warning);
    // Where it cannot be made the journal has the alerts, and `status` says so.
    if (ndjson) attempt(() => ensureDirectory(paths.logsDirectory));

    const host = openHost();
    const agent = { id: readAgentId(paths.stateDirectory), version };
    const table = createProcessTable(openProcView(host), { changesPackages });
    // Before the sensor is there to see it.
    const rpm = await unlessAborted(askRpm(host), signal);
    if (rpm === undefined && hasRpm(host))
      faults.note('rpm did not say which folders are its own: the usual ones are watched');

    let onRecords: (records: ProcessRecord[]) => void = () => {};
    const sensor = openSensor({
      host,
      settings: configuration.sensor,
      onRecords: (batch) => onRecords(batch),
      onFault: faults.note,
      onUnprobed: (program, reason) => log.warn('the arguments of a program cannot be probed', { program, reason }),
    });
    atEnd.set('process sensor', () => sensor.stop());
    const context = readHostContext(host, agent, sensor.name);

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
      outbox: store,
      sinks,
      onTrouble(sink, trouble) {
        if (sink === 'journald') journaldTrouble = trouble;
        if (trouble === undefined) log.info('alerts are delivered again', { sink });
        else log.warn('alerts cannot be delivered and wait in the outbox', { sink, reason: trouble });
      },
    });
    atEnd.set('delivery', () => delivery.stop());

    const timers = openTimers((error) => faults.note('a task of the agent failed', error));
    const { later, soon, every } = timers;
    atEnd.set('timers', () => timers.close());
    const tools = openPackageTools({
      host,
      programs: [...lists.values()].flat(),
      tools: lists.get(packageToolsList) ?? [],
      owns: openPackageOwner(host),
      inspect: table.inspect,
    });
    tools.warm();

    const outage = openStorageOutage(log);
    /** Why the database has to be set aside; it is tried again until it could be. */
    let damage: string | undefined;
    const replaceDatabase = (reason: string): void => {
      damage = reason;
      store.replaceDatabase(reason);
      damage = undefined;
      logSetAside();
    };
    const judgedBy = ({ rules, records, configuration, exceptionFor }: Policy): PipelinePolicy => ({
      rules,
      records,
      containerAlerts: configuration.container_alerts,
      knownTerms: openTermClassifier({ lists: configuration.known_front_ends ? lists : new Map(), tools }),
      exceptionFor: (ruleId, read) => exceptionFor(ruleId, read, Date.now()),
    });
    let judged = judgedBy(policy);
    const pipeline = createPipeline({
      policy: () => judged,
      commit(findings) {
        try {
          if (damage !== undefined) replaceDatabase(damage);
          const { alerts } = store.record(findings, Date.now());
          outage.taken();
          if (alerts.length > 0) delivery.wake();
        } catch (error) {
          outage.refused(findings, errorMessage(error));
          if (error instanceof StoreError && error.trouble === 'corrupt' && damage === undefined) {
            replaceDatabase(error.message);
          }
          throw error;
        }
      },
      onFault(what, error) {
        // What the store refuses is part of `degraded` while it is refused, and no longer: it is tried again.
        if (!(error instanceof StoreError)) faults.note(what, error);
      },
    });
    atEnd.set('last events', () => pipeline.commit());
    const hold = openExecHold({ takeExec: pipeline.take, commit: () => commit(), onFault: faults.note });
    atEnd.set('held executions', () => hold.stop());
    const scripts = openScriptEvidence({
      store,
      table,
      context,
      takeFile: pipeline.takeFile,
      takeExec: (exec) => hold.exec(exec),
      commit: () => commit(),
      onFault: faults.note,
    });
    atEnd.set('waiting scripts', () => scripts.stop());
    const takeScripts = (): void => {
      void scripts.takeBaseline().catch((error: unknown) => {
        faults.note('scripts could not be taken down', error);
        later(tidyEveryMs, takeScripts);
      });
    };
    let packages: PackageWatch | undefined;
    const logSetAside = (): void => {
      if (store.setAside === undefined) return;
      log.error('the database could not be used and was set aside; a new one was begun', { ...store.setAside });
      pipeline.keep(
        healthEvent(context, 'store-set-aside', `${store.setAside.reason}; kept as ${store.setAside.path}`),
      );
      if (packages === undefined) return;
      packages.saveAgain();
      takeScripts();
    };
    logSetAside();

    const commit = (): void => {
      pipeline.commit();
      if (pipeline.waiting > 0) commitAgain();
    };
    const commitAgain = soon(commitAgainMs, commit);
    const probed = new Set(sensor.name === 'tracefs' ? probedPrograms.map((tool) => host.realPath(tool) ?? tool) : []);
    const collector = createProcessCollector({
      table,
      context,
      knowledge: { tools, copies: openScriptCopies(host) },
      isProbed: (executable) => probed.has(executable),
      onExec: scripts.exec,
      onLost({ count }) {
        faults.note(lostRecords, new Error(`${count} at least`));
        pipeline.keep(healthEvent(context, 'records-lost', 'the kernel buffer overflowed', count));
      },
    });
    atEnd.set('waiting executions', () => collector.flush(Number.POSITIVE_INFINITY));
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

    const snapshot = await unlessAborted(snapshotPids(host.proc), signal);
    // No fault: nothing is missed by it.
    if (snapshot.fault !== undefined) log.warn(snapshot.fault);
    table.seed(snapshot.pids);
    if (sensor.degraded !== undefined) {
      log.warn('the kernel cannot be traced: /proc is polled, and short runs can be missed', {
        reason: sensor.degraded,
      });
      pipeline.keep(healthEvent(context, 'sensor-degraded', sensor.degraded));
    }
    sensor.start();
    commit();
    await unlessAborted(scripts.prepare(), signal);
    const watch = watchPackages({
      configuration,
      rpm,
      store,
      table,
      context,
      pipeline,
      scripts,
      commit,
      faults,
      log,
    });
    packages = watch;
    atEnd.set('watch of package databases', () => watch.stop());
    takeScripts();

    const prune = (): void => {
      const { rules, configuration } = policy;
      const termMs = Math.max(limits.huntRowMs, ...rules.map((rule) => rule.windowMs));
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
    every(
      tidyEveryMs,
      guarded(() => {
        if (store.summarize(Date.now()).length > 0) delivery.wake();
        prune();
      }),
    );
    later(1000, guarded(prune));

    const schedule = startHuntSchedule({
      policy: () => policy,
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
    atEnd.set('hunts', () => schedule.stop());

    let reloaded: AgentStatus['reloaded'];
    /** Throws an error whose message says why `next` cannot take the place of what is in force. */
    const replace = (next: Policy): void => {
      const lost = newlyRejected(policy, next);
      if (lost.length > 0) throw new Error(lost.map(formatFault).join('; '));
      judged = judgedBy(next);
      policy = next;
      log.setLevel(next.configuration.log.level);
      schedule.reload();
    };

    const statusReport = openStatusReport(
      {
        collection: {
          report: () => ({
            untraced: sensor.degraded,
            sensor: sensor.report(),
            packages: watch.report(),
            processes: table.size,
            processes_refused: table.refused,
          }),
        },
        policy: {
          report: () => ({
            inForce: policy,
            reloaded,
            restart_needed: restartKeys(configuration, policy.configuration),
            hunts: schedule.status(),
          }),
        },
        storage: {
          report: () => ({
            refused: outage.reason,
            uncommitted: { waiting: pipeline.waiting, dropped: pipeline.dropped },
          }),
          facts: () => storeFacts(store, Date.now()),
        },
        delivery: {
          report: () => ({ sinks: delivery.status(), logsDirectory: ndjson ? paths.logsDirectory : undefined }),
        },
        faults,
      },
      { started, log },
    );
    status = statusReport.report;
    statusReport.checkHealth();
    every(healthEveryMs, statusReport.checkHealth);

    const readAndReplace = (): void => {
      reloaded = { last: new Date().toISOString() };
      try {
        replace(readPolicy(parts.readAgain()));
      } catch (error) {
        reloaded.refused = errorMessage(error);
        log.error('the reload was refused: what was in force stays so', { reason: reloaded.refused });
        return;
      }
      logPolicy();
      const { rules, hunts, exceptions, files } = policy;
      const counts = `${rules.length} rules, ${hunts.length} hunts to ask, ${exceptions.length} exceptions`;
      log.info(`the configuration was read again: ${counts}`, { files: files.join(', ') || 'defaults' });
      const waiting = restartKeys(configuration, policy.configuration);
      if (waiting.length > 0) log.warn('this takes effect at the next restart only', { keys: waiting.join(', ') });
      pipeline.keep(
        healthEvent(context, 'configuration-reloaded', `${counts}: ${rules.map(({ id }) => id).join(', ')}`),
      );
      commit();
    };
    reload = () => {
      readAndReplace();
      parts.onReload();
    };

    watchSelf({ every, onFault: faults.note });

    return {
      status: () => status(),
      progress: sensor.progress,
      reload: () => reload(),
      stop: end,
    };
  } catch (error) {
    await end();
    throw error;
  }
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

/** The code of what it throws, if it does. */
function attempt(action: () => unknown): string | undefined {
  try {
    action();
    return undefined;
  } catch (error) {
    return error instanceof Error && 'code' in error ? String(error.code) : String(error);
  }
}

// The path of an event, top to bottom: track -> hold -> enrich -> judge -> record -> deliver.

import { describeConnection } from '../../collectors/connections/connection-event.ts';
import { type Connection, openConnectionWatch } from '../../collectors/connections/connection-watch.ts';
import { readOpenConnections } from '../../collectors/connections/open-sockets.ts';
import { errorCode } from '../../collectors/error-message.ts';
import type { StepparentEvent } from '../../collectors/event/event.ts';
import { healthEvent } from '../../collectors/event/health-event.ts';
import { openHold, type Wait } from '../../collectors/event/hold.ts';
import { readPath } from '../../collectors/event/read-path.ts';
import { scopeOf } from '../../collectors/event/scope.ts';
import { userClassOf } from '../../collectors/event/user-class.ts';
import type { HostContext } from '../../collectors/host/host-context.ts';
import { maxHashedBytes } from '../../collectors/host/opened-file.ts';
import { type DpkgJournal, type DpkgJournalReceiver, noDpkgJournal } from '../../collectors/packagedb/dpkg-journal.ts';
import {
  cheapFileFields,
  type DescribedFileAct,
  describeFileAct,
  describeFileChange,
  type FileAct,
  type FileChange,
} from '../../collectors/packagedb/file-event.ts';
import type { WorkTurns } from '../../collectors/packagedb/work-turns.ts';
import { openInstalledVersions } from '../../collectors/packages/installed-versions.ts';
import type { ListedPackage } from '../../collectors/packages/listed-package.ts';
import {
  openScriptObserver,
  type PendingScript,
  type ScriptObserver,
} from '../../collectors/packages/script-observer.ts';
import { dpkgDirectory, type PackageManager } from '../../collectors/packages/tools.ts';
import {
  createExecCollector,
  type ExecutionCounts,
  type StartProbes,
} from '../../collectors/process/exec-collector.ts';
import { type ObservedExec, observeExec, type PackageKnowledge } from '../../collectors/process/observe-exec.ts';
import type { ProcessEntry } from '../../collectors/process/process.ts';
import type { BootNs, ProcessRecord } from '../../collectors/process/process-record.ts';
import type { ProcessTable } from '../../collectors/process/process-table.ts';
import { type AgentGap, describeStart } from '../../collectors/process/start-event.ts';
import { openSurvivorCheck } from '../../collectors/process/survivors.ts';
import { describeSurvivors } from '../../collectors/process/survivors-event.ts';
import type { Provenance } from '../../collectors/provenance/provenance.ts';
import type { RpmRepositories } from '../../collectors/provenance/rpm-repositories.ts';
import type { ScriptAccess } from '../../collectors/script-reads/script-access.ts';
import { describeScriptRead } from '../../collectors/script-reads/script-read-event.ts';
import {
  openScriptReaders,
  type ScriptRead,
  type ScriptReadersReport,
} from '../../collectors/script-reads/script-readers.ts';
import { takeEvery } from '../../collectors/take-steps.ts';
import { openTimers } from '../../collectors/timers.ts';
import { openDpkgRuns } from '../../collectors/transactions/dpkg-runs.ts';
import type { PackageTransaction } from '../../collectors/transactions/package-transaction.ts';
import { openRpmDatabases } from '../../collectors/transactions/rpm-database.ts';
import { openRpmTransactions } from '../../collectors/transactions/rpm-transactions.ts';
import { observeTransaction } from '../../collectors/transactions/transaction-event.ts';
import { parseDpkg } from '../../detectors/facts/dpkg-options.ts';
import {
  isKnownScript,
  judgeScript,
  type ScriptMemory,
  type ScriptSlot,
  type SeenScript,
  withScript,
} from '../../detectors/facts/script-state.ts';
import type { CausedEvent, TermStanding } from '../../detectors/facts/term-standing.ts';
import {
  type Candidate,
  type Judge,
  type JudgeDeps,
  type JudgedEvent,
  type JudgePolicy,
  mayMatch,
  openJudge,
} from '../../detectors/judge.ts';
import { ledgerEntry } from '../../detectors/package-ledger.ts';
import type { Verdict } from '../../detectors/rules/rule.ts';
import type { Store } from '../../storage/store.ts';
import { lostRecords } from './faults.ts';
import type { Recorder } from './recorder.ts';

/** The policy by which events are judged. */
interface PipelinePolicy {
  /** The same object until a reload replaces it. */
  judging(): JudgePolicy;
  classifyTerm(verdict: Verdict, event: CausedEvent): TermStanding;
}

/** The views of the host. */
interface PipelineHost {
  table: ProcessTable;
  context: HostContext;
  knowledge: PackageKnowledge;
  /** dpkg's administrative directory; another one in tests. */
  dpkgDirectory?: string;
  /** The watch of dpkg's journal. Absent: it is not watched. */
  dpkgJournal?: DpkgJournal;
  /** The turns in which file changes are described. Absent: one follows the other at once. */
  turns?: Pick<WorkTurns, 'next'>;
  /** Finds out where archives came from. Absent: it is not asked. */
  provenance?: Pick<Provenance, 'follow' | 'refresh' | 'lostFixes'>;
  /** Finds out which repositories packages of rpm came from. Absent: it is not asked. */
  repositories?: RpmRepositories;
}

/** The part of the process sensor that the pipeline uses. */
interface PipelineSensor {
  /** Nanoseconds since boot: all earlier records were passed on. */
  readUntilNs(): number;
  readNow(): void;
  probes: StartProbes;
  /** Whether records of connections come. */
  tracesConnections: boolean;
}

interface PipelineStorage {
  recorder: Recorder;
  /** The scripts that were seen before. */
  store: Pick<Store, 'scriptsOf' | 'versionKnown' | 'saveScripts'>;
}

/**
 * The parts of the agent around the pipeline. `onFault` receives the errors of single events, which do not stop the
 * others.
 */
export interface PipelineDeps {
  host: PipelineHost;
  sensor: PipelineSensor;
  storage: PipelineStorage;
  policy: PipelinePolicy;
  onFault(fault: string, error?: unknown): void;
}

/** Receives what the collectors observe, judges each event, and passes it to the recorder. */
export interface Pipeline {
  /** Handles a batch of the sensor, in order of time. Execs are judged in this order, except those that wait for missing data. */
  handleRecords(records: readonly ProcessRecord[]): void;
  /**
   * Handles a file change in the package databases and closes its file. Resolves when its event was judged. Changes are described in
   * order.
   */
  handleFileChange(change: FileChange): Promise<void>;
  /** Receives the updates of dpkg's journal. */
  dpkgUpdates: DpkgJournalReceiver;
  /**
   * Handles a change of a watched file outside of the package databases and closes its file. `complete` adds what is
   * expensive to find, and is called only if a rule or the store query may match. Resolves to whether it was called,
   * when the event was judged or waits. Changes are described in order, and package databases do not wait for them.
   */
  handleWatchedChange(change: FileChange, complete: CompleteWatched): Promise<boolean>;
  /** Notes that a file has changed; `handleFileChange` follows later. */
  noteFile(path: string): void;
  /** Judges what a process did to a file whose content is not read. `act` is called when the records up to `atNs` were read. */
  handleFileAct(atNs: BootNs, act: () => FileAct): Promise<void>;
  /** Handles the access to a maintainer script. It becomes an event if an interpreter gets the content. */
  handleScriptAccess(access: ScriptAccess): void;
  /** Records an event about the agent itself. Rules do not read it. */
  recordHealth(event: StepparentEvent): void;
  /** Handles the time before the start in which no agent ran. `pid` is the agent's own. */
  handleGap(gap: AgentGap, pid: number): void;
  /** Reads what the package manager has installed. Must complete before the first file change. */
  prepare(): Promise<void>;
  /** Numbers of connections that became events, and that were dropped because of the rate limit. */
  connections(): { reported: number; dropped: number };
  executions(): Readonly<ExecutionCounts>;
  /** Number of events that wait for data before they are judged. */
  readonly held: number;
  /** The installed packages, and the transactions that change them. */
  packages: PackageView;
  /** The version of its package to which the script at a path belongs; undefined if it is not known. */
  versionInPlace: ScriptObserver['versionInPlace'];
  /** The state of the accesses to scripts, for `status`. */
  scriptReads(): ScriptReadersReport;
  commit(): void;
  /** Judges the held events with the data at hand, and commits them. No other method may be called afterwards. */
  stop(): Promise<void>;
}

/** The installed packages by the databases of dpkg and rpm, and whether the observed transactions explain them. */
interface PackageView {
  /**
   * Lists the installed packages. `none`: the manager has no database, or an empty one. `busy`: not now. Rejects if the
   * database cannot be read.
   */
  list(manager: PackageManager): Promise<readonly ListedPackage[] | 'none' | 'busy'>;
  /** Whether a transaction is underway, or waits to be judged. */
  isBusy(): boolean;
  /** Whether all judged events are committed. */
  areCommitted(): boolean;
  /** Number of transactions that have ended. */
  readonly ended: number;
  /** Calls `listener` when a change was not observed, or its result is not known. */
  onDoubt(listener: (manager: PackageManager) => void): void;
}

/**
 * Adds to the description of a watched file its content, difference and package. `later`: what is known only some seconds
 * later.
 */
type CompleteWatched = (
  described: DescribedFileAct,
) => Promise<{ event: StepparentEvent; later?: LaterFields | undefined }>;

/** Fields for which the event of a watched file waits; `complete` is called when `known` has settled, or not in time. */
export interface LaterFields {
  known: Promise<unknown>;
  complete(event: StepparentEvent): StepparentEvent;
}

/** Maximum wait for the owner of a program: rpm has answered by then. What is unknown by then stays unknown. */
const maxProgramWaitMs = 5000;
/** Maximum wait for the package database after a transaction: rpm has listed it by then. */
const maxDatabaseWaitMs = 4000;
/** Maximum wait for the content of the archives after a run of dpkg. */
const maxArchivesWaitMs = 4000;
/** Downgrades are rare, and the lists can be large and compressed. */
const maxFixesWaitMs = 20_000;
/** A change of package sources is judged when the files have rested, or 15 s after the first change; pins need apt's lists. */
const maxSourcesWaitMs = 60_000;
/** Maximum number of turns in which the sensor reads up to the time of a file change; more would hold up the agent. */
const maxTurns = 4;
const flushAfterMs = 60;
const reportDroppedAfterMs = 10_000;
const commitAgainMs = 1000;
/** Delay of the commit of events without an alert, to commit them together: a run of a package manager makes hundreds. */
const commitAfterMs = 100;
const reportLastingEveryMs = 60_000;
/** Maximum number of scripts that wait to be stored together: each may have its whole content in memory. */
const maxUnsaved = 16;

/** Opens a pipeline without events. It asks for the policy at each event, so that a reload applies to the next one. */
export function openPipeline({ host, sensor, storage, policy, onFault }: PipelineDeps): Pipeline {
  const { table, context, knowledge } = host;
  const { dpkgDirectory: directory = dpkgDirectory, dpkgJournal: journal = noDpkgJournal } = host;
  const { recorder, store } = storage;
  const { clock } = context.host;
  const startedMs = clock.nowMs();
  const timers = openTimers((error) => onFault('a task of the agent failed', error));

  // -- track: records become the process table and observed execs; an exec lacks its arguments until their record comes.
  const hold = openHold({ clock: context.host.clock, onLate: () => commitSoon(), onFault });
  const tracker = createExecCollector(
    {
      host: context.host,
      table,
      hold,
      observe: (snapshot) => observeExec(snapshot, table, context, knowledge),
      report: {
        exec: holdExec,
        connect: (record) => handleConnection(connections.ofRecord(record)),
        exit: handleExit,
        readAgain() {
          survivors.findEnded();
          runs.findEnded();
        },
        lost({ count }) {
          doubt('dpkg');
          doubt('rpm');
          onFault(lostRecords, new Error(`${count} at least`));
          recordHealth(healthEvent(context, 'records-lost', 'the kernel buffer overflowed', count));
        },
      },
    },
    sensor.probes,
  );

  // -- Transactions of librpm, in any process. The actor is the process as it was when its transaction began.
  const rpmDatabases = openRpmDatabases({
    host: context.host,
    catchUp: sensor.readNow,
    underway: () => rpmTransactions.underway(),
  });
  const rpmTransactions = openRpmTransactions({
    table,
    compare: rpmDatabases.compare,
    repositories: host.repositories,
    onLeft: (transaction) => survivors.handleEnd(transaction),
    onEnd: handleTransaction,
  });
  timers.every(reportLastingEveryMs, () => rpmTransactions.reportLasting(context.host.clock.bootNs()));

  // -- Connections are described at once, while the process lives. Without their records, the connections that are open when a
  // transaction ends are found in /proc.
  const connections = openConnectionWatch(table);
  let droppedBefore = 0;
  const reportDropped = timers.soon(reportDroppedAfterMs, () => {
    const count = connections.dropped - droppedBefore;
    droppedBefore = connections.dropped;
    recordHealth(healthEvent(context, 'connections-lost', 'rate limit: connections of package tools dropped', count));
  });
  function handleConnection(connection: Connection | undefined): void {
    if (connections.dropped > droppedBefore) reportDropped();
    if (connection === undefined) return;
    const event = attempt('a connection could not be described', () =>
      describeConnection(connection, { table, context }),
    );
    if (event !== undefined) void holdDescribed(event, undefined);
  }
  function findConnections(root: ProcessEntry): void {
    const timeNs = clock.bootNs();
    for (const entry of table.alive()) {
      if (entry.transaction?.root !== root) continue;
      for (const { source, destination } of readOpenConnections(context.host, entry.pid)) {
        handleConnection(connections.ofSocket(entry, source, destination, timeNs));
      }
    }
  }

  // -- Processes below a package script that live when the transaction is over.
  const survivors = openSurvivorCheck({
    table,
    later: timers.later,
    nowNs: clock.bootNs,
    readNow: sensor.readNow,
    report(left) {
      const event = attempt('processes that are left running could not be described', () =>
        describeSurvivors(left, { table, context }),
      );
      if (event !== undefined) void holdDescribed(event, undefined);
      commitSoon();
    },
  });
  function handleExit(entry: ProcessEntry): void {
    if (!sensor.tracesConnections && entry.transaction?.root === entry) {
      attempt('open connections could not be read', () => findConnections(entry));
    }
    survivors.handleExit(entry);
    runs.handleExit(entry);
  }

  // -- The package ledger follows the transactions. What they do not explain is found by a list of the packages.
  let transactionsEnded = 0;
  let transactionsHeld = 0;
  const doubtListeners: ((manager: PackageManager) => void)[] = [];
  function doubt(manager: PackageManager): void {
    for (const listener of doubtListeners) listener(manager);
  }
  async function listDpkg(): Promise<ListedPackage[] | 'none'> {
    try {
      await installed.refresh(clock.nowMs());
    } catch (error) {
      if (errorCode(error) === 'ENOENT') return 'none';
      throw error;
    }
    // An empty status file is one that is being written, or that of a host without packages.
    if (installed.asOfMs === undefined) return 'none';
    return installed
      .rows()
      .filter(({ state }) => state !== 'config-files')
      .map(({ name, architecture, version, state }) => ({
        name,
        architecture,
        version,
        state,
        installedMs: undefined,
      }));
  }

  // -- Runs of dpkg become transactions when they have ended.
  const installed = openInstalledVersions(context.host, directory, {
    catchUp: journal.drain,
    onChange(change) {
      if (!runs.handleChange(change)) doubt('dpkg');
    },
  });
  const runs = openDpkgRuns({
    host: context.host,
    directory,
    table,
    installed,
    journal,
    commandOf: parseDpkg,
    readNow: sensor.readNow,
    soon: timers.soon,
    report: handleTransaction,
    provenance: host.provenance,
    onFault,
  });

  // -- Scripts that were seen are stored with the next commit, or earlier if their slot is read.
  let unsaved: SeenScript[] = [];
  const saveScripts = (): void => {
    const scripts = unsaved;
    unsaved = [];
    if (scripts.length > 0) attempt('scripts could not be stored', () => store.saveScripts(scripts, clock.nowMs()));
  };
  const isUnsaved = (slot: ScriptSlot): boolean =>
    unsaved.some(
      ({ package: name, version, phase }) => name === slot.package && version === slot.version && phase === slot.phase,
    );
  const memory: ScriptMemory = {
    scriptsOf(slot) {
      if (isUnsaved(slot)) saveScripts();
      return store.scriptsOf(slot);
    },
    versionKnown: (packageName, version) => store.versionKnown(packageName, version, startedMs),
  };

  // -- hold: an event waits until the owner of its program and the content of its script are known; it delays no other event.
  const scripts = openScriptObserver(
    {
      host: context.host,
      installed,
      hold,
      isKnown: (observation) => isKnownScript(observation, memory),
      dpkgAbove: runs.above,
      onFault,
    },
    directory,
  );
  function holdExec(exec: ObservedExec): void {
    attempt('a run of dpkg could not be followed', runs.handleExec, exec.snapshot);
    attempt('a running program could not be compared with scripts', readers.noteExec, exec.snapshot);
    const script = attempt('a running script could not be observed', scripts.ofRun, exec);
    const end = attempt('a program could not be checked', pendingOf, exec);
    // Most execs wait for nothing, and no rule matches them.
    if (script === undefined && end === undefined) {
      attempt('an event could not be judged', judgeExec, exec);
      return;
    }
    const waits: Wait[] = end === undefined ? [] : [{ for: 'program', maxMs: maxProgramWaitMs, end }];
    hold.add([...waits, ...(script?.waits ?? [])], () => {
      judgeAndRecord(() => {
        // The document after the wait has the observed values; before it, cheap fields are guesses.
        if (end !== undefined) exec.document();
        return script === undefined ? exec : { ...described(enriched(exec.document(), script)), key: exec.key };
      }, exec);
    });
  }
  function holdDescribed(event: StepparentEvent, script: PendingScript | undefined): Promise<void> {
    return new Promise((resolve) => {
      hold.add(script?.waits ?? [], () => {
        judgeAndRecord(() => enrichDescribed(event, script));
        resolve();
      });
    });
  }
  function holdTransaction(transaction: PackageTransaction): void {
    const { program, database, archives, fixes, document, packages } = observeTransaction(transaction, {
      table,
      context,
      ...knowledge,
      lostFixes: host.provenance?.lostFixes,
    });
    const waits: Wait[] = [];
    if (program !== undefined) waits.push({ for: 'program', maxMs: maxProgramWaitMs, end: program });
    if (database !== undefined) waits.push({ for: 'database', maxMs: maxDatabaseWaitMs, end: database });
    if (archives !== undefined) waits.push({ for: 'archives', maxMs: maxArchivesWaitMs, end: archives });
    if (fixes !== undefined) waits.push({ for: 'fixes', maxMs: maxFixesWaitMs, end: fixes });
    transactionsHeld++;
    hold.add(waits, () => {
      transactionsHeld--;
      attempt('an event could not be judged', () => {
        const event = document();
        if (isDoubtful(event)) doubt(transaction.manager);
        const judged = judge(described(event), { snapshot: transaction.actor, document: () => event });
        record(judged && { ...judged, packages: ledgerEntry(judged.event, packages()) });
      });
    });
  }
  function handleTransaction(transaction: PackageTransaction): void {
    transactionsEnded++;
    attempt('a package transaction could not be reported', () => holdTransaction(transaction));
    commitSoon();
  }
  function judgeAndRecord(enrich: () => Candidate, cause?: CausedEvent): void {
    attempt('an event could not be judged', () => record(judge(enrich(), cause)));
  }
  const judgeExec = (exec: ObservedExec): void => record(judge(exec, exec));

  // -- enrich: adds the findings of the script; other facts are computed when a rule first reads them.
  function enrichDescribed(event: StepparentEvent, script: PendingScript | undefined): Candidate {
    const candidate = described(script === undefined ? event : enriched(event, script));
    // The watched files are those of the host, wherever the process that changes or reads them runs.
    return event.file === undefined ? candidate : { ...candidate, scope: () => '' };
  }
  function enriched(event: StepparentEvent, script: PendingScript): StepparentEvent {
    const verdict = attempt('a script could not be judged', () => judgeScript(script.observation(), memory));
    if (verdict === undefined) return event;
    const { seen } = verdict;
    if (seen !== undefined && isKept(seen)) {
      unsaved.push(isTaught(seen, event) ? seen : { ...seen, state: '' });
      if (unsaved.length >= maxUnsaved) saveScripts();
    }
    return withScript(event, verdict);
  }

  // -- judge: each rule reads the event once. Rules with state will read a second view here, in order of time, with a window of 0.5 s.
  let inForce: { policy: JudgePolicy; judge: Judge } | undefined;
  const judgeDeps: JudgeDeps = {
    classify: policy.classifyTerm,
    onFault: (rule, error) => onFault(`rule ${rule.id} failed`, error),
  };
  function judge(candidate: Candidate, cause: CausedEvent | undefined): JudgedEvent | undefined {
    const now = policy.judging();
    if (inForce?.policy !== now) inForce = { policy: now, judge: openJudge(now, judgeDeps) };
    return inForce.judge(candidate, cause);
  }

  // -- record: commits batches, all or nothing; events that cannot be stored wait in memory.
  // -- deliver: the recorder wakes the delivery after a commit with alerts; the delivery repeats until each sink has them.
  function record(judged: JudgedEvent | undefined): void {
    if (judged !== undefined) recorder.add(judged);
  }
  function recordHealth(event: StepparentEvent): void {
    recorder.add({ event, scope: '', verdicts: [] });
  }
  const commit = (): void => {
    saveScripts();
    recorder.commit();
    if (recorder.waiting > 0) commitAgain();
  };
  const commitAgain = timers.soon(commitAgainMs, commit);
  /** Commits at the end of this turn of the event loop. */
  const commitAlert = timers.soon(0, commit);
  const commitTogether = timers.soon(commitAfterMs, commit);
  const commitSoon = (): void => {
    if (recorder.mayAlert) commitAlert();
    else if (recorder.waiting > 0 || unsaved.length > 0) commitTogether();
  };

  // -- After a batch: execs whose arguments do not arrive continue without them.
  const flush = (): void => {
    if (tracker.flush(sensor.readUntilNs())) flushAgain();
  };
  const flushAgain = timers.soon(flushAfterMs, () => {
    sensor.readNow();
    flush();
    commitSoon();
  });
  /** Runs `run` and returns its result; reports what it throws and returns undefined. `argument`: that of `run`. */
  function attempt<T>(task: string, run: () => T): T | undefined;
  function attempt<T, A>(task: string, run: (argument: A) => T, argument: A): T | undefined;
  function attempt<T, A>(task: string, run: (argument?: A) => T, argument?: A): T | undefined {
    try {
      return run(argument);
    } catch (error) {
      onFault(task, error);
      return undefined;
    }
  }

  // -- File changes arrive independently of records. They are described one after the other: the order of the files that dpkg unpacks
  // has a meaning.
  const readUpTo = (atNs: BootNs): void => {
    for (let turns = 0; turns < maxTurns && sensor.readUntilNs() < atNs; turns++) sensor.readNow();
  };
  let lastDescription: Promise<unknown> = Promise.resolve();
  const describe = async (change: FileChange): Promise<{ judged: Promise<void> }> => {
    try {
      await host.turns?.next();
      // The change may be known before the records of the process that made it were read.
      readUpTo(change.atNs);
      const { event, content } = await describeFileChange(change, { table, context });
      return { judged: holdDescribed(event, scripts.ofFile(event, content)) };
    } finally {
      change.opened?.close();
    }
  };

  // -- Accesses to scripts become events if an interpreter gets the content: some time later, when the processes around are known.
  const reportedReads = new Set<Promise<void>>();
  const readers = openScriptReaders({
    host: context.host,
    table,
    catchUp: sensor.readNow,
    onRead(read) {
      const judged = judgeRead(read).finally(() => reportedReads.delete(judged));
      reportedReads.add(judged);
    },
    onFault,
  });
  async function judgeRead(read: ScriptRead): Promise<void> {
    try {
      const { event } = await describeScriptRead(read, { table, context });
      void holdDescribed(event, undefined);
    } catch (error) {
      onFault('a read of a script could not be reported', error);
    }
    commitSoon();
  }
  // -- Changes of watched files have a line of their own. Most are dismissed by their path and action, before they are described.
  let lastWatched: Promise<unknown> = Promise.resolve();
  const describeWatched = async (change: FileChange, complete: CompleteWatched): ReturnType<CompleteWatched> => {
    await host.turns?.next();
    if (sensor.readUntilNs() < change.atNs) sensor.readNow();
    return complete(await describeFileChange(change, { table, context }, maxHashedBytes));
  };

  return {
    handleRecords(records) {
      for (const one of records) {
        rpmTransactions.handle(one);
        tracker.handle(one);
      }
      flush();
      commitSoon();
    },
    async handleFileChange(change) {
      const description = lastDescription.then(() => describe(change));
      lastDescription = description.catch(() => {});
      try {
        const { judged } = await description;
        await judged;
      } catch (error) {
        onFault('a file change could not be reported', error);
      }
      commitSoon();
    },
    dpkgUpdates: {
      onUpdate: (update) => void attempt('an update of dpkg could not be read', () => runs.handleUpdate(update)),
      onLost() {
        runs.handleLost();
        doubt('dpkg');
      },
    },
    async handleWatchedChange(change, complete) {
      try {
        if (!mayMatch(policy.judging(), cheapFileFields(change))) return false;
        const description = lastWatched.then(() => describeWatched(change, complete));
        lastWatched = description.catch(() => {});
        const { event, later } = await description;
        const waits: Wait[] =
          later === undefined ? [] : [{ for: 'sources', maxMs: maxSourcesWaitMs, end: later.known }];
        hold.add(waits, () => {
          judgeAndRecord(() => ({
            ...enrichDescribed(later === undefined ? event : later.complete(event), undefined),
            isOptional: true,
          }));
        });
      } catch (error) {
        onFault('a change of a watched file could not be reported', error);
      } finally {
        change.opened?.close();
      }
      commitSoon();
      return true;
    },
    noteFile(path) {
      runs.noteFile(path);
      scripts.noteChange(path);
    },
    async handleFileAct(atNs, act) {
      try {
        readUpTo(atNs);
        const { event } = await describeFileAct(act(), { table, context }, 0);
        await holdDescribed(event, undefined);
      } catch (error) {
        onFault('an act on a file could not be reported', error);
      }
      commitSoon();
    },
    handleScriptAccess: readers.handleAccess,
    recordHealth,
    handleGap(gap, pid) {
      const event = attempt('the start of the agent could not be described', () =>
        describeStart(gap, pid, { table, context }),
      );
      if (event !== undefined) void holdDescribed(event, undefined);
      commitSoon();
    },
    prepare: scripts.prepare,
    connections: () => ({ reported: connections.reported, dropped: connections.dropped }),
    executions: () => tracker.counts,
    get held() {
      return hold.size;
    },
    packages: {
      list: (manager) => (manager === 'dpkg' ? listDpkg() : rpmDatabases.list()),
      isBusy: () => runs.underway > 0 || rpmTransactions.underway().length > 0 || transactionsHeld > 0,
      areCommitted: () => recorder.waiting === 0,
      get ended() {
        return transactionsEnded;
      },
      onDoubt: (listener) => void doubtListeners.push(listener),
    },
    versionInPlace: scripts.versionInPlace,
    scriptReads: readers.report,
    commit,
    // An event whose data never arrives is committed without it, and delays no other event.
    stop: () =>
      takeEvery([
        ['arguments that are still to come', () => void tracker.flush(Number.POSITIVE_INFINITY)],
        ['package transactions that are underway', rpmTransactions.stop],
        ['processes that are left running', survivors.stop],
        ['runs of dpkg', runs.stop],
        ['accesses to scripts', readers.stop],
        ['reads of scripts', () => Promise.all(reportedReads)],
        ['answers that are still to come', hold.settled],
        ['scripts that are read', scripts.stop],
        ['events that wait', hold.releaseAll],
        ['timers', timers.close],
        ['scripts', saveScripts],
        ['last events', recorder.commit],
      ]),
  };
}

/** Whether the event may not say what is in the database of the host now. */
function isDoubtful({ event, stepparent: { transaction, unobserved } }: StepparentEvent): boolean {
  if (transaction?.test === true) return false;
  const [packages, verified] = ['packages', 'verified'].map((name) => unobserved?.[`stepparent.transaction.${name}`]);
  if (packages === 'other_database' || verified === 'other_database') return false;
  const isUnknown = transaction?.packages?.some(({ applied }) => applied === undefined) === true;
  return event.outcome === 'unknown' || packages !== undefined || transaction?.verified === false || isUnknown;
}

/** The candidate of an event that has its document already. It is stored even if no rule matches. */
const described = (document: StepparentEvent): Candidate => ({
  read: (field) => readPath(document, field),
  isDescribed: () => true,
  document: () => document,
  scope: () => scopeOf(document.stepparent.place),
  key: undefined,
});

const pendingOf = (exec: ObservedExec): Promise<void> | undefined => exec.pending();

/**
 * Whether to store the script. A script that dpkg runs from its unpack directory is stored by the event of its file, which has the
 * package.
 */
const isKept = ({ origin, package: name }: SeenScript): boolean => origin !== 'exec' || name !== '';

/**
 * Whether the content may be the first of its version. A run by another user than root, or by one who was not observed,
 * does not decide what a version of a package contains.
 */
const isTaught = ({ origin, state }: SeenScript, event: StepparentEvent): boolean =>
  origin !== 'exec' || state !== 'first' || userClassOf(event) === 'root';

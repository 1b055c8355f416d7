// The path of an event, top to bottom: track -> hold -> enrich -> judge -> record -> deliver.

import type { StepparentEvent } from '../../collectors/event/event.ts';
import { healthEvent } from '../../collectors/event/health-event.ts';
import { openHold, type Wait } from '../../collectors/event/hold.ts';
import { readPath } from '../../collectors/event/read-path.ts';
import type { HostContext } from '../../collectors/host/host-context.ts';
import { describeFileChange, type FileChange } from '../../collectors/packagedb/file-event.ts';
import {
  openScriptObserver,
  type PendingScript,
  type ScriptObserver,
} from '../../collectors/packages/script-observer.ts';
import { createExecCollector } from '../../collectors/process/exec-collector.ts';
import { type ObservedExec, observeExec, type PackageKnowledge } from '../../collectors/process/observe-exec.ts';
import type { ProcessRecord } from '../../collectors/process/process-record.ts';
import type { ProcessTable } from '../../collectors/process/process-table.ts';
import { takeEvery } from '../../collectors/take-steps.ts';
import { openTimers } from '../../collectors/timers.ts';
import {
  isKnownScript,
  judgeScript,
  type ScriptMemory,
  type ScriptSlot,
  type SeenScript,
  withScript,
} from '../../detectors/facts/script-state.ts';
import type { TermStanding } from '../../detectors/facts/term-standing.ts';
import { type Candidate, type Judge, type JudgedEvent, type JudgePolicy, openJudge } from '../../detectors/judge.ts';
import type { Verdict } from '../../detectors/rules/rule.ts';
import type { Store } from '../../storage/store.ts';
import { lostRecords } from './faults.ts';
import type { Recorder } from './recorder.ts';

/** The policy by which events are judged. */
interface PipelinePolicy {
  /** The same object until a reload replaces it. */
  judging(): JudgePolicy;
  classifyTerm(verdict: Verdict, exec: ObservedExec): TermStanding;
}

/** The views of the host. */
interface PipelineHost {
  table: ProcessTable;
  context: HostContext;
  knowledge: PackageKnowledge;
  /** dpkg's administrative directory; another one in tests. */
  dpkgDirectory?: string;
}

/** The part of the process sensor that the pipeline uses. */
interface PipelineSensor {
  /** Nanoseconds since boot: all earlier records were passed on. */
  readUntilNs(): number;
  readNow(): void;
  /** Programs (without symlinks) whose entry probe gives the arguments. */
  isProbed(executable: string): boolean;
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
  /** Notes that a file has changed; `handleFileChange` follows later. */
  noteFile(path: string): void;
  /** Records an event about the agent itself. Rules do not read it. */
  recordHealth(event: StepparentEvent): void;
  /** Reads what the package manager has installed. Must complete before the first file change. */
  prepare(): Promise<void>;
  /** The version of its package to which the script at a path belongs; undefined if it is not known. */
  versionInPlace: ScriptObserver['versionInPlace'];
  commit(): void;
  /** Judges the held events with the data at hand, and commits them. No other method may be called afterwards. */
  stop(): Promise<void>;
}

/** Maximum wait for the owner of a program: rpm has answered by then. What is unknown by then stays unknown. */
const maxProgramWaitMs = 5000;
const flushAfterMs = 60;
const commitAgainMs = 1000;
/** Delay of the commit of events without an alert, to commit them together: a run of a package manager makes hundreds. */
const commitAfterMs = 100;
/** Maximum number of scripts that wait to be stored together: each may have its whole content in memory. */
const maxUnsaved = 16;

/** Opens a pipeline without events. It asks for the policy at each event, so that a reload applies to the next one. */
export function openPipeline({ host, sensor, storage, policy, onFault }: PipelineDeps): Pipeline {
  const { table, context, knowledge } = host;
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
        lost({ count }) {
          onFault(lostRecords, new Error(`${count} at least`));
          recordHealth(healthEvent(context, 'records-lost', 'the kernel buffer overflowed', count));
        },
      },
    },
    sensor.isProbed,
  );

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
      hold,
      isKnown: (observation) => isKnownScript(observation, memory),
      onFault,
    },
    host.dpkgDirectory,
  );
  function holdExec(exec: ObservedExec): void {
    const script = attempt('a running script could not be observed', () => scripts.ofRun(exec));
    const end = attempt('a program could not be checked', () => exec.pending());
    const waits: Wait[] = end === undefined ? [] : [{ for: 'program', maxMs: maxProgramWaitMs, end }];
    hold.add([...waits, ...(script?.waits ?? [])], () => {
      judgeAndRecord(() => {
        // The document after the wait has the observed values; before it, cheap fields are guesses.
        if (end !== undefined) exec.document();
        return enrichExec(exec, script);
      });
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
  function judgeAndRecord(enrich: () => Candidate): void {
    attempt('an event could not be judged', () => record(judge(enrich())));
  }

  // -- enrich: adds the findings of the script; other facts are computed when a rule first reads them.
  function enrichExec(exec: ObservedExec, script: PendingScript | undefined): Candidate {
    const key = exec.snapshot.image.filename;
    const classify = (verdict: Verdict): TermStanding => policy.classifyTerm(verdict, exec);
    if (script === undefined) return { ...exec, key, classify };
    const document = enriched(exec.document(), script);
    return { ...described(document), scope: exec.scope, key, classify };
  }
  function enrichDescribed(event: StepparentEvent, script: PendingScript | undefined): Candidate {
    const document = script === undefined ? event : enriched(event, script);
    const scope = event.container?.id ?? '';
    return { ...described(document), scope: () => scope, key: undefined, classify: () => 'unlisted' };
  }
  function enriched(event: StepparentEvent, script: PendingScript): StepparentEvent {
    const verdict = attempt('a script could not be judged', () => judgeScript(script.observation(), memory));
    if (verdict === undefined) return event;
    const { seen } = verdict;
    if (seen !== undefined && isKept(seen)) {
      unsaved.push(seen);
      if (unsaved.length >= maxUnsaved) saveScripts();
    }
    return withScript(event, verdict);
  }

  // -- judge: each rule reads the event once. Rules with state will read a second view here, in order of time, with a window of 0.5 s.
  let inForce: { policy: JudgePolicy; judge: Judge } | undefined;
  function judge(candidate: Candidate): JudgedEvent | undefined {
    const now = policy.judging();
    if (inForce?.policy !== now) {
      inForce = { policy: now, judge: openJudge(now, (rule, error) => onFault(`rule ${rule.id} failed`, error)) };
    }
    return inForce.judge(candidate);
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
  /** Runs `run` and returns its result; reports what it throws and returns undefined. */
  function attempt<T>(task: string, run: () => T): T | undefined {
    try {
      return run();
    } catch (error) {
      onFault(task, error);
      return undefined;
    }
  }

  // -- File changes arrive independently of records. They are described one after the other: the order of the files that dpkg unpacks
  // has a meaning.
  let lastDescription: Promise<unknown> = Promise.resolve();
  const describe = async (change: FileChange): Promise<{ judged: Promise<void> }> => {
    try {
      // The change may be known before the records of the process that made it were read.
      if (sensor.readUntilNs() < change.atNs) sensor.readNow();
      const { event, content } = await describeFileChange(change, { table, context });
      return { judged: holdDescribed(event, scripts.ofFile(event, content)) };
    } finally {
      change.opened?.close();
    }
  };

  return {
    handleRecords(records) {
      for (const one of records) tracker.handle(one);
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
    noteFile: scripts.noteChange,
    recordHealth,
    prepare: scripts.prepare,
    versionInPlace: scripts.versionInPlace,
    commit,
    // An event whose data never arrives is committed without it, and delays no other event.
    stop: () =>
      takeEvery([
        ['arguments that are still to come', () => void tracker.flush(Number.POSITIVE_INFINITY)],
        ['answers that are still to come', hold.settled],
        ['scripts that are read', scripts.stop],
        ['events that wait', hold.releaseAll],
        ['timers', timers.close],
        ['scripts', saveScripts],
        ['last events', recorder.commit],
      ]),
  };
}

/** The candidate of an event that has its document already. */
const described = (document: StepparentEvent): Pick<Candidate, 'read' | 'isDescribed' | 'document'> => ({
  read: (field) => readPath(document, field),
  isDescribed: () => true,
  document: () => document,
});

/**
 * Whether to store the script. A script that dpkg runs from its unpack directory is stored by the event of its file, which has the
 * package.
 */
const isKept = ({ origin, package: name }: SeenScript): boolean => origin !== 'exec' || name !== '';

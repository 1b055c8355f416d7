// Plays a recorded story: its records and file changes run through the whole pipeline to the alert documents, over a recorded host and
// with the story's clock.

import { mkdirSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { setImmediate } from 'node:timers/promises';
import { vi } from 'vitest';
import { readConfiguration } from '../../agent/configuration/read-configuration.ts';
import type { Log } from '../../agent/daemon/log.ts';
import { openKnowledge } from '../../agent/daemon/open-knowledge.ts';
import { openPipeline, type Pipeline, type PipelineDeps } from '../../agent/daemon/pipeline.ts';
import { openPolicyInForce } from '../../agent/daemon/policy-in-force.ts';
import { openRecorder } from '../../agent/daemon/recorder.ts';
import { type PackageSourcesWatch, watchPackageSources } from '../../agent/daemon/watch-package-sources.ts';
import type { StepparentEvent } from '../../collectors/event/event.ts';
import type { InferredBasis, UnobservedReason } from '../../collectors/event/reasons.ts';
import type { Host } from '../../collectors/host/host.ts';
import { readHostContext } from '../../collectors/host/host-context.ts';
import type { FileContent } from '../../collectors/host/opened-file.ts';
import type { FileAct, FileChange } from '../../collectors/packagedb/file-event.ts';
import { createFileWriters } from '../../collectors/packagedb/file-writer.ts';
import { openKnownPrograms } from '../../collectors/packages/known-programs.ts';
import { probedPrograms } from '../../collectors/packages/tools.ts';
import { openProcView } from '../../collectors/proc/inspect-process.ts';
import { noStartProbes } from '../../collectors/process/exec-collector.ts';
import type { ProcessRecord } from '../../collectors/process/process-record.ts';
import { createProcessTable } from '../../collectors/process/process-table.ts';
import { openRecognizer } from '../../collectors/process/recognize-program.ts';
import type { AgentGap } from '../../collectors/process/start-event.ts';
import { openProvenance } from '../../collectors/provenance/provenance.ts';
import { defaultAptDirectories } from '../../collectors/provenance/run-apt.ts';
import type { ScriptAccess } from '../../collectors/script-reads/script-access.ts';
import { openTimers, type Timers } from '../../collectors/timers.ts';
import { textOf } from '../../collectors/watched/watched-text.ts';
import { type WatchedFacts, withWatchedFile } from '../../detectors/facts/watched-file.ts';
import { openStore } from '../../storage/store.ts';
import {
  plainHost,
  processFiles,
  type RecordedFile,
  type RecordedHost,
  type RecordedProcess,
  recordedHost,
} from '../recorded-host.ts';

/** An action on the host. `record.ts` runs it, and `playStory` plays what was recorded of it. */
export interface Act {
  /** One sentence that describes the act. */
  title: string;
  /** The path of a daemon, which a copy of the shell stands for, and its systemd unit. */
  actor: string;
  unit: string;
  /** The shell that the daemon starts, by its name in PATH. */
  shell: string;
  /** The lines that the shell reads. */
  script: readonly string[];
  /** Whether the agent is in learning mode during the act. */
  learned?: boolean;
}

export interface RecordedChange extends Pick<FileChange, 'action' | 'path' | 'provider' | 'details'> {
  actionInferredFrom?: InferredBasis;
  /** Why the file could not be opened. If it is missing and the file too, the file had been removed. */
  unseen?: 'unreadable';
  /** The pid of the writer, or why none was observed. */
  writer: number | UnobservedReason;
  /** What the agent knew of a watched file. Absent: the file is in a package database. */
  watched?: Pick<WatchedFacts, 'before' | 'owner'>;
}

/** An access to a maintainer script. Without `seen` the process had ended. */
interface RecordedAccess extends Pick<ScriptAccess, 'path' | 'pid' | 'read' | 'executed'> {
  seen?: ScriptAccess['seen'];
}

/** What a process did to a control file of the agent's tracing instance. */
interface RecordedAct extends Pick<FileAct, 'action' | 'type' | 'path' | 'fields'> {
  /** The pid of the process. */
  writer: number;
}

/** What happened at one time. Files and processes have these values from then on; null: they were removed or have ended. */
export interface Step {
  /** Nanoseconds since boot. */
  ns: number;
  files?: Record<string, RecordedFile | null>;
  processes?: Record<string, RecordedProcess | null>;
  records?: ProcessRecord[];
  /** A changed file whose `change` comes in a later step. */
  noted?: string;
  change?: RecordedChange;
  access?: RecordedAccess;
  act?: RecordedAct;
  /** A start of the agent after an earlier run; not recorded, but written by hand. */
  gap?: { reason: AgentGap['reason']; seconds: number };
}

/** The agent's process on `plainHost`. */
const agentPid = 2000;

export interface Story {
  /** What happens, in one or two sentences. */
  story: string;
  /**
   * False: changes of files are not recorded, only the files that the agent reads. `paths`: those of watched paths are,
   * `sources`: those of package sources.
   */
  watch?: false | 'paths' | 'sources';
  acts: readonly Act[];
  /** The end of learning mode, in nanoseconds since boot. */
  learnsUntilNs?: number;
  /** The output of the host's rpm, by its arguments. */
  rpm?: Record<string, string>;
  steps: readonly Step[];
}

export interface Played {
  /** The alerts as the sinks get them. */
  documents: StepparentEvent[];
  faults: string[];
}

const silent = (): void => {};
export const silentLog: Log = { error: silent, warn: silent, info: silent, debug: silent, setLevel: silent };

export interface StoryPipelineDeps {
  host: Host;
  sensor: PipelineDeps['sensor'];
  /** An empty directory for the database and the configuration. */
  directory: string;
  onFault: PipelineDeps['onFault'];
  /** The host whose programs are known (default: `host`). */
  programs?: Host;
}

/** Opens the agent's pipeline with the shipped rules over any host and sensor. */
export function openStoryPipeline(
  { host, sensor, directory, onFault, programs = host }: StoryPipelineDeps,
  learningMs?: number,
) {
  mkdirSync(directory, { recursive: true });
  const configuration = join(directory, 'config.toml');
  const shipped = (kind: string): string => JSON.stringify([join(import.meta.dirname, '../../detectors', kind)]);
  writeFileSync(configuration, `directories.rules = ${shipped('rules')}\ndirectories.hunts = ${shipped('hunts')}\n`);
  const policy = openPolicyInForce(readConfiguration(configuration), host.clock, silentLog);
  const store = openStore(join(directory, 'stepparent.db'), {
    sinks: ['journald'],
    nowMs: host.clock.nowMs(),
    learningMs,
  });
  const context = readHostContext(host, { id: 'a1b2c3d4-0000-4000-8000-000000000001', version: '1.2.3' }, 'tracefs');
  // The architecture of the recorded machine.
  context.hostFields.architecture = 'x86_64';
  const table = createProcessTable(openProcView(host), {
    recognize: openRecognizer(host, openKnownPrograms(programs)),
  });
  const { knowledge, terms } = openKnowledge(context, table, () => policy.current.configuration.trust_package_managers);
  const recorder = openRecorder({ store, nowMs: host.clock.nowMs, log: silentLog, onFault });
  const provenance = openProvenance({
    host,
    store: store.digests,
    async *unpack() {},
    readDirectories: async () => defaultAptDirectories,
    sinceMs: store.digestsBeginMs(host.clock.nowMs()),
    onFault,
  });
  const pipeline = openPipeline({
    host: { table, context, knowledge, provenance },
    sensor,
    storage: { recorder, store },
    policy: { judging: policy.judging, classifyTerm: terms.classify },
    onFault,
  });
  return { store, context, table, pipeline, provenance };
}

type StoryPipeline = ReturnType<typeof openStoryPipeline>;

/** Follows the package sources of the host. */
export const openStorySources = (
  { host, store, pipeline, provenance }: { host: Host } & Pick<StoryPipeline, 'store' | 'pipeline' | 'provenance'>,
  timers: Timers,
  onFault: PipelineDeps['onFault'],
): Promise<PackageSourcesWatch> =>
  watchPackageSources({
    reader: { files: host, mayOpen: () => true, next: async () => {} },
    store,
    async offeredVersions() {
      const installed = await pipeline.packages.list('dpkg');
      return provenance.offeredVersions(typeof installed === 'string' ? [] : installed);
    },
    timers,
    monotonicMs: host.clock.monotonicMs,
    onFault,
  });

/** Passes on a change as `watchPaths` does, without the content and the package of the file. */
export function handleSourceChange(
  change: FileChange,
  { sources, pipeline }: { sources: PackageSourcesWatch; pipeline: Pipeline },
): Promise<boolean> {
  const noted = sources.note(change);
  return pipeline
    .handleWatchedChange(change, async ({ event, content }) => ({ event, later: noted?.described(event, content) }))
    .finally(noted?.end);
}

/** Plays the story without waiting in real time; returns its alerts and the faults of the pipeline. `directory` is an empty directory. */
export async function playStory(story: Story, directory: string): Promise<Played> {
  const startNs = (story.steps[0]?.ns ?? 0) - 1e9;
  const host = recordedHost({ files: plainHost, bootNs: startNs, ...(story.rpm && { rpm: story.rpm }) });
  const faults: string[] = [];
  const probed = new Set(probedPrograms.map((program) => host.realPath(program) ?? program));
  vi.useFakeTimers({ toFake: ['setTimeout', 'clearTimeout', 'setInterval', 'clearInterval'] });
  try {
    changeHost(host, story.steps[0] ?? {});
    const learningMs =
      story.learnsUntilNs === undefined ? undefined : Math.round((story.learnsUntilNs - startNs) / 1e6);
    const { store, table, pipeline, provenance } = openStoryPipeline(
      {
        host,
        sensor: {
          readUntilNs: host.clock.bootNs,
          readNow() {},
          probes: { ...noStartProbes, isProbed: (program) => probed.has(program) },
          tracesConnections: true,
        },
        directory,
        onFault: (what, error) => void faults.push(`${what}: ${String(error)}`),
      },
      learningMs,
    );
    table.seed();
    const writers = createFileWriters(table, host.clock);
    await pipeline.prepare();
    const onFault: PipelineDeps['onFault'] = (what, error) => void faults.push(`${what}: ${String(error)}`);
    const timers = openTimers((error) => onFault('a task failed', error));
    const sources =
      story.watch === 'sources'
        ? await openStorySources({ host, store, pipeline, provenance }, timers, onFault)
        : undefined;
    for (const { ns, records, noted, change, access, act, gap, ...changed } of story.steps) {
      await passTime(host, ns);
      changeHost(host, changed);
      if (noted !== undefined) pipeline.noteFile(noted);
      if (records !== undefined) pipeline.handleRecords(records);
      if (change !== undefined && sources !== undefined) {
        void handleSourceChange(fileChange(host, writers, change), { sources, pipeline });
      } else if (change?.watched !== undefined) {
        void pipeline.handleWatchedChange(fileChange(host, writers, change), async ({ event, content }) => ({
          event: withWatchedFile(event, watchedFacts(content, change.watched)),
        }));
      } else if (change !== undefined) void pipeline.handleFileChange(fileChange(host, writers, change));
      if (act !== undefined) void pipeline.handleFileAct(host.clock.bootNs(), () => fileAct(host, writers, act));
      if (gap !== undefined) {
        const untilMs = host.clock.nowMs();
        pipeline.handleGap({ reason: gap.reason, sinceMs: untilMs - gap.seconds * 1000, untilMs }, agentPid);
      }
      if (access !== undefined) pipeline.handleScriptAccess({ seen: undefined, ...access, atNs: host.clock.bootNs() });
    }
    await passTime(host, host.clock.bootNs() + 6e9);
    timers.close();
    await sources?.stop();
    await pipeline.stop();
    const documents = store.pending('journald', 100, host.clock.nowMs()).map(({ document }) => document);
    store.close();
    return { documents, faults };
  } finally {
    vi.useRealTimers();
  }
}

function changeHost(host: RecordedHost, { files = {}, processes = {} }: Omit<Step, 'ns'>): void {
  host.change(files);
  for (const [pid, process] of Object.entries(processes)) {
    host.change(process === null ? { [`/proc/${pid}`]: null } : processFiles(Number(pid), process));
  }
}

const tickMs = 10;

/** Advances clocks and timers in steps, and lets the work that the timers start finish. */
async function passTime(host: RecordedHost, untilNs: number): Promise<void> {
  while (host.clock.bootNs() < untilNs) {
    const nowNs = host.clock.bootNs();
    const nextNs = Math.min(nowNs + tickMs * 1e6, untilNs);
    host.setTime(nextNs);
    vi.advanceTimersByTime((nextNs - nowNs) / 1e6);
    for (let turns = 0; turns < 10; turns++) await setImmediate();
  }
}

const watchedFacts = (content: FileContent | undefined, watched: RecordedChange['watched']): WatchedFacts => ({
  isRead: content !== undefined,
  text: content && textOf(content),
  bytes: content?.head,
  isSecret: false,
  before: watched?.before,
  owner: watched?.owner,
});

function fileChange(host: Host, writers: ReturnType<typeof createFileWriters>, recorded: RecordedChange): FileChange {
  const { action, path, provider, details, actionInferredFrom, unseen, writer } = recorded;
  const seen = typeof writer === 'number' ? writers.see(writer) : writer;
  return {
    action,
    actionInferredFrom,
    path,
    atNs: host.clock.bootNs(),
    opened: host.openFile(path),
    unseen,
    writer: () => (typeof seen === 'object' ? writers.resolve(seen) : { unobserved: seen, pid: undefined }),
    details,
    found: undefined,
    provider,
  };
}

function fileAct(host: Host, writers: ReturnType<typeof createFileWriters>, { writer, ...act }: RecordedAct): FileAct {
  return {
    ...act,
    actionInferredFrom: undefined,
    atNs: host.clock.bootNs(),
    opened: undefined,
    unseen: 'control_file',
    writer: writers.resolve(writers.see(writer)),
    found: undefined,
    provider: 'fanotify',
  };
}

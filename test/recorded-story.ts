// Runs a story without root, over a recorded host: from the sensor's records through the whole pipeline to the alerts.

import { setImmediate } from 'node:timers/promises';
import { openKnowledge } from '../agent/daemon/open-knowledge.ts';
import { openPipeline } from '../agent/daemon/pipeline.ts';
import { openRecorder } from '../agent/daemon/recorder.ts';
import type { StepparentEvent } from '../collectors/event/event.ts';
import { readHostContext } from '../collectors/host/host-context.ts';
import type { FileAction } from '../collectors/packagedb/differences.ts';
import { createFileWriters, notSeen } from '../collectors/packagedb/file-writer.ts';
import { openKnownPrograms } from '../collectors/packages/known-programs.ts';
import { openProcView } from '../collectors/proc/inspect-process.ts';
import { noStartProbes } from '../collectors/process/exec-collector.ts';
import type { ProcessRecord } from '../collectors/process/process-record.ts';
import { createProcessTable } from '../collectors/process/process-table.ts';
import { openRecognizer } from '../collectors/process/recognize-program.ts';
import { readRules } from '../detectors/rules/load-rules.ts';
import { type RecordedFile, type Recording, recordedHost } from './recorded-host.ts';
import { temporaryStore } from './storage/temporary-store.ts';

interface StoryStep {
  /** Nanoseconds since boot. */
  atNs: number;
  /** The files that change on the host at that time; null removes a path. */
  files?: Readonly<Record<string, RecordedFile | null>>;
  /** The records that the sensor reads at that time. */
  records?: readonly ProcessRecord[];
  /** The changes that fanotify reports at that time. `by`: the pid of the writer. */
  changes?: readonly { action: FileAction; path: string; by?: number }[];
}

export interface Story {
  host: Recording;
  steps: readonly StoryStep[];
}

const rulesDirectory = new URL('../detectors/rules', import.meta.url).pathname;
const probed: readonly string[] = ['/usr/bin/dpkg', '/usr/bin/rpm'];

/** The number of turns of the event loop after a step. Promises over a recording need only a few, since none waits for a disk. */
const turns = 20;
const maxAlerts = 100;

/** The alerts of the shipped rules about the story, in the order and form in which a sink gets them. */
export async function runStory({ host: recording, steps }: Story): Promise<StepparentEvent[]> {
  const host = recordedHost(recording);
  const context = readHostContext(host, { id: 'the-agent', version: '1.2.3' }, 'tracefs');
  const recognize = openRecognizer(host, openKnownPrograms(host));
  const table = createProcessTable(openProcView(host), { recognize });
  table.seed();
  const writers = createFileWriters(table, host.clock);
  const { knowledge, terms } = openKnowledge(context, table, () => true);
  const { rules } = readRules([rulesDirectory]);
  const judging = { rules, records: () => false, containerAlerts: false, exceptionFor: () => undefined };
  const store = temporaryStore({ nowMs: host.clock.nowMs() });
  const faults: string[] = [];
  const onFault = (what: string, error?: unknown): void => void faults.push(`${what}: ${String(error)}`);
  const log = { info() {}, error: (message: string) => onFault(message) };
  const pipeline = openPipeline({
    host: { table, context, knowledge },
    sensor: {
      readUntilNs: host.clock.bootNs,
      readNow() {},
      probes: { ...noStartProbes, isProbed: (executable) => probed.includes(executable) },
      tracesConnections: true,
    },
    storage: { recorder: openRecorder({ store, nowMs: host.clock.nowMs, log, onFault }), store },
    policy: { judging: () => judging, classifyTerm: terms.classify },
    onFault,
  });
  await pipeline.prepare();
  for (const { atNs, files = {}, records = [], changes = [] } of steps) {
    host.setTime(atNs);
    host.change(files);
    pipeline.handleRecords(records);
    for (const { action, path, by } of changes) {
      const seen = by === undefined ? undefined : writers.see(by);
      void pipeline.handleFileChange({
        action,
        actionInferredFrom: undefined,
        path,
        atNs,
        opened: action === 'deletion' ? undefined : host.openFile(path),
        unseen: undefined,
        writer: seen === undefined ? notSeen : () => writers.resolve(seen),
        details: {},
        found: undefined,
        provider: 'fanotify',
      });
    }
    for (let turn = 0; turn < turns; turn++) await setImmediate();
  }
  await pipeline.stop();
  if (faults.length > 0) throw new Error(faults.join('\n'));
  return store.pending('journald', maxAlerts, host.clock.nowMs()).map(({ document }) => document);
}

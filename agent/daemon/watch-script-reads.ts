// Watches who reads maintainer scripts: sends accesses into the pipeline, and reports lost ones.

import { realpathSync } from 'node:fs';
import path from 'node:path';
import { healthEvent } from '../../collectors/event/health-event.ts';
import type { Host } from '../../collectors/host/host.ts';
import type { HostContext } from '../../collectors/host/host-context.ts';
import type { DirectoryToWatch } from '../../collectors/packagedb/directory-to-watch.ts';
import { parseInterpreterRun } from '../../collectors/process/interpreters.ts';
import type { SeenReader } from '../../collectors/script-reads/script-access.ts';
import { type ScriptWatch, watchScripts } from '../../collectors/script-reads/watch-scripts.ts';
import type { Faults } from './faults.ts';
import type { Pipeline } from './pipeline.ts';

/** The host, and the receivers of accesses and faults. */
export interface WatchScriptReadsDeps {
  context: HostContext;
  pipeline: Pick<Pipeline, 'handleScriptAccess' | 'recordHealth'>;
  faults: Pick<Faults, 'note'>;
}

/** The fault of accesses that the kernel dropped. */
const lostAccesses = "the kernel's queue of accesses to scripts overflowed";
const healthEveryMs = 60_000;
const maxArgsBytes = 4096;

/** Starts the watch of the scripts in the directories. */
export function watchScriptReads(
  directories: readonly DirectoryToWatch[],
  { context, pipeline, faults }: WatchScriptReadsDeps,
): ScriptWatch {
  const { host } = context;
  let recordedMs = Number.NEGATIVE_INFINITY;
  return watchScripts(directories, {
    host,
    isOwn: (pid, seen) => pid === process.pid || (seen !== undefined && isOwnProgram(host, pid, seen)),
    onAccess: pipeline.handleScriptAccess,
    onLost() {
      faults.note(lostAccesses);
      const nowMs = host.clock.monotonicMs();
      if (nowMs - recordedMs < healthEveryMs) return;
      recordedMs = nowMs;
      pipeline.recordHealth(healthEvent(context, 'script-reads-lost', lostAccesses));
    },
    onFault: faults.note,
  });
}

const ownProgram = realpathSync(process.execPath);
const ownDirectory = `${path.dirname(realpathSync(process.argv[1] ?? process.execPath))}/`;

/** Whether the process runs a file of the agent: a command, or a query. The program alone runs any file. */
function isOwnProgram(host: Host, pid: number, { executable }: SeenReader): boolean {
  if (executable !== ownProgram) return false;
  const args = host.proc.readCmdline(pid, maxArgsBytes)?.args ?? [];
  const [script] = parseInterpreterRun(executable, args)?.script ?? [];
  return script?.startsWith(ownDirectory) === true;
}

// Records a story on this machine; record.sh starts it. It runs the story's acts under the real sensor and the real watch, and records what
// these report and what is read from the host. Pids and times are converted to the story's own; every process above an act becomes pid 1.

import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { copyFileSync, existsSync, readFileSync, writeFileSync } from 'node:fs';
import { setTimeout as sleep } from 'node:timers/promises';
import { openSensor } from '../../agent/daemon/open-sensor.ts';
import { watchPackages } from '../../agent/daemon/watch-packages.ts';
import { watchPaths } from '../../agent/daemon/watch-paths.ts';
import { watchTracing } from '../../agent/daemon/watch-tracing.ts';
import { systemClock } from '../../collectors/host/clock.ts';
import { hostOf, openHost } from '../../collectors/host/host.ts';
import type { FileChange } from '../../collectors/packagedb/file-event.ts';
import type { FileWriter } from '../../collectors/packagedb/file-writer.ts';
import type { FileOwner } from '../../collectors/packages/file-owners.ts';
import { runRpm } from '../../collectors/packages/run-rpm.ts';
import type { ScriptAccess } from '../../collectors/script-reads/script-access.ts';
import { watchScripts } from '../../collectors/script-reads/watch-scripts.ts';
import { openTimers } from '../../collectors/timers.ts';
import { openMounts } from '../../collectors/watched/mounts.ts';
import { watchedPaths } from '../../collectors/watched/watched-paths.ts';
import type { LastContent } from '../../storage/watched-contents.ts';
import { buildDeb, buildRpm } from '../e2e/packages.ts';
import { debs, rpms } from '../scenarios/packages.ts';
import {
  type Act,
  handleSourceChange,
  openStoryPipeline,
  openStorySources,
  type RecordedChange,
  type Story,
  silentLog,
} from './play-story.ts';
import { rememberedFiles } from './remembered-files.ts';
import { formatStory, storyFile } from './story-file.ts';
import { openStorySteps } from './story-steps.ts';

const [, , id = ''] = process.argv;
const { story: sentence, watch: watches, acts }: Story = JSON.parse(readFileSync(storyFile(id), 'utf8'));
const header = { story: sentence, ...(watches !== undefined && { watch: watches }), acts };
const text = JSON.stringify(acts);
for (const [file, { name, ...deb }] of debs) {
  if (text.includes(`${file}.deb`)) buildDeb('/srv/packages', name, { ...deb, file: `${file}.deb` });
}
for (const [name, post] of rpms) if (text.includes(`${name}.rpm`)) buildRpm('/srv/packages', name, { post });

let unit = '';
const story = openStorySteps(() => unit);
const rpm: Record<string, string> = {};
const files = rememberedFiles(story.remember);
const host = hostOf(files, systemClock, async (args, ...rest) => {
  const output = await runRpm(args, ...rest);
  rpm[args.join(' ')] = output;
  return output;
});
const onFault = (what: string, error?: unknown): void => console.error(what, error);
const settings = { mode: 'tracefs', capture_all_args: 'auto', buffer_total_mib: 16, poll_interval_ms: 100 } as const;
const sensor = openSensor({ host: openHost(), settings, onFault, log: silentLog });
// The programs of this machine are not part of the story.
const programs = openHost();
const { store, context, table, pipeline, provenance } = openStoryPipeline({
  host,
  sensor,
  directory: '/srv/state',
  onFault,
  programs,
});

sensor.start((records) => {
  const ours = records.flatMap((real) => {
    const record = story.recordOf(real);
    return record === undefined ? [] : [{ record, real }];
  });
  if (ours.length === 0) return;
  story.add({ records: ours.map(({ record }) => record) });
  pipeline.handleRecords(ours.map(({ real }) => real));
});
await pipeline.prepare();

// -- Files: a change is recorded when the watch reports it, after the records of its writer. Of dpkg's own changes only those that rules or
// facts use are kept.
const isKept = (path: string): boolean =>
  /\/(?:status|tmp\.ci(?:\/.*)?|triggers\/File|info\/[^/]+(?<!-new|\.md5sums)|var\/lib\/rpm\/[^/]+)$/.test(path);
const recordChange = (change: FileChange): { recorded: RecordedChange; change: FileChange } => {
  sensor.readNow();
  const { action, path, provider, details, actionInferredFrom, unseen } = change;
  const recorded: RecordedChange = { action, path, provider, details, writer: 'change_not_seen' };
  if (actionInferredFrom !== undefined) recorded.actionInferredFrom = actionInferredFrom;
  if (unseen !== undefined) recorded.unseen = unseen;
  story.add({ change: recorded });
  story.remember(path);
  const writer = (): FileWriter => {
    const found = change.writer();
    recorded.writer = 'snapshot' in found ? story.pidOf(found.snapshot.entry.pid) : found.unobserved;
    return found;
  };
  return { recorded, change: { ...change, writer } };
};
const onChange = (change: FileChange): Promise<void> =>
  pipeline.handleFileChange(isKept(change.path) ? recordChange(change).change : change);
/** The content of each watched file before its change. */
const before = new Map<string, LastContent | undefined>();
const lastContent = store.lastContent.bind(store);
store.lastContent = (path) => {
  before.set(path, lastContent(path));
  return before.get(path);
};
const onWatched: typeof pipeline.handleWatchedChange = (real, complete) => {
  const { recorded, change } = recordChange(real);
  return pipeline.handleWatchedChange(change, async (described) => {
    const completed = await complete(described);
    const owner: FileOwner = completed.event.stepparent.file?.package ?? { state: 'none' };
    recorded.watched = { before: before.get(change.path), owner };
    return completed;
  });
};
const noteFile = (path: string): void => {
  if (/\/info\/.*(?:pre|post)(?:inst|rm)$/.test(path)) story.add({ noted: path });
  pipeline.noteFile(path);
};
const onAccess = (access: ScriptAccess): void => {
  sensor.readNow();
  const pid = story.pidOf(access.pid);
  const { path, read, executed, seen } = access;
  if (pid !== 1) story.add({ access: { path, pid, read, executed, ...(seen && { seen }) } });
  story.remember(path);
  pipeline.handleScriptAccess(access);
};
const directories = [
  { path: '/var/lib/dpkg/info', manager: 'dpkg', expected: true },
  { path: '/var/lib/dpkg', manager: 'dpkg', expected: true },
  { path: '/var/lib/dpkg/triggers', manager: 'dpkg', expected: true },
  { path: '/var/lib/rpm', manager: 'rpm', expected: true },
] as const;
const watchesDatabases = header.watch === undefined;
const scripts = watchScripts(watchesDatabases ? directories : [], {
  host: openHost(),
  isOwn: (pid) => pid === process.pid,
  onAccess,
  onLost: () => onFault('accesses to scripts were lost: record again'),
  onFault,
});
const faults = { note: onFault, list: () => [], recent: () => [] };
const timers = openTimers((error) => onFault('a task failed', error));
const mounts = openMounts(systemClock);
const sources =
  header.watch === 'sources'
    ? await openStorySources({ host, store, pipeline, provenance }, timers, onFault)
    : undefined;
const sourcesWatch =
  sources &&
  watchPaths(
    watchedPaths.filter(({ path }) => /^\/etc\/(?:apt|dnf|yum)\//.test(path)),
    {
      store,
      host: { table, context },
      pipeline: {
        ...pipeline,
        handleWatchedChange: (change) => handleSourceChange(recordChange(change).change, { sources, pipeline }),
      },
      mounts,
      faults,
      log: silentLog,
    },
  );
const pathsWatch =
  header.watch === 'paths'
    ? watchPaths(watchedPaths, {
        store,
        host: { table, context },
        pipeline: { ...pipeline, handleWatchedChange: onWatched },
        mounts,
        faults,
        log: silentLog,
      })
    : undefined;
const watch = !watchesDatabases
  ? undefined
  : watchPackages(directories, {
      store,
      host: { table, context },
      pipeline: { ...pipeline, handleFileChange: onChange, noteFile },
      scripts,
      faults: { note: onFault, list: () => [], recent: () => [] },
      log: silentLog,
    });
const tracing =
  sensor.instance &&
  watchTracing({
    instance: sensor.instance,
    host: { table, context },
    pipeline: {
      handleFileAct(atNs, act) {
        sensor.readNow();
        const made = act();
        const { action, type, path, fields, writer } = made;
        const pid = 'snapshot' in writer ? story.pidOf(writer.snapshot.entry.pid) : 1;
        story.add({
          act: { action, type, path: path.replace(/stepparent_\d+_\d+/, 'stepparent_412_1024'), fields, writer: pid },
        });
        return pipeline.handleFileAct(atNs, () => made);
      },
    },
    faults: { note: (what, reason) => process.stdout.write(`fault: ${what}: ${String(reason)}\n`) },
  });

async function run(act: Act): Promise<void> {
  const { actor, shell, script } = act;
  unit = act.unit;
  if (!existsSync(actor)) copyFileSync('/bin/dash', actor);
  const env = { PATH: '/usr/sbin:/usr/bin:/sbin:/bin', LC_ALL: 'C', HOME: '/root', APT_CONFIG: '/srv/apt.conf' };
  const child = spawn(actor, ['-c', `${shell}; exit $?`], {
    cwd: '/root',
    env: { ...env, DEBIAN_FRONTEND: 'noninteractive' },
    detached: true,
    stdio: ['pipe', 'inherit', 'inherit'],
  });
  if (child.pid === undefined) throw new Error(`${actor} cannot be run`);
  story.addProcess(child.pid);
  child.stdin?.end(`${script.join('\n')}\nsleep 0.2\n`);
  await once(child, 'exit');
  await sleep(1000);
}

// A player of the story may read dpkg's state at other times than the agent does here.
const sampling = setInterval(() => {
  story.remember('/var/lib/dpkg/status');
  files.readDirectory('/var/lib/dpkg/updates');
}, 2);

await sleep(2000);
// The list is stored when all watched files are known.
while ((pathsWatch ?? sourcesWatch) !== undefined && store.watchedList() === undefined) await sleep(100);
let learnsUntilNs: number | undefined;
for (const act of header.acts) {
  if (act.learned !== true && learnsUntilNs === undefined && header.acts[0]?.learned) {
    learnsUntilNs = story.now();
  }
  await run(act);
}
clearInterval(sampling);
await watch?.stop();
// The last change is compared some seconds later.
if (sources !== undefined) await sleep(4000);
await pathsWatch?.stop();
await sourcesWatch?.stop();
await sources?.stop();
timers.close();
await scripts.stop();
await tracing?.stop();
await sensor.stop();
await pipeline.stop();
for (const { document } of store.pending('journald', 100, systemClock.nowMs())) {
  process.stdout.write(`alert: ${document.rule?.id}: ${document.message}\n`);
}
store.close();
const recorded: Story = {
  ...header,
  ...(learnsUntilNs !== undefined && { learnsUntilNs }),
  ...(Object.keys(rpm).length > 0 && { rpm }),
  steps: story.steps.filter((step, index) => index === 0 || Object.keys(step).length > 1),
};
writeFileSync(storyFile(id), formatStory(recorded));

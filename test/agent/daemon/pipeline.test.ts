// The pipeline over a recorded host: events that wait, also when the pipeline stops.

import { setImmediate } from 'node:timers/promises';
import { afterEach, expect, test, vi } from 'vitest';
import { openPipeline } from '../../../agent/daemon/pipeline.ts';
import { openRecorder } from '../../../agent/daemon/recorder.ts';
import type { StepparentEvent } from '../../../collectors/event/event.ts';
import type { Host } from '../../../collectors/host/host.ts';
import { openProcView } from '../../../collectors/proc/inspect-process.ts';
import type { PackageKnowledge } from '../../../collectors/process/observe-exec.ts';
import { createProcessTable } from '../../../collectors/process/process-table.ts';
import type { JudgePolicy } from '../../../detectors/judge.ts';
import { hostContext, noKnowledge } from '../../collectors/host/host-context-double.ts';
import { exec, fork } from '../../collectors/proc-double.ts';
import { plainHost, processFiles, recordedHost } from '../../recorded-host.ts';
import { exampleRule } from '../../storage/examples.ts';
import { temporaryStore } from '../../storage/temporary-store.ts';

const script = '/var/lib/dpkg/info/web.postinst';
const otherScript = '/var/lib/dpkg/info/mail.postinst';
const recorded = () =>
  recordedHost({
    bootNs: 50e9,
    files: {
      ...plainHost,
      '/usr/bin/dpkg': '\x7fELF dpkg',
      [script]: '#!/bin/sh\ntrue\n',
      [otherScript]: '#!/bin/sh\nfalse\n',
      ...processFiles(700, { exe: '/usr/bin/dpkg', args: ['dpkg', '-i', 'web.deb'], startTicks: 400 }),
      ...processFiles(800, { exe: '/usr/bin/dash', args: ['sh', script], parentPid: 700, startTicks: 5000 }),
      ...processFiles(801, { exe: '/usr/bin/dash', args: ['sh', otherScript], parentPid: 700, startTicks: 5000 }),
    },
  });

/** A pipeline that keeps every event. */
function pipelineOver(host: Host, knowledge: PackageKnowledge = noKnowledge, change: Partial<JudgePolicy> = {}) {
  const kept: StepparentEvent[] = [];
  const store = temporaryStore();
  const context = { ...hostContext, host, hostFields: { name: 'web1' } };
  const table = createProcessTable(openProcView(host));
  table.seed();
  const judging: JudgePolicy = {
    rules: [],
    records: () => true,
    containerAlerts: false,
    exceptionFor: () => undefined,
    ...change,
  };
  const record = (events: readonly { event: StepparentEvent }[]) => {
    kept.push(...events.map(({ event }) => event));
    return { alerts: [] };
  };
  const pipeline = openPipeline({
    host: { table, context, knowledge },
    sensor: { readUntilNs: host.clock.bootNs, readNow() {}, isProbed: () => false },
    storage: {
      recorder: openRecorder({
        store: { setAside: undefined, damage: undefined, replaceDatabase() {}, record },
        nowMs: host.clock.nowMs,
        log: { error() {}, info() {} },
        onFault() {},
      }),
      store,
    },
    policy: { judging: () => judging, classifyTerm: () => 'unlisted' },
    onFault() {},
  });
  return { pipeline, kept, store };
}

const run = [fork(700, 800, { timeNs: 50e9 }), exec(800, script, { timeNs: 50e9 + 1000 })];

afterEach(() => void vi.useRealTimers());

test('a script whose content never arrives delays neither the stop nor the commit', async () => {
  vi.useFakeTimers({ toFake: ['setTimeout', 'clearTimeout', 'performance'] });
  const host = recorded();
  const { pipeline, kept } = pipelineOver({
    ...host,
    openFile(file) {
      const opened = host.openFile(file);
      return opened && { ...opened, stat: opened.stat, content: () => new Promise(() => {}) };
    },
  });
  pipeline.handleRecords(run);
  expect(kept).toEqual([]);
  pipeline.stop().catch(() => {});
  await vi.advanceTimersByTimeAsync(6500);
  expect(kept.map(({ stepparent }) => stepparent.unobserved?.['stepparent.script.sha256'])).toEqual(['read_timeout']);
});

test('stores scripts that ran together, and at the latest at the stop', async () => {
  const { pipeline, store } = pipelineOver(recorded());
  const save = vi.spyOn(store, 'saveScripts');
  pipeline.handleRecords([
    ...run,
    fork(700, 801, { timeNs: 50e9 + 2000 }),
    exec(801, otherScript, { timeNs: 50e9 + 3000 }),
  ]);
  await pipeline.stop();
  expect(save).toHaveBeenCalledTimes(1);
  expect(store.listScripts().map(({ path }) => path)).toEqual([otherScript, script]);
});

test('stop waits for the data that an event waits for', async () => {
  const owner = Promise.withResolvers<void>();
  let genuine = {};
  const tools = {
    notice: () => owner.promise,
    genuineProcess: () => undefined,
    genuine: () => () => ({ fields: genuine, inferred: {} }),
  };
  const { pipeline, kept } = pipelineOver(recorded(), { ...noKnowledge, tools });
  pipeline.handleRecords([fork(700, 800, { timeNs: 50e9 }), exec(800, '/usr/bin/dash', { timeNs: 50e9 + 1000 })]);
  const stopped = pipeline.stop();
  await setImmediate();
  expect(kept).toEqual([]);
  genuine = { parent: true };
  owner.resolve();
  await stopped;
  expect(kept.map(({ stepparent }) => stepparent.genuine)).toEqual([{ parent: true }]);
});

test('judges an exec that waited by its observed values, not by the cheap fields', async () => {
  const tools = { ...noKnowledge.tools, notice: () => Promise.resolve() };
  // The cheap fields have host.os.type linux; the document of this host has none.
  const rule = exampleRule({ matches: (read) => read('host.os.type') === 'linux' });
  const judging = { rules: [rule], records: () => false };
  const { pipeline, kept } = pipelineOver(recorded(), { ...noKnowledge, tools }, judging);
  pipeline.handleRecords([fork(700, 800, { timeNs: 50e9 }), exec(800, '/usr/bin/dash', { timeNs: 50e9 + 1000 })]);
  await pipeline.stop();
  expect(kept).toEqual([]);
});

// The pipeline over a recorded host: events that wait, also when the pipeline stops.

import { statSync } from 'node:fs';
import { setImmediate } from 'node:timers/promises';
import { afterEach, describe, expect, test, vi } from 'vitest';
import { openPipeline } from '../../../agent/daemon/pipeline.ts';
import { openRecorder } from '../../../agent/daemon/recorder.ts';
import type { StepparentEvent } from '../../../collectors/event/event.ts';
import type { Scope } from '../../../collectors/event/scope.ts';
import type { Host } from '../../../collectors/host/host.ts';
import type { DescribedFileAct, FileChange } from '../../../collectors/packagedb/file-event.ts';
import { notSeen } from '../../../collectors/packagedb/file-writer.ts';
import { openProcView } from '../../../collectors/proc/inspect-process.ts';
import { ancestorsOf } from '../../../collectors/process/ancestors.ts';
import { noStartProbes } from '../../../collectors/process/exec-collector.ts';
import type { PackageKnowledge } from '../../../collectors/process/observe-exec.ts';
import { createProcessTable } from '../../../collectors/process/process-table.ts';
import type { JudgePolicy } from '../../../detectors/judge.ts';
import { hostContext, noKnowledge } from '../../collectors/host/host-context-double.ts';
import { exec, fork } from '../../collectors/proc-double.ts';
import { plainHost, processFiles, type RecordedProcess, recordedHost } from '../../recorded-host.ts';
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
function pipelineOver(
  host: Host,
  knowledge: PackageKnowledge = noKnowledge,
  change: Partial<JudgePolicy> = {},
  tracesConnections = true,
) {
  const kept: StepparentEvent[] = [];
  /** By the action of the event. */
  const scopes = new Map<string | undefined, Scope>();
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
  const record = (events: readonly { event: StepparentEvent; scope: Scope }[]) => {
    kept.push(...events.map(({ event }) => event));
    for (const { event, scope } of events) scopes.set(event.event.action, scope);
    return { alerts: [] };
  };
  const pipeline = openPipeline({
    host: { table, context, knowledge },
    sensor: { readUntilNs: host.clock.bootNs, readNow() {}, probes: noStartProbes, tracesConnections },
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
  return { pipeline, kept, scopes, store, table };
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

test.each<[string, { userId?: number; root?: string }, string]>([
  ['root teaches the content of a version', {}, 'first'],
  ['another user does not', { userId: 1000 }, ''],
])('a run by %s', async (_, change, state) => {
  const host = recorded();
  host.change({
    '/var/lib/dpkg/status': 'Package: web\nStatus: install ok installed\nVersion: 1.0\nArchitecture: all\n\n',
    ...processFiles(800, { exe: '/usr/bin/dash', args: ['sh', script], parentPid: 700, startTicks: 5000, ...change }),
  });
  const { pipeline, store } = pipelineOver(host);
  await pipeline.prepare();
  pipeline.handleRecords(run);
  await pipeline.stop();
  expect(store.listScripts()).toMatchObject([{ package: 'web', version: '1.0', state }]);
});

test('stop waits for the data that an event waits for', async () => {
  const owner = Promise.withResolvers<void>();
  let genuine = {};
  const tools = {
    notice: () => owner.promise,
    genuineProcess: () => undefined,
    genuine: () => () => ({ fields: genuine, inferred: {}, verified: new Map() }),
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

describe('connections and processes that are left running', () => {
  const postinst = [fork(700, 800, { timeNs: 50e9 }), exec(800, script, { timeNs: 50e9 + 1000 })];
  const end = (pid: number) => ({ kind: 'exit', timeNs: 51e9, pid, groupDead: true }) as const;
  /** The events that are no execs: an exec may wait for its script. */
  const othersOf = ({ pipeline, kept }: ReturnType<typeof pipelineOver>): StepparentEvent[] => {
    pipeline.commit();
    return kept.filter(({ event }) => event.action !== 'exec');
  };

  test('a record of a connection becomes an event, one for each destination', async () => {
    const over = pipelineOver(recorded());
    const connect = (ip: string, tid = 800) =>
      ({ kind: 'connect', timeNs: 50e9 + 2000, tid, source: { ip, port: 0 }, destination: { ip, port: 1 } }) as const;
    over.pipeline.handleRecords([...postinst, connect('192.0.2.1'), connect('192.0.2.1'), connect('192.0.2.2', 1)]);
    await over.pipeline.stop();
    expect(othersOf(over)).toMatchObject([
      { event: { action: 'connection_attempted' }, process: { pid: 800 }, destination: { ip: '192.0.2.1' } },
    ]);
    expect(over.pipeline.connections()).toEqual({ reported: 1, dropped: 0 });
  });

  test.each<[Scope, NonNullable<RecordedProcess['namespaces']>]>([
    ['chroot', {}],
    ['container', { mnt: 'mnt:[4026532500]', pid: 'pid:[4026532501]' }],
  ])('in a %s they are judged by its baseline, and a file of the host by that of the host', async (scope, own) => {
    const host = recorded();
    const inside = { root: '/srv/box', namespaces: own } as const;
    host.change({
      '/srv/box/usr/bin/dpkg': '\x7fELF dpkg',
      '/srv/box/usr/bin/dash': '\x7fELF dash',
      ...processFiles(700, { exe: '/usr/bin/dpkg', args: ['dpkg', '-i', 'web.deb'], startTicks: 400, ...inside }),
      ...processFiles(800, {
        exe: '/usr/bin/dash',
        args: ['sh', script],
        parentPid: 700,
        startTicks: 5000,
        ...inside,
      }),
    });
    const over = pipelineOver(host);
    const ends = { source: { ip: '192.0.2.9', port: 0 }, destination: { ip: '192.0.2.1', port: 1 } } as const;
    over.pipeline.handleRecords([...postinst, { kind: 'connect', timeNs: 50e9 + 2000, tid: 800, ...ends }, end(700)]);
    const dpkg = over.table.recall(800);
    if (dpkg === undefined) throw new Error('no process');
    const snapshot = { entry: dpkg, image: dpkg.image, ancestors: ancestorsOf(dpkg) };
    const change = watchedChange('/var/lib/dpkg/status');
    const writer = () => ({ snapshot, source: 'kernel', inferredFrom: undefined }) as const;
    await over.pipeline.handleFileChange({ ...change, writer });
    await over.pipeline.stop();
    expect([...over.scopes]).toEqual(
      expect.arrayContaining([
        ['exec', scope],
        ['connection_attempted', scope],
        ['processes-left-running', scope],
        ['creation', ''],
      ]),
    );
  });

  test.each([
    [false, [{ ip: '192.0.2.1', port: 443 }]],
    [true, []],
  ])('open sockets are read at the end of the transaction unless records come: %s', async (traces, expected) => {
    const host = recorded();
    host.change({
      '/proc/800/status': 'Name:\tsh\nTgid:\t800\nUid:\t0\t0\t0\t0\nGid:\t0\t0\t0\t0\nFDSize:\t64\n',
      '/proc/800/fd/3': { link: 'socket:[7]' },
      '/proc/800/net/tcp':
        '   0: 0100007F:8000 010200C0:01BB 01 00000000:00000000 00:00000000 00000000     0        0 7 1 0\n',
    });
    const over = pipelineOver(host, noKnowledge, {}, traces);
    over.pipeline.handleRecords([...postinst, end(700)]);
    expect(othersOf(over).map(({ destination }) => destination)).toEqual(expected);
    await over.pipeline.stop();
  });

  test('what is left running is an event two seconds after the end of the transaction', async () => {
    vi.useFakeTimers({ toFake: ['setTimeout', 'clearTimeout'] });
    const over = pipelineOver(recorded());
    over.pipeline.handleRecords([...postinst, end(700)]);
    await vi.advanceTimersByTimeAsync(1999);
    expect(othersOf(over)).toEqual([]);
    await vi.advanceTimersByTimeAsync(1);
    const left = othersOf(over);
    expect(left).toMatchObject([
      {
        event: { action: 'processes-left-running' },
        stepparent: { transaction: { survivors: [{ pid: 800 }, { pid: 801 }] } },
      },
    ]);
    await over.pipeline.stop();
    expect(othersOf(over)).toEqual(left);
  });
});

/** A change of a watched file, whose file counts how often it is closed. */
function watchedChange(path: string, details: FileChange['details'] = {}): FileChange & { closed(): number } {
  let closed = 0;
  return {
    action: 'creation',
    actionInferredFrom: undefined,
    path,
    atNs: 1,
    opened: {
      stat: { ...fileStat, isFile: () => true },
      refresh() {},
      sha256: async () => 'abc',
      content: async () => ({ sha256: 'abc', sizeBytes: 1, head: Buffer.from('x') }),
      target: () => undefined,
      close: () => void closed++,
    },
    unseen: undefined,
    writer: notSeen,
    details: { watched: 'cron', ...details },
    found: undefined,
    provider: 'fanotify',
    closed: () => closed,
  };
}
const fileStat = statSync(import.meta.filename, { bigint: true });
const withText = ({ event }: DescribedFileAct, content: string): { event: StepparentEvent } => ({
  event: { ...event, stepparent: { ...event.stepparent, file: { ...event.stepparent.file, content } } },
});
const complete = async (described: DescribedFileAct) => withText(described, `${described.content?.head}`);
const cronRule = exampleRule({
  matches: (read) => read('event.category') === 'file' && read('file.path') === '/etc/cron.d/x',
});

test('a change of a watched file that no rule asks for is neither described nor stored', async () => {
  const { pipeline, kept } = pipelineOver(recorded(), noKnowledge, { rules: [cronRule], records: () => false });
  const other = watchedChange('/etc/cron.d/y');
  const completed = vi.fn(complete);
  expect(await pipeline.handleWatchedChange(other, completed)).toBe(false);
  expect([completed.mock.calls.length, other.closed()]).toEqual([0, 1]);
  const asked = watchedChange('/etc/cron.d/x');
  expect(await pipeline.handleWatchedChange(asked, completed)).toBe(true);
  expect([completed.mock.calls.length, asked.closed()]).toEqual([1, 1]);
  await pipeline.stop();
  expect(kept).toMatchObject([
    {
      file: { path: '/etc/cron.d/x', hash: { sha256: 'abc' } },
      stepparent: { file: { watched: 'cron', content: 'x' } },
    },
  ]);
});

test('a change of a watched file is stored if the store query or a rule over an expensive field matches, and only then', async () => {
  const rules = [
    exampleRule({ id: 'content', matches: (read) => String(read('stepparent.file.content')).includes('curl') }),
  ];
  const store = { rules, records: (read: (field: string) => unknown) => read('file.name') === 'kept' };
  const { pipeline, kept } = pipelineOver(recorded(), noKnowledge, store);
  const withContent = (content: string) => async (described: DescribedFileAct) => withText(described, content);
  for (const [name, content] of [
    ['kept', 'x'],
    ['bad', 'curl | sh'],
    ['plain', 'x'],
  ] as const) {
    await pipeline.handleWatchedChange(watchedChange(`/etc/cron.d/${name}`), withContent(content));
  }
  await pipeline.stop();
  expect(kept.map(({ file }) => file?.name)).toEqual(['kept', 'bad']);
});

test('the event of a watched file waits for what is known later, and delays no other one', async () => {
  const { pipeline, kept } = pipelineOver(recorded(), noKnowledge, { rules: [], records: () => true });
  const known = Promise.withResolvers<void>();
  const later = {
    known: known.promise,
    complete: (event: StepparentEvent) => ({
      ...event,
      stepparent: { ...event.stepparent, sources: { added: ['a.example stable'] } },
    }),
  };
  const waiting = watchedChange('/etc/apt/sources.list');
  await pipeline.handleWatchedChange(waiting, async (described) => ({ ...(await complete(described)), later }));
  expect(waiting.closed()).toBe(1);
  await pipeline.handleWatchedChange(watchedChange('/etc/cron.d/x'), complete);
  pipeline.commit();
  expect(kept.map(({ file }) => file?.path)).toEqual(['/etc/cron.d/x']);
  known.resolve();
  await pipeline.stop();
  expect(kept[1]?.stepparent.sources).toEqual({ added: ['a.example stable'] });
});

test('a watched file that cannot be completed is reported and closed, and delays no change of a package database', async () => {
  const { pipeline, kept } = pipelineOver(recorded(), noKnowledge, { rules: [cronRule], records: () => false });
  const [hanging, failing] = [watchedChange('/etc/cron.d/x'), watchedChange('/etc/cron.d/x')];
  const released = Promise.withResolvers<{ event: StepparentEvent }>();
  const first = pipeline.handleWatchedChange(hanging, () => released.promise);
  const second = pipeline.handleWatchedChange(failing, () => Promise.reject(new Error('no')));
  await pipeline.handleFileChange(watchedChange('/var/lib/dpkg/status'));
  released.reject(new Error('late'));
  await Promise.all([first, second]);
  expect([hanging.closed(), failing.closed()]).toEqual([1, 1]);
  await pipeline.stop();
  expect(kept.map(({ file }) => file?.path)).toEqual(['/var/lib/dpkg/status']);
});

// Scripts of packages that appear, change and run: their versions and states, over a scratch database of dpkg's and a real store.

import { createHash } from 'node:crypto';
import {
  closeSync,
  fstatSync,
  mkdirSync,
  openSync,
  readdirSync,
  renameSync,
  rmSync,
  statSync,
  writeFileSync,
} from 'node:fs';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { describe, expect, onTestFinished, test, vi } from 'vitest';
import { recordScriptBaseline } from '../../../agent/daemon/script-baseline.ts';
import type { StepparentEvent } from '../../../collectors/event/event.ts';
import { openHold } from '../../../collectors/event/hold.ts';
import { systemClock } from '../../../collectors/host/clock.ts';
import { openHost } from '../../../collectors/host/host.ts';
import type { FileContent } from '../../../collectors/host/opened-file.ts';
import { readBootNs } from '../../../collectors/linux/libc.ts';
import { describeFileChange } from '../../../collectors/packagedb/file-event.ts';
import { openInstalledVersions } from '../../../collectors/packages/installed-versions.ts';
import {
  openScriptObserver,
  type PendingScript,
  type ScriptObservation,
  type ScriptObserverDeps,
} from '../../../collectors/packages/script-observer.ts';
import { openProcView } from '../../../collectors/proc/inspect-process.ts';
import type { ObservedExec } from '../../../collectors/process/observe-exec.ts';
import { createProcessTable } from '../../../collectors/process/process-table.ts';
import {
  isKnownScript,
  judgeScript,
  type ScriptMemory,
  stateOfScript,
  withScript,
} from '../../../detectors/facts/script-state.ts';
import { hostContext } from '../../collectors/host/host-context-double.ts';
import { exampleEvent, start } from '../../storage/examples.ts';
import { temporaryDirectory, temporaryStore } from '../../storage/temporary-store.ts';

const sha256 = (text: string): string => createHash('sha256').update(text).digest('hex');

describe('the state of a content', () => {
  const seen = [
    { sha256: 'new', state: 'changed' },
    { sha256: 'old', state: 'first' },
  ] as const;
  test.each([
    ['old', seen, false, 'known'],
    ['old', seen, true, 'known'],
    ['new', seen, false, 'changed'],
    ['other', seen, false, 'changed'],
    ['other', [], false, 'first'],
    ['other', [], true, 'changed'],
  ] as const)('%s of %j, outside dpkg: %s', (content, past, outside, state) => {
    expect(stateOfScript(content, past, outside)).toBe(state);
  });
});

test('a script is known by its digest, without stored content', () => {
  const memory = (state: 'first' | 'changed') => ({
    scriptsOf: () => [{ sha256: 'a', state, content: Buffer.alloc(0) }],
    versionKnown: () => false,
  });
  const observation: ScriptObservation = {
    path: '/var/lib/dpkg/info/cron.postinst',
    package: 'cron',
    phase: 'postinst',
    content: { sha256: 'a', sizeBytes: 1, head: Buffer.from('x') },
    version: { version: '1' },
    versionUnobserved: 'version_uncertain',
    origin: 'exec',
    outside: false,
    inPlace: true,
  };
  const unread = {
    sha256: 'a',
    sizeBytes: 1,
    get head(): Buffer {
      throw new Error('read');
    },
  };
  expect(isKnownScript({ ...observation, content: unread }, memory('first'))).toBe(true);
  for (const [change, state] of [
    [{}, 'first'],
    [{}, 'changed'],
    [{ inPlace: false }, 'first'],
    [{ version: undefined }, 'first'],
    [{ version: { version: undefined } }, 'first'],
    [{ content: { sha256: 'b', sizeBytes: 1, head: Buffer.from('y') } }, 'first'],
    [{ content: undefined }, 'first'],
  ] as const) {
    const one = { ...observation, ...change };
    const isKnown = judgeScript(one, memory(state)).fields.state === 'known';
    expect([change, isKnownScript(one, memory(state))]).toEqual([change, isKnown]);
  }
});

type Versions = Readonly<Record<string, string>>;
const dpkg = '/usr/bin/dpkg';

/** Observes and judges scripts in a scratch database, into which the test installs files as dpkg does. */
async function evidenceWith(packages: Versions) {
  const directory = temporaryDirectory();
  for (const part of ['info', 'updates', 'tmp.ci']) mkdirSync(join(directory, part));
  const stanza = (name: string, version: string, state = 'installed') =>
    `Package: ${name}\nStatus: install ok ${state}\nArchitecture: amd64\nVersion: ${version}\nMulti-Arch: same\n`;
  const put = (path: string, text: string): void => {
    writeFileSync(join(directory, 'new'), text);
    renameSync(join(directory, 'new'), join(directory, path));
  };
  let installed: Versions = {};
  /** dpkg ends: the status file has the new version. */
  const status = (next: Versions): void => {
    installed = next;
    put(
      'status',
      Object.entries(next)
        .map(([name, version]) => stanza(name, version))
        .join('\n'),
    );
    for (const name of readdirSync(join(directory, 'updates'))) rmSync(join(directory, 'updates', name));
  };
  /** dpkg continues, and the status file does not have the new version yet. */
  const note = (name: string, version: string, state: string): void => {
    const serial = readdirSync(join(directory, 'updates')).length;
    put(`updates/${String(serial).padStart(4, '0')}`, stanza(name, version, state));
  };
  status(packages);
  const store = temporaryStore();
  const startedMs = Date.now();
  const memory: ScriptMemory = {
    scriptsOf: (slot) => store.scriptsOf(slot),
    versionKnown: (name, version) => store.versionKnown(name, version, startedMs),
  };
  const taken: StepparentEvent[] = [];
  const faults: string[] = [];
  const onFault = (what: string, error?: unknown): void => void faults.push(`${what}: ${String(error)}`);
  const hold = openHold({ clock: systemClock, onLate() {}, onFault });
  const context = { ...hostContext, host: openHost() };
  const isKnown = (observation: ScriptObservation) => isKnownScript(observation, memory);
  const database = openInstalledVersions(context.host, directory);
  /** The dpkg above a run: whether it is known to have changed the host's database. Undefined: there is no dpkg. */
  const above: { dpkg: { onHost: boolean } | undefined } = { dpkg: undefined };
  const dpkgAbove: ScriptObserverDeps['dpkgAbove'] = () => {
    const { dpkg: run } = above;
    return run && (() => run.onHost);
  };
  const observer = openScriptObserver(
    { host: context.host, installed: database, hold, isKnown, dpkgAbove, onFault },
    directory,
  );
  const judge = (event: StepparentEvent, script: PendingScript | undefined): void => {
    hold.add(script?.waits ?? [], () => {
      const verdict = script && judgeScript(script.observation(), memory);
      if (verdict?.seen !== undefined) store.saveScripts([verdict.seen], Date.now());
      taken.push(verdict === undefined ? event : withScript(event, verdict));
    });
  };
  const stop = async (): Promise<void> => {
    await observer.stop();
    hold.releaseAll();
  };
  onTestFinished(stop);
  await observer.prepare();
  const ids = () => taken.map(({ event }) => event.id);
  const isTaken = async ({ event: { id } }: StepparentEvent): Promise<StepparentEvent['stepparent']> => {
    await vi.waitFor(() => expect(ids()).toContain(id), { timeout: 10_000 });
    return taken.find(({ event }) => event.id === id)?.stepparent ?? {};
  };
  const evidence = {
    file: (event: StepparentEvent, content: FileContent | undefined) => judge(event, observer.ofFile(event, content)),
    exec: (exec: ObservedExec) => judge(exec.document(), observer.ofRun(exec)),
    noteChange: observer.noteChange,
    prepare: observer.prepare,
    stop,
    takeBaseline: () =>
      recordScriptBaseline(
        {
          host: context.host,
          store,
          pipeline: {
            versionInPlace: observer.versionInPlace,
            async handleFileChange(change) {
              const table = createProcessTable(openProcView(context.host));
              const { event, content } = await describeFileChange(change, { table, context });
              change.opened?.close();
              evidence.file(event, content);
              await isTaken(event);
            },
          },
          timers: { closed: false, later: () => () => {} },
          onFault,
        },
        directory,
      ),
  };
  let serial = 0;
  /** The event of a file as it is now; `by` undefined: the writer is not known. */
  const eventOf = (name: string, by: string | undefined, stepparent: StepparentEvent['stepparent']) => {
    const path = join(directory, name);
    const stat = statSync(path, { throwIfNoEntry: false });
    const event: StepparentEvent = {
      ...exampleEvent(`file-${serial}`, start),
      event: { id: `file-${serial++}`, kind: 'event', category: ['file'], action: 'modification' },
      file: { path, ...(stat && { inode: `${stat.ino}`, ctime: new Date(Math.floor(stat.ctimeMs)).toISOString() }) },
      stepparent,
    };
    delete event.process;
    if (by !== undefined) event.process = { pid: 7, executable: by };
    return event;
  };
  const contentOf = (text: string) => {
    const head = Buffer.from(text);
    return { sha256: sha256(text), sizeBytes: head.length, head };
  };
  /** Reports a new file and returns its event, which may have to wait. */
  const say = (name: string, text: string | undefined, by?: string, stepparent: StepparentEvent['stepparent'] = {}) => {
    const event = eventOf(name, by, stepparent);
    evidence.file(event, text === undefined ? undefined : contentOf(text));
    return event;
  };
  /** Writes a file, or none, and reports the event. */
  const report = (
    name: string,
    text: string | undefined,
    by?: string,
    stepparent: StepparentEvent['stepparent'] = {},
  ) => {
    if (text !== undefined) put(name, text);
    return isTaken(say(name, text, by, stepparent));
  };
  /** Installs one script of a new version and returns its event. */
  const unpack = (name: string, version: string, script: string, text: string): StepparentEvent => {
    note(name, installed[name] ?? version, 'half-installed');
    put(`info/${script}`, text);
    note(name, version, 'unpacked');
    return say(`info/${script}`, text, dpkg);
  };
  const install = async (name: string, version: string, postinst: string) => {
    const event = unpack(name, version, `${name}.postinst`, postinst);
    const { script } = await isTaken(event);
    status({ ...installed, [name]: version });
    return script;
  };
  /** dpkg runs a script, now or at another time. */
  const startScript = (
    script: string,
    timeNs = readBootNs(),
    { isRead = true, probe = undefined as string | undefined } = {},
  ): StepparentEvent => {
    const event: StepparentEvent = { ...exampleEvent(`exec-${serial++}`, start), stepparent: {} };
    const path = join(directory, 'info', script);
    const exec = {
      snapshot: {
        entry: { details: isRead ? {} : undefined },
        image: probe === undefined ? {} : { filename: path, start: { probe } },
        timeNs,
        lifecycle: { depth: 0, script: { manager: 'dpkg', path } },
      },
      document: () => event,
      scope: () => '',
    } as unknown as ObservedExec;
    evidence.exec(exec);
    return event;
  };
  return {
    directory,
    store,
    evidence,
    taken,
    faults,
    ids,
    report,
    say,
    put,
    install,
    unpack,
    status,
    note,
    isTaken,
    eventOf,
    contentOf,
    runs: startScript,
    above,
  };
}

test('an installation, the same content, an upgrade and other content of the same version have different states', async () => {
  const { install, faults, store } = await evidenceWith({ cron: '1' });
  expect(await install('cron', '1', 'a\n')).toMatchObject({ package: 'cron', version: '1', state: 'first' });
  expect(await install('cron', '1', 'a\n')).toMatchObject({ version: '1', state: 'known' });
  expect(await install('cron', '2', 'b\n')).toMatchObject({ version: '2', state: 'first' });
  const again = await install('cron', '2', 'c\n');
  expect(again).toMatchObject({ version: '2', state: 'changed', diff: '@@ -1,1 +1,1 @@\n-b\n+c\n' });
  // Content that was `changed` once does not become `known` because it was seen.
  expect(await install('cron', '2', 'c\n')).toMatchObject({ state: 'changed' });
  expect(await install('new', '1', 'a\n')).toMatchObject({ state: 'first' });
  // The earlier content is restored.
  expect(await install('cron', '1', 'a\n')).toMatchObject({ version: '1', state: 'known' });
  expect(store.listScripts().map((one) => [one.package, one.version, one.state])).toEqual([
    ['cron', '1', 'first'],
    ['cron', '2', 'first'],
    ['cron', '2', 'changed'],
    ['new', '1', 'first'],
  ]);
  expect(faults).toEqual([]);
});

describe('a script that runs has the version of the time of its run', () => {
  test('the old prerm while dpkg unpacks the new version', async () => {
    const { install, say, put, note, runs, isTaken, unpack, store } = await evidenceWith({ cron: '1' });
    expect(await install('cron', '1', 'x\n')).toMatchObject({ state: 'first' });
    put('info/cron.prerm', 'old\n');
    expect((await isTaken(say('info/cron.prerm', 'old\n', dpkg))).script).toMatchObject({
      version: '1',
      state: 'first',
    });
    say('tmp.ci', undefined, dpkg);
    say('tmp.ci/control', 'Package: cron\nVersion: 2\n', '/usr/bin/tar');
    note('cron', '1', 'half-configured');
    expect((await isTaken(runs('cron.prerm'))).script).toMatchObject({ version: '1', state: 'known' });
    const event = unpack('cron', '2', 'cron.prerm', 'new\n');
    expect((await isTaken(event)).script).toMatchObject({ version: '2', state: 'first' });
    expect(
      store
        .listScripts('cron')
        .filter(({ phase }) => phase === 'prerm')
        .map((one) => [one.version, one.state]),
    ).toEqual([
      ['1', 'first'],
      ['2', 'first'],
    ]);
  });

  test('a script that a newer version replaced before it was judged', async () => {
    const { install, runs, isTaken, unpack, status } = await evidenceWith({ cron: '1' });
    await install('cron', '1', 'old\n');
    const run = runs('cron.postinst');
    const event = unpack('cron', '2', 'cron.postinst', 'new\n');
    status({ cron: '2' });
    expect((await isTaken(run)).script).toMatchObject({ version: '1', state: 'known', sha256: sha256('old\n') });
    expect((await isTaken(event)).script).toMatchObject({ version: '2', state: 'first' });
  });

  test('two upgrades, if the event of the first comes after its file was replaced', async () => {
    const { install, put, note, say, status, isTaken, evidence, directory, contentOf, eventOf } = await evidenceWith({
      cron: '1',
      bash: '5',
    });
    await install('cron', '1', 'old\n');
    const path = join(directory, 'info', 'cron.postinst');
    note('cron', '1', 'half-installed');
    put('info/cron.postinst', 'two\n');
    evidence.noteChange(path);
    note('cron', '2', 'unpacked');
    // The agent holds the file open, so that no other file gets its inode.
    const fd = openSync(path, 'r');
    onTestFinished(() => closeSync(fd));
    // The version of a later file was read after that of this one.
    put('info/bash.postinst', 'x\n');
    expect((await isTaken(say('info/bash.postinst', 'x\n', dpkg))).script?.version).toBe('5');
    put('info/cron.postinst', 'three\n');
    status({ cron: '3', bash: '5' });
    const late = eventOf('info/cron.postinst', dpkg, {});
    const { ino, ctimeMs } = fstatSync(fd);
    Object.assign(late.file ?? {}, { inode: `${ino}`, ctime: new Date(Math.floor(ctimeMs)).toISOString() });
    evidence.file(late, contentOf('two\n'));
    expect((await isTaken(late)).script).toMatchObject({ version: '2', state: 'first' });
    expect((await isTaken(say('info/cron.postinst', 'three\n', dpkg))).script).toMatchObject({
      version: '3',
      state: 'first',
    });
  });

  test('the new script, before the event of its file', async () => {
    const { install, put, note, say, runs, isTaken } = await evidenceWith({ cron: '1' });
    await install('cron', '1', 'old\n');
    note('cron', '1', 'half-installed');
    put('info/cron.postinst', 'new\n');
    const run = runs('cron.postinst');
    note('cron', '2', 'unpacked');
    const event = say('info/cron.postinst', 'new\n', dpkg);
    expect((await isTaken(event)).script).toMatchObject({ version: '2', state: 'first' });
    expect((await isTaken(run)).script).toMatchObject({ version: '2', state: 'known' });
  });

  test('the old script after a failed upgrade, and after a purge', async () => {
    const { install, note, runs, isTaken, status, say } = await evidenceWith({ cron: '1', bash: '5' });
    await install('cron', '1', 'old\n');
    say('tmp.ci', undefined, dpkg);
    say('tmp.ci/control', 'Package: cron\nVersion: 2\n', '/usr/bin/tar');
    note('cron', '1', 'half-installed');
    note('cron', '1', 'installed');
    expect((await isTaken(runs('cron.postinst'))).script).toMatchObject({ version: '1', state: 'known' });
    const last = runs('cron.postinst');
    status({ bash: '5' });
    expect((await isTaken(last)).script).toMatchObject({ version: '1', state: 'known' });
  });

  test('a file that replaced the script after the run is not the script that ran', async () => {
    const { install, put, runs, isTaken } = await evidenceWith({ cron: '1' });
    await install('cron', '1', 'old\n');
    const ranNs = readBootNs();
    await vi.waitFor(() => expect(readBootNs()).toBeGreaterThan(ranNs + 50e6));
    put('info/cron.postinst', 'new\n');
    const { script, unobserved } = await isTaken(runs('cron.postinst', ranNs));
    expect(script).toBe(undefined);
    expect(unobserved).toEqual({ 'stepparent.script.sha256': 'file_replaced' });
  });

  test('a script is read while other events continue, unless it is too large', async () => {
    const { put, runs, isTaken, ids, say } = await evidenceWith({ cron: '1' });
    put('info/cron.postinst', `#!/bin/sh\n${'#'.repeat(1e6)}`);
    const run = runs('cron.postinst');
    const other = say('info/cron.list', undefined, dpkg);
    expect(ids()).toEqual([other.event.id]);
    expect((await isTaken(run)).script?.sha256).toBe(sha256(`#!/bin/sh\n${'#'.repeat(1e6)}`));
    put('info/cron.postinst', '#'.repeat(2 * 1024 * 1024));
    expect((await isTaken(runs('cron.postinst'))).unobserved).toEqual({
      'stepparent.script.sha256': 'too_large',
    });
  });

  test('runs beyond the bound of open scripts are not read', async () => {
    const { install, runs, isTaken } = await evidenceWith({ cron: '1' });
    await install('cron', '1', 'old\n');
    const all = [];
    for (const run of Array.from({ length: 300 }, () => runs('cron.postinst'))) all.push(await isTaken(run));
    expect(all.filter(({ unobserved }) => unobserved !== undefined)).toHaveLength(300 - 256);
    expect(all[0]?.script).toMatchObject({ version: '1', state: 'known' });
  });

  test('other content of the same version is changed', async () => {
    const { install, put, runs, isTaken } = await evidenceWith({ cron: '1' });
    await install('cron', '1', 'old\n');
    put('info/cron.postinst', 'planted\n');
    expect((await isTaken(runs('cron.postinst'))).script).toMatchObject({ version: '1', state: 'changed' });
  });
});

test('new content has no state while dpkg installs the package', async () => {
  const { report, note, install, isTaken, say, put, store } = await evidenceWith({ cron: '1' });
  expect(await install('cron', '1', 'a\n')).toMatchObject({ version: '1', state: 'first' });
  note('cron', '1', 'half-installed');
  const { script, unobserved } = await report('info/cron.postinst', 'b\n', dpkg);
  expect(script).toMatchObject({ package: 'cron', sha256: sha256('b\n') });
  expect([script?.state, script?.version]).toEqual([undefined, undefined]);
  expect(unobserved).toEqual({ 'stepparent.script.state': expect.any(String) });
  // A write by another process counts at any time.
  expect((await report('info/cron.postinst', 'c\n', '/usr/bin/cp')).script).toMatchObject({ state: 'changed' });
  // The same holds for a file that another has replaced by now.
  put('info/cron.prerm', 'p\n');
  const gone = say('info/cron.prerm', 'p\n', dpkg);
  put('info/cron.prerm', 'q\n');
  note('cron', '2', 'unpacked');
  expect((await isTaken(gone)).script?.state).toBe(undefined);
  expect(store.listScripts().map(({ version, sha256, state }) => [version, sha256, state])).not.toContainEqual([
    expect.any(String),
    sha256('b\n'),
    'changed',
  ]);
});

describe('a run that ended before it could be read', () => {
  test('is judged if it began with a file of the host, by the script in place', async () => {
    const { install, runs, isTaken } = await evidenceWith({ cron: '1' });
    await install('cron', '1', 'a\n');
    const run = runs('cron.postinst', undefined, {
      isRead: false,
      probe: '/usr/lib/x86_64-linux-gnu/ld-linux-x86-64.so.2',
    });
    expect((await isTaken(run)).script).toMatchObject({ version: '1', state: 'known', sha256: sha256('a\n') });
  });
  test.each([
    ['otherwise', undefined],
    ['if it began with a linker below another root', '/srv/box/usr/lib/ld-linux-x86-64.so.2'],
  ])('is not judged %s: it may run another file at the same path', async (_, probe) => {
    const { install, runs, isTaken } = await evidenceWith({ cron: '1' });
    await install('cron', '1', 'a\n');
    const { script, unobserved } = await isTaken(runs('cron.postinst', undefined, { isRead: false, probe }));
    expect(script?.state).toBe(undefined);
    expect(unobserved).toEqual({ 'stepparent.script.sha256': 'process_exited' });
  });
});

describe('a run that no probe shows to be one of the host', () => {
  test('is judged when the dpkg that runs it has written to the host, by the script in place', async () => {
    const { install, runs, isTaken, above, ids } = await evidenceWith({ cron: '1' });
    await install('cron', '1', 'a\n');
    const dpkgRun = { onHost: false };
    above.dpkg = dpkgRun;
    const run = runs('cron.postinst', undefined, { isRead: false });
    await new Promise((resolve) => setTimeout(resolve, 50));
    expect(ids()).not.toContain(run.event.id);
    dpkgRun.onHost = true;
    expect((await isTaken(run)).script).toMatchObject({ version: '1', state: 'known', sha256: sha256('a\n') });
  });
  test('waits like others for the event of its file', async () => {
    const { runs, note, put, say, isTaken, above } = await evidenceWith({ cron: '1' });
    above.dpkg = { onHost: true };
    note('cron', '1', 'half-installed');
    put('info/cron.postinst', 'b\n');
    const run = runs('cron.postinst', undefined, { isRead: false });
    say('info/cron.postinst', 'b\n', dpkg);
    note('cron', '2', 'unpacked');
    expect((await isTaken(run)).script).toMatchObject({ version: '2', state: 'known' });
  });
  test('is not judged when that dpkg has not', async () => {
    const { install, runs, isTaken, above } = await evidenceWith({ cron: '1' });
    await install('cron', '1', 'a\n');
    above.dpkg = { onHost: false };
    const { script, unobserved } = await isTaken(runs('cron.postinst', undefined, { isRead: false }));
    expect(script?.state).toBe(undefined);
    expect(unobserved).toEqual({ 'stepparent.script.sha256': 'process_exited' });
  });
});

test('an event that waits does not delay others', async () => {
  const { note, put, say, ids, isTaken } = await evidenceWith({ cron: '1' });
  note('cron', '1', 'half-installed');
  put('info/cron.postinst', 'b\n');
  const first = say('info/cron.postinst', 'b\n', dpkg);
  const second = say('info/cron.list', undefined, dpkg);
  expect(ids()).toEqual([second.event.id]);
  note('cron', '2', 'unpacked');
  expect((await isTaken(first)).script).toMatchObject({ version: '2', state: 'first' });
  expect(ids()).toEqual([second.event.id, first.event.id]);
});

test('an unpacked script belongs to the control file that is unpacked before or after it', async () => {
  const { say, isTaken, taken } = await evidenceWith({ cron: '1' });
  const unpackNext = () => say('tmp.ci', undefined, dpkg);
  const control = (name: string) => say('tmp.ci/control', `Package: ${name}\nVersion: 2\n`, '/usr/bin/tar');
  unpackNext();
  const early = say('tmp.ci/preinst', 'early\n', '/usr/bin/tar');
  control('cron');
  expect((await isTaken(early)).script).toMatchObject({ package: 'cron', version: '2' });
  unpackNext();
  const orphan = say('tmp.ci/preinst', 'orphan\n', '/usr/bin/tar');
  unpackNext();
  control('bash');
  const last = say('tmp.ci/preinst', 'last\n', '/usr/bin/tar');
  expect((await isTaken(last)).script).toMatchObject({ package: 'bash' });
  expect(taken.map(({ event }) => event.id)).not.toContain(orphan.event.id);
  expect((await isTaken(orphan)).script?.package).toBe(undefined);
});

test('a change by another process while dpkg installs the package has the version that dpkg installs', async () => {
  const { note, put, say, isTaken } = await evidenceWith({ web: '1' });
  // dpkg begins after its status was read.
  await sleep(20);
  note('web', '1', 'half-installed');
  put('info/web.postinst', 'a\n');
  const first = say('info/web.postinst', 'a\n', dpkg);
  put('info/web.postinst', 'b\n');
  const second = say('info/web.postinst', 'b\n', '/usr/bin/cp');
  await sleep(200);
  note('web', '2', 'unpacked');
  expect((await isTaken(second)).script).toMatchObject({ version: '2', state: 'changed' });
  await isTaken(first);
});

test('waiting events are judged when the agent ends', async () => {
  const { note, put, say, runs, ids, isTaken, evidence } = await evidenceWith({ cron: '1' });
  note('cron', '1', 'half-installed');
  put('info/cron.postinst', 'b\n');
  const file = say('info/cron.postinst', 'b\n', dpkg);
  const run = runs('cron.postinst');
  await evidence.stop();
  expect(ids()).toEqual(expect.arrayContaining([file.event.id, run.event.id]));
  expect((await isTaken(run)).script).toMatchObject({ sha256: sha256('b\n') });
});

test('a write by another process is changed, also for a new file; restored content is known', async () => {
  const { report, install } = await evidenceWith({ cron: '1', bash: '5' });
  await install('cron', '1', 'exit 0\n');
  const bad = (await report('info/cron.postinst', 'setsid /opt/x &\nexit 0\n', '/usr/bin/sed')).script;
  expect(bad).toMatchObject({ state: 'changed', findings: [{ id: 'detached-process', line: 1 }] });
  expect(bad?.diff).toBe('@@ -1,1 +1,2 @@\n+setsid /opt/x &\n exit 0\n');
  const state = async (name: string, text: string | undefined) => (await report(name, text, '/usr/bin/cp')).script;
  expect(await state('info/cron.postinst', 'exit 0\n')).toMatchObject({ state: 'known' });
  expect(await state('info/bash.prerm', 'x\n')).toMatchObject({ version: '5', state: 'changed' });
  expect(await state('info/bash:amd64.prerm', 'x\n')).toMatchObject({ version: '5' });
  expect(await state('info/made-up.prerm', 'x\n')).toMatchObject({ state: 'unowned' });
  expect(await state('info/made-up.list', undefined)).toBe(undefined);
});

test('a script that could not be read has its name and writer in the event', async () => {
  const { report, put, install } = await evidenceWith({ cron: '1', bash: '5' });
  await install('cron', '1', 'a\n');
  const script = (name: string) => ({ script: { path: name, package: name, phase: 'prerm' } });
  const reportUnread = (name: string, by?: string) => report(`info/${name}.prerm`, undefined, by, script(name));
  expect((await reportUnread('made-up', '/usr/bin/cp')).script?.state).toBe('unowned');
  // The writer is not known, and the time of the write is or is not.
  expect((await reportUnread('made-up')).script?.state).toBe(undefined);
  put('info/made-up.prerm', 'too large\n');
  expect((await reportUnread('made-up')).script?.state).toBe('unowned');
  expect(await reportUnread('bash', '/usr/bin/cp')).toMatchObject({
    script: { version: '5', state: 'changed' },
    inferred: { 'stepparent.script.state': expect.any(String) },
  });
  expect((await reportUnread('bash')).script?.state).toBe(undefined);
  expect((await reportUnread('bash', dpkg)).script?.state).toBe(undefined);
});

test('the first scan runs once and reports only files that no package owns', async () => {
  const { directory, evidence, store, taken, report } = await evidenceWith({ cron: '1' });
  writeFileSync(join(directory, 'info', 'cron.postinst'), 'a\n');
  writeFileSync(join(directory, 'info', 'cron.list'), '/x\n');
  writeFileSync(join(directory, 'info', 'ghost.prerm'), 'b\n');
  // The status file is read after the scripts, as at the start of the agent.
  await evidence.prepare();
  await evidence.takeBaseline();
  expect(taken.map(({ file, stepparent }) => [file?.name, stepparent.script?.state, stepparent.found])).toEqual([
    ['ghost.prerm', 'unowned', 'initial_scan'],
  ]);
  expect(store.listScripts().map((one) => [one.package, one.version, one.state, one.origin])).toEqual([
    ['cron', '1', 'first', 'baseline'],
    ['ghost', '', 'unowned', 'change'],
  ]);
  writeFileSync(join(directory, 'info', 'cron.prerm'), 'c\n');
  await evidence.takeBaseline();
  expect(store.listScripts('cron')).toHaveLength(1);
  // A comparison finds it later, without a writer.
  expect((await report('info/cron.postinst', 'z\n')).script).toMatchObject({ state: 'changed' });
});

// The description of an exec, field by field, with notes on concluded, cut and unobserved fields.

import { describe, expect, test } from 'vitest';
import { ask, known } from '../../../collectors/answer.ts';
import type { UnobservedReason } from '../../../collectors/event/reasons.ts';
import type { ProcessDetails } from '../../../collectors/proc/inspect-process.ts';
import { onHost, type Place } from '../../../collectors/proc/place.ts';
import { ancestorsOf } from '../../../collectors/process/ancestors.ts';
import { cutArgs, describeActor, entityId, maxEventArgsBytes } from '../../../collectors/process/describe-process.ts';
import { type ObservedExec, observeExec, type PackageKnowledge } from '../../../collectors/process/observe-exec.ts';
import type { ProcessEntry } from '../../../collectors/process/process.ts';
import type { ProcessRecord } from '../../../collectors/process/process-record.ts';
import { createProcessTable } from '../../../collectors/process/process-table.ts';
import type { ProgramStart, StartCredentials } from '../../../collectors/process/program-start.ts';
import { compileEql } from '../../../detectors/query/eql.ts';
import { plainHost, recordedHost } from '../../recorded-host.ts';
import { hostContext, noKnowledge } from '../host/host-context-double.ts';
import { detailsOf, exec, exit, fork, inChroot, inContainer, procDouble, startWith } from '../proc-double.ts';
import { collectExecs } from './collect-execs.ts';

const directory = '/srv';
const script = '/srv/x.postinst';
const link = '/srv/link';
const context = {
  ...hostContext,
  host: recordedHost({ files: { ...plainHost, [script]: '#!/bin/sh\n', [link]: { link: 'x.postinst' } } }),
};

const init = detailsOf(1, { parentPid: 0, startTicks: 1, exe: '/no/init', args: ['/sbin/init'] });
const shell = detailsOf(10, {
  startTicks: 50,
  exe: '/no/bash',
  args: ['-bash'],
  tty: 136 * 256 + 3,
  sessionId: 10,
  groupId: 10,
  loginUserId: 1000,
  cgroupPath: '/user.slice/user-1000.slice/session-3.scope',
});
/** Process 30, as /proc shows it after its exec. */
const child = (change: Partial<ProcessDetails> = {}) =>
  detailsOf(30, {
    parentPid: 10,
    exe: '/no/dpkg',
    args: ['dpkg', '-i', 'x.deb'],
    sessionId: 10,
    groupId: 30,
    tty: 136 * 256 + 3,
    loginUserId: 1000,
    workingDirectory: '/root',
    cgroupPath: '/user.slice/user-1000.slice/session-3.scope',
    ...change,
  });

/** The reports of records, over a /proc in which `later` processes appear once the first ones are known. */
const observe = (first: ProcessDetails[], later: ProcessDetails[], ...records: ProcessRecord[]) =>
  observeWith(noKnowledge, first, later, ...records);

function observeWith(
  knowledge: PackageKnowledge,
  first: ProcessDetails[],
  later: ProcessDetails[],
  ...records: ProcessRecord[]
) {
  const proc = procDouble(...first);
  const table = createProcessTable(proc);
  table.seed();
  for (const details of later) proc.processes.set(details.pid, details);
  const reported: ObservedExec[] = [];
  const collector = collectExecs({
    table,
    context,
    knowledge,
    onExec: (observed) => reported.push(observed),
  });
  for (const record of records) collector.handle(record);
  return { proc, table, reported: reported.at(-1) as ObservedExec };
}

const usual = [fork(10, 30), exec(30, '/no/dpkg')];

const root = { id: '0', name: 'root' };
const rootIds = {
  user: root,
  real_user: root,
  saved_user: root,
  group: root,
  real_group: root,
  saved_group: root,
};

test('the event has all fields', () => {
  const { reported, proc } = observe([init, shell], [child()], ...usual);
  proc.environments.set(30, ['PATH=/bin', 'A=1', 'DPKG_ROOT=/mnt']);
  const document = reported.document();
  const bash = {
    pid: 10,
    entity_id: '01234567-10-50',
    start: '2026-01-02T03:04:05.500Z',
    executable: '/no/bash',
    name: 'bash',
    args: ['-bash'],
    args_count: 1,
    command_line: '-bash',
    ...rootIds,
    working_directory: '/no',
    tty: { char_device: { major: 136, minor: 3 } },
    interactive: true,
  };
  const own = {
    pid: 30,
    entity_id: '01234567-30-100',
    start: '2026-01-02T03:04:06.000Z',
    executable: '/no/dpkg',
    name: 'dpkg',
    args: ['dpkg', '-i', 'x.deb'],
    args_count: 3,
    command_line: 'dpkg -i x.deb',
    ...rootIds,
    working_directory: '/root',
    tty: { char_device: { major: 136, minor: 3 } },
    interactive: true,
  };
  expect(document).toEqual({
    '@timestamp': '2026-01-02T03:04:06.000Z',
    ecs: { version: '9.4.0' },
    event: {
      id: '01234567-30-100-1000001',
      kind: 'event',
      category: ['process'],
      type: ['start'],
      action: 'exec',
      module: 'stepparent',
      dataset: 'stepparent.process',
      provider: 'tracefs',
      created: expect.stringMatching(/^\d{4}-.*Z$/),
    },
    host: hostContext.hostFields,
    agent: hostContext.agent,
    process: {
      ...own,
      env_vars: ['PATH=/bin', 'DPKG_ROOT=/mnt'],
      session_leader: { ...bash, same_as_process: false },
      group_leader: { ...own, same_as_process: true },
      parent: bash,
    },
    user: { ...root, Ext: { real: root } },
    group: { ...root, Ext: { real: root } },
    stepparent: {
      exec: { filename: '/no/dpkg' },
      image: { path: '/no/dpkg' },
      inferred: {
        'process.args': 'read_later',
        'process.env_vars': 'read_later',
        'process.group_leader.args': 'read_later',
      },
      lineage: [
        {
          entity_id: '01234567-10-50',
          pid: 10,
          name: 'bash',
          executable: '/no/bash',
          args: ['-bash'],
          start: '2026-01-02T03:04:05.500Z',
          user: root,
          working_directory: '/no',
        },
        {
          entity_id: '01234567-1-1',
          pid: 1,
          name: 'init',
          executable: '/no/init',
          args: ['/sbin/init'],
          start: '2026-01-02T03:04:05.010Z',
          user: root,
          working_directory: '/no',
        },
      ],
      login_user: { id: '1000', name: 'alice' },
      systemd: { unit: 'session-3.scope' },
      terminal: 'pts/3',
      transaction: { id: '01234567-30-100', executable: '/no/dpkg' },
    },
  });
  expect(reported.scope()).toBe('');
  expect(reported.document()).toBe(document);
});

describe('cheap fields', () => {
  test('equal those of the document and do not read /proc', () => {
    const { proc, reported } = observe([init, shell], [child()], ...usual);
    proc.inspected.length = 0;
    const fields = [
      'host.os.type',
      'event.kind',
      'event.category',
      'event.type',
      'event.action',
      'process.pid',
      'process.executable',
      'process.name',
      'process.parent.executable',
      'process.parent.name',
      'stepparent.exec.filename',
    ];
    const cheapFields = fields.map((field) => reported.read(field));
    expect(proc.inspected).toEqual([]);
    reported.document();
    expect(proc.inspected).toEqual([30]);
    expect(fields.map((field) => reported.read(field))).toEqual(cheapFields);
    expect(cheapFields).toEqual([
      'linux',
      'event',
      'process',
      'start',
      'exec',
      30,
      '/no/dpkg',
      'dpkg',
      '/no/bash',
      'bash',
      '/no/dpkg',
    ]);
  });

  test('exclude all others, which build the document', () => {
    const { proc, reported } = observe([init, shell], [child()], ...usual);
    expect(reported.read('process.args')).toEqual(['dpkg', '-i', 'x.deb']);
    expect(reported.read('process.session_leader.name')).toBe('bash');
    expect(reported.read('process.title')).toBe(undefined);
    expect(proc.inspected.filter((pid) => pid === 30)).toHaveLength(1);
  });
});

describe('the environment', () => {
  const field = 'process.env_vars';
  const startOf = (environment: string[], environmentTruncated = false): ProgramStart => ({
    probe: '/usr/bin/dpkg',
    args: ['dpkg'],
    argc: 1,
    truncated: false,
    credentials: undefined,
    environment: environment.join('\0'),
    environmentTruncated,
  });
  /** The variables and notes of an exec; `later`: /proc/PID/environ, undefined after the end of the process. */
  function describedOf(start: ProgramStart | undefined, later: string[] | undefined, ...records: ProcessRecord[]) {
    const { reported, proc } = observe([init, shell], later === undefined ? [] : [child()], ...records);
    if (later !== undefined) proc.environments.set(30, later);
    if (start !== undefined) reported.snapshot.image.start = start;
    const cheap = reported.read(field);
    const { process, stepparent } = reported.document();
    const notes = (['unobserved', 'inferred', 'truncated'] as const).map((kind) => stepparent[kind]?.[field]);
    return { cheap, variables: process?.env_vars, unobserved: notes[0], inferred: notes[1], truncated: notes[2] };
  }
  const none = { unobserved: undefined, inferred: undefined, truncated: undefined };
  const ended = [...usual, exit(30)];

  test.each<[string, ProgramStart | undefined, string[] | undefined, ProcessRecord[], object]>([
    ['what the kernel passed', startOf(['PATH=/a', 'A=1']), ['PATH=/b'], usual, { ...none, variables: ['PATH=/a'] }],
    [
      'what the kernel passed, after the end',
      startOf(['PATH=/a']),
      undefined,
      ended,
      { ...none, variables: ['PATH=/a'] },
    ],
    ['none of the table', startOf(['A=1']), ['PATH=/b'], usual, { ...none, variables: undefined }],
    ['none at all', startOf([]), ['PATH=/b'], usual, { ...none, variables: undefined }],
    [
      'the rest from /proc',
      startOf(['PATH=/a'], true),
      ['PATH=/a', 'HOME=/'],
      usual,
      { ...none, variables: ['PATH=/a', 'HOME=/'], inferred: 'read_later' },
    ],
    [
      'not from /proc, if the process has changed it',
      startOf(['PATH=/a', 'A=1'], true),
      ['PATH=/b', 'HOME=/'],
      usual,
      { ...none, variables: ['PATH=/a'], truncated: 12 },
    ],
    [
      'the known part of a process that has ended',
      startOf(['PATH=/a', 'A=1'], true),
      undefined,
      ended,
      { ...none, variables: ['PATH=/a'], truncated: 12 },
    ],
    ['all from /proc', undefined, ['PATH=/a'], usual, { ...none, variables: ['PATH=/a'], inferred: 'read_later' }],
    ['nothing', undefined, undefined, ended, { ...none, variables: undefined, unobserved: 'process_exited' }],
    [
      'nothing, where the arguments left no room',
      startOf([], true),
      undefined,
      ended,
      { ...none, variables: undefined, unobserved: 'process_exited' },
    ],
    [
      'a long value',
      startOf([`LD_PRELOAD=${'x'.repeat(600)}`]),
      undefined,
      ended,
      { ...none, variables: [`LD_PRELOAD=${'x'.repeat(512)}`], truncated: 512 },
    ],
  ])('has %s', (_, start, later, records, expected) => {
    const { cheap, ...described } = describedOf(start, later, ...records);
    expect(described).toEqual(expected);
    const [first, ...more] = described.variables ?? [];
    expect([cheap ?? []].flat()).toEqual(first === undefined ? [] : [first, ...more]);
  });

  test('is read without /proc if the kernel passed it completely', () => {
    const { reported, proc } = observe([init, shell], [child()], ...usual);
    reported.snapshot.image.start = startOf(['LD_PRELOAD=/x.so', 'A=1']);
    proc.inspected.length = 0;
    expect(reported.read(field)).toEqual(['LD_PRELOAD=/x.so']);
    expect([proc.inspected, reported.isDescribed()]).toEqual([[], false]);
  });

  const own = ['LD_PRELOAD=/x.so'];
  /** Whether the event of 30 has the field, where 20 is the shell's child. */
  const hasField = (...records: ProcessRecord[]): boolean => {
    const { reported } = observe([init, shell], [detailsOf(20, { parentPid: 10 }), child()], ...records);
    reported.snapshot.image.start = startOf(own);
    const cheap = reported.read(field);
    const { process, stepparent } = reported.document();
    expect(cheap === undefined).toBe(process?.env_vars === undefined);
    if (process?.env_vars === undefined) {
      expect(JSON.stringify([stepparent.unobserved, stepparent.inferred, stepparent.truncated])).not.toContain(field);
    }
    return process?.env_vars !== undefined;
  };

  test.each<[string, ProcessRecord[]]>([
    ['a package manager', [fork(10, 30), exec(30, '/usr/bin/dpkg')]],
    ['a front end', [fork(10, 30), exec(30, '/usr/bin/apt-get')]],
    ['a tool that only reads', [fork(10, 30), exec(30, '/usr/bin/dpkg-query')]],
    ['a tool that is known by its path', [fork(10, 30), exec(30, '/usr/share/debconf/frontend')]],
    ['a program below one', [fork(10, 20), exec(20, '/usr/bin/rpm'), fork(20, 30), exec(30, '/bin/true')]],
    ['a script that dpkg did not start', [fork(10, 30), exec(30, '/var/lib/dpkg/info/x.postinst')]],
    ['a program below it', [fork(10, 20), exec(20, '/var/lib/dpkg/info/x.prerm'), fork(20, 30), exec(30, '/bin/true')]],
    [
      'a script of a package that is given to a shell',
      [fork(10, 30), exec(30, '/bin/dash', { args: ['sh', '/var/lib/dpkg/info/x.postinst'] })],
    ],
  ])('is in the event of %s', (_, records) => {
    expect(hasField(...records)).toBe(true);
  });

  test.each<[string, ProcessRecord[]]>([
    ['another program', [fork(10, 30), exec(30, '/bin/true')]],
    ['a shell with another script', [fork(10, 30), exec(30, '/bin/dash', { args: ['sh', script] })]],
    ['a program with a similar name', [fork(10, 30), exec(30, '/usr/bin/apt-cache')]],
    ['a program beside a package tool', [fork(10, 20), exec(20, '/usr/bin/dpkg'), fork(10, 30), exec(30, '/bin/true')]],
  ])('is not in the event of %s', (_, records) => {
    expect(hasField(...records)).toBe(false);
  });

  test('of ancestors and leaders is not in the event', () => {
    const { reported, proc } = observe([init, shell], [child()], ...usual);
    for (const pid of [1, 10, 30]) proc.environments.set(pid, [`PATH=/${pid}`]);
    const { process, stepparent } = reported.document();
    expect(process?.env_vars).toEqual(['PATH=/30']);
    expect(JSON.stringify([process?.parent, process?.group_leader, stepparent.lineage])).not.toContain('PATH=');
  });
});

describe('the script that runs', () => {
  const shellWith = (...args: string[]) => child({ exe: '/no/dash', args, workingDirectory: directory });
  const quickAndFull = (...records: Parameters<typeof observe>) => {
    const { reported, proc } = observe(...records);
    const quick = reported.read('stepparent.script.path');
    return {
      quick,
      inspected: proc.inspected.filter((pid) => pid === 30),
      full: reported.document().stepparent.script?.path,
    };
  };
  const dash = [fork(10, 30), exec(30, '/no/dash')];

  test.each<[string, string[], string | undefined]>([
    ['an argument', ['sh', script], script],
    ['in the working directory', ['sh', '-e', './x.postinst', 'configure'], script],
    ['a link to it', ['sh', link], script],
    ['none there', ['sh', '/no/such/script'], '/no/such/script'],
    ['a command', ['sh', '-c', script], undefined],
    ['an interactive shell', ['-sh'], undefined],
  ])('%s', (_, args, expected) => {
    expect(quickAndFull([init, shell], [shellWith(...args)], ...dash)).toEqual({
      quick: expected,
      inspected: [],
      full: expected,
    });
  });

  test('is the file itself, and its arguments are not read', () => {
    const { reported, proc } = observe([init, shell], [child({ exe: '/no/dash' })], fork(10, 30), exec(30, script));
    expect(reported.read('stepparent.script.path')).toBe(script);
    expect(proc.argsRead).toEqual([]);
    expect(reported.document().stepparent.script).toEqual({ path: script });
  });

  test('is absent for a program, and for an interpreter that ended before its arguments were read', () => {
    expect(observe([init, shell], [child()], ...usual).reported.document().stepparent).not.toHaveProperty('script');
    expect(quickAndFull([init, shell], [], ...dash, exit(30))).toEqual({
      quick: undefined,
      inspected: [],
      full: undefined,
    });
  });

  test('the answers on genuine programs and copied scripts are in the event', () => {
    const knowledge: PackageKnowledge = {
      tools: {
        notice: () => undefined,
        genuineProcess: () => false,
        genuine: (_, leaders) => () => ({
          fields: { parent: true, session_leader: leaders.session_leader?.entry.pid === 10 },
          inferred: { 'stepparent.genuine.parent': 'execve_args' },
          verified: new Map(),
        }),
      },
      copies: { originalOf: (file) => known(file === script ? '/info/x.postinst' : undefined) },
      ancestorScripts: noKnowledge.ancestorScripts,
      namedCallers: noKnowledge.namedCallers,
      unowned: noKnowledge.unowned,
    };
    const { reported, proc } = observeWith(knowledge, [init, shell], [shellWith('sh', script)], ...dash);
    expect(reported.read('stepparent.genuine.process')).toBe(false);
    expect(reported.read('stepparent.script.copy_of')).toBe('/info/x.postinst');
    expect(proc.inspected.filter((pid) => pid === 30)).toEqual([]);
    expect(reported.document().stepparent).toMatchObject({
      script: { path: script, copy_of: '/info/x.postinst' },
      genuine: { parent: true, session_leader: true },
      inferred: { 'stepparent.genuine.parent': 'execve_args' },
    });
  });

  test('slow answers are added to the document when they are known; the rest is read at once', async () => {
    const original = Promise.withResolvers<string | undefined>();
    const owner = Promise.withResolvers<void>();
    let genuine = {};
    const knowledge: PackageKnowledge = {
      tools: {
        notice: () => owner.promise,
        genuineProcess: () => undefined,
        genuine: () => () => ({ fields: genuine, inferred: {}, verified: new Map() }),
      },
      copies: { originalOf: () => ask(original.promise) },
      ancestorScripts: noKnowledge.ancestorScripts,
      namedCallers: noKnowledge.namedCallers,
      unowned: noKnowledge.unowned,
    };
    const { reported, proc } = observeWith(knowledge, [init, shell], [shellWith('sh', script)], ...dash);
    const pending = reported.pending();
    expect(proc.inspected).toContain(30);
    expect([reported.isDescribed(), reported.read('stepparent.script.copy_of')]).toEqual([false, undefined]);
    genuine = { process: true };
    owner.resolve();
    original.resolve('/info/x.postinst');
    await pending;
    expect(reported.document().stepparent).toMatchObject({
      script: { path: script, copy_of: '/info/x.postinst' },
      genuine: { process: true },
    });
    expect(reported.read('stepparent.script.copy_of')).toBe('/info/x.postinst');
  });
});

test('an event is built once, and later answers do not change it', () => {
  let genuine = {};
  const knowledge: PackageKnowledge = {
    tools: {
      notice: () => undefined,
      genuineProcess: () => undefined,
      genuine: () => () => ({ fields: genuine, inferred: {}, verified: new Map() }),
    },
    copies: { originalOf: () => known<string>(undefined) },
    ancestorScripts: noKnowledge.ancestorScripts,
    namedCallers: noKnowledge.namedCallers,
    unowned: noKnowledge.unowned,
  };
  const { reported } = observeWith(knowledge, [init, shell], [child()], ...usual);
  expect(reported.scope()).toBe('');
  genuine = { parent: true };
  const document = reported.document();
  expect(document.stepparent.genuine).toEqual({ parent: true });
  genuine = {};
  expect(reported.document()).toBe(document);
});

test('nothing is pending if all answers are known', () => {
  const { reported } = observe([init, shell], [child()], ...usual);
  expect(reported.pending()).toBe(undefined);
  expect(reported.isDescribed()).toBe(false);
});

describe('processes that ended too early', () => {
  test('leave out arguments and user, and take the rest from the parent', () => {
    const { reported } = observe([init, shell], [], ...usual, exit(30));
    const { process, stepparent, user } = reported.document();
    expect(process).toMatchObject({ pid: 30, executable: '/no/dpkg', name: 'dpkg', working_directory: '/no' });
    expect(process).not.toHaveProperty('args');
    expect(process).not.toHaveProperty('interactive');
    for (const name of Object.keys(rootIds)) expect(process).not.toHaveProperty(name);
    expect(process?.parent).toMatchObject(rootIds);
    expect(user).toBe(undefined);
    expect(process?.session_leader).toMatchObject({ pid: 10, name: 'bash' });
    expect(stepparent).toMatchObject({
      terminal: 'pts/3',
      login_user: { id: '1000' },
      inferred: {
        'process.executable': expect.any(String),
        'process.working_directory': 'nearest_ancestor',
        'process.session_leader': 'nearest_ancestor',
        'process.group_leader': 'nearest_ancestor',
      },
    });
    const missing = ['args', 'env_vars', 'interactive', 'supplemental_groups', ...Object.keys(rootIds)];
    expect(stepparent.unobserved).toEqual(
      Object.fromEntries(missing.map((name) => [`process.${name}`, 'process_exited'])),
    );
    expect(stepparent.inferred).not.toHaveProperty(['process.user']);
    expect(stepparent.image).toBe(undefined);
  });

  test('leave all fields out if the ancestors ended too', () => {
    const { reported } = observe([], [], fork(20, 30), exec(30, '/no/dpkg'), exit(30));
    const { process, stepparent, user, group, container } = reported.document();
    expect(process).toMatchObject({ pid: 30, executable: '/no/dpkg', parent: { pid: 20 } });
    expect(process?.parent).not.toHaveProperty('executable');
    expect([user, group, container]).toEqual([undefined, undefined, undefined]);
    const ofEach = [...Object.keys(rootIds), 'supplemental_groups', 'working_directory', 'interactive'];
    expect(new Set(Object.keys(stepparent.unobserved ?? {}))).toEqual(
      new Set([
        'container.id',
        'stepparent.place',
        'process.args',
        'process.env_vars',
        'process.group_leader',
        'process.parent.executable',
        'process.session_leader',
        'stepparent.systemd',
        ...ofEach.map((name) => `process.${name}`),
        ...ofEach.map((name) => `process.parent.${name}`),
      ]),
    );
  });

  test('may have no known parent', () => {
    const { reported } = observe([], [], exec(30, '/no/dpkg'));
    expect(reported.document().process).not.toHaveProperty('parent');
    expect(reported.document().stepparent).toMatchObject({
      lineage: [],
      unobserved: { 'process.parent': expect.any(String) },
    });
  });

  test('do not take file and arguments of an earlier program', () => {
    const { reported } = observe([init, shell], [], exec(10, '/no/dpkg'), exit(10));
    const { process, stepparent } = reported.document();
    expect(process).toMatchObject({ executable: '/no/dpkg' });
    for (const name of ['args', 'user', 'group']) expect(process).not.toHaveProperty(name);
    expect(stepparent.image).toBe(undefined);
    expect(stepparent.inferred).toMatchObject({ 'process.working_directory': 'earlier_program' });
    expect(stepparent.unobserved).toMatchObject({ 'process.user': 'process_exited' });
  });

  test('are not confused with a process that reuses the pid', () => {
    const { reported } = observe([init, shell], [child({ startTicks: 900, userId: 1000 })], ...usual);
    expect(reported.document().process).not.toHaveProperty('args');
    expect(reported.document().user).toBe(undefined);
  });

  test('have a note for each lineage field of an ancestor further up', () => {
    const { reported } = observe([], [child()], fork(15, 20), fork(20, 30), exec(30, '/no/dpkg'));
    const { lineage, unobserved = {} } = reported.document().stepparent;
    expect(lineage).toMatchObject([{ pid: 20 }, { pid: 15 }]);
    const ofLineage = Object.keys(unobserved).filter((name) => name.startsWith('stepparent.lineage.'));
    expect(ofLineage.sort()).toEqual([
      'stepparent.lineage.1.executable',
      'stepparent.lineage.1.user',
      'stepparent.lineage.1.working_directory',
    ]);
  });
});

describe('leaders', () => {
  test('may be no ancestors', () => {
    const other = detailsOf(15, { startTicks: 20, exe: '/no/make' });
    const { reported } = observe([init, shell, other], [child({ groupId: 15 })], ...usual);
    expect(reported.document().process?.group_leader).toMatchObject({
      pid: 15,
      name: 'make',
      entity_id: '01234567-15-20',
    });
  });

  test('that ended have only a pid', () => {
    const { reported } = observe([init, shell], [child({ sessionId: 99 })], ...usual);
    expect(reported.document().process?.session_leader).toEqual({ pid: 99, same_as_process: false });
    expect(reported.document().stepparent.unobserved).toHaveProperty(['process.session_leader.name']);
  });

  test('of the kernel or another pid namespace are absent, with a note', () => {
    const { reported } = observe([init, shell], [child({ sessionId: 0, groupId: 0 })], ...usual);
    const { process, stepparent } = reported.document();
    for (const role of ['session_leader', 'group_leader']) {
      expect(process).not.toHaveProperty(role);
      expect(stepparent.unobserved).toMatchObject({ [`process.${role}`]: 'no_leader' });
    }
  });
});

describe('users and groups', () => {
  const alice = { id: '1000', name: 'alice' };
  /** A shell of alice with a child whose ids are all different. */
  const setId = () =>
    observe(
      [init, { ...shell, userId: 1000, realUserId: 1000, savedUserId: 1000 }],
      [
        child({
          userId: 0,
          realUserId: 1000,
          savedUserId: 1234,
          userGroupId: 0,
          realUserGroupId: 5,
          savedUserGroupId: 6,
          supplementalGroupIds: [0, 7],
        }),
      ],
      ...usual,
    ).reported;

  test('have each kind of id, with a name if it is known', () => {
    const { process, user, group } = setId().document();
    expect(process).toMatchObject({
      user: root,
      real_user: alice,
      saved_user: { id: '1234' },
      group: root,
      real_group: { id: '5' },
      saved_group: { id: '6' },
      supplemental_groups: [root, { id: '7' }],
    });
    expect(process?.saved_user).not.toHaveProperty('name');
    expect({ user, group }).toEqual({
      user: { ...root, Ext: { real: alice } },
      group: { ...root, Ext: { real: { id: '5' } } },
    });
    const ofAlice = { user: alice, real_user: alice, saved_user: alice };
    expect(process).toMatchObject({ parent: ofAlice, session_leader: ofAlice, group_leader: { real_user: alice } });
  });

  // Queries as public rules for setuid and setgid programs have them: to an absent field `!=` would apply as well.
  test.each([
    'process.user.id == "0" and process.real_user.id != "0"',
    'user.id == "0" and user.Ext.real.id != "0"',
    'process.group.id == "0" and process.real_group.id != "0"',
    'group.id == "0" and group.Ext.real.id != "0"',
    'process.user.id == "0" and process.saved_user.id != "0"',
    'process.group.id == "0" and process.saved_group.id != "0"',
    'process.parent.real_user.id != "0"',
  ])('%s: of a setuid and setgid program, and not of what root runs', (condition) => {
    const { matches } = compileEql(`process where process.name in ("dpkg", "cat") and ${condition}`);
    const isMatch = (exec: ObservedExec) => matches((field) => exec.read(field));
    expect(isMatch(setId())).toBe(true);
    expect(isMatch(observe([init, shell], [child()], ...usual).reported)).toBe(false);
  });

  const startOf = (realUserId: number, userId = realUserId): StartCredentials => ({
    realUserId,
    userId,
    realGroupId: realUserId,
    groupId: userId,
    secure: realUserId !== userId,
  });
  /** A program, started with these ids below a shell with those of `above`, and later seen in /proc as in `later`. */
  const started = (
    above: number,
    credentials: StartCredentials | undefined,
    later: ProcessDetails[],
    program = '/no/dpkg',
  ) => {
    const ids = { userId: above, realUserId: above, savedUserId: above };
    const groups = { userGroupId: above, realUserGroupId: above, savedUserGroupId: above };
    const records = [fork(10, 30), exec(30, program)];
    const { reported } = observe([init, { ...shell, ...ids, ...groups }], later, ...records);
    reported.snapshot.image.start = startWith(credentials);
    const { process, user, stepparent } = reported.document();
    const note = stepparent.unobserved?.['process.user'];
    expect(stepparent.inferred ?? {}).not.toHaveProperty(['process.user']);
    return { ids: [process?.real_user?.id, process?.user?.id, process?.saved_user?.id], user: user?.id, note };
  };
  const sameIds = (id: number) => ({ ids: [`${id}`, `${id}`, `${id}`], user: `${id}`, note: undefined });
  const unknown = (note: UnobservedReason) => ({ ids: [undefined, undefined, undefined], user: undefined, note });
  const ofNobody = child({ userId: 65534, realUserId: 65534, savedUserId: 65534 });

  test.each<[string, number, StartCredentials | undefined, ProcessDetails[], ReturnType<typeof started>]>([
    ['are those of the start', 0, startOf(65534), [], sameIds(65534)],
    ['are those of the start, not those that the program took later', 0, startOf(0), [ofNobody], sameIds(0)],
    ['are those of /proc without a record of the start', 0, undefined, [ofNobody], sameIds(65534)],
    ['are never those of an ancestor', 0, undefined, [], unknown('process_exited')],
    ['are those of /proc, not those of a user namespace', 65534, startOf(0), [ofNobody], sameIds(65534)],
    ['are not those of a user namespace', 65534, startOf(0), [], unknown('ids_unproven')],
    [
      'are those of /proc for a set-user-ID program',
      1000,
      startOf(1000, 0),
      [child({ userId: 0, realUserId: 1000, savedUserId: 0 })],
      { ids: ['1000', '0', '0'], user: '0', note: undefined },
    ],
  ])('%s', (_, above, credentials, later, expected) => {
    expect(started(above, credentials, later)).toEqual(expected);
  });

  test.each<[string, string, string | undefined, UnobservedReason]>([
    ['a later program', script, '/no/sudo', 'program_replaced'],
    ['a later program, if the file is gone', '/no/dpkg', '/no/sudo', 'program_replaced'],
    ['a zombie, which may have run a later program', '/no/dpkg', undefined, 'process_exited'],
  ])('are not those of %s', (_, program, exe, note) => {
    expect(started(65534, undefined, [{ ...child(), exe }], program)).toEqual(unknown(note));
    expect(started(65534, startOf(65534), [{ ...child(), exe }], program)).toEqual(sameIds(65534));
  });

  test('of an ancestor are those of its start', () => {
    const records = [fork(10, 20), exec(20, '/no/su'), fork(20, 30), exec(30, '/no/dpkg')];
    const { reported, table } = observe([init, shell], [], ...records);
    const { snapshot } = reported;
    expect(reported.document().process?.parent).not.toHaveProperty('user');
    for (const { image } of snapshot.ancestors)
      if (image?.filename === '/no/su') image.start = startWith(startOf(1000, 0));
    const { process, user } = observeExec(snapshot, table, context, noKnowledge).document();
    expect(process?.parent).toMatchObject({ user: root, real_user: alice });
    expect(user).toBe(undefined);
  });

  test('are cut beyond the bound of groups', () => {
    const { reported } = observe(
      [init, shell],
      [child({ supplementalGroupIds: [7], supplementalGroupsTruncated: true })],
      ...usual,
    );
    expect(reported.document().process).toMatchObject({ supplemental_groups: [{ id: '7' }] });
    expect(reported.document().stepparent.truncated).toHaveProperty(['process.supplemental_groups'], 64);
  });

  test('have no login user without a login', () => {
    const { reported } = observe([init, shell], [child({ loginUserId: undefined })], ...usual);
    expect(reported.document().stepparent).not.toHaveProperty('login_user');
  });
});

test('the start of a process in the first 10 ms after boot is known', () => {
  const { reported } = observe([{ ...init, startTicks: 0 }, shell], [child()], ...usual);
  expect(reported.document().stepparent.lineage?.at(-1)).toMatchObject({ pid: 1, start: '2026-01-02T03:04:05.000Z' });
});

describe('the place of a process', () => {
  test('in a container has its id', () => {
    const { reported } = observe([init, shell], [child({ place: inContainer, tty: 0 })], ...usual);
    const { container, process, stepparent } = reported.document();
    expect({ container, place: stepparent.place, scope: reported.scope() }).toEqual({
      container: { id: 'c0ffee' },
      place: { kind: 'container', root: '/' },
      scope: 'container',
    });
    expect(process).toMatchObject({ interactive: false });
    expect(process).not.toHaveProperty('tty');
  });

  test.each<[string, Place | undefined, object]>([
    ['a container', inContainer, { id: 'c0ffee', place: { kind: 'container', root: '/' }, scope: 'container' }],
    ['a chroot', inChroot, { place: { kind: 'chroot', root: '/srv/chroot' }, scope: 'chroot' }],
    [
      'a root directory with directories of the host',
      { ...inChroot, kind: 'host' },
      { place: { kind: 'host', root: '/srv/chroot' }, scope: '' },
    ],
    ['the host', onHost, { scope: '' }],
  ])('that ended early is that of its nearest ancestor: %s', (_, place, expected) => {
    const { reported } = observe([init, { ...shell, place }], [], ...usual, exit(30));
    const { container, stepparent } = reported.document();
    const found = { id: container?.id, place: stepparent.place, scope: reported.scope() };
    expect(found).toEqual(expected);
    const notes = Object.keys(stepparent.inferred ?? {}).filter((field) => /place|container/.test(field));
    expect(notes).toEqual([
      ...('place' in expected ? ['stepparent.place'] : []),
      ...('id' in expected ? ['container.id'] : []),
    ]);
  });
});

test('a parent that was read from /proc is inferred', () => {
  const { reported } = observe([init, shell], [child()], exec(30, '/no/dpkg'));
  expect(reported.document().stepparent.inferred).toHaveProperty(['process.parent']);
  const usually = observe([init, shell], [child()], ...usual).reported.document().stepparent.inferred;
  expect(usually).not.toHaveProperty(['process.parent']);
});

test('arguments that were read after an exec that the agent saw are read later; those of the start are not', () => {
  const read = observe([init, shell], [child()], ...usual).reported.document().stepparent.inferred;
  expect(read).toMatchObject({ 'process.args': 'read_later' });
  // The shell is older than the agent: nothing else is known of it.
  expect(read).not.toHaveProperty(['process.parent.args']);
  const args = ['dpkg', '-i'];
  const start = {
    probe: '/ld.so',
    args,
    argc: 2,
    truncated: false,
    credentials: undefined,
    environment: '',
    environmentTruncated: true,
  };
  const seen = observe([init, shell], [child()], fork(10, 30), exec(30, '/no/dpkg', { args, start }));
  expect(seen.reported.document().process?.args).toEqual(args);
  expect(seen.reported.document().stepparent.inferred).toBe(undefined);
});

test('a unit of a user’s service manager has that user', () => {
  const cgroupPath = '/user.slice/user-1000.slice/user@1000.service/app.slice/x.service';
  const { reported } = observe([init, shell], [child({ cgroupPath })], ...usual);
  expect(reported.document().stepparent.systemd).toEqual({ unit: 'x.service', user: { id: '1000', name: 'alice' } });
});

describe('the lineage', () => {
  const chain = (length: number): ProcessRecord[] =>
    Array.from({ length }, (_, i) => fork(i === 0 ? 1 : 100 + i - 1, 100 + i, { timeNs: 1e9 + i }));

  test.each([
    [14, 15, undefined],
    [15, 16, undefined],
    [16, 16, 16],
    [40, 16, 16],
  ])('of %d and init', (length, kept, truncated) => {
    const last = 100 + length - 1;
    const { reported, table } = observe([init], [], ...chain(length), fork(last, 30), exec(30, '/no/x'));
    expect(reported.document().stepparent.lineage).toHaveLength(kept);
    expect(reported.document().stepparent.truncated?.['stepparent.lineage']).toBe(truncated);
    expect(ancestorsOf(table.find(30) as ProcessEntry)[0]?.entry.pid).toBe(last);
  });
});

describe('arguments', () => {
  const long = 'x'.repeat(maxEventArgsBytes);

  test('from the sensor have priority over those in /proc', () => {
    const { reported } = observe([init, shell], [child()], fork(10, 30), exec(30, '/no/dpkg', { args: ['seen'] }));
    expect(reported.document().process).toMatchObject({ args: ['seen'], command_line: 'seen', args_count: 1 });
  });

  test('of the execve call are used if there are no others', () => {
    const attempt: ProcessRecord = { kind: 'attempt', timeNs: 1e9, tid: 30, args: ['dpkg', '-r'], truncated: true };
    const ended = observe([init, shell], [], fork(10, 30), attempt, exec(30, '/no/dpkg'), exit(30)).reported.document();
    expect(ended.process?.args).toEqual(['dpkg', '-r']);
    expect(ended.stepparent).toMatchObject({
      inferred: { 'process.args': 'execve_args' },
      truncated: { 'process.args': maxEventArgsBytes },
    });
    const alive = observe([init, shell], [child()], fork(10, 30), attempt, exec(30, '/no/dpkg')).reported.document();
    expect(alive.process?.args).toEqual(['dpkg', '-i', 'x.deb']);
    expect(alive.stepparent.truncated).toBe(undefined);
  });

  test('are cut at the bound', () => {
    const { reported } = observe([init, shell], [], fork(10, 30), exec(30, '/no/x', { args: ['a', long, 'b'] }));
    const { process, stepparent } = reported.document();
    expect(process?.args_count).toBe(3);
    expect([process?.args].flat().join('')).toHaveLength(maxEventArgsBytes);
    expect(stepparent.truncated).toEqual({ 'process.args': maxEventArgsBytes });
  });

  test('of ancestors are cut at a smaller bound', () => {
    const records = [fork(10, 20), exec(20, '/no/x', { args: [long] }), fork(20, 30), exec(30, '/no/y')];
    const { process, stepparent } = observe([init, shell], [], ...records).reported.document();
    expect([process?.parent?.args].flat()[0]).toHaveLength(8192);
    expect(stepparent.truncated).toEqual({ 'process.parent.args': 8192 });
  });
});

test.each([
  { args: 'long arguments', list: Array.from({ length: 100 }, (_, i) => `file-${i}`), isShared: true },
  { args: 'one long argument', list: ['sh', '-c', 'a'.repeat(3000)], isShared: true },
  { args: 'few arguments', list: ['touch', 'file'], isShared: false },
])('descriptions of a process with $args: the same list $isShared', ({ list, isShared }) => {
  const { table } = observe([init, shell], [child({ args: list })], ...usual);
  const entry = table.find(30) as ProcessEntry;
  const describeOnce = () =>
    describeActor({ entry, image: entry.image, ancestors: ancestorsOf(entry) }, table, context).process;
  const [first, second] = [describeOnce(), describeOnce()];
  expect(first).toMatchObject({ args: list, args_count: list.length, command_line: list.join(' ') });
  expect(second).toEqual(first);
  expect(second.args === first.args).toBe(isShared);
});

describe('cutArgs', () => {
  test.each<[string[], number, string[], boolean]>([
    [['ab', 'cd'], 4, ['ab', 'cd'], false],
    [['ab', 'cd'], 3, ['ab', 'c'], true],
    [['ab', 'cd', 'e'], 3, ['ab', 'c'], true],
    [['ab', '', ''], 2, ['ab', '', ''], false],
    [[], 0, [], false],
    // Whole characters only: ä has 2 bytes, € 3, 😀 4.
    [['aä'], 2, ['a'], true],
    [['aä'], 3, ['aä'], false],
    [['€€'], 5, ['€'], true],
    [['😀'], 3, [''], true],
    [['x😀'], 5, ['x😀'], false],
  ])('%j up to %d bytes', (args, maxBytes, kept, cut) => {
    expect(cutArgs(args, maxBytes)).toEqual({ kept, cut });
  });
});

test('an entity_id consists of boot, pid and start', () => {
  const entry = { pid: 7, startNs: 123_456_789_012 } as ProcessEntry;
  expect(entityId(hostContext.bootId, entry)).toBe('01234567-7-12345');
});

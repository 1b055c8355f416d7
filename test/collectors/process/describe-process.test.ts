// The description of an exec, field by field, with notes on concluded, cut and unobserved fields.

import { describe, expect, test } from 'vitest';
import { ask, known } from '../../../collectors/answer.ts';
import type { ProcessDetails } from '../../../collectors/proc/inspect-process.ts';
import { ancestorsOf, cutArgs, entityId, maxEventArgsBytes } from '../../../collectors/process/describe-process.ts';
import type { ObservedExec, PackageKnowledge } from '../../../collectors/process/observe-exec.ts';
import type { ProcessEntry } from '../../../collectors/process/process.ts';
import type { ProcessRecord } from '../../../collectors/process/process-record.ts';
import { createProcessTable } from '../../../collectors/process/process-table.ts';
import { compileEql } from '../../../detectors/query/eql.ts';
import { plainHost, recordedHost } from '../../recorded-host.ts';
import { hostContext, noKnowledge } from '../host/host-context-double.ts';
import { detailsOf, exec, exit, fork, procDouble } from '../proc-double.ts';
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
  const { reported } = observe([init, shell], [child()], ...usual);
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
      session_leader: { ...bash, same_as_process: false },
      group_leader: { ...own, same_as_process: true },
      parent: bash,
    },
    user: { ...root, Ext: { real: root } },
    group: { ...root, Ext: { real: root } },
    stepparent: {
      exec: { filename: '/no/dpkg' },
      image: { path: '/no/dpkg' },
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
    const cheapFields = fields.map(reported.read);
    expect(proc.inspected).toEqual([]);
    reported.document();
    expect(proc.inspected).toEqual([30]);
    expect(fields.map(reported.read)).toEqual(cheapFields);
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
        }),
      },
      copies: { originalOf: (file) => known(file === script ? '/info/x.postinst' : undefined) },
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
        genuine: () => () => ({ fields: genuine, inferred: {} }),
      },
      copies: { originalOf: () => ask(original.promise) },
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
      genuine: () => () => ({ fields: genuine, inferred: {} }),
    },
    copies: { originalOf: () => known<string>(undefined) },
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
  test('leave out the arguments and take the rest from the parent', () => {
    const { reported } = observe([init, shell], [], ...usual, exit(30));
    const { process, stepparent, user } = reported.document();
    expect(process).toMatchObject({ pid: 30, executable: '/no/dpkg', name: 'dpkg', working_directory: '/no' });
    expect(process).not.toHaveProperty('args');
    expect(process).not.toHaveProperty('interactive');
    expect(process).toMatchObject(rootIds);
    expect(user).toEqual({ ...root, Ext: { real: root } });
    expect(process?.session_leader).toMatchObject({ pid: 10, name: 'bash' });
    expect(stepparent).toMatchObject({
      terminal: 'pts/3',
      login_user: { id: '1000' },
      inferred: {
        'process.executable': expect.any(String),
        ...Object.fromEntries(Object.keys(rootIds).map((name) => [`process.${name}`, 'nearest_ancestor'])),
        'process.working_directory': 'nearest_ancestor',
        'process.session_leader': 'nearest_ancestor',
        'process.group_leader': 'nearest_ancestor',
      },
    });
    expect(Object.keys(stepparent.unobserved ?? {}).sort()).toEqual(['process.args', 'process.interactive']);
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
        'process.args',
        'process.group_leader',
        'process.parent.executable',
        'process.session_leader',
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
    expect(process).toMatchObject({ executable: '/no/dpkg', user: { id: '0' } });
    expect(process).not.toHaveProperty('args');
    expect(stepparent.image).toBe(undefined);
    expect(stepparent.inferred).toMatchObject({
      'process.user': 'earlier_program',
      'process.working_directory': 'earlier_program',
    });
  });

  test('are not confused with a process that reuses the pid', () => {
    const { reported } = observe([init, shell], [child({ startTicks: 900, userId: 1000 })], ...usual);
    expect(reported.document().process).not.toHaveProperty('args');
    expect(reported.document().user).toMatchObject(root);
  });

  test('have a note for each lineage field of an ancestor further up', () => {
    const { reported } = observe([], [child()], fork(15, 20), fork(20, 30), exec(30, '/no/dpkg'));
    const { lineage, unobserved = {} } = reported.document().stepparent;
    expect(lineage).toMatchObject([{ pid: 20 }, { pid: 15 }]);
    expect(Object.keys(unobserved).filter((name) => name.startsWith('stepparent.lineage.'))).toEqual([
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
    expect(matches(setId().read)).toBe(true);
    expect(matches(observe([init, shell], [child()], ...usual).reported.read)).toBe(false);
    // A process that ended first has the values of its parent, with notes.
    expect(matches(observe([init, shell], [], ...usual, exit(30)).reported.read)).toBe(false);
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

test('a process in a container has its id', () => {
  const { reported } = observe([init, shell], [child({ containerId: 'c0ffee', hostRoot: false, tty: 0 })], ...usual);
  expect(reported.document().container).toEqual({ id: 'c0ffee' });
  expect(reported.scope()).toBe('c0ffee');
  expect(reported.document().process).toMatchObject({ interactive: false });
  expect(reported.document().process).not.toHaveProperty('tty');
  const ended = observe([init, { ...shell, containerId: 'c0ffee' }], [], ...usual, exit(30));
  expect(ended.reported.scope()).toBe('c0ffee');
});

test('a parent that was read from /proc is inferred', () => {
  const { reported } = observe([init, shell], [child()], exec(30, '/no/dpkg'));
  expect(reported.document().stepparent.inferred).toHaveProperty(['process.parent']);
  expect(observe([init, shell], [child()], ...usual).reported.document().stepparent.inferred).toBe(undefined);
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

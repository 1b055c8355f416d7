// Joining execs with their arguments: in every order in which the records may come.

import { beforeEach, describe, expect, test } from 'vitest';
import { inUnknownRoot, onHost } from '../../../collectors/proc/place.ts';
import type { ExecCollector } from '../../../collectors/process/exec-collector.ts';
import type { ObservedExec } from '../../../collectors/process/observe-exec.ts';
import type { ProcessEntry } from '../../../collectors/process/process.ts';
import type {
  ArgvRecord,
  AttemptRecord,
  LostRecord,
  ProcessRecord,
} from '../../../collectors/process/process-record.ts';
import { createProcessTable, type ProcessTable } from '../../../collectors/process/process-table.ts';
import { startOf } from '../../../collectors/process/program-start.ts';
import type { RecognizeProgram } from '../../../collectors/process/recognize-program.ts';
import { hostContext, noKnowledge } from '../host/host-context-double.ts';
import { detailsOf, exec, exit, fork, inChroot, type ProcDouble, procDouble } from '../proc-double.ts';
import { collectExecs } from './collect-execs.ts';

const tool = '/no/tool';

const argv = (pid: number, args: string[], change: Partial<ArgvRecord> = {}): ArgvRecord => ({
  kind: 'argv',
  role: 'program',
  timeNs: 1e9 + 2000,
  pid,
  image: tool,
  args,
  argc: args.length,
  truncated: false,
  ...change,
});

const attempt = (tid: number, args: string[], truncated = false): AttemptRecord => ({
  kind: 'attempt',
  timeNs: 1e9,
  tid,
  args,
  truncated,
});

const lost = (count: number): LostRecord => ({ kind: 'lost', timeNs: 1e9, count });

const linker = '/linked/ld.so';
/** The dynamic linker runs its first argument, once it is known. */
const recognize: RecognizeProgram = (_, image) => {
  if (image.filename !== linker) return;
  const [, file] = image.args ?? [];
  const program = {
    path: file ?? linker,
    paths: new Set([file ?? linker]),
    basis: 'same_file',
    runsArgument: true,
  } as const;
  image.program = file === undefined ? program : { ...program, argument: { file, index: 1 } };
};

let proc: ProcDouble;
let table: ProcessTable;
let reported: ObservedExec[];
let losses: LostRecord[];
let seeds: number;
let unstarted: string[];
let collector: ExecCollector;

beforeEach(() => {
  proc = procDouble(detailsOf(1, { parentPid: 0, startTicks: 1 }), detailsOf(10, { startTicks: 50 }));
  table = createProcessTable(proc, { recognize });
  table.seed();
  reported = [];
  losses = [];
  seeds = 0;
  unstarted = [];
  collector = collectExecs({
    table: {
      ...table,
      seed() {
        seeds++;
        table.seed();
      },
    },
    context: hostContext,
    probes: {
      isProbed: (executable) => executable === tool,
      expectsStart: (executable) => executable.startsWith('/linked/'),
      beginsAt: (executable, probe) => executable !== '/linked/static' || probe === executable,
      noticeUnstarted: (executable) => unstarted.push(executable),
      coversLinkers: () => true,
    },
    onExec: (observed) => reported.push(observed),
    onLost: (record) => losses.push(record),
  });
});

const handle = (...records: ProcessRecord[]): void => {
  for (const record of records) collector.handle(record);
};
/** The reported execs: the file, and the arguments that a rule reads first. */
const reports = () => reported.map(({ snapshot }) => [snapshot.image.filename, snapshot.image.args]);
const reportedArgs = () => reported.map((exec) => exec.read('process.args'));

describe('an exec', () => {
  test('of a program without a probe is reported at once', () => {
    handle(fork(10, 30), exec(30, '/no/other'));
    expect(reports()).toEqual([['/no/other', undefined]]);
    expect(reported[0]?.snapshot.timeNs).toBe(1e9 + 1000);
  });

  test('of a probed program is reported when its arguments have come', () => {
    handle(fork(10, 30), exec(30, tool));
    expect(reported).toEqual([]);
    handle(argv(30, ['tool', '-i']));
    expect(reports()).toEqual([[tool, ['tool', '-i']]]);
    expect(reported[0]?.read('process.executable')).toBe(tool);
    expect(reported[0]?.snapshot.timeNs).toBe(1e9 + 1000);
  });

  test('with arguments from the sensor does not wait', () => {
    handle(fork(10, 30), exec(30, tool, { args: ['tool'] }));
    expect(reports()).toEqual([[tool, ['tool']]]);
  });

  test('whose process ends first is reported without arguments', () => {
    handle(fork(10, 30), exec(30, tool), exit(30));
    expect(reports()).toEqual([[tool, undefined]]);
    handle(argv(30, ['late']));
    expect(reported).toHaveLength(1);
  });

  test('followed by a second exec before the arguments is reported once, and the second gets the arguments', () => {
    handle(fork(10, 30), exec(30, tool), exec(30, tool, { timeNs: 1e9 + 5000 }), argv(30, ['b']));
    expect(reports()).toEqual([
      [tool, undefined],
      [tool, ['b']],
    ]);
  });

  test('of the same program again has its own arguments', () => {
    handle(fork(10, 30), exec(30, tool), argv(30, ['a']), exec(30, tool), argv(30, ['b']));
    expect(reports()).toEqual([
      [tool, ['a']],
      [tool, ['b']],
    ]);
  });

  test('by another thread than the first is an exec of the process', () => {
    handle(fork(10, 30), fork(30, 31, { thread: true }), attempt(31, ['x']), exec(30, '/no/x', { formerTid: 31 }));
    expect(reported[0]?.snapshot.entry.pid).toBe(30);
    expect(reported[0]?.snapshot.image.attemptArgs).toEqual({ args: ['x'], truncated: false });
  });
});

describe('the wait', () => {
  const from = 1e9 + 1000;
  const live = (...pids: number[]): void => {
    for (const pid of pids) proc.processes.set(pid, detailsOf(pid, { exe: tool, args: ['tool', '-l'] }));
  };

  test.each([
    [from, 0, true],
    [from + 50e6, 0, true],
    [from + 50e6 + 1, 1, false],
    [Number.POSITIVE_INFINITY, 1, false],
  ])('of a live process: a flush at %d reports %d, others wait: %j', (nowNs, count, waiting) => {
    live(30);
    handle(fork(10, 30), exec(30, tool));
    expect(collector.flush(nowNs)).toBe(waiting);
    expect(reported).toHaveLength(count);
  });

  test.each([
    [from + 50e6 + 1, 0, true],
    [from + 2e9, 0, true],
    [from + 2e9 + 1, 1, false],
    [Number.POSITIVE_INFINITY, 1, false],
  ])('of a process that has ended: a flush at %d reports %d, others wait: %j', (nowNs, count, waiting) => {
    handle(fork(10, 30), exec(30, tool));
    expect(collector.flush(nowNs)).toBe(waiting);
    expect(reported).toHaveLength(count);
  });

  test('is longer for a process that has ended, whose arguments come later', () => {
    handle(fork(10, 30), exec(30, tool));
    collector.flush(from + 51e6);
    handle(argv(30, ['tool', '-i'], { timeNs: from + 60e6 }), exit(30));
    expect(reportedArgs()).toEqual([['tool', '-i']]);
  });

  test('ends only for old execs', () => {
    live(30, 31);
    handle(fork(10, 30), fork(10, 31), exec(30, tool), exec(31, tool, { timeNs: from + 40e6 }));
    expect(collector.flush(from + 60e6)).toBe(true);
    expect(reported.map(({ snapshot }) => snapshot.entry.pid)).toEqual([30]);
  });

  test('is followed by no event if the arguments are the same', () => {
    live(30);
    handle(fork(10, 30), exec(30, tool));
    collector.flush(from + 51e6);
    handle(argv(30, ['tool', '-l'], { timeNs: from + 60e6 }));
    expect(reportedArgs()).toEqual([['tool', '-l']]);
  });

  test('is followed by a second event if the arguments differ', () => {
    live(30);
    handle(fork(10, 30), exec(30, tool));
    collector.flush(from + 51e6);
    handle(argv(30, ['tool', '-i'], { timeNs: from + 60e6 }));
    expect(reportedArgs()[1]).toEqual(['tool', '-i']);
    const [first, second] = reported.map((one) => one.document().event.id);
    expect(first).not.toBe(second);
    // A second record of the same image is ignored.
    handle(argv(30, ['again'], { timeNs: from + 70e6 }));
    expect(reported).toHaveLength(2);
  });

  test('of too many execs ends for the oldest, which is reported once if the arguments are the same', () => {
    live(30);
    handle(fork(10, 30), exec(30, tool));
    for (let pid = 1000; pid < 1000 + 1024; pid++) handle(fork(10, pid), exec(pid, tool));
    expect(reportedArgs()).toEqual([['tool', '-l']]);
    handle(argv(30, ['tool', '-l'], { timeNs: from + 60e6 }));
    expect(reported).toHaveLength(1);
  });

  test('for arguments of a process that has ended does not end the wait for its program', async () => {
    const owner = Promise.withResolvers<void>();
    let genuine = {};
    const tools = {
      notice: () => owner.promise,
      genuineProcess: () => undefined,
      genuine: () => () => ({ fields: genuine, inferred: {}, verified: new Map() }),
    };
    let observed: ObservedExec | undefined;
    const slow = collectExecs({
      table,
      context: hostContext,
      knowledge: { ...noKnowledge, tools },
      probes: { isProbed: () => true },
      onExec(exec) {
        observed = exec;
        void exec.pending();
      },
    });
    for (const record of [fork(10, 30), exec(30, tool)]) slow.handle(record);
    slow.flush(from + 2e9 + 1);
    expect(observed?.isDescribed()).toBe(false);
    genuine = { process: true };
    owner.resolve();
    await owner.promise;
    expect(observed?.document().stepparent.genuine).toEqual({ process: true });
  });
});

describe('arguments', () => {
  test('of a probed program that was executed by another name are reported', () => {
    handle(fork(10, 30), exec(30, '/no/ld.so'));
    expect(reported[0]?.read('process.name')).toBe('ld.so');
    const before = reported[0]?.document();
    handle(argv(30, ['tool', '-i']));
    expect(reported).toHaveLength(2);
    expect(reported[1]?.read('process.executable')).toBe(tool);
    expect(reported[1]?.document().process?.executable).toBe(tool);
    expect(reported[1]?.document().stepparent.exec?.filename).toBe('/no/ld.so');
    expect(before?.event.id).not.toBe(reported[1]?.document().event.id);
  });

  test('of an unknown process are ignored', () => {
    handle(argv(99, ['tool']));
    expect(reported).toEqual([]);
  });

  test('that are cut have a note', () => {
    handle(fork(10, 30), exec(30, tool), argv(30, ['tool', 'x'], { argc: 900, truncated: true }), exit(30));
    const document = reported[0]?.document();
    expect(document?.process?.args).toEqual(['tool', 'x']);
    expect(document?.stepparent.truncated).toHaveProperty(['process.args']);
  });
});

describe("the start of a program, from its dynamic linker's probe", () => {
  const start = (pid: number, args: string[], change: Partial<ArgvRecord> = {}): ArgvRecord =>
    argv(pid, args, { image: '/lib64/ld.so', role: 'start', ...change });
  const nobody = { userId: 65534, realUserId: 65534, groupId: 65534, realGroupId: 65534, secure: false };

  test('ends the wait of the exec', () => {
    handle(fork(10, 30), exec(30, '/linked/sh'));
    expect(reported).toEqual([]);
    handle(start(30, ['sh', '-c', 'true'], { credentials: nobody, environment: 'A=1', environmentTruncated: false }));
    expect(reports()).toEqual([['/linked/sh', ['sh', '-c', 'true']]]);
    expect(reported[0]?.snapshot.image.start).toEqual({
      probe: '/lib64/ld.so',
      args: ['sh', '-c', 'true'],
      argc: 3,
      truncated: false,
      credentials: nobody,
      environment: 'A=1',
      environmentTruncated: false,
    });
    expect(unstarted).toEqual([]);
  });
  test('counts once for an exec: what the program does to its linker later is not a start', () => {
    handle(fork(10, 30), exec(30, '/linked/sh'), start(30, ['sh']), start(30, ['forged'], { credentials: nobody }));
    expect(reports()).toEqual([['/linked/sh', ['sh']]]);
    expect(reported[0]?.snapshot.image.start?.credentials).toBe(undefined);
  });
  test("comes before the record of a package tool's own probe, which has more", () => {
    handle(fork(10, 30), exec(30, tool), start(30, ['tool'], { argc: 2, truncated: true, credentials: nobody }));
    expect(reported).toEqual([]);
    handle(argv(30, ['tool', '-i']));
    expect(reports()).toEqual([[tool, ['tool', '-i']]]);
    expect(reported[0]?.snapshot.image.start).toMatchObject({ args: ['tool', '-i'], credentials: nobody });
  });
  test.each<[string, ProcessRecord[]]>([
    ['a record of its own', [exec(30, '/linked/static'), start(30, ['forged'], { credentials: nobody }), exit(30)]],
    ['the exec', [exec(30, '/linked/static', { args: ['forged'], start: startOf(start(30, ['forged'])) }), exit(30)]],
  ])('of a static program that enters the linker by itself is dropped: with %s', (_, records) => {
    handle(fork(10, 30), ...records);
    expect(reports()).toEqual([['/linked/static', undefined]]);
    expect(reported[0]?.snapshot.image.start).toBe(undefined);
    expect(unstarted).toEqual(['/linked/static']);
  });
  const byLinker = ['ld.so', tool, '-i'];
  const started = { args: byLinker, start: startOf(start(30, byLinker, { image: linker })) };
  test.each<[string, ProcessRecord[]]>([
    ['with the exec', [exec(30, linker, started)]],
    ['in a record of its own', [exec(30, linker), start(30, byLinker, { image: linker })]],
  ])('of the linker itself waits for the probe of the package tool that it runs: %s', (_, records) => {
    handle(fork(10, 30), ...records);
    expect(reported).toEqual([]);
    handle(argv(30, [tool, '-i']));
    expect(reports()).toEqual([[linker, [tool, '-i']]]);
    expect(reported[0]?.read('process.executable')).toBe(tool);
    expect(reported[0]?.document().stepparent.program).toBe(undefined);
  });
  test('of the linker itself does not wait for another program', () => {
    handle(fork(10, 30), exec(30, linker), start(30, ['ld.so', '/usr/bin/dash', '-c', 'x'], { image: linker }));
    expect(reports()).toEqual([[linker, ['ld.so', '/usr/bin/dash', '-c', 'x']]]);
  });
  test('with the exec needs no wait', () => {
    const known = {
      probe: '/lib64/ld.so',
      args: ['sh'],
      argc: 1,
      truncated: false,
      credentials: nobody,
      environment: '',
      environmentTruncated: true,
    };
    handle(fork(10, 30), exec(30, '/linked/sh', { args: ['sh'], start: known }));
    expect(reported[0]?.snapshot.image.start).toBe(known);
  });
  test.each<[string, ProcessRecord[], string[]]>([
    ['a program that ended', [fork(10, 30), exec(30, '/linked/static'), exit(30)], ['/linked/static']],
    [
      'a program that executed another',
      [fork(10, 30), exec(30, '/linked/a'), exec(30, '/linked/b'), start(30, [])],
      ['/linked/a'],
    ],
    ['no program without a wait', [fork(10, 30), exec(30, '/no/x'), exit(30)], []],
  ])('that never comes is noticed of %s', (_, records, expected) => {
    handle(...records);
    expect(unstarted).toEqual(expected);
  });
  test('that does not come at once lets the process be read, or the nearest ancestor that lives', () => {
    proc.processes.set(30, detailsOf(30, { parentPid: 10, place: inChroot }));
    handle(fork(10, 30), exec(30, '/linked/sh'), fork(10, 31), exec(31, '/linked/sh'));
    proc.inspected.length = 0;
    collector.flush(1e9 + 2000);
    expect([reports(), proc.inspected]).toEqual([[], [30, 31]]);
    proc.processes.delete(30);
    expect(table.inspect(table.find(30) as ProcessEntry)?.place).toEqual(inChroot);
  });
  test('that never comes of a missing file, below another program without one, shows another root', () => {
    const placeOf = ({ snapshot }: ObservedExec) => table.placeOf(snapshot);
    handle(fork(10, 30), exec(30, '/linked/dpkg'), fork(30, 31), exec(31, '/linked/x.postinst'), exit(31));
    handle(fork(30, 32), exec(32, '/linked/y.postinst'), start(32, ['sh']), exit(32), exit(30));
    expect(reported.map((one) => [one.snapshot.image.filename, placeOf(one)])).toEqual([
      ['/linked/x.postinst', { place: inUnknownRoot, inferredFrom: 'not_on_host' }],
      ['/linked/y.postinst', { place: onHost, inferredFrom: 'host_program' }],
      // Its parent is a program of the host.
      ['/linked/dpkg', { place: onHost, inferredFrom: 'nearest_ancestor' }],
    ]);
  });
  test('is not awaited of a process in another root', () => {
    proc.processes.set(20, detailsOf(20, { parentPid: 10, place: inChroot }));
    table.seed();
    handle(fork(20, 30), exec(30, '/linked/sh'));
    expect(reports()).toEqual([['/linked/sh', undefined]]);
  });
});

describe('a relative name', () => {
  const script = '/var/lib/dpkg/info/x.postinst';
  const start = (pid: number, args: string[]): ArgvRecord => argv(pid, args, { image: '/lib64/ld.so', role: 'start' });
  /** An ancestor was read in /linked; the process is elsewhere, and runs a short shell by a name that is a link there. */
  const run = (): void => {
    proc.processes.set(20, detailsOf(20, { parentPid: 10, workingDirectory: '/linked' }));
    table.seed();
    handle(fork(20, 30), exec(30, './static'), start(30, ['static', script]), exit(30));
  };

  test("is resolved in the process's own directory, read right after the exec", () => {
    proc.processes.set(30, detailsOf(30, { parentPid: 10, workingDirectory: '/elsewhere' }));
    handle(fork(10, 30, { timeNs: 1e9 }), exec(30, './static'), start(30, ['static', script]));
    expect(reported[0]?.read('process.executable')).toBe('/elsewhere/static');
  });
  test("in an ancestor's directory is a conclusion", () => {
    run();
    expect(reported[0]?.document().stepparent.inferred).toMatchObject({ 'process.executable': 'filename_relative' });
  });
  test("keeps the start of its program, whatever file has that name in an ancestor's directory", () => {
    run();
    expect(reported[0]?.snapshot.image.start?.args).toEqual(['static', script]);
  });
  test('may be that of an interpreter: the maintainer script among its arguments counts as running', () => {
    run();
    expect(reported[0]?.read('stepparent.script.path')).toBe(script);
    expect(reported[0]?.document().stepparent.script?.path).toBe(script);
  });
  test.each([
    ['a file that is no script', '/var/lib/dpkg/info/x.list'],
    ['a file elsewhere', '/tmp/x.postinst'],
    ['a path that leads out of the directory', '/var/lib/dpkg/info/../../../../tmp/x.postinst'],
  ])('with %s as argument runs none', (_, file) => {
    proc.processes.set(20, detailsOf(20, { parentPid: 10, workingDirectory: '/linked' }));
    table.seed();
    handle(fork(20, 30), exec(30, './static'), start(30, ['static', file]), exit(30));
    expect(reported[0]?.read('stepparent.script.path')).not.toBe(file);
  });
});

describe('attempts', () => {
  test('of the calling task are used once, the last of several', () => {
    handle(fork(10, 30), attempt(30, ['a']), attempt(10, ['other']), attempt(30, ['b'], true), exec(30, '/no/x'));
    expect(reported[0]?.snapshot.image.attemptArgs).toEqual({ args: ['b'], truncated: true });
    handle(exec(30, '/no/y'));
    expect(reported[1]?.snapshot.image.attemptArgs).toBe(undefined);
  });

  test('of a task that ended are dropped', () => {
    handle(fork(10, 30), attempt(30, ['a']), exit(30), fork(10, 30, { timeNs: 5e9 }), exec(30, '/no/x'));
    expect(reported[0]?.snapshot.image.attemptArgs).toBe(undefined);
  });

  test('are dropped beyond the bound, the oldest first', () => {
    handle(fork(10, 30), fork(10, 31), attempt(30, ['a']), attempt(31, ['b']));
    for (let tid = 0; tid < 4095; tid++) handle(attempt(100_000 + tid, []));
    handle(exec(30, '/no/x'), exec(31, '/no/y'));
    expect(reported.map(({ snapshot }) => snapshot.image.attemptArgs?.args)).toEqual([undefined, ['b']]);
  });
});

describe('ancestors', () => {
  const parentTold = () => [
    reported[0]?.read('process.parent.executable'),
    reported[0]?.document().process?.parent?.executable,
  ];

  test('are those at the time of the exec, even if they change before the report', () => {
    handle(fork(10, 20), exec(20, '/no/evil'), fork(20, 30), exec(30, tool));
    reported = [];
    handle(exec(20, '/no/apt'));
    reported = [];
    handle(argv(30, ['tool']));
    expect(parentTold()).toEqual(['/no/evil', '/no/evil']);
  });

  test('include a parent whose next exec record is still to come', () => {
    proc.processes.set(20, detailsOf(20, { parentPid: 10, exe: process.execPath, args: ['apt'] }));
    handle(fork(10, 20), exec(20, '/bin/sh'), fork(20, 30), exec(30, '/no/x'));
    reported.shift();
    const { parent } = reported[0]?.document().process ?? {};
    expect(parent?.executable).toBe('/bin/sh');
    expect(parent?.args).toBe(undefined);
    expect(reported[0]?.document().stepparent.inferred).toHaveProperty(['process.parent.executable']);
  });

  test('that end before the report are kept', () => {
    handle(fork(10, 20), exec(20, '/no/sh'), fork(20, 30), exec(30, tool), exit(20));
    reported = [];
    handle(argv(30, ['tool']));
    expect(parentTold()).toEqual(['/no/sh', '/no/sh']);
  });

  test('are not collected until they are read', () => {
    const before = proc.inspected.length;
    handle(fork(10, 30), exec(30, '/no/x'), exit(30));
    expect(reported[0]?.read('process.name')).toBe('x');
    expect(proc.inspected).toHaveLength(before);
  });
});

describe('lost records', () => {
  test('are each reported, and the table is read again once for a batch', () => {
    proc.processes.set(40, detailsOf(40, { parentPid: 10 }));
    handle(lost(3), lost(4));
    expect(losses.map(({ count }) => count)).toEqual([3, 4]);
    expect(seeds).toBe(1);
    expect(table.find(40)?.parent?.pid).toBe(10);
    collector.flush(0);
    handle(lost(5));
    expect(seeds).toBe(2);
  });
});

// The parent and the command of an installation: the ways in which a program becomes dpkg's parent, and the forms of the command.

import { execFileSync } from 'node:child_process';
import { hash } from 'node:crypto';
import { chmodSync, copyFileSync, globSync, mkdirSync, readFileSync, symlinkSync, writeFileSync } from 'node:fs';
import { basename, join } from 'node:path';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import type { StepparentEvent } from '../../collectors/event/event.ts';
import { scriptTerm } from '../../collectors/process/temporary-path.ts';
import { missingTools, titled, unmet } from '../needs.ts';
import { buildDeb, buildRpm } from './packages.ts';
import { endToEndMissing, enterPrivateHost, makeDatabase, scratchDirectory } from './private-host.ts';
import { type AlertDocument, run, testAgent, until } from './run-agent.ts';

const missing = endToEndMissing ?? unmet(missingTools('gcc', 'perl', 'python3', 'rpm', 'rpmbuild'));
const programs = join(import.meta.dirname, 'programs');
const systemPython = '/usr/bin/python3';
/** /lib64/ld-linux-x86-64.so.2 on x86-64, /lib/ld-linux-aarch64.so.1 on arm64. */
const [dynamicLinker = ''] = globSync('/lib{64,}/ld-linux-*.so.*');

/** The directory of one row. Every program that the row starts is a copy in it, so that its values in the baseline are its own. */
interface Setup {
  directory: string;
  /** Copies a system program, under its own name or another; returns the path. */
  copy(program: string, name?: string): string;
  /** Writes an executable file; returns its path. */
  script(name: string, text: string): string;
  /** A shell that waits for its child; the parent where the program under test execs the tool. */
  outer: string;
  deb: string;
  rpm: string;
}

interface Row {
  /** The command to start, and the event that is expected of it. */
  build(setup: Setup): {
    command: string[];
    cwd?: string;
    env?: Record<string, string>;
    /** The arguments of dpkg or rpm in the event. */
    args: string[];
    /**
     * The parent. pid `reported`: the pid that launch.py writes (default: the process of `command`, if the depth is 1).
     * `script`: its text, if it is a script; the rows are in a temporary directory, where a script is known by its content.
     */
    parent: { executable: string; pid?: 'reported'; script?: string };
    /** The number of processes between the test and the tool, including the parent (default: 1). */
    depth?: number;
    /** The executable of the tool, if it is not the system's. */
    executable?: string;
  };
  alert: boolean;
  /** The exit code of the command, where it is checked. */
  code?: number;
}

/** The file that launch.py writes the pid of the tool's parent to. */
const pidFile = 'parent-pid';

const byOuter = (setup: Setup, command: string[]) => [setup.outer, '-c', '"$@"; exit $?', 'outer', ...command];
const install = (setup: Setup) => ['dpkg', '-i', setup.deb];

/** A row that starts dpkg with launch.c. */
const inC = (way: string, depth = 1): Row => ({
  build(setup) {
    const launch = setup.copy(join(programs, 'launch'), `x${basename(setup.directory)}`);
    const args = install(setup);
    return { command: [launch, way, ...args], args, parent: { executable: launch }, depth };
  },
  alert: true,
});

/** A row that starts dpkg with launch.py. */
const inPython = (
  way: string,
  build: (setup: Setup, python: string) => { before?: string[]; executable?: string; depth?: number } = () => ({}),
): Row => ({
  build(setup) {
    const python = setup.copy(systemPython, 'python3');
    const { before = [], executable = python, depth = 1 } = build(setup, python);
    const args = install(setup);
    const command = [python, join(programs, 'launch.py'), way, join(setup.directory, pidFile), ...before, ...args];
    return { command, args, parent: { executable, pid: 'reported' }, depth };
  },
  alert: true,
});

/** A program that execs the tool in its own process: its caller is the parent. */
const inPlace = (...before: string[]): Row => ({
  build(setup) {
    const args = install(setup);
    return { command: byOuter(setup, [...before, ...args]), args, parent: { executable: setup.outer } };
  },
  alert: true,
});

/** A program that runs the tool as its child: the program is the parent. */
const waiting = (program: string, command: (args: string[], setup: Setup) => string[]): Row => ({
  build(setup) {
    const copy = setup.copy(program);
    const args = install(setup);
    return { command: [copy, ...command(args, setup)], args, parent: { executable: copy } };
  },
  alert: true,
});

const parents: Record<string, Row> = {
  'sh -c with exec': inPlace('/bin/sh', '-c', 'exec "$@"', 'sh'),
  'bash -c with one command, which bash execs': inPlace('/bin/bash', '-c', '"$0" "$@"'),
  'sh -c with a second command': waiting('/bin/sh', (args) => ['-c', `${args.join(' ')}; :`]),
  'bash -c with a redirection': waiting('/bin/bash', (args) => ['-c', `${args.join(' ')} >/dev/null; :`]),
  'a script with a shebang': {
    build(setup) {
      const text = '#!/bin/bash\n"$@"\nsleep 0.3\n';
      const parent = { executable: setup.script('setup', text), script: text };
      return { command: [parent.executable, ...install(setup)], args: install(setup), parent };
    },
    alert: true,
  },
  'a script with a shebang of env': {
    build(setup) {
      const bash = setup.copy('/bin/bash', 'bash');
      const script = setup.script('setup', '#!/usr/bin/env bash\n"$@"\n:\n');
      const env = { PATH: `${setup.directory}:${process.env.PATH}` };
      return { command: [script, ...install(setup)], args: install(setup), env, parent: { executable: bash } };
    },
    alert: true,
  },
  'a Python script with a shebang': {
    build(setup) {
      const python = setup.copy(systemPython, 'python3');
      const text = `#!${python}\nimport subprocess, sys, time\nsubprocess.run(sys.argv[1:])\ntime.sleep(0.3)\n`;
      const parent = { executable: setup.script('setup.py', text), script: text };
      return { command: [parent.executable, ...install(setup)], args: install(setup), parent };
    },
    alert: true,
  },
  'python3: subprocess': inPython('subprocess'),
  'python3: os.system, whose shell execs the tool': inPython('system'),
  'python3: posix_spawn': inPython('posix_spawn'),
  'python3: a thread that forks': inPython('thread forks'),
  'python3: a thread that calls exec': {
    build(setup) {
      const args = install(setup);
      const launch = [
        setup.copy(systemPython),
        join(programs, 'launch.py'),
        'thread execs',
        join(setup.directory, pidFile),
      ];
      return {
        command: byOuter(setup, [...launch, ...args]),
        args,
        parent: { executable: setup.outer, pid: 'reported' },
      };
    },
    alert: true,
  },
  'python3: an orphan whose parent has ended': inPython('double fork', () => ({ depth: 2 })),
  'python3: a parent that ends at once': inPython('abandon'),
  'python3: a parent that runs another program before the child acts': inPython('become', (setup) => {
    const successor = setup.copy(systemPython, 'successor');
    return { before: [successor], executable: successor };
  }),
  'a program in memory': inPython('memfd', () => ({ before: ['/bin/dash'], executable: '/memfd:stepparent-e2e' })),
  'perl: system': waiting('/usr/bin/perl', (args) => ['-e', 'system(@ARGV); exit($? >> 8)', ...args]),
  'a compiled program: fork': inC('fork'),
  'a compiled program: vfork': inC('vfork'),
  'a compiled program: posix_spawn': inC('spawn'),
  'a compiled program: clone with CLONE_PARENT': {
    build(setup) {
      const args = install(setup);
      const launch = setup.copy(join(programs, 'launch'), 'launch');
      return { command: byOuter(setup, [launch, 'sibling', ...args]), args, parent: { executable: setup.outer } };
    },
    alert: true,
  },
  'a compiled program: a parent that runs another program after the child has begun': {
    build(setup) {
      const args = install(setup);
      const launch = setup.copy(join(programs, 'launch'), 'launch');
      const command = [launch, 'become', setup.copy(systemPython, 'successor'), ...args];
      return { command, args, parent: { executable: launch } };
    },
    alert: true,
  },
  'a copy under the name of a kernel thread': {
    build(setup) {
      const copy = setup.copy('/bin/dash', 'kworker');
      const args = install(setup);
      return { command: [copy, '-c', '"$@"; exit $?', '[kworker/0:1]', ...args], args, parent: { executable: copy } };
    },
    alert: true,
  },
  'a program whose file is deleted while it runs': {
    build(setup) {
      const copy = setup.copy('/bin/dash', 'gone');
      const args = install(setup);
      const command = [copy, '-c', `rm ${copy}; "$@"; exit $?`, 'gone', ...args];
      return { command, args, parent: { executable: copy } };
    },
    alert: true,
  },
  nohup: inPlace('nohup'),
  setsid: inPlace('setsid', '--wait'),
  env: inPlace('env', 'A=b'),
  nice: inPlace('nice'),
  timeout: waiting('/usr/bin/timeout', (args) => ['60', ...args]),
  'find -exec': waiting('/usr/bin/find', (args, { deb }) => [deb, '-exec', ...args.slice(0, -1), '{}', ';']),
  'xargs -P': {
    build(setup) {
      const xargs = setup.copy('/usr/bin/xargs');
      const args = install(setup);
      const list = join(setup.directory, 'list');
      writeFileSync(list, `${setup.deb}\n`);
      const command = [xargs, '-a', list, '-P', '4', '-n', '1', ...args.slice(0, -1)];
      return { command, args, parent: { executable: xargs } };
    },
    alert: true,
  },
  'a chain of twenty shells': {
    build(setup) {
      const sh = setup.copy('/bin/dash', 'sh');
      const args = install(setup);
      const script = setup.script(
        'nest',
        'n=$1; shift; if [ $n = 1 ]; then "$@"; else "$SH" "$0" $((n - 1)) "$@"; fi; exit $?\n',
      );
      return { command: [sh, script, '20', ...args], args, env: { SH: sh }, parent: { executable: sh }, depth: 20 };
    },
    alert: true,
  },
};

/** A row with a command line that the row's own shell runs. */
const line = (
  alert: boolean,
  write: (setup: Setup) => string[],
  more: Partial<ReturnType<Row['build']>> & { code?: number } = {},
): Row => {
  const { code, ...rest } = more;
  return {
    build(setup) {
      const args = write(setup);
      return {
        command: byOuter(setup, args),
        args,
        cwd: setup.directory,
        parent: { executable: setup.outer },
        ...rest,
      };
    },
    alert,
    ...(code === undefined ? {} : { code }),
  };
};
const ok = { code: 0 };

/** A row that runs dpkg by another name or path. */
const named = (program: (setup: Setup) => string, own?: (setup: Setup) => string): Row => ({
  build(setup) {
    const command = [program(setup), '-i', setup.deb];
    const executable = own?.(setup);
    return {
      command: byOuter(setup, command),
      args: command,
      parent: { executable: setup.outer },
      ...(executable === undefined ? {} : { executable }),
    };
  },
  alert: true,
  code: 0,
});

const rpmBase = (setup: Setup) => ['rpm', '--dbpath', join(setup.directory, 'rpmdb'), '--nodeps'];

const commands: Record<string, Row> = {
  'dpkg -i': line(true, ({ deb }) => ['dpkg', '-i', deb], ok),
  'dpkg --install': line(true, ({ deb }) => ['dpkg', '--install', deb], ok),
  'dpkg -iE': line(true, ({ deb }) => ['dpkg', '-iE', deb], ok),
  'dpkg -Ei': line(true, ({ deb }) => ['dpkg', '-Ei', deb], ok),
  'dpkg -BiE': line(true, ({ deb }) => ['dpkg', '-BiE', deb], ok),
  'dpkg -Ri': line(true, ({ directory }) => ['dpkg', '-Ri', directory], ok),
  'dpkg --unpack': line(true, ({ deb }) => ['dpkg', '--unpack', deb], ok),
  'dpkg -i --': line(true, ({ deb }) => ['dpkg', '-i', '--', deb], ok),
  'dpkg --root': line(
    true,
    ({ deb, directory }) => {
      makeDatabase(join(directory, 'root/var/lib/dpkg'));
      return ['dpkg', `--root=${directory}/root`, '-i', deb];
    },
    ok,
  ),
  'dpkg -i with a relative path': line(true, ({ deb }) => ['dpkg', '-i', `./${basename(deb)}`], ok),
  'dpkg -i of a missing file': line(true, ({ directory }) => ['dpkg', '-i', `${directory}/none.deb`], {
    code: 2,
  }),
  'dpkg as /bin/dpkg': named(() => '/bin/dpkg'),
  'dpkg by a link with another name': named(({ directory }) => {
    symlinkSync('/usr/bin/dpkg', join(directory, 'tool'));
    return join(directory, 'tool');
  }),
  'dpkg by the dynamic linker': {
    build(setup) {
      const args = ['/usr/bin/dpkg', '-i', setup.deb];
      return {
        command: byOuter(setup, [dynamicLinker, ...args]),
        args,
        parent: { executable: setup.outer },
      };
    },
    alert: true,
    code: 0,
  },
  'a copy of dpkg elsewhere': named(
    (setup) => {
      setup.deb = join(setup.directory, 'lasting.deb');
      return setup.copy('/usr/bin/dpkg');
    },
    ({ directory }) => join(directory, 'dpkg'),
  ),
  'dpkg by another argv[0]': {
    build(setup) {
      const args = ['apt', '-i', setup.deb];
      const command = ['/bin/bash', '-c', 'exec -a apt dpkg "$@"', 'bash', ...args.slice(1)];
      return { command: byOuter(setup, command), args, parent: { executable: setup.outer } };
    },
    alert: true,
    code: 0,
  },

  'dpkg -l': line(false, () => ['dpkg', '-l']),
  'dpkg -s': line(false, () => ['dpkg', '-s', '-i']),
  'dpkg -I': line(false, ({ deb }) => ['dpkg', '-I', deb], ok),
  'dpkg --dry-run -i': line(false, ({ deb }) => ['dpkg', '--dry-run', '-i', deb], ok),
  'dpkg --no-act -i': line(false, ({ deb }) => ['dpkg', '--no-act', '-i', deb], ok),
  'dpkg --print-architecture': line(false, () => ['dpkg', '--print-architecture'], ok),

  'rpm -i': line(true, (setup) => [...rpmBase(setup), '-i', setup.rpm], ok),
  'rpm -ivh': line(true, (setup) => [...rpmBase(setup), '-ivh', setup.rpm], ok),
  'rpm -Uvh': line(true, (setup) => [...rpmBase(setup), '-Uvh', setup.rpm], ok),
  'rpm -F': line(true, (setup) => [...rpmBase(setup), '-F', setup.rpm], ok),
  'rpm --install': line(true, (setup) => [...rpmBase(setup), '--install', setup.rpm], ok),
  'rpm --reinstall': line(true, (setup) => [...rpmBase(setup), '--reinstall', setup.rpm]),
  'rpm --root': line(
    true,
    ({ directory, rpm }) => ['rpm', '--root', join(directory, 'root'), '--nodeps', '--noscripts', '-i', rpm],
    ok,
  ),
  'rpm -q -i': line(false, (setup) => [...rpmBase(setup).slice(0, 3), '-q', '-i', 'nothing']),
  'rpm -qi': line(false, (setup) => [...rpmBase(setup).slice(0, 3), '-qi', 'nothing']),
  'rpm -qpi': line(false, ({ rpm }) => ['rpm', '-qpi', rpm], ok),
  'rpm --test -i': line(false, (setup) => [...rpmBase(setup), '--test', '-i', setup.rpm], ok),
  'rpm -V': line(false, (setup) => [...rpmBase(setup).slice(0, 3), '-V', 'nothing']),
  'rpm -K': line(false, ({ rpm }) => ['rpm', '-K', rpm], ok),
};

/** The pids of this process and its ancestors, nearest first. */
function ownChain(): number[] {
  const chain: number[] = [];
  for (let pid = process.pid; pid > 0; ) {
    chain.push(pid);
    const stat = readFileSync(`/proc/${pid}/stat`, 'utf8');
    pid = Number(stat.slice(stat.lastIndexOf(')') + 2).split(' ')[1]);
  }
  return chain;
}

describe.skipIf(missing)(titled('an installation', missing), () => {
  const scratch = scratchDirectory();
  // Queries are stored too: a row without an alert must have been seen.
  const agent = testAgent(scratch, "[events]\nstore = 'process.name:(dpkg or rpm)'\n");
  const rows = new Map<
    Row,
    { expected: ReturnType<Row['build']>; launcher: number; code: number | null; directory: string; output: string }
  >();
  let events: StepparentEvent[] = [];
  let alerts: AlertDocument[] = [];

  beforeAll(async () => {
    enterPrivateHost(scratch);
    execFileSync('gcc', ['-O', '-o', join(scratch, 'launch'), join(programs, 'launch.c')]);
    const deb = buildDeb(scratch, 'e2e-parents');
    const lasting = buildDeb(scratch, 'e2e-lasting', { scripts: { postinst: '#!/bin/sh\nsleep 1\n' } });
    const rpm = buildRpm(scratch, 'e2e-parents');
    await agent.start();

    const makeSetup = (name: string): Setup => {
      const directory = join(scratch, name);
      mkdirSync(join(directory, 'rpmdb'), { recursive: true });
      mkdirSync(join(directory, 'root'));
      const put = (from: string, as: string) => {
        const to = join(directory, as);
        copyFileSync(from.startsWith(programs) ? join(scratch, basename(from)) : from, to);
        chmodSync(to, 0o755);
        return to;
      };
      put(lasting, 'lasting.deb');
      return {
        directory,
        copy: (program, as = basename(program)) => put(program, as),
        script(as, text) {
          writeFileSync(join(directory, as), text, { mode: 0o755 });
          return join(directory, as);
        },
        outer: put('/bin/dash', 'outer'),
        deb: put(deb, `${name}.deb`),
        rpm: put(rpm, `${name}.rpm`),
      };
    };

    const all = [...Object.values(parents), ...Object.values(commands)];
    for (const [index, row] of all.entries()) {
      const setup = makeSetup(`row${index}`);
      const expected = row.build(setup);
      const [program = '', ...args] = expected.command;
      const { pid, code, stdout, stderr } = await run(program, args, {
        cwd: expected.cwd ?? scratch,
        env: { PATH: process.env.PATH, HOME: setup.directory, LC_ALL: 'C', ...expected.env },
      });
      rows.set(row, { expected, launcher: pid, code, directory: setup.directory, output: stdout + stderr });
    }
    const last = makeSetup('last');
    await run(last.outer, byOuter(last, install(last)).slice(1));
    events = await until('the last of the installations', async () => {
      const listed = await agent.execs();
      return listed.some(({ process }) => process?.args?.includes(last.deb)) && listed;
    });
    alerts = await agent.alerts();
  }, 120_000);
  afterAll(() => agent.stop());

  function check(row: Row): void {
    const { expected, launcher, code, directory, output } = rows.get(row) ?? expect.fail('the row was not run');
    if (row.code !== undefined) expect({ code, output }).toEqual({ code: row.code, output });
    const seen = events.filter((event) => event.stepparent.package && JSON.stringify(event).includes(`${directory}/`));
    expect(seen.map(({ process }) => process?.args)).toEqual([expected.args]);
    const [event] = seen;

    const { depth = 1 } = expected;
    const parentPid =
      expected.parent.pid === 'reported'
        ? Number(readFileSync(join(directory, pidFile), 'utf8'))
        : depth > 1
          ? undefined
          : launcher;
    expect(event?.process).toMatchObject({
      executable: expected.executable ?? (expected.args[0] === 'rpm' ? '/usr/bin/rpm' : '/usr/bin/dpkg'),
      parent: { executable: expected.parent.executable, ...(parentPid === undefined ? {} : { pid: parentPid }) },
    });
    const lineage = event?.stepparent.lineage?.map(({ pid }) => pid) ?? [];
    expect(lineage[0]).toBe(event?.process?.parent?.pid);
    expect(lineage.slice(depth - 1)).toEqual([launcher, ...ownChain()].slice(0, Math.max(0, 17 - depth)));
    const whole = depth + ownChain().length;
    expect(lineage).toHaveLength(Math.min(16, whole));
    expect(event?.stepparent.truncated?.['stepparent.lineage']).toBe(whole > 16 ? 16 : undefined);

    // The scripts that a copy of dpkg runs raise alerts of another rule.
    const raised = alerts.filter(
      (alert) => String(alert.rule?.id).endsWith('-unusual-parent') && JSON.stringify(alert).includes(`${directory}/`),
    );
    const { executable, script } = expected.parent;
    const term = script === undefined ? executable : scriptTerm(executable, hash('sha256', script));
    expect(raised.map(({ stepparent }) => stepparent.alert.terms)).toEqual(row.alert ? [[term]] : []);
  }

  test.each(Object.entries(parents))('is recorded with its parent: %s', (_, row) => check(row));
  test.each(Object.entries(commands))('is distinguished from a query by its command: %s', (_, row) => check(row));
});

// Which accesses to a script bring its content to an interpreter: hits, and near misses that differ in one point.

import { describe, expect, test } from 'vitest';
import { openProcView } from '../../../collectors/proc/inspect-process.ts';
import type { ExecSnapshot } from '../../../collectors/process/process.ts';
import { createProcessTable } from '../../../collectors/process/process-table.ts';
import { keepsToItself, type SeenReader } from '../../../collectors/script-reads/script-access.ts';
import { openScriptReaders, type ScriptRead } from '../../../collectors/script-reads/script-readers.ts';
import { plainHost, processFiles, recordedHost } from '../../recorded-host.ts';

const script = '/var/lib/dpkg/info/cron.postinst';
const content =
  '#!/bin/sh\nset -e\nupdate-rc.d cron defaults >/dev/null\nchown root:crontab "/usr/bin/crontab"\nexit 0\n';
const shell = 500;
const copyOfShell = '/tmp/worker';
const bootNs = 3600e9;

/** What happens: a fork (and exec, if `args` is given), or the exec of another program in the same process. */
interface Step {
  /** Milliseconds after the start of the shell's work. */
  ms?: number;
  pid: number;
  /** Default: the shell; null: no fork, the process exists. */
  parent?: number | null;
  exe?: string;
  args?: string[];
  ends?: boolean;
}

interface Played {
  steps: Step[];
  /** The reader, and /proc of it; without `seen` it had ended. */
  pid: number;
  seen?: Partial<SeenReader>;
  executed?: boolean;
  /** Default: true. */
  read?: boolean;
  path?: string;
  /** Links of descriptors in /proc, by `PID/fd/N`. */
  descriptors?: Record<string, string>;
  /** Steps after the decision. */
  later?: Step[];
}

function play({
  steps,
  pid,
  seen,
  executed = false,
  read = true,
  path = script,
  descriptors = {},
  later = [],
}: Played) {
  const host = recordedHost({
    files: {
      ...plainHost,
      '/usr/bin/bash': '\x7fELF bash',
      '/usr/bin/cat': '\x7fELF cat',
      '/usr/bin/python3.11': '\x7fELF python',
      '/usr/bin/debsums': '#!/usr/bin/perl\n',
      '/opt/check.sh': '#!/bin/sh\n',
      [script]: content,
      ...processFiles(shell, { exe: '/usr/bin/bash', args: ['-bash'], startTicks: 1000, workingDirectory: '/root' }),
      ...Object.fromEntries(Object.entries(descriptors).map(([name, link]) => [`/proc/${name}`, { link, inode: 7 }])),
    },
    bootNs,
  });
  const table = createProcessTable(openProcView(host), {
    recognize(_, image) {
      if (image.filename !== copyOfShell) return;
      image.program = { path: '/usr/bin/dash', paths: new Set(['/usr/bin/dash']), basis: 'build_id' };
    },
  });
  table.seed();
  const reads: ScriptRead[] = [];
  const faults: unknown[] = [];
  const readers = openScriptReaders({
    host,
    table,
    catchUp() {},
    onRead: (read) => void reads.push(read),
    onFault: (_, error) => void faults.push(error),
  });
  const run = ({ ms = 0, pid: process, parent = shell, exe, args, ends }: Step): void => {
    const timeNs = bootNs + ms * 1e6;
    if (parent !== null)
      table.fork({ kind: 'fork', pid: process, creator: parent, thread: false, sibling: false, timeNs });
    if (exe !== undefined) {
      const entry = table.exec({
        kind: 'exec',
        pid: process,
        formerTid: process,
        filename: exe,
        timeNs: timeNs + 2e5,
        ...(args && { args }),
      });
      readers.noteExec({ entry, image: entry.image, timeNs } as ExecSnapshot);
    }
    if (ends) table.exit({ kind: 'exit', pid: process, groupDead: true, timeNs: timeNs + 3e5 });
  };
  for (const step of steps) run(step);
  host.setTime(bootNs + 10e6);
  readers.handleAccess({
    path,
    pid,
    executed,
    read,
    atNs: host.clock.bootNs(),
    seen: seen && { executable: '/usr/bin/dash', input: '/dev/pts/0', output: '/dev/pts/0', ...seen },
  });
  readers.decideNow();
  for (const step of later) run(step);
  readers.stop();
  expect(faults).toEqual([]);
  const [found, ...more] = reads;
  expect(more).toEqual([]);
  const { by, interpreter, inferredFrom } = found ?? {};
  const shown = [by, interpreter?.entry.pid, interpreter?.image?.filename, inferredFrom];
  return found && shown.filter((one) => one !== undefined);
}

const sh = (pid: number, ...args: string[]): Step => ({ pid, exe: '/bin/sh', args: ['sh', ...args] });
const cat: Step = { pid: 600, exe: '/usr/bin/cat', args: ['cat', script] };
const bash = '/usr/bin/bash';

describe('an interpreter opens the script itself', () => {
  test.each<[string, Played, unknown[]]>([
    [
      '. SCRIPT in sh -c',
      { steps: [sh(600, '-c', `. ${script}`)], pid: 600, seen: {} },
      ['interpreter', 600, '/bin/sh'],
    ],
    [
      '. SCRIPT in -c of a copy of sh',
      { steps: [{ pid: 600, exe: copyOfShell, args: ['worker', '-c', `. ${script}`] }], pid: 600, seen: {} },
      ['interpreter', 600, copyOfShell],
    ],
    [
      'SCRIPT as the standard input of a copy of sh',
      { steps: [{ pid: 600, exe: copyOfShell, args: ['worker'] }], pid: 600, seen: { input: script } },
      ['interpreter', 600, copyOfShell],
    ],
    [
      '. SCRIPT in sh -c that has ended',
      { steps: [{ ...sh(600, '-c', `. ${script}`), ends: true }], pid: 600 },
      ['interpreter', 600, '/bin/sh'],
    ],
    [
      '. SCRIPT in a script of its own',
      { steps: [sh(600, '/opt/x.sh')], pid: 600, seen: {} },
      ['interpreter', 600, '/bin/sh'],
    ],
    [
      '. SCRIPT in a shell at a terminal',
      { steps: [], pid: shell, seen: { executable: bash } },
      ['interpreter', shell, bash],
    ],
    [
      '. SCRIPT in a subshell',
      { steps: [{ pid: 600 }], pid: 600, seen: { executable: bash } },
      ['interpreter', 600, bash],
    ],
    [
      'python -c',
      {
        steps: [{ pid: 600, exe: '/usr/bin/python3.11', args: ['python3', '-c', 'exec(open(x).read())'] }],
        pid: 600,
        seen: {},
      },
      ['interpreter', 600, '/usr/bin/python3.11'],
    ],
    [
      'a script by #!',
      {
        steps: [{ pid: 600, exe: '/usr/bin/debsums', args: ['/usr/bin/perl', '/usr/bin/debsums'] }],
        pid: 600,
        seen: {},
      },
      ['interpreter', 600, '/usr/bin/debsums'],
    ],
    ['sh <SCRIPT', { steps: [sh(600)], pid: 600, seen: { input: script } }, ['interpreter', 600, '/bin/sh']],
    ['sh <SCRIPT that has ended', { steps: [{ ...sh(600), ends: true }], pid: 600 }, ['interpreter', 600, '/bin/sh']],
    [
      'sh -s <SCRIPT',
      { steps: [sh(600, '-s', 'configure')], pid: 600, seen: { input: script } },
      ['interpreter', 600, '/bin/sh'],
    ],
    [
      'sh /dev/stdin <SCRIPT',
      { steps: [sh(600, '/dev/stdin')], pid: 600, seen: { input: script } },
      ['interpreter', 600, '/bin/sh'],
    ],
    [
      '. SCRIPT, then another program in its place',
      {
        steps: [sh(600, '-c', '...'), { pid: 600, parent: null, ms: 5, exe: '/bin/true', args: ['true'] }],
        pid: 600,
        seen: { executable: '/usr/bin/dash' },
      },
      ['interpreter', 600, '/bin/sh'],
    ],
    [
      '. SCRIPT in a copy of sh, then another program in its place',
      {
        steps: [
          { pid: 600, exe: copyOfShell, args: ['worker', '-c', '...'] },
          { pid: 600, parent: null, ms: 5, exe: '/bin/true', args: ['true'] },
        ],
        pid: 600,
        seen: { executable: copyOfShell },
      },
      ['interpreter', 600, copyOfShell],
    ],
    [
      'python that maps the script',
      {
        steps: [{ pid: 600, exe: '/usr/bin/python3.11', args: ['python3', '-c', 'import mmap'] }],
        pid: 600,
        seen: {},
        read: false,
      },
      ['interpreter', 600, '/usr/bin/python3.11'],
    ],
    [
      'arguments that were not observed',
      { steps: [{ pid: 600, exe: '/bin/sh', ends: true }], pid: 600 },
      ['interpreter', 600, '/bin/sh'],
    ],
  ])('%s', (_, played, read) => {
    expect(play(played)).toEqual(read);
  });

  test.each<[string, Played]>([
    ['the run of the script', { steps: [{ pid: 600, exe: script, args: ['/bin/sh', script] }], pid: 600, seen: {} }],
    ['the exec of the script', { steps: [sh(600, '-c', script)], pid: 600, executed: true }],
    ['sh SCRIPT: an exec', { steps: [sh(600, '-e', script, 'configure')], pid: 600, seen: {} }],
    [
      'sh SCRIPT that has executed another program since',
      { steps: [sh(600, script), { pid: 600, parent: null, exe: '/usr/share/debconf/frontend' }], pid: 600, seen: {} },
    ],
    [
      'cat <SCRIPT',
      { steps: [{ ...cat, args: ['cat'] }], pid: 600, seen: { executable: '/usr/bin/cat', input: script } },
    ],
    [
      'cat <SCRIPT, seen before the exec',
      { steps: [{ ...cat, args: ['cat'] }], pid: 600, seen: { executable: bash, input: script } },
    ],
    [
      'cat that a fork of a copy of sh executes',
      {
        steps: [
          { pid: 599, exe: copyOfShell, args: ['worker', '-c', `cat ${script}; :`] },
          { ...cat, parent: 599, ms: 5 },
        ],
        pid: 600,
        seen: { executable: '/usr/bin/cat' },
      },
    ],
    [
      'a loop in sh -c reads lines',
      { steps: [sh(600, '-c', `while read l; do :; done <${script}`)], pid: 600, seen: { input: script } },
    ],
    ['a loop in a shell at a terminal', { steps: [], pid: shell, seen: { executable: bash, input: script } }],
    [
      'python with code of its own, <SCRIPT',
      {
        steps: [{ pid: 600, exe: '/usr/bin/python3.11', args: ['python3', '/opt/check.py'] }],
        pid: 600,
        seen: { executable: '/usr/bin/python3.11', input: script },
      },
    ],
    ['a process that nobody knows', { steps: [], pid: 999 }],
    [
      'a shell that opens the script for a program',
      { steps: [sh(600, '-c', `wc -l <${script}`)], pid: 600, seen: {}, read: false },
    ],
    [
      'a script of a shell that does so',
      {
        steps: [{ pid: 600, exe: '/opt/check.sh', args: ['/bin/sh', '/opt/check.sh'] }],
        pid: 600,
        seen: {},
        read: false,
      },
    ],
  ])('not: %s', (_, played) => {
    expect(play(played)).toBe(undefined);
  });
});

describe('an interpreter reads the output', () => {
  const pipe = 'pipe:[77]';
  const seen = { executable: '/usr/bin/cat', output: pipe };
  test.each<[string, Played, unknown[]]>([
    [
      'cat SCRIPT | sh',
      { steps: [cat, sh(601)], pid: 600, seen, descriptors: { '601/fd/0': pipe } },
      ['pipe', 601, '/bin/sh'],
    ],
    [
      'cat SCRIPT | sh that have ended',
      {
        steps: [
          { ...cat, ends: true },
          { ...sh(601), ends: true },
        ],
        pid: 600,
      },
      ['pipe', 601, '/bin/sh', 'started_together'],
    ],
    [
      'cat SCRIPT | sh -s',
      { steps: [cat, sh(601, '-s')], pid: 600, seen, descriptors: { '601/fd/0': pipe } },
      ['pipe', 601, '/bin/sh'],
    ],
    [
      'cat SCRIPT | tee log | sh',
      {
        steps: [cat, { pid: 601, exe: '/usr/bin/tee' }, sh(602)],
        pid: 600,
        seen,
        descriptors: { '602/fd/0': 'pipe:[78]' },
      },
      ['pipe', 602, '/bin/sh', 'started_together'],
    ],
    [
      'cat SCRIPT | sudo sh',
      {
        steps: [cat, { pid: 601, exe: '/usr/bin/sudo' }, { ...sh(602), parent: 601 }],
        pid: 600,
        seen,
        descriptors: { '602/fd/0': pipe },
      },
      ['pipe', 602, '/bin/sh'],
    ],
    [
      'sudo cat SCRIPT | sh',
      {
        steps: [{ pid: 598, exe: '/usr/bin/sudo' }, { ...cat, parent: 598 }, sh(601)],
        pid: 600,
        seen,
        descriptors: { '601/fd/0': pipe },
      },
      ['pipe', 601, '/bin/sh'],
    ],
    [
      'bash <(cat SCRIPT)',
      {
        steps: [cat, { pid: 601, exe: bash, args: ['bash', '/dev/fd/63'] }],
        pid: 600,
        seen,
        descriptors: { '601/fd/63': pipe },
      },
      ['pipe', 601, bash],
    ],
    [
      'cat SCRIPT | python3 -',
      {
        steps: [cat, { pid: 601, exe: '/usr/bin/python3.11', args: ['python3', '-'] }],
        pid: 600,
        seen,
        descriptors: { '601/fd/0': pipe },
      },
      ['pipe', 601, '/usr/bin/python3.11'],
    ],
    [
      'cat <SCRIPT | sh',
      {
        steps: [{ ...cat, args: ['cat'] }, sh(601)],
        pid: 600,
        seen: { ...seen, input: script },
        descriptors: { '601/fd/0': pipe },
      },
      ['pipe', 601, '/bin/sh'],
    ],
    [
      'cat SCRIPT >FIFO, with a shell that was started before',
      {
        steps: [{ ...sh(601), ms: -5000 }, cat],
        pid: 600,
        seen: { ...seen, output: '/tmp/fifo' },
        descriptors: { '601/fd/0': '/tmp/fifo' },
      },
      ['pipe', 601, '/bin/sh'],
    ],
    [
      "awk's own pipe",
      {
        steps: [
          { pid: 600, exe: '/usr/bin/mawk' },
          { ...sh(601), parent: 600 },
        ],
        pid: 600,
        seen: { executable: '/usr/bin/mawk', output: pipe },
        descriptors: { '601/fd/0': 'pipe:[99]' },
      },
      ['pipe', 601, '/bin/sh', 'started_together'],
    ],
  ])('%s', (_, played, read) => {
    expect(play(played)).toEqual(read);
  });

  test.each<[string, Played]>([
    ['cat SCRIPT at a terminal', { steps: [cat], pid: 600, seen: { executable: '/usr/bin/cat' } }],
    [
      'cat SCRIPT | less',
      { steps: [cat, { pid: 601, exe: '/usr/bin/less' }], pid: 600, seen, descriptors: { '601/fd/0': pipe } },
    ],
    [
      'cat SCRIPT | sh -c, with code of its own',
      { steps: [cat, sh(601, '-c', 'wc -l')], pid: 600, seen, descriptors: { '601/fd/0': pipe } },
    ],
    [
      'cat SCRIPT | python3 check.py',
      { steps: [cat, { pid: 601, exe: '/usr/bin/python3.11', args: ['python3', '/opt/check.py'] }], pid: 600, seen },
    ],
    [
      'cat SCRIPT | while read: a subshell',
      { steps: [cat, { pid: 601 }], pid: 600, seen, descriptors: { '601/fd/0': pipe } },
    ],
    [
      'a shell at a terminal that was started at the same time',
      { steps: [cat, sh(601)], pid: 600, seen, descriptors: { '601/fd/0': '/dev/pts/1' } },
    ],
    [
      'a shell that was started much earlier',
      { steps: [{ ...sh(601), ms: -5000 }, cat], pid: 600, seen, descriptors: { '601/fd/0': 'pipe:[78]' } },
    ],
    [
      'a shell that another command has started at the same time',
      {
        steps: [
          { pid: 590, exe: bash, args: ['bash', '-c', 'x'] },
          { ...cat, parent: 590 },
          { pid: 591, exe: bash, args: ['bash', '-c', 'y'] },
          { ...sh(601), parent: 591 },
        ],
        pid: 600,
        seen,
        descriptors: { '601/fd/0': 'pipe:[78]' },
      },
    ],
    [
      'a shell of another process',
      { steps: [cat, { ...sh(601), parent: 1 }], pid: 600, seen, descriptors: { '601/fd/0': 'pipe:[78]' } },
    ],
    [
      'a shell that started the reader',
      { steps: [sh(599), { ...cat, parent: 599 }], pid: 600, seen, descriptors: { '599/fd/0': 'pipe:[78]' } },
    ],
    [
      'a file as the output',
      { steps: [cat, sh(601)], pid: 600, seen: { ...seen, output: '/root/copy' }, descriptors: { '601/fd/0': pipe } },
    ],
  ])('not: %s', (_, played) => {
    expect(play(played)).toBe(undefined);
  });
});

describe('a shell runs lines of the script after another program has read it', () => {
  const base: Played = { steps: [{ ...cat, ends: true }], pid: 600 };
  test.each<[string, Partial<Played>, unknown[]]>([
    [
      'sh -c "$(cat SCRIPT)"',
      { later: [{ ...sh(601, '-c', content.trimEnd()), ms: 20 }] },
      ['substitution', 601, '/bin/sh', 'same_lines'],
    ],
    [
      'the same, executed before the decision',
      { steps: [...base.steps, { ...sh(601, '-c', content), ms: 2 }] },
      ['substitution', 601, '/bin/sh', 'same_lines'],
    ],
    [
      'sudo sh -c "$(cat SCRIPT)"',
      {
        later: [
          { pid: 601, exe: '/usr/bin/sudo', args: ['sudo', 'sh', '-c', content] },
          { ...sh(602, '-c', content), parent: 601 },
        ],
      },
      ['substitution', 602, '/bin/sh', 'same_lines'],
    ],
    [
      'eval "$(cat SCRIPT)"',
      { later: [{ pid: 601, exe: '/usr/sbin/update-rc.d', args: ['update-rc.d', 'cron', 'defaults'], ms: 20 }] },
      ['substitution', shell, bash, 'same_lines'],
    ],
    [
      'eval, with quotes in the script',
      { later: [{ pid: 601, exe: '/usr/bin/chown', args: ['chown', 'root:crontab', '/usr/bin/crontab'] }] },
      ['substitution', shell, bash, 'same_lines'],
    ],
    [
      'bash -c "$(sed ... SCRIPT)", a part',
      { later: [{ pid: 601, exe: bash, args: ['bash', '-c', 'update-rc.d cron defaults >/dev/null'] }] },
      ['substitution', 601, bash, 'same_lines'],
    ],
  ])('%s', (_, more, read) => {
    expect(play({ ...base, ...more })).toEqual(read);
  });

  test.each<[string, Partial<Played>]>([
    ['another command', { later: [{ pid: 601, exe: '/usr/bin/wc', args: ['wc', '-l'] }] }],
    [
      'the text as an argument of another program',
      { later: [{ pid: 601, exe: '/usr/bin/logger', args: ['logger', content] }] },
    ],
    [
      'the same command below another shell',
      { later: [{ pid: 601, parent: 1, exe: '/usr/sbin/update-rc.d', args: ['update-rc.d', 'cron', 'defaults'] }] },
    ],
    [
      'the same program with other arguments',
      { later: [{ pid: 601, exe: '/usr/sbin/update-rc.d', args: ['update-rc.d', 'cron', 'disable'] }] },
    ],
    ['seconds later', { later: [{ ...sh(601, '-c', content), ms: 5000 }] }],
    [
      'a reader whose output is a terminal',
      { seen: { executable: '/usr/bin/cat' }, later: [{ ...sh(601, '-c', content), ms: 20 }] },
    ],
    [
      'a reader that no shell started',
      { steps: [{ ...cat, parent: 1, ends: true }], later: [{ ...sh(601, '-c', content), ms: 20 }] },
    ],
  ])('not: %s', (_, more) => {
    expect(play({ ...base, ...more })).toBe(undefined);
  });
});

describe('a program keeps what it reads to itself', () => {
  test.each<[executable: string, output: string | undefined, keeps: boolean]>([
    ['/usr/bin/grep', '/dev/pts/0', true],
    ['/usr/bin/md5sum', '/dev/null', true],
    ['/usr/bin/dpkg', 'pipe:[1]', true],
    ['/usr/bin/grep', 'pipe:[1]', false],
    ['/usr/bin/grep', undefined, false],
    ['/usr/bin/dash', '/dev/pts/0', false],
    // It may be a copy of a shell.
    ['/tmp/grep', '/dev/pts/0', false],
    ['/usr/local/bin/grep', '/dev/null', false],
  ])('%s with its output at %s: %s', (executable, output, keeps) => {
    expect(keepsToItself({ executable, input: undefined, output })).toBe(keeps);
  });
});

// The table of interpreters, and the parser that finds the script among an interpreter's arguments.

import path from 'node:path';

interface Interpreter {
  /** Without a version behind them. */
  names: string;
  /** What it runs without a script is for its parent to answer for. */
  isShell?: true;
  /** `+` begins options too, and a `-` alone ends them. Elsewhere that stands for standard input. */
  likeSh?: true;
  /** Short options after which there is no script: it runs what they say, or what comes on standard input. */
  code: string;
  /** Short options with a value: the rest of their own argument or, where that is empty, the next one. */
  values?: string;
  /** Short options whose value is the next argument, whatever stands behind them in their own. */
  nextValues?: string;
  /** Short options that take the rest of their own argument, if anything. */
  joined?: string;
  /** Long options are written out with their dashes. */
  longCode?: readonly string[];
  longValues?: readonly string[];
  /** Long options behind one dash, without a value. */
  longFlags?: readonly string[];
}

/** By their manual pages; where those leave it open, measured (bash 5.2, dash 0.5, zsh 5.9, mksh 59, ksh 93, fish 3.6, php 8.2). */
const interpreters: readonly Interpreter[] = [
  {
    names: 'sh bash rbash dash ash',
    isShell: true,
    likeSh: true,
    code: 'cs',
    nextValues: 'oO',
    // Of bash one dash does as well.
    longValues: ['--rcfile', '--init-file', '-rcfile', '-init-file'],
    longFlags: ['-posix', '-norc', '-noprofile', '-noediting', '-login', '-restricted', '-verbose', '-debugger'],
  },
  {
    names: 'ksh rksh mksh lksh pdksh oksh zsh yash posh hush',
    isShell: true,
    likeSh: true,
    code: 'cs',
    values: 'o',
    longValues: ['--emulate', '--rcfile', '--profile'],
  },
  { names: 'csh bsd-csh tcsh', isShell: true, code: 'cst' },
  {
    names: 'fish',
    isShell: true,
    code: 'c',
    values: 'CdDfop',
    longCode: ['--command'],
    longValues: ['--init-command', '--debug', '--debug-output', '--profile', '--profile-startup', '--features'],
  },
  { names: 'python pypy', code: 'cm', values: 'WXQ', longValues: ['--check-hash-based-pycs'] },
  // A space ends it: what the kernel gives of `#!/usr/bin/perl -w # -*- perl -*-` is one argument.
  { names: 'perl', code: 'eE', values: 'I', joined: 'MmFixDVCd ' },
  { names: 'ruby', code: 'e', values: 'rICEX', joined: 'KxTWiF', longValues: ['--encoding'] },
  {
    names: 'node nodejs',
    code: 'ep',
    values: 'rC',
    longCode: ['--eval', '--print'],
    longValues: ['--require', '--import', '--loader', '--experimental-loader', '--conditions', '--title'],
  },
  {
    names: 'php',
    code: 'rRBE',
    // The script of `-S` answers requests.
    values: 'cdzSt',
    longCode: ['--run', '--process-code', '--process-begin', '--process-end'],
    longValues: ['--php-ini', '--define', '--zend-extension', '--server', '--docroot'],
  },
  { names: 'lua', code: '', values: 'el' },
  { names: 'luajit', code: 'b', values: 'elj', joined: 'O' },
  { names: 'tclsh wish', code: '', longValues: ['-encoding'] },
  { names: 'expect', code: '', values: 'cD' },
  { names: 'Rscript', code: 'e' },
];

const byName = new Map(interpreters.flatMap((one) => one.names.split(' ').map((name) => [name, one] as const)));

/** A name and a version: Debian's perl5.36-x86_64-linux-gnu, python3.11, lua5.4, ksh93. */
const program = new RegExp(`^(busybox|${[...byName.keys()].join('|')})(?:\\d[\\d.]*(?:-[\\w-]*)?)?$`);

/** Whether a program of that path or name reads scripts. Asked at every exec of the host. */
export const isInterpreter = (executable: string): boolean => program.test(path.basename(executable));

export interface InterpreterRun {
  isShell: boolean;
  /** The script as it was given, with its own arguments; empty: it runs none. The file may not exist. */
  script: readonly string[];
}

/**
 * What a program of that path or name does with its arguments (`args` has argv[0]): `x.postinst configure` of
 * `bash -eu x.postinst configure`. Undefined: it is no interpreter. busybox is one where its arguments call it so.
 */
export function parseInterpreterRun(executable: string, args: readonly string[]): InterpreterRun | undefined {
  let name = program.exec(path.basename(executable))?.[1] ?? '';
  let start = 1;
  if (name === 'busybox') {
    name = path.basename(args[0]?.replace(/^-/, '') ?? '');
    // `busybox sh x`, as `sh x`.
    while (name.startsWith('busybox')) name = path.basename(args[start++] ?? '');
  }
  const interpreter = byName.get(name);
  return interpreter && { isShell: interpreter.isShell === true, script: findScript(interpreter, args, start) };
}

function findScript(interpreter: Interpreter, args: readonly string[], start: number): readonly string[] {
  for (let index = start; index < args.length; index++) {
    const arg = args[index] ?? '';
    if (arg === '--' || (arg === '-' && interpreter.likeSh)) return args.slice(index + 1);
    if (arg === '-') return [];
    if (!(arg.startsWith('-') || (interpreter.likeSh && arg.startsWith('+')))) return args.slice(index);
    const [name = ''] = arg.split('=', 1);
    if (interpreter.longCode?.includes(name)) return [];
    if (interpreter.longValues?.includes(name)) {
      if (name === arg) index++;
      continue;
    }
    if (arg.startsWith('--') || interpreter.longFlags?.includes(arg)) continue;
    for (let i = 1; i < arg.length && i < maxBundle; i++) {
      const letter = arg.charAt(i);
      if (interpreter.code.includes(letter)) return [];
      if (interpreter.joined?.includes(letter)) break;
      if (interpreter.nextValues?.includes(letter)) index++;
      if (!interpreter.values?.includes(letter)) continue;
      if (i === arg.length - 1) index++;
      break;
    }
  }
  return [];
}

/** No bundle of options is longer. */
const maxBundle = 64;

// The table of interpreters, and the parser that finds the script among an interpreter's arguments.

import path from 'node:path';

interface Interpreter {
  /** Program names without a version, separated by spaces. */
  names: string;
  /** A shell. Without a script it runs commands for its parent, so that the parent is the initiator. */
  isShell?: true;
  /** Options may begin with `+`, and the argument `-` ends them. For other interpreters `-` means standard input. */
  likeSh?: true;
  /** Short options that exclude a script: the interpreter runs their value. */
  code: string;
  /** Short options that exclude a script: the interpreter reads standard input. */
  input?: string;
  /** Short options with a value: the rest of the same argument or, if that is empty, the next argument. */
  values?: string;
  /** Short options whose value is always the next argument; more options may follow in the same argument. */
  nextValues?: string;
  /** Short options with an optional value: the rest of the same argument. */
  joined?: string;
  /** Long options, with their dashes, that exclude a script. */
  longCode?: readonly string[];
  /** Long options, with their dashes, that have a value. */
  longValues?: readonly string[];
  /** Long options with one dash and without a value. */
  longFlags?: readonly string[];
}

/**
 * From the manual pages; where those leave it open, measured (bash 5.2, dash 0.5, zsh 5.9, mksh 59, ksh 93, fish 3.6,
 * php 8.2).
 */
const interpreters: readonly Interpreter[] = [
  {
    names: 'sh bash rbash dash ash',
    isShell: true,
    likeSh: true,
    code: 'c',
    input: 's',
    nextValues: 'oO',
    // bash accepts one dash too.
    longValues: ['--rcfile', '--init-file', '-rcfile', '-init-file'],
    longFlags: ['-posix', '-norc', '-noprofile', '-noediting', '-login', '-restricted', '-verbose', '-debugger'],
  },
  {
    names: 'ksh rksh mksh lksh pdksh oksh zsh yash posh hush',
    isShell: true,
    likeSh: true,
    code: 'c',
    input: 's',
    values: 'o',
    longValues: ['--emulate', '--rcfile', '--profile'],
  },
  { names: 'csh bsd-csh tcsh', isShell: true, code: 'c', input: 'st' },
  {
    names: 'fish',
    isShell: true,
    code: 'c',
    values: 'CdDfop',
    longCode: ['--command'],
    longValues: ['--init-command', '--debug', '--debug-output', '--profile', '--profile-startup', '--features'],
  },
  { names: 'python pypy', code: 'cm', values: 'WXQ', longValues: ['--check-hash-based-pycs'] },
  // A space ends the options: the kernel passes all that follows the interpreter in `#!/usr/bin/perl -w # -*- perl -*-`
  // as one argument.
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
    // The script behind `-S ADDRESS` answers the requests of the built-in web server.
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

/** A name with or without a version: perl5.36-x86_64-linux-gnu (Debian), python3.11, lua5.4, ksh93. */
const program = new RegExp(`^(busybox|${[...byName.keys()].join('|')})(?:\\d[\\d.]*(?:-[\\w-]*)?)?$`);

/** Whether a program of that path or name reads scripts. Called for every exec on the host. */
export const isInterpreter = (executable: string): boolean => program.test(path.basename(executable));

/** The name of an interpreter without its version: `perl` of `perl5.36.0`. Undefined: the name is of no interpreter. */
export const interpreterName = (name: string): string | undefined => program.exec(name)?.[1];

/** The applet that busybox runs, and the index of its first argument. `args`: those of busybox, argv[0] included. */
export function busyboxApplet(args: readonly string[]): { name: string; start: number } {
  let name = path.basename(args[0]?.replace(/^-/, '') ?? '');
  let start = 1;
  // `busybox sh x` is read like `sh x`.
  while (name.startsWith('busybox')) name = path.basename(args[start++] ?? '');
  return { name, start };
}

/** Where one run of an interpreter takes its commands from, by the arguments of that run. */
export interface InterpreterRun {
  isShell: boolean;
  /**
   * The script as the arguments name it, followed by its own arguments; empty: no script runs. The file may not exist.
   */
  script: readonly string[];
  /** Whether it runs what it reads from its standard input: the arguments have neither a script nor code. */
  readsInput: boolean;
}

/**
 * Parses the arguments of an interpreter, argv[0] included: the script of `bash -eu x.postinst configure` is
 * `x.postinst configure`. Returns undefined if the program is no interpreter; busybox is one if its arguments name an
 * applet that is one.
 */
export function parseInterpreterRun(executable: string, args: readonly string[]): InterpreterRun | undefined {
  const ownName = interpreterName(path.basename(executable)) ?? '';
  const { name, start } = ownName === 'busybox' ? busyboxApplet(args) : { name: ownName, start: 1 };
  const interpreter = byName.get(name);
  if (interpreter === undefined) return undefined;
  const script = findScript(interpreter, args, start);
  return {
    isShell: interpreter.isShell === true,
    script: typeof script === 'string' ? [] : script,
    readsInput: script === 'input' || script.length === 0,
  };
}

/** The script and its arguments. `code`: the arguments have code. `input`: they name the standard input. Empty: they have neither. */
function findScript(
  interpreter: Interpreter,
  args: readonly string[],
  start: number,
): readonly string[] | 'code' | 'input' {
  for (let index = start; index < args.length; index++) {
    const arg = args[index] ?? '';
    if (arg === '--' || (arg === '-' && interpreter.likeSh)) return args.slice(index + 1);
    if (arg === '-') return 'input';
    if (!(arg.startsWith('-') || (interpreter.likeSh && arg.startsWith('+')))) return args.slice(index);
    const [name = ''] = arg.split('=', 1);
    if (interpreter.longCode?.includes(name)) return 'code';
    if (interpreter.longValues?.includes(name)) {
      if (name === arg) index++;
      continue;
    }
    if (arg.startsWith('--') || interpreter.longFlags?.includes(arg)) continue;
    for (let i = 1; i < arg.length && i < maxBundle; i++) {
      const letter = arg.charAt(i);
      if (interpreter.input?.includes(letter)) return arg.includes('c') ? 'code' : 'input';
      if (interpreter.code.includes(letter)) return 'code';
      if (interpreter.joined?.includes(letter)) break;
      if (interpreter.nextValues?.includes(letter)) index++;
      if (!interpreter.values?.includes(letter)) continue;
      if (i === arg.length - 1) index++;
      break;
    }
  }
  return [];
}

/**
 * Maximum number of characters of one argument that are read as short options; an attacker can make it 128 KiB long.
 */
const maxBundle = 64;

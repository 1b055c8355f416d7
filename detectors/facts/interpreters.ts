// Which of an interpreter's arguments is the script that it runs, by that interpreter's own options.

import path from 'node:path';

interface Interpreter {
  /** Names without a version behind them. */
  names: string;
  /** What it runs without a script is for its parent to answer for. */
  isShell?: true;
  /** Short options after which there is no script: it runs what they say, or what comes on standard input. */
  code: string;
  /** Short options that take a value: joined, or the next argument. Of a shell always the next one. */
  values?: string;
  /** Short options that take the rest of their own argument, if anything. */
  joined?: string;
  longCode?: string;
  longValues?: string;
}

const interpreters: readonly Interpreter[] = [
  {
    names: 'sh bash rbash dash ash ksh ksh93 rksh mksh lksh pdksh oksh zsh zsh5 yash posh fish csh bsd-csh tcsh',
    isShell: true,
    code: 'cs',
    values: 'oO',
    longCode: 'command',
    longValues: 'rcfile init-file emulate init-command',
  },
  { names: 'python pypy', code: 'cm', values: 'WXQ', longValues: 'check-hash-based-pycs' },
  { names: 'perl', code: 'eE', values: 'I', joined: 'MmFixDVCd' },
  { names: 'ruby', code: 'e', values: 'rICE', joined: 'KxTWiF' },
  {
    names: 'node nodejs',
    code: 'ep',
    values: 'rC',
    longCode: 'eval print',
    longValues: 'require import loader experimental-loader conditions title',
  },
  { names: 'php', code: 'rRBESt', values: 'cdz', longCode: 'run server' },
  { names: 'lua luajit', code: '', values: 'el' },
  { names: 'tclsh wish', code: '' },
  { names: 'expect', code: 'c' },
  { names: 'Rscript', code: 'e' },
];

const byName = new Map(interpreters.flatMap((one) => one.names.split(' ').map((name) => [name, one] as const)));

/** Debian's perl5.36-x86_64-linux-gnu, python3.11, lua5.4. */
const version = /\d[\d.]*(?:-[\w-]*)?$/;

/** The interpreter of a program's name; for busybox, which is many, that of argv[0]. Undefined: it is none. */
export function interpreterOf(name: string | undefined, argv0: string | undefined): Interpreter | undefined {
  const called = name === 'busybox' && argv0 !== undefined ? path.basename(argv0).replace(/^-/, '') : name;
  return called === undefined ? undefined : (byName.get(called) ?? byName.get(called.replace(version, '')));
}

/** The script as it was given, with its own arguments; empty where it runs none. `args` has argv[0]. */
export function scriptArgument(of: Interpreter | undefined, args: readonly string[]): readonly string[] {
  if (of === undefined) return [];
  const isOneOf = (list: string | undefined, name: string) => list?.split(' ').includes(name) === true;
  for (let at = 1; at < args.length; at++) {
    const arg = args[at] ?? '';
    if (arg === '--' || (arg === '-' && of.isShell)) return args.slice(at + 1);
    if (arg === '-') return [];
    if (!(arg.startsWith('-') || (of.isShell && arg.startsWith('+')))) return args.slice(at);
    if (arg.startsWith('--')) {
      const [name = ''] = arg.slice(2).split('=', 1);
      if (isOneOf(of.longCode, name)) return [];
      if (isOneOf(of.longValues, name) && !arg.includes('=')) at++;
      continue;
    }
    const letters = arg.slice(1, maxLetters);
    for (const [place, letter] of [...letters].entries()) {
      if (of.code.includes(letter)) return [];
      if (of.joined?.includes(letter)) break;
      if (!of.values?.includes(letter)) continue;
      if (of.isShell || place === letters.length - 1) at++;
      if (!of.isShell) break;
    }
  }
  return [];
}

/** No bundle of options is longer. */
const maxLetters = 64;

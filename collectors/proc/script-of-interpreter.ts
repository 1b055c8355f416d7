// Which script an interpreter runs, as far as its arguments tell: for processes whose exec was not seen.

import fs from 'node:fs';
import path from 'node:path';

const interpreters = /^(?:(?:ba|da|k|z|a)?sh|mksh|busybox|perl|python|ruby|node|nodejs|php|lua|tclsh|Rscript)[\d.]*$/;

/** Whether a program of that path reads scripts. */
export const isInterpreter = (executable: string): boolean => interpreters.test(path.basename(executable));

/** An interpreter's options as far as they decide which argument is the script. */
interface OptionGrammar {
  /** Letters of options with which there is no script file: the program is an argument, or comes on standard input. */
  noScript: string;
  /** Letters whose value is the rest of the argument or, where that is empty, the next one. */
  value: string;
  /** Letters whose value, if there is one, is the rest of the argument. */
  attached: string;
  /** Letters whose value is the next argument, however many letters follow. */
  next: string;
  /** Long options with a value behind them. */
  long: readonly string[];
  /** `-` ends the options; elsewhere it stands for standard input. */
  dashEnds: boolean;
  /** Options begin with `+` as well. */
  plus: boolean;
}

const noOptions: OptionGrammar = {
  noScript: 'e',
  value: '',
  attached: '',
  next: '',
  long: [],
  dashEnds: false,
  plus: false,
};

/** dash(1), bash(1), zsh(1), ksh(1); perlrun(1); python(1). Of the others the first argument that is no option counts. */
const grammars: readonly [RegExp, OptionGrammar][] = [
  [/sh$/, { ...noOptions, noScript: 'cs', next: 'oO', long: ['--rcfile', '--init-file'], dashEnds: true, plus: true }],
  [/^perl/, { ...noOptions, noScript: 'eE', value: 'I', attached: 'mMiFCDdxV' }],
  [/^python/, { ...noOptions, noScript: 'cm', value: 'WXQ', long: ['--check-hash-based-pycs'] }],
];

/**
 * The argument that is the script which an interpreter reads, as given: `x.postinst` of `bash -eu ./x.postinst`. Undefined: it reads
 * none, or the program is no interpreter. Whether there is such a file is not looked at.
 */
export function scriptArgument(executable: string, args: readonly string[]): string | undefined {
  let name = path.basename(executable);
  let at = 1;
  if (!interpreters.test(name)) return undefined;
  if (name.startsWith('busybox')) {
    if (path.basename(args[0] ?? '').startsWith('busybox')) name = args[at++] ?? '';
    else name = path.basename(args[0] ?? '');
    if (!/^(?:a|hu)?sh$/.test(name)) return undefined;
  }
  const grammar = grammars.find(([pattern]) => pattern.test(name.replace(/[\d.]+$/, '')))?.[1] ?? noOptions;
  for (; at < args.length; at++) {
    const arg = args[at] as string;
    if (arg === '--' || (arg === '-' && grammar.dashEnds)) return args[at + 1];
    if (arg === '-') return undefined;
    if (arg.startsWith('--')) {
      if (grammar.long.includes(arg)) at++;
    } else if (arg.startsWith('-') || (grammar.plus && arg.startsWith('+'))) {
      for (const [i, letter] of [...arg].entries()) {
        if (i === 0) continue;
        if (grammar.noScript.includes(letter)) return undefined;
        if (grammar.next.includes(letter)) at++;
        if (grammar.value.includes(letter) && i === arg.length - 1) at++;
        if (grammar.value.includes(letter) || grammar.attached.includes(letter)) break;
      }
    } else return arg;
  }
  return undefined;
}

/**
 * The script's absolute path, or undefined when it runs none (`sh -c`, an interactive shell). The kernel starts a
 * script as `INTERPRETER [ARGUMENT] SCRIPT ...` (execve(2)), so the script is the first argument that is no option,
 * and only a file that begins with `#!` counts: `python3 x.py` is what it says it is, a run of python3.
 */
export function scriptOfInterpreter(
  executable: string,
  args: readonly string[],
  workingDirectory: string | undefined,
  beginsWithShebang: (file: string) => boolean = hasShebang,
): string | undefined {
  if (!interpreters.test(path.basename(executable))) return undefined;
  for (const arg of args.slice(1, 3)) {
    // `-`: the program comes on standard input, whatever stands behind.
    if (arg === '-' || arg === '-c' || arg === '-e' || arg === '-s' || arg === '--') return undefined;
    if (arg.startsWith('-')) continue;
    const file = path.isAbsolute(arg) ? arg : workingDirectory && path.join(workingDirectory, arg);
    return file && beginsWithShebang(file) ? file : undefined;
  }
  return undefined;
}

/** The file begins with `#!`. False where it cannot be read. */
export const hasShebang = (file: string): boolean => readHead(file, 2) === '#!';

/** What the kernel puts before a script's path: the program that its first line names, and one argument (execve(2)). */
export function shebangCommand(file: string): string[] | undefined {
  const [, interpreter, argument] = /^#![ \t]*([^\s\0]+)[ \t]*([^\n\0]*)/.exec(readHead(file, 256) ?? '') ?? [];
  if (interpreter === undefined) return undefined;
  return argument?.trimEnd() ? [interpreter, argument.trimEnd()] : [interpreter];
}

/** The program that a script's first line names; undefined: no script, or not to be read. */
export const shebangInterpreter = (file: string): string | undefined => shebangCommand(file)?.[0];

function readHead(file: string, size: number): string | undefined {
  try {
    // O_NONBLOCK: a fifo in a script's place must not hold us up.
    const fd = fs.openSync(file, fs.constants.O_RDONLY | fs.constants.O_NONBLOCK | fs.constants.O_NOCTTY);
    try {
      if (!fs.fstatSync(fd).isFile()) return undefined;
      const head = Buffer.alloc(size);
      return head.toString('utf8', 0, fs.readSync(fd, head));
    } finally {
      fs.closeSync(fd);
    }
  } catch {
    return undefined;
  }
}

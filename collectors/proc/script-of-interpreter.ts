// Which script an interpreter runs, as far as its arguments tell: for processes whose exec was not seen.

import fs from 'node:fs';
import path from 'node:path';

const interpreters = /^(?:(?:ba|da|k|z|a)?sh|mksh|busybox|perl|python|ruby|node|nodejs|php|lua|tclsh|Rscript)[\d.]*$/;

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

/** The program that a script's first line names (execve(2)); undefined: no script, or not to be read. */
export const shebangInterpreter = (file: string): string | undefined =>
  /^#![ \t]*([^\s\0]+)/.exec(readHead(file, 256) ?? '')?.[1];

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

// The completions, asked of the real shells.

import { execFileSync } from 'node:child_process';
import { existsSync, mkdirSync, readFileSync, writeFileSync } from 'node:fs';
import { basename, join } from 'node:path';
import { afterEach, beforeEach, describe, expect, test } from 'vitest';
import { program } from '../../agent/main.ts';
import { missingTools, titled, unmet } from '../needs.ts';
import { temporaryDirectory } from '../storage/temporary-store.ts';

const top = join(import.meta.dirname, '../..');
const files = [
  ['bash', 'stepparent.bash'],
  ['zsh', '_stepparent'],
  ['fish', 'stepparent.fish'],
] as const;
const limits = { encoding: 'utf8', timeout: 60_000, killSignal: 'SIGKILL' } as const;

/** Answers to command lines that end where the cursor is: the words offered, of files the last part. */
type Ask = (file: string, lines: readonly string[], cwd: string) => string[][];

const answers = (out: string): string[][] =>
  out
    .split('--end--\n')
    .slice(0, -1)
    .map((part) => {
      const words = part.split('\n').filter((line) => line !== '');
      return [...new Set(words.map((word) => basename(word.replace(/^--\w+=/, '').replaceAll('\\', ''))))].sort();
    });

const askBash: Ask = (file, lines, cwd) => {
  const asked = lines.map((line) => {
    // As readline breaks them: `=` is a word by itself.
    const words = line.split(/ +|(=)/).filter((word) => word !== undefined);
    const inQuotes = words.map((word) => `'${word}'`).join(' ');
    return `COMP_WORDS=(${inQuotes}) COMP_CWORD=${words.length - 1}; _stepparent; printf '%s\\n' "\${COMPREPLY[@]}" --end--`;
  });
  const script = [`set -u; source '${file}'; complete -p stepparent >&2`, ...asked].join('\n');
  return answers(execFileSync('bash', ['--norc', '--noprofile', '-c', script], { ...limits, cwd, stdio: 'pipe' }));
};

/** Types the lines into a shell on a terminal of its own, and takes down what is offered. */
const zshDriver = `
zmodload zsh/zpty
export COMPDIR=$1 COMPOUT=$2
shift 2
zpty inner 'TERM=dumb exec zsh -f -i'
zpty -w inner 'PS1=; fpath=($COMPDIR $fpath); autoload -Uz compinit; compinit -u -D; compadd() { local -a m; [[ \${@[(I)-[OAD]]} -gt 0 ]] || { builtin compadd -O m "$@"; print -rl -- $m >>$COMPOUT }; builtin compadd "$@" }; bindkey "^I" complete-word; zle-line-init() { print -r LINE$((6 * 7)) }; zle -N zle-line-init'
for line; do
  zpty -r -m inner said '*LINE42*'
  zpty -w -n inner "$line"$'\\t\\025print -r -- --end-- >>$COMPOUT\\n'
done
zpty -r -m inner said '*LINE42*'
zpty -w -n inner $'exit\\n'
while zpty -r inner said; do :; done
`;

const askZsh: Ask = (file, lines, cwd) => {
  const directory = temporaryDirectory();
  const out = join(directory, 'out');
  writeFileSync(join(directory, '_stepparent'), readFileSync(file));
  writeFileSync(join(directory, 'driver'), zshDriver);
  execFileSync('zsh', ['-f', join(directory, 'driver'), directory, out, ...lines], { ...limits, cwd });
  return answers(readFileSync(out, 'utf8'));
};

const askFish: Ask = (file, lines, cwd) => {
  const asked = lines.map((line) => `complete -C'${line}' | string replace -r '\\t.*' ''; echo --end--`);
  const home = temporaryDirectory();
  const env = { ...process.env, HOME: home, XDG_CONFIG_HOME: home, XDG_DATA_HOME: home };
  return answers(
    execFileSync('fish', ['--private', '-c', [`source '${file}'`, ...asked].join('\n')], { ...limits, cwd, env }),
  );
};

const shells = { bash: askBash, zsh: askZsh, fish: askFish };

const commands = (await program()).commands.map((command) => command.name());
const rows: [line: string, offered: string[]][] = [
  ['stepparent ', commands],
  ['stepparent ru', ['run', 'rules']],
  ['stepparent --config /nowhere/x ru', ['run', 'rules']],
  ['stepparent run --', ['--check', '--strict', '--config', '--help']],
  ['stepparent --config=/nowhere/x baseline ', ['list', 'allow', 'remove']],
  ['stepparent alerts --s', ['--severity', '--since', '--state']],
  ['stepparent alerts --state ', ['open', 'learning', 'rate_limited', 'suppressed']],
  ['stepparent alerts --since 2h --state=o', ['open']],
  ['stepparent alerts --since ', []],
  ['stepparent rules show package-tool-i', ['package-tool-impostor']],
  ['stepparent --config fi', ['file one.toml', 'file-two.toml']],
  ['stepparent --config=fi', ['file one.toml', 'file-two.toml']],
  ['stepparent rules check file-two.toml fi', ['file one.toml', 'file-two.toml']],
  ['stepparent hunt --journal d', ['directory']],
  ['stepparent nonsense ', []],
];
/** What a shell must not run while it completes. */
const hostileRows = [
  'stepparent $(touch ran) ',
  'stepparent `touch ran` ',
  'stepparent alerts --rule $(touch ran)',
  'stepparent alerts --rule `touch ran`',
  'stepparent --config=$(touch ran)',
  'stepparent rules check $(touch ran) fi',
];

describe.each(files)('%s', (shell, name) => {
  const missing = unmet(missingTools(shell));
  const file = join(top, 'packaging/completions', name);
  let cwd: string;
  let path: string | undefined;

  beforeEach(() => {
    cwd = temporaryDirectory();
    mkdirSync(join(cwd, 'directory'));
    for (const each of ['file one.toml', 'file-two.toml', 'other']) writeFileSync(join(cwd, each), '');
    path = process.env.PATH;
  });
  afterEach(() => {
    process.env.PATH = path;
  });

  /** Puts a program of that name first in PATH: what the completion calls. */
  const installProgram = (script: string): void => {
    const bin = temporaryDirectory();
    writeFileSync(join(bin, 'stepparent'), `#!/bin/sh\n${script}\n`, { mode: 0o755 });
    process.env.PATH = `${bin}:${path}`;
  };
  const installCheckout = (): void => installProgram(`exec '${process.execPath}' '${top}/agent/main.ts' "$@"`);

  test.skipIf(missing)(titled('reads it', missing), () => {
    expect(execFileSync(shell, ['-n', file], { encoding: 'utf8', stdio: 'pipe' })).toBe('');
  });

  test.skipIf(missing)(titled('offers commands, options, values and files', missing), () => {
    installCheckout();
    const lines = rows.map(([line]) => line);
    const answered = shells[shell](file, lines, cwd);
    expect(lines.map((line, i) => [line, answered[i]])).toEqual(rows.map(([line, words]) => [line, words.sort()]));
  });

  test.skipIf(missing)(titled('runs nothing of what is typed', missing), () => {
    installCheckout();
    shells[shell](file, hostileRows, cwd);
    expect(existsSync(join(cwd, 'ran'))).toBe(false);
  });

  test.skipIf(missing)(titled('runs nothing of what the program answers', missing), () => {
    installProgram(`printf '%s\\t%s\\n' '$(touch ran)' '$(touch ran)' '\`touch ran\`' "'; touch ran; '"`);
    shells[shell](file, ['stepparent ', 'stepparent alerts '], cwd);
    expect(existsSync(join(cwd, 'ran'))).toBe(false);
  });
});

// The completions, asked of the real shells.

import { execFileSync } from 'node:child_process';
import { mkdirSync, readFileSync, writeFileSync } from 'node:fs';
import { basename, join } from 'node:path';
import { describe, expect, test } from 'vitest';
import { commandTable } from '../../packaging/command-table.ts';
import { completions } from '../../packaging/completions.ts';
import { missingTools, titled, unmet } from '../needs.ts';
import { temporaryDirectory } from '../storage/temporary-store.ts';

const files = completions();
const table = commandTable();
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

const commands = 'run status reload alerts events incidents hunt query scripts baseline except'.split(' ');
const rows: [line: string, offered: string[]][] = [
  ['stepparent ', [...commands, 'config', 'rules']],
  ['stepparent ru', ['run', 'rules']],
  ['stepparent --config /nowhere/x ru', ['run', 'rules']],
  ['stepparent --config run sta', ['status']],
  ['stepparent --v', ['--version']],
  ['stepparent run --', ['--check', '--strict', '--config', '--help']],
  ['stepparent baseline ', ['list', 'forget', 'trust']],
  ['stepparent --config=/nowhere/x baseline ', ['list', 'forget', 'trust']],
  ['stepparent baseline list --', ['--rule', '--container', '--json', '--config', '--help']],
  ['stepparent scripts --', ['--json', '--config', '--help']],
  ['stepparent scripts show --r', ['--raw']],
  ['stepparent alerts --s', ['--since', '--state']],
  ['stepparent alerts --state ', ['open', 'learning', 'capped', 'excepted']],
  ['stepparent alerts --since 2h --state=o', ['open']],
  ['stepparent alerts --since ', []],
  ['stepparent alerts ', []],
  ['stepparent except add --dry', ['--dry-run']],
  ['stepparent --config fi', ['file one.toml', 'file-two.toml']],
  ['stepparent config check fi', ['file one.toml', 'file-two.toml']],
  ['stepparent rules check file-two.toml fi', ['file one.toml', 'file-two.toml']],
  ['stepparent hunt --journal f', ['folder']],
  ['stepparent nonsense ', []],
  ['stepparent baseline nonsense ', []],
  ['stepparent scripts coreutils ', []],
  ['stepparent scripts coreutils --j', ['--json']],
];

test('every shell has its file where it looks for it', () => {
  expect(files.flatMap(({ paths }) => paths)).toEqual([
    'bash-completion/completions/stepparent',
    'zsh/vendor-completions/_stepparent',
    'zsh/site-functions/_stepparent',
    'fish/vendor_completions.d/stepparent.fish',
  ]);
});

test('the table has the command that is meant when none is named', () => {
  expect(table.flatMap(({ path, defaultCommand }) => (defaultCommand ? [[...path, defaultCommand]] : []))).toEqual([
    ['scripts', 'list'],
  ]);
});

describe.each(files)('$shell', ({ shell, text, paths: [path = ''] }) => {
  const missing = unmet(missingTools(shell));
  const fileOf = (): string => {
    const file = join(temporaryDirectory(), basename(path));
    writeFileSync(file, text);
    return file;
  };

  test.skipIf(missing)(titled('reads it', missing), () => {
    expect(execFileSync(shell, ['-n', fileOf()], { encoding: 'utf8', stdio: 'pipe' })).toBe('');
  });

  test.skipIf(missing)(titled('offers commands, options, choices and files', missing), () => {
    const cwd = temporaryDirectory();
    mkdirSync(join(cwd, 'folder'));
    for (const name of ['file one.toml', 'file-two.toml', 'other']) writeFileSync(join(cwd, name), '');
    const said = shells[shell](
      fileOf(),
      rows.map(([line]) => line),
      cwd,
    );
    // Where nothing else can stand, zsh offers options unasked.
    const asked = said.map((words, i) =>
      words.filter((word) => !word.startsWith('-') || / -\S*$/.test(rows[i]?.[0] ?? '')),
    );
    expect(rows.map(([line], i) => [line, asked[i]])).toEqual(rows.map(([line, offered]) => [line, offered.sort()]));
  });

  test.skipIf(missing)(titled('offers every command and option of the table', missing), () => {
    const lines = table.flatMap(({ path: words }) => {
      const line = ['stepparent', ...words].join(' ');
      return [`${line} `, `${line} --`];
    });
    const said = shells[shell](fileOf(), lines, temporaryDirectory());
    for (const [i, { path: words, commands: below, options }] of table.entries()) {
      expect(said[2 * i], words.join(' ')).toEqual(expect.arrayContaining([...below]));
      expect(said[2 * i + 1], words.join(' ')).toEqual(
        expect.arrayContaining([...options.map(({ flag }) => flag), '--config', '--help']),
      );
    }
  });
});

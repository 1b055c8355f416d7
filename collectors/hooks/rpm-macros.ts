// Macros of rpm that run code, in files and in arguments (rpm-macros(7); rpm: rpmio/macro.c, 4.14 to 6.0).

import { isSystemPath } from './system-paths.ts';

/** Commands that only print something of the system, as `%_topdir %(echo $HOME)/rpmbuild` of rpmdev-setuptree. */
const printing = /^\s*(?:echo|pwd|nproc|getconf|hostname|whoami|id|uname|date|arch)(?:\s+[\w$~./+%{}=:@,'"-]+)*\s*\)/;
/** `%{lua:CODE}`, `%{load:FILE}`, `%[lua:...]`, with the marks that may stand before the name. */
const runsLua = /%\{?[?!-]*(?:lua|load)(?![\w])|%\[[^\]]{0,256}\blua:/;

/** Whether the text, wherever it is expanded, runs a command, Lua or a file of macros. */
export function macroRunsCode(text: string): boolean {
  if (runsLua.test(text)) return true;
  for (let at = text.indexOf('%('); at >= 0; at = text.indexOf('%(', at + 2)) {
    if (!printing.test(text.slice(at + 2, at + 2 + maxCommandChars))) return true;
  }
  return false;
}

const maxCommandChars = 256;

/** Macros that name programs and plugins which rpm itself runs or loads, not only rpmbuild. */
const helperMacros =
  /^(?:__(?:gpg|gpgv|gpg_\w*cmd|sq\w*|openpgp\w*|urlhelper\w*|plugindir|transaction_\w+|rpmuncompress|tar|gzip|bzip2|xz|lzma|zstd|cat|7zip|unzip|lzip|lrzip|gem|cpio|ld_\w*)|_urlhelper|_install_script_path|_rpmconfigdir)$/;

/** Whether a definition makes rpm run code that is not the system's own. */
export function definitionRunsCode(name: string, body: string): boolean {
  if (macroRunsCode(body)) return true;
  if (!helperMacros.test(name)) return false;
  const words = body.slice(0, maxBodyChars).split(/[\s"'=:;|&`]+/);
  const isShell = words.some(
    (word, i) => /(?:^|\/)(?:sh|bash|dash|python[\d.]*|perl|env)$/.test(word) && words[i + 1] !== undefined,
  );
  return isShell || words.some((word) => word.startsWith('/') && !isSystemPath(word));
}

const maxBodyChars = 4096;

/** The definitions of a file of macros, in its order; text outside of them counts for nothing. Takes linear time. */
export function* macroDefinitions(text: string): Generator<{ name: string; body: string }> {
  const lines = text.split('\n');
  for (let i = 0; i < lines.length; i++) {
    const first = lines[i] as string;
    const [head, name] = /^\s*%([A-Za-z_]\w*)(?:\([^)]*\))?(?=\s|$)/.exec(first) ?? [];
    if (head === undefined || name === undefined) continue;
    const parts = [first.slice(head.length)];
    const open = { '{': 0, '(': 0, '[': 0 };
    countOpen(first, open);
    // A definition goes on behind a backslash, and until its macros are closed.
    while (i + 1 < lines.length && (parts.at(-1)?.endsWith('\\') || open['{'] + open['('] + open['['] > 0)) {
      const next = lines[++i] as string;
      countOpen(next, open);
      parts.push(next);
    }
    yield { name, body: parts.join('\n') };
  }
}

type Brackets = Record<'{' | '(' | '[', number>;
const closes = { '}': '{', ')': '(', ']': '[' } as const;

/** Adds what a line opens and closes, as rpm counts it: a bracket opens with `%` before it, or within its own kind. */
function countOpen(line: string, open: Brackets): void {
  for (const [mark] of line.matchAll(/\\.|%%|%?[{([]|[})\]]/gs)) {
    const bracket = mark.at(-1) as string;
    if (bracket === '{' || bracket === '(' || bracket === '[') {
      if (mark.length === 2 && mark[0] === '\\') continue;
      if (mark.length === 2 || open[bracket] > 0) open[bracket]++;
    } else if (mark === '}' || mark === ')' || mark === ']') {
      if (open[closes[mark]] > 0) open[closes[mark]]--;
    }
  }
}

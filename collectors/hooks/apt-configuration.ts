// apt's configuration: its file format as apt reads it (ReadConfigFile of apt-pkg/contrib/configuration.cc), and the
// options that decide which code apt runs (apt.conf(5); apt: doc/examples/configure-index and its sources, 2.6 to 3.1).

import path from 'node:path';
import { isSystemPath, isSystemProgram, isSystemSearchPath } from './system-paths.ts';

/** One option, as `-o NAME=VALUE` gives it. */
export interface AptOption {
  name: string;
  value: string;
}

/** Whether a value of an option runs no code but the system's own. */
type Harmless = (value: string, name: string) => boolean;

interface CodeOption {
  /** Matches the whole name in lower case. A last `::` is a new member of a list. */
  name: RegExp;
  isHarmless: Harmless;
}

const never: Harmless = () => false;
const isSystemCommand: Harmless = (value) => /^[\w./+-]+$/.test(value) && isSystemProgram(value);

/** The options that name code. The first row that matches the name counts. */
const codeRows: readonly CodeOption[] = [
  // Only members of these lists are run, not the value of the list itself.
  { name: /(?:.*::)?(?:pre|post)-(?:invoke(?:-[a-z]+)*|install-pkgs)::.*/, isHarmless: never },
  { name: /aptcli::hooks::.+/, isHarmless: never },
  {
    name: /dir::bin::dpkg(?:::.*)?/,
    isHarmless: (value) => isSystemCommand(value, '') && path.basename(value).startsWith('dpkg'),
  },
  { name: /dir::bin(?:::.*)?/, isHarmless: isSystemCommand },
  {
    name: /dir::etc::(?:main|parts)/,
    isHarmless: (value) => /^(?:\/etc\/apt\/)?apt\.conf(?:\.d)?\/?$|^\/dev\/null$/.test(value),
  },
  { name: /dpkg::path/, isHarmless: isSystemSearchPath },
  { name: /dpkg::chroot-directory/, isHarmless: (value) => value === '/' },
  {
    name: /dpkg::options(?:::.*)?/,
    isHarmless: (value) => !/^--(?:pre-invoke|post-invoke|status-logger)(?:=|$)/.test(value),
  },
  { name: /apt::compressor::.+::binary/, isHarmless: isSystemCommand },
  { name: /apt::key::gpgv?command/, isHarmless: isSystemCommand },
  // The name of a file in a directory of apt.
  { name: /apt::(?:solver|planner)/, isHarmless: (value) => !value.includes('/') },
  { name: /acquire::.+::proxy-?auto-?detect(?:::.*)?/, isHarmless: never },
  { name: /acquire::cdrom::.+::u?mount/, isHarmless: never },
  {
    name: /aptitude::get-root-command/,
    isHarmless: (value) => /^(?:su|sudo):\/(?:usr\/)?bin\/(?:su|sudo)$/.test(value),
  },
  {
    name: /#include/,
    isHarmless: (value) => isSystemPath(value) || path.posix.normalize(value).startsWith('/etc/apt/'),
  },
];
const codeOptions = codeRows.map((row) => ({ ...row, name: new RegExp(`^(?:${row.name.source})$`, 's') }));

/** The part of a name that decides; a member of a list can have any name. */
const maxNameChars = 256;

/** Options under `Binary::PROGRAM` count for that program only. */
const ofProgram = /^binary::[^:]+::/;

/** Whether the option makes apt run code that is not the system's own. An empty value runs nothing. */
export function namesCode({ name, value }: AptOption): boolean {
  if (value.trim() === '') return false;
  const plain = name.slice(0, maxNameChars).toLowerCase().replace(ofProgram, '');
  const row = codeOptions.find((each) => each.name.test(plain));
  return row !== undefined && !row.isHarmless(value, plain);
}

/** No option that names code is nested that deep. */
const maxParentChars = 256;

/** The words of a directive that are no comments, of more than these apt does not know. */
const directives = /^#(?:clear|include|x-apt-configure-index)/;

/**
 * The options that the text sets, in its order, as far as apt reads it: apt refuses all of a file with an error, so that what comes after one
 * does not matter. Takes linear time.
 */
export function parseAptConfiguration(text: string): AptOption[] {
  const options: AptOption[] = [];
  const scopes: string[] = [];
  let parent = '';
  let isInComment = false;
  let pending = '';
  const append = (part: string): void => {
    const stripped = part.trim();
    if (stripped !== '') pending += pending === '' ? stripped : ` ${stripped}`;
  };
  const leave = (): void => {
    parent = scopes.pop() ?? '';
  };
  for (const line of text.split('\n')) {
    const uncommented = withoutComments(line.trim(), isInComment);
    ({ isInComment } = uncommented);
    const { fragment } = uncommented;
    let start = 0;
    let isQuoted = false;
    for (let i = 0; i < fragment.length; i++) {
      const char = fragment[i];
      if (char === '"') isQuoted = !isQuoted;
      if (isQuoted || (char !== '{' && char !== ';' && char !== '}')) continue;
      append(fragment.slice(start, i));
      start = i + 1;
      if (pending === '') {
        if (char === '{') return options;
        if (char === '}') leave();
        continue;
      }
      const read = wordsOf(pending);
      pending = '';
      if (read === undefined) return options;
      let { tag, word } = read;
      if (word === undefined && char !== '{') [tag, word] = ['', tag];
      if (char === '{') {
        scopes.push(parent);
        parent = (parent === '' ? tag : `${parent}::${tag}`).slice(0, maxParentChars);
        if (word !== undefined) options.push({ name: parent, value: word });
        continue;
      }
      if (word !== undefined) options.push({ name: parent === '' ? tag : `${parent}::${tag}`, value: word });
      if (char === '}') leave();
    }
    append(fragment.slice(start));
  }
  return options;
}

/** What apt reads of a line. A comment cannot begin within quotes. */
function withoutComments(line: string, wasInComment: boolean): { fragment: string; isInComment: boolean } {
  let rest = line;
  if (wasInComment) {
    const end = rest.indexOf('*/');
    if (end < 0) return { fragment: '', isInComment: true };
    rest = rest.slice(end + 2);
  }
  rest = rest.slice(0, unquoted(rest, (at) => rest.startsWith('//', at)) ?? rest.length);
  rest = rest.slice(
    0,
    unquoted(rest, (at) => rest[at] === '#' && !directives.test(rest.slice(at, at + 32))) ?? rest.length,
  );
  let fragment = '';
  for (;;) {
    const current = rest;
    const start = unquoted(current, (at) => current.startsWith('/*', at));
    if (start === undefined) return { fragment: fragment + rest, isInComment: false };
    fragment += rest.slice(0, start);
    const end = rest.indexOf('*/', start + 2);
    if (end < 0) return { fragment, isInComment: true };
    rest = rest.slice(end + 2);
  }
}

/** The first position outside of quotes at which the test holds. */
function unquoted(line: string, test: (at: number) => boolean): number | undefined {
  let isQuoted = false;
  for (let at = 0; at < line.length; at++) {
    if (line[at] === '"') isQuoted = !isQuoted;
    else if (!isQuoted && test(at)) return at;
  }
  return undefined;
}

/** The name and the value of a statement; undefined: apt rejects it. */
function wordsOf(statement: string): { tag: string; word: string | undefined } | undefined {
  const [tag, at] = quotedWord(statement) ?? [];
  if (tag === undefined || at === undefined) return undefined;
  const rest = statement.slice(at).trim();
  if (rest === '') return { tag, word: undefined };
  // C strings, side by side, or one word.
  if (/^(?:"[^"]*"\s*)+$/.test(rest)) return { tag, word: rest.replaceAll(/"([^"]*)"\s*/g, '$1') };
  const [word, end = 0] = quotedWord(rest) ?? [];
  return word === undefined || end < rest.length ? undefined : { tag, word };
}

/** The first word, with its quotes and brackets closed and `%XX` decoded, and where it ends. */
function quotedWord(text: string): [word: string, end: number] | undefined {
  let end = 0;
  for (; end < text.length && !/\s/.test(text.charAt(end)); end++) {
    const close = text[end] === '"' ? '"' : text[end] === '[' ? ']' : undefined;
    if (close === undefined) continue;
    end = text.indexOf(close, end + 1);
    if (end < 0) return undefined;
  }
  const word = text
    .slice(0, end)
    .replaceAll('"', '')
    .replaceAll(/%([0-9a-f]{2})/gi, (_, code: string) => String.fromCharCode(Number.parseInt(code, 16)));
  return [word, end];
}

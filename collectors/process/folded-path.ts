// Replaces the random parts of a path. Tools make names that are new in each run, such as those of mktemp(1): all of them are one
// name in the baseline. What is not certain to be random stays: a path that is folded by mistake can hide a program.

import { isInDpkgDirectory } from '../packages/tools.ts';

/** In place of a random part. The kernel allows no path with it. */
const mark = '\0';

/** PATH_MAX: a longer text is not a path. */
const maxPathChars = 4096;

/** Directories whose files packages install, or that the system itself fills: their paths identify a file. */
const packagedDirectory = /^\/(?:usr\/(?!local\/)|bin\/|sbin\/|lib\w*\/)/;

/** Directories for files of the moment. */
export const volatileDirectory = /^\/(?:dev\/shm|(?:var\/)?run)(?=\/)/;

/** The name of a temporary directory, in any spelling: `tmp`, `.temp`, `_temp`, `buildTmp`, `job@tmp`, `ansible-tmp-1670.2-3`; also Python's. */
export const temporaryName =
  /^tmp[a-z0-9_]{8}$|(?:(?<![A-Za-z])te?mp(?:orary|s|files?|dirs?|fs)?|(?<![A-Z])Te?mp(?:orary|s)?)(?![a-z])|(?<![A-Za-z])TE?MP(?![A-Za-z])/;

/** Whether no part of the path counts as random: packages own the file, or its directory is not known. */
export const isLasting = (file: string): boolean =>
  !file.startsWith('/') || packagedDirectory.test(file) || isInDpkgDirectory(file);

/** The Azure agent's downloads of scripts: its subdirectories are numbered. */
const numbered = '/var/lib/waagent/';

/** The names of an absolute path, with a mark for each number of a run. */
export function namesOfPath(file: string): string[] {
  const names = file.split('/').slice(1);
  return file.startsWith(numbered) ? names.map((name) => (/^\d+$/.test(name) ? mark : name)) : names;
}

/** What words, abbreviations and versions look like; only of texts of at most `maxWordChars`. */
const wordForms: readonly RegExp[] = [
  // backup, Script1, 2fa, md5sums, ppc64le
  /^\d{0,3}[A-Z]?[a-z]*\d{0,3}[a-z]*$/,
  // RELEASE, SHA256
  /^[A-Z]+\d{0,3}$/,
  // JavaScript, myInstaller, OpenSSL3, HTTPServer
  /^(?:[a-z]{2,}|[A-Z][a-z]{2,}|[A-Z]{2,4}(?=[A-Z][a-z]|\d*$))(?:[A-Z][a-z]{2,}|[A-Z]{2,4}(?=[A-Z][a-z]|\d*$))*\d{0,3}$/,
];
const maxWordChars = 12;

const isWord = (text: string): boolean => text.length <= maxWordChars && wordForms.some((form) => form.test(text));

/** A word of the letters a to f with a number: facade01. */
const isHexWord = (text: string): boolean => /^[a-f]{4,}\d{1,3}$/i.test(text);

/** Whether letters and digits alternate as in no name or version: `8QK3Z2L1A`. */
const isMixture = (text: string): boolean =>
  text.length >= 8 && (text.match(/[A-Za-z]\d|\d[A-Za-z]/g) ?? []).length >= 3 && !isWord(text);

/** The parts of a name that are random or count runs, in any directory. `except`: texts of the form that stay. */
const randomParts: readonly { form: RegExp; except?: (text: string) => boolean }[] = [
  // UUID
  { form: /[0-9a-f]{8}(?:-[0-9a-f]{4}){3}-[0-9a-f]{12}/gi },
  // A date, also with a time
  {
    form: /(?<!\d)(?:19|20)\d\d-(?:0[1-9]|1[0-2])-(?:0[1-9]|[12]\d|3[01])(?:[T_-]\d\d[:.-]?\d\d(?:[:.-]?\d\d)?)?(?!\d)/g,
  },
  // A hash, or the id of a cloud instance: with a digit, so that no word is one.
  { form: /(?<![0-9a-z*\0])(?=[a-f]*\d)[0-9a-f]{8,}(?![0-9a-z*\0])/gi, except: isHexWord },
  // A time, a process, a counter
  { form: /\d{6,}/g },
  { form: /[A-Za-z0-9]+/g, except: (text) => !isMixture(text) },
  // mktemp(1): `name.XXXXXX`
  { form: /(?<=\.)[A-Za-z0-9]{6,12}$/g, except: isWord },
];

const markParts = (name: string, parts: typeof randomParts): string =>
  parts.reduce(
    (text, { form, except }) => text.replaceAll(form, (part: string) => (except?.(part) ? part : mark)),
    name,
  );

/** The name with a mark for each part that is random in any directory. */
export const markRandomParts = (name: string): string => markParts(name, randomParts);

/** The text with `*` for each mark. */
export const withStars = (text: string): string => text.replaceAll(mark, '*');

/** Not a single word: what makes a name random where letters only could be a word as well. */
const noWord = '(?![A-Z]?[a-z]+$)';

/** Names that one tool makes. The groups stay. */
const templates: readonly (readonly [form: RegExp, marked: string])[] = [
  // mktemp(1) without a template
  [new RegExp(`^(tmp\\.)${noWord}[A-Za-z0-9]{10}$`), `$1${mark}`],
  // Python's tempfile
  [/^(tmp)(?=[a-z]*[\d_])[a-z0-9_]{8}(?=\.|$)/, `$1${mark}`],
  [/^(pip-(?:[a-z]+-)+)(?=[a-z]*[\d_])[a-z0-9_]{8}$/, `$1${mark}`],
  // Ruby's Tempfile: a date, the process, a random part
  [/\d{8}-\d+-[a-z0-9]{5,7}(?=\.|$)/, mark],
  [/^(ansible-tmp-)[\d.-]+$/, `$1${mark}`],
  [/^(rpm-tmp\.)\w{6}$/, `$1${mark}`],
  [/^(systemd-private-)[0-9a-f]{32}(-.+-)[A-Za-z0-9]{6}$/, `$1${mark}$2${mark}`],
  // AppImage
  [new RegExp(`^(\\.mount_.*)${noWord}[A-Za-z0-9]{6}$`), `$1${mark}`],
];

/** The parts of a name that are random below a temporary directory. */
const temporaryParts: typeof randomParts = [
  // A process or a port, but no version
  { form: /(?<![A-Za-z0-9])(?<!\d\.)\d{4,}(?![A-Za-z0-9])(?!\.\d)/g },
  // mktemp(1) and mkdtemp(3) with a template: `name-XXXXXX`, `name_XXXXXX.sh`
  { form: /(?<=[-_.])[A-Za-z0-9]{6,12}(?=$|\.[A-Za-z]\w{0,4}$)/g, except: isWord },
];

/** Directories of a path that change with a version or a revision. What is in them is not random, so that its path still identifies it. */
const revisions: readonly (readonly [form: RegExp, marked: string])[] = [
  [/^(\/(?:nix|gnu)\/store\/)[0-9a-z]{32}(?=-)/, `$1${mark}`],
  [/^((?:\/var\/lib\/snapd)?\/snap\/[^/]+\/)x?\d+(?=\/)/, `$1${mark}`],
  // containerd
  [/(?<=\/snapshots\/)\d+(?=\/fs\/)/, mark],
  // Programs that update themselves
  [/(?<=\/(?:claude|cursor-agent)\/versions\/)\d[\w.-]*(?=\/|$)/, mark],
  [/(?<=\/bin\.)[\d.]+(?=\/Runner\.Worker$)/, mark],
];

const replaceForms = (text: string, forms: typeof templates): string =>
  forms.reduce((result, [form, marked]) => result.replace(form, marked), text);

/** The directory of a user, by a name or a number that is not random, whatever it looks like. */
const userDirectory = /^\/(?:home|(?:var\/)?run\/user)\/[^/]+/;

function markPath(file: string): string {
  const [lasting = ''] = userDirectory.exec(file) ?? [];
  let isTemporary = volatileDirectory.test(file);
  const names = namesOfPath(replaceForms(file, revisions).slice(lasting.length)).map((name) => {
    const always = markRandomParts(replaceForms(name, templates));
    const marked = isTemporary ? markParts(always, temporaryParts) : always;
    isTemporary ||= temporaryName.test(marked);
    return marked;
  });
  return [lasting, ...names].join('/');
}

/** The text with `\*` for a star and `*` for a mark. The backslashes before either are doubled, so that no two texts become one. */
function escapeStars(text: string, isMark: (character: string) => boolean): string {
  let escaped = '';
  let backslashes = 0;
  for (const character of text) {
    if (character === '*' || isMark(character)) {
      escaped += `${'\\'.repeat(backslashes)}${character === '*' ? '\\*' : '*'}`;
      backslashes = 0;
    } else {
      escaped += character;
      backslashes = character === '\\' ? backslashes + 1 : 0;
    }
  }
  return escaped;
}

/** A path in the form that the baseline compares. */
export interface FoldedPath {
  /** With `*` for each random part, and `\*` for a star of the path. */
  text: string;
  /** Whether a part of the path is random. */
  isFolded: boolean;
}

/** The path as it is, in the same form. */
export const unfoldedPath = (file: string): string => escapeStars(file, () => false);

/** Folds a path. The time grows with its length only, whatever it is; a text that can be no path is not folded. */
export function foldPath(file: string): FoldedPath {
  const isPath = file.length <= maxPathChars && !file.includes(mark) && !isLasting(file);
  const marked = isPath ? markPath(file) : file;
  return marked === file
    ? { text: unfoldedPath(file), isFolded: false }
    : { text: escapeStars(marked, (character) => character === mark), isFolded: true };
}

// Options of apt, dnf, zypper and the like that turn the verification of packages off, by the rules of each command line
// (apt-get(8), aptitude(8), dnf(8), dnf5(8), zypper(8)).

import path from 'node:path';
import { aptOptions } from '../../collectors/hooks/apt-arguments.ts';
import type { AnyVerificationOff } from './command.ts';

/** The settings of apt, in lower case, as names are compared. A setting of one program or command has a longer name that ends so. */
const aptSettings: Readonly<Record<string, AnyVerificationOff>> = {
  'apt::get::allowunauthenticated': 'allow_unauthenticated',
  'apt::get::force-yes': 'force_yes',
  'acquire::allowinsecurerepositories': 'allow_insecure_repositories',
  'acquire::allowweakrepositories': 'allow_weak_repositories',
  'acquire::allowdowngradetoinsecurerepositories': 'allow_downgrade_to_insecure_repositories',
  'aptitude::cmdline::ignore-trust-violations': 'allow_untrusted',
};

/** Options of apt that are the same as a setting. */
const aptFlags: Readonly<Record<string, AnyVerificationOff>> = {
  'allow-unauthenticated': 'allow_unauthenticated',
  'force-yes': 'force_yes',
  'allow-insecure-repositories': 'allow_insecure_repositories',
  'allow-weak-repositories': 'allow_weak_repositories',
};

/** Reads `NAME=VALUE`. Undefined: the setting has no part in the verification. `key`: later values of one key replace earlier ones. */
type ReadSetting = (setting: string) => { key: string; off: AnyVerificationOff | undefined } | undefined;

/** A command line that getopt or Python's argparse reads. */
interface Grammar {
  /** Long options without a value; `shortest`: the abbreviation that no other option begins with. */
  flags?: readonly { long: string; shortest: string; off: AnyVerificationOff }[];
  /** The option that changes a setting, with its short form. */
  setting?: { long: string; shortest: string; short?: string; read: ReadSetting };
  /** Short options with a value, which ends a bundle. */
  values?: RegExp;
}

const aptSetting: ReadSetting = (setting) => {
  const [name = '', value = ''] = splitAt(setting, '=');
  const known = Object.keys(aptSettings).find((one) => `::${name.toLowerCase()}`.endsWith(`::${one}`));
  return known === undefined ? undefined : { key: known, off: aptBoolean(value) ? aptSettings[known] : undefined };
};

/** `gpgcheck=0`, `REPOSITORY.gpgcheck=0`; also of `localpkg_gpgcheck`, `repo_gpgcheck` and dnf5's `pkg_gpgcheck`. */
const dnfSetting: ReadSetting = (setting) => {
  const [key = '', value = ''] = splitAt(setting, '=');
  const isCheck = /^(?:(?:localpkg|pkg|repo)_)?gpgcheck$/.test(key.slice(key.lastIndexOf('.') + 1));
  return isCheck ? { key, off: /^\s*(?:0|no|false|off)\s*$/i.test(value) ? 'gpgcheck' : undefined } : undefined;
};

const likeAptitude: Grammar = {
  flags: [{ long: 'allow-untrusted', shortest: 'allow-u', off: 'allow_untrusted' }],
  setting: { long: 'option', shortest: 'opt', short: 'o', read: aptSetting },
  values: /[FOSoqtw]/,
};
const likeDnf: Grammar = {
  flags: [
    { long: 'nogpgcheck', shortest: 'nog', off: 'nogpgcheck' },
    { long: 'no-gpgchecks', shortest: 'no-gpgchecks', off: 'nogpgcheck' },
  ],
  setting: { long: 'setopt', shortest: 'set', read: dnfSetting },
};
const likeZypper: Grammar = {
  flags: [
    { long: 'no-gpg-checks', shortest: 'no-g', off: 'no_gpg_checks' },
    { long: 'allow-unsigned-rpm', shortest: 'allow-u', off: 'allow_unsigned_rpm' },
  ],
};

type Parse = (args: readonly string[]) => AnyVerificationOff[];

const parsers: Readonly<Record<string, Parse>> = {
  ...parsersOf('apt apt-get synaptic', parseApt),
  ...parsersOf('aptitude aptitude-curses nala gdebi', (args) => parseLike(likeAptitude, args)),
  ...parsersOf('dnf microdnf tdnf yum', (args) => parseLike(likeDnf, args)),
  ...parsersOf('zypper', (args) => parseLike(likeZypper, args)),
};

function parsersOf(names: string, parse: Parse): Record<string, Parse> {
  return Object.fromEntries(names.split(' ').map((name) => [name, parse]));
}

/** `dnf-3` and `dnf5` are dnf. */
const withoutGeneration = (name: string): string => name.replace(/-?\d$/, '');

const parserOf = (name: string): Parse | undefined => {
  const own = withoutGeneration(name);
  return Object.hasOwn(parsers, own) ? parsers[own] : undefined;
};

/** Whether the program or script is a front end whose options are known. */
export const isFrontEnd = (file: string): boolean => parserOf(path.basename(file)) !== undefined;

/**
 * What the arguments of a front end (argv[0] included) turn off. A command line that it rejects is read as far as it goes. The arguments
 * alone are read: not the environment and not configuration files, also if the arguments name them.
 */
export const frontEndOptions = (file: string, args: readonly string[]): AnyVerificationOff[] =>
  parserOf(path.basename(file))?.(args) ?? [];

/** Both parts of the text; the second is undefined if the separator is not in it. */
function splitAt(text: string, separator: string): [string, string | undefined] {
  const index = text.indexOf(separator);
  return index < 0 ? [text, undefined] : [text.slice(0, index), text.slice(index + 1)];
}

const yes = /^(?:yes|true|with|on|enable|\s*\+?0*1|\s*\+?0x0*1)$/i;
const no = /^(?:no|false|without|off|disable|\s*[+-]?0+|\s*[+-]?0x0+)$/i;
/** A boolean as apt reads it. Undefined: the text is no boolean, which counts as false in a setting. */
const aptBoolean = (text: string): boolean | undefined => (yes.test(text) ? true : no.test(text) ? false : undefined);

/** Options of apt-get of one letter that take a value. */
const aptValueLetters = 'Pacot';

/**
 * apt's own parser: a boolean option takes the next word, or the word before its first dash (`--no-NAME`), if that is a
 * boolean.
 */
function parseApt(args: readonly string[]): AnyVerificationOff[] {
  const found = new Map<string, AnyVerificationOff | undefined>();
  for (const { name, value = '' } of aptOptions(args.slice(1), aptValueLetters)) {
    if (name === 'o' || name === 'option') {
      const read = value.includes('=') ? aptSetting(value) : undefined;
      if (read !== undefined) found.set(read.key, read.off);
      continue;
    }
    const [before, after] = Object.hasOwn(aptFlags, name) ? [undefined, name] : splitAt(name, '-');
    const off = after !== undefined && Object.hasOwn(aptFlags, after) ? aptFlags[after] : undefined;
    if (off === undefined) continue;
    const sense = aptBoolean(value) ?? aptBoolean(before ?? '') ?? true;
    const key = Object.keys(aptSettings).find((one) => aptSettings[one] === off) ?? off;
    found.set(key, sense ? off : undefined);
  }
  return kept(found);
}

/** getopt_long(3) and argparse: long options can be abbreviated; a value is the rest of the word or the next one. */
function parseLike({ flags = [], setting, values }: Grammar, args: readonly string[]): AnyVerificationOff[] {
  const found = new Map<string, AnyVerificationOff | undefined>();
  const set = (text: string | undefined): void => {
    const read = text?.includes('=') ? setting?.read(text) : undefined;
    if (read !== undefined) found.set(read.key, read.off);
  };
  const isNamed = (name: string, option: { long: string; shortest: string }): boolean =>
    name.startsWith(option.shortest) && option.long.startsWith(name);
  for (const [index, word] of args.entries()) {
    if (index === 0 || !word.startsWith('-')) continue;
    if (word === '--') break;
    if (!word.startsWith('--')) {
      const short = values === undefined ? -1 : word.search(values);
      if (short < 0 || word[short] !== setting?.short) continue;
      const joined = word.slice(short + 1);
      set(joined === '' ? args[index + 1] : joined);
      continue;
    }
    const [name, joined] = splitAt(word.slice(2), '=');
    if (setting !== undefined && isNamed(name, setting)) set(joined ?? args[index + 1]);
    const flag = joined === undefined ? flags.find((one) => isNamed(name, one)) : undefined;
    if (flag !== undefined) found.set(flag.long, flag.off);
  }
  return kept(found);
}

const kept = (found: ReadonlyMap<string, AnyVerificationOff | undefined>): AnyVerificationOff[] => [
  ...new Set([...found.values()].filter((off) => off !== undefined)),
];

// rpm's command line: its options as data, and popt's parsing rules (rpm(8), popt(3); rpm 4.14 to 6.0, popt 1.16 to 1.19).

import { basename } from 'node:path';
import type { Command, Operation, VerificationOff } from './command.ts';

type Mode = 'query' | 'verify' | 'install' | 'remove' | 'restore';

interface RpmOption {
  long?: string;
  short?: string;
  /** `next`: `--x V`, `--x=V`, `-xV`, `-x V`. `operand`: the next argument that is not an option, if there is one. */
  value?: 'next' | 'operand';
  /** Selects a mode. Query and verify take precedence over the others, then install, remove and restore. */
  mode?: Mode;
  /**
   * The operation of install mode. A reinstallation takes precedence over an upgrade, an upgrade over an installation.
   */
  installs?: 'install' | 'upgrade' | 'reinstall';
  /** rpm rejects the option in other modes. */
  only?: readonly Mode[];
  /** rpm rejects two different options of one group. */
  group?: 'source' | 'relocation' | 'docs';
  /** popt executes another program in place of rpm, after it has read all arguments. */
  exec?: Operation;
  /**
   * A popt alias. It differs in three ways: one dash is enough, popt never rejects a value, and the value is read as
   * another argument.
   */
  alias?: true;
  /** rpm prints a text and exits. */
  ends?: true;
  sets?: 'test' | 'root' | 'database' | 'macro' | 'expression' | 'all';
  turnsOff?: VerificationOff;
  accepts?: RegExp;
}

const install: readonly Mode[] = ['install'];
const change: readonly Mode[] = ['install', 'remove'];
const changeOrVerify: readonly Mode[] = ['install', 'remove', 'verify'];

const rpmOptions: readonly RpmOption[] = [
  { long: 'query', short: 'q', mode: 'query' },
  { long: 'verify', short: 'V', mode: 'verify' },
  { long: 'install', short: 'i', mode: 'install', installs: 'install' },
  { long: 'upgrade', short: 'U', mode: 'install', installs: 'upgrade' },
  { long: 'freshen', short: 'F', mode: 'install', installs: 'upgrade' },
  { long: 'reinstall', mode: 'install', installs: 'reinstall' },
  { long: 'erase', short: 'e', mode: 'remove' },
  { long: 'restore', mode: 'restore' },
  ...aliases('setperms setugids setcaps', { mode: 'restore' }),

  ...flags('help usage version showrc querytags', { ends: true }),
  { short: '?', ends: true },
  { long: 'test', sets: 'test', only: ['install', 'remove', 'restore'] },
  { long: 'root', short: 'r', value: 'next', sets: 'root', accepts: /^\// },
  { long: 'dbpath', value: 'next', sets: 'database' },
  { long: 'define', short: 'D', value: 'next', sets: 'macro' },
  { long: 'predefine', value: 'next', sets: 'macro' },
  { long: 'eval', short: 'E', value: 'next', sets: 'expression' },
  ...flags('undefine target macros load pipe rcfile qf queryformat', { value: 'next' }),

  { long: 'all', short: 'a', group: 'source', sets: 'all' },
  { long: 'file', short: 'f', group: 'source' },
  { long: 'group', short: 'g', group: 'source' },
  { long: 'package', short: 'p', group: 'source' },
  ...flags('path pkgid hdrid fileid tid querybynumber triggeredby', { group: 'source' }),
  ...flags('whatconflicts whatrequires whatobsoletes whatprovides', { group: 'source' }),
  ...flags('whatrecommends whatsuggests whatsupplements whatenhances', { group: 'source' }),

  { long: 'prefix', value: 'next', group: 'relocation', only: install, accepts: /^\// },
  { long: 'relocate', value: 'next', group: 'relocation', only: install, accepts: /^\/[^=]*=\// },
  { long: 'excludepath', value: 'next', group: 'relocation', only: install, accepts: /^\// },
  ...flags('excludedocs nodocs includedocs', { group: 'docs', only: install }),
  ...flags('allfiles badreloc force oldpackage replacepkgs ignorearch ignoreos', { only: install }),
  { long: 'allmatches', only: ['remove'] },
  { long: 'hash', short: 'h', only: ['install', 'remove', 'restore'] },
  { long: 'percent', only: ['install', 'remove', 'restore'] },
  ...flags('justdb ignoresize', { only: change }),
  { long: 'nodeps', only: [...changeOrVerify, 'restore'] },
  ...flags('noscripts notriggers nopre nopost nopreun nopostun nopretrans noposttrans', { only: changeOrVerify }),
  ...flags('notriggerprein notriggerin notriggerun notriggerpostun', { only: changeOrVerify }),

  { long: 'verbose', short: 'v' },
  { long: 'configfiles', short: 'c' },
  { long: 'docfiles', short: 'd' },
  { long: 'licensefiles', short: 'L' },
  { long: 'artifactfiles', short: 'A' },
  { long: 'list', short: 'l' },
  { long: 'state', short: 's' },
  ...flags('quiet debug dump noglob nomanifest noghost noconfig noartifact noplugins nohdrchk'),
  { long: 'nosignature', turnsOff: 'nosignature' },
  { long: 'nodigest', turnsOff: 'nodigest' },
  { long: 'noverify', turnsOff: 'noverify' },
  ...flags(
    'nofiles noscript nofiledigest nomd5 nosize nolinkto nouser nogroup nomtime nomode nordev nocontexts nocaps',
  ),
  ...flags('deploops excludeartifacts excludeconfigs noconfigs nodb noorder nosysusers replacefiles'),
  ...flags('nopreuntrans nopostuntrans force-debian promoteepoch'),
  ...flags('fpsdebug fsmdebug fsmthreads hdrdebug prtpkts psmdebug psmthreads rpmaldebug rpmdbdebug rpmdsdebug'),
  ...flags('rpmfcdebug rpmfidebug rpmgidebug rpmiodebug rpmpsdebug rpmsqdebug rpmtedebug rpmtsdebug stats'),

  // /usr/lib/rpm/rpmpopt-*
  { short: 'P', alias: true },
  { short: 'R', alias: true },
  ...aliases('scripts conflicts obsoletes provides requires recommends suggests supplements enhances info changelog'),
  ...aliases('changes xml triggerscripts triggers filetriggerscripts filetriggers last dupes filesbypkg fileclass'),
  ...aliases('filecolor fscontext fileprovide filerequire filecaps trace'),
  ...aliases('i18ndomains color httpport httpproxy ftpport ftpproxy dbapi', { value: 'operand' }),
  { long: 'checksig', short: 'K', exec: 'verify' },
  { long: 'specfile', exec: 'query' },
  ...flags('import addsign delsign resign initdb rebuilddb verifydb', { exec: 'other' }),
];

function flags(names: string, rest: RpmOption = {}): RpmOption[] {
  return names.split(' ').map((long) => ({ long, ...rest }));
}

function aliases(names: string, rest: RpmOption = {}): RpmOption[] {
  return flags(names, { alias: true, ...rest });
}

const byShort = new Map(rpmOptions.flatMap((option) => (option.short === undefined ? [] : [[option.short, option]])));
const byLong = new Map(rpmOptions.flatMap((option) => (option.long === undefined ? [] : [[option.long, option]])));

/** Links to rpm; under these names rpm is always in that mode, whatever the options are. */
const modesByName: Readonly<Record<string, Mode>> = { rpmquery: 'query', rpmverify: 'verify' };

/** `_dbpath PATH`, as --define takes it. */
const dbpathMacro = /^%?[_-]dbpath\s+(\S+)/;
/**
 * The macro that says what rpm verifies, as --define takes it: `_pkgverify_level none`. rpm reads `-` as `_` in the name and allows
 * `()` after it.
 */
const verifyMacro = /^\s*%?[_-]pkgverify[_-]level(?:\([^)]*\))?\s+(\S+)/;

/** A definition of a macro, as --eval takes it. */
const definition = /^\s*%(?:define|global)\s+(.*)/s;

/** Values of that macro with which rpm installs only signed packages. */
const strictLevels = new Set(['all', 'signature']);

/**
 * What rpm does with these arguments (argv[0] included). Undefined: it rejects them, or exits before it has a mode.
 * Options and operands can be mixed until `--`, short options can be bundled, and no option can be abbreviated. `-i`
 * belongs to a query or verification if `-q` or `-V` is anywhere on the command line, also after it. rpm since 4.1 does
 * not know -b, -t and --rebuild, which are rpmbuild's. POSIXLY_CORRECT, which ends the options at the first operand, is
 * ignored.
 */
export function parseRpm(args: readonly string[]): Command | undefined {
  const words = args.slice(1);
  const operands: string[] = [];
  const seen = new Set<RpmOption>();
  let exec: Operation | undefined;
  let primaryMode: Mode | undefined;
  let root: string | undefined;
  let database: string | undefined;
  const off = new Set<VerificationOff>();

  /** The last definition of a macro counts. */
  function applyMacro(text: string): void {
    database = dbpathMacro.exec(text)?.[1] ?? database;
    const level = verifyMacro.exec(text)?.[1];
    if (level === undefined) return;
    if (strictLevels.has(level)) off.delete('pkgverify_level');
    else off.add('pkgverify_level');
  }

  // False: rpm rejects the option, or prints a text and exits.
  function applyOption(option: RpmOption, value: string | undefined): boolean {
    if (option.ends) return false;
    if (option.value !== undefined && value === undefined) return false;
    if (value !== undefined && option.accepts?.test(value) === false) return false;
    if (option.mode === 'verify' || (option.mode === 'query' && primaryMode === undefined)) primaryMode = option.mode;
    if (option.sets === 'root') root = value;
    if (option.sets === 'database') database = value;
    if (option.sets === 'macro') applyMacro(value ?? '');
    if (option.sets === 'expression') applyMacro(definition.exec(value ?? '')?.[1] ?? '');
    if (option.turnsOff !== undefined) off.add(option.turnsOff);
    exec ??= option.exec;
    seen.add(option);
    return true;
  }

  function shiftValue(option: RpmOption): string | undefined {
    if (option.value !== 'operand') return words.shift();
    const index = words.findIndex((word) => !word.startsWith('-'));
    return index < 0 ? '' : words.splice(index, 1)[0];
  }

  for (let word = words.shift(); word !== undefined; word = words.shift()) {
    if (word === '--') {
      operands.push(...words);
      break;
    }
    if (!/^-./s.test(word)) {
      operands.push(word);
      continue;
    }
    const [, dashes = '', name = '', equals, attached] = /^(--?)([^=]*)(=)?(.*)$/s.exec(word) ?? [];
    const long = byLong.get(name);
    const poptOnly = long?.alias === true || (long?.exec !== undefined && equals === undefined);
    if (dashes === '--' || poptOnly) {
      if (long === undefined || (long.exec !== undefined && !poptOnly)) return undefined;
      // An alias puts its value among the arguments, where the value may be an option or a package.
      if (long.alias && attached !== undefined && attached !== '') words.unshift(attached);
      const value = long.alias || equals === undefined ? undefined : attached;
      if (!applyOption(long, long.value === undefined ? undefined : (value ?? shiftValue(long)))) return undefined;
      continue;
    }
    // popt 1.19 rejects a value for an option that takes none; earlier versions ignore the value (long) or the `=`
    // (short).
    for (let rest = word.slice(1); rest !== ''; ) {
      const option = byShort.get(rest.charAt(0));
      if (option === undefined) return undefined;
      const joined = rest.slice(1);
      rest = option.value === undefined ? joined.replace(/^=/, '') : '';
      const value =
        option.value === undefined ? undefined : joined === '' ? shiftValue(option) : joined.replace(/^=/, '');
      if (!applyOption(option, value)) return undefined;
    }
  }

  const verificationOff = [...off];
  if (exec !== undefined) return { operation: exec, operands, dryRun: false, root, database, verificationOff };

  const options = [...seen];
  const mode = modesByName[basename(args[0] ?? '')] ?? primaryMode ?? firstMode(options);
  if (mode === undefined || !isConsistent(mode, options)) return undefined;
  const sources = options.filter((option) => option.group === 'source');
  if (operands.length === 0 && mode !== 'restore') {
    const all = sources.some((option) => option.sets === 'all') && (mode === 'query' || mode === 'verify');
    if (!all) return undefined;
  }
  return {
    operation: mode === 'install' ? installOperation(options) : mode === 'restore' ? 'other' : mode,
    operands,
    dryRun: options.some((option) => option.sets === 'test'),
    root,
    database,
    verificationOff,
  };
}

function firstMode(options: readonly RpmOption[]): Mode | undefined {
  return (['install', 'remove', 'restore'] as const).find((mode) => options.some((option) => option.mode === mode));
}

function isConsistent(mode: Mode, options: readonly RpmOption[]): boolean {
  if (options.some((option) => option.only?.includes(mode) === false)) return false;
  const grouped = (group: RpmOption['group']) => options.filter((option) => option.group === group);
  const docs = grouped('docs');
  const relocations = grouped('relocation');
  const has = (candidates: readonly RpmOption[], long: string) => candidates.some((option) => option.long === long);
  return (
    grouped('source').length < 2 &&
    !(has(docs, 'includedocs') && docs.length > 1) &&
    !(has(relocations, 'prefix') && relocations.length > 1)
  );
}

function installOperation(options: readonly RpmOption[]): Operation {
  const installsBy = (kind: RpmOption['installs']) => options.some((option) => option.installs === kind);
  return installsBy('upgrade') && !installsBy('reinstall') ? 'upgrade' : 'install';
}

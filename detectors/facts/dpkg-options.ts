// dpkg's command line: its options as data, and its own parsing rules (dpkg(1); lib/dpkg/options.c and src/main/main.c of 1.21 to 1.23).

import path from 'node:path';
import { dpkgDirectory } from '../../collectors/packages/tools.ts';
import type { Command, Operation, VerificationOff } from './command.ts';

interface DpkgOption {
  long?: string;
  short?: string;
  /**
   * `next`: `--x V`, `--x=V`, `-xV`, `-x V`. `dash`: `--x-V`, `--x V`. Absent: the option has no value, and dpkg
   * rejects one.
   */
  value?: 'next' | 'dash';
  /** The option is an action; dpkg rejects a second action. */
  action?: Operation;
  /** What must follow the options: at least one operand, or either operands or --pending and not both. */
  operands?: 'some' | 'some or pending';
  sets?: 'dryRun' | 'pending' | 'root' | 'instdir' | 'admindir' | 'noDebsig';
  /** Its value is a list of things that dpkg is to do, or not to do, in spite of problems. */
  forces?: boolean;
  /** A value that makes dpkg print something and end at once. */
  endsAt?: RegExp;
  /** Every dpkg release rejects other values. */
  accepts?: RegExp;
}

const integer = /^\s*\+?(?:0[xX][0-9a-fA-F]+|\d+)$/;

const dpkgOptions: readonly DpkgOption[] = [
  { long: 'install', short: 'i', action: 'install', operands: 'some' },
  { long: 'unpack', action: 'unpack', operands: 'some' },
  { long: 'configure', action: 'configure', operands: 'some or pending' },
  // Runs the postinst of packages that wait for a trigger: the second half of configuring them.
  { long: 'triggers-only', action: 'configure', operands: 'some or pending' },
  { long: 'remove', short: 'r', action: 'remove', operands: 'some or pending' },
  { long: 'purge', short: 'P', action: 'purge', operands: 'some or pending' },
  { long: 'verify', short: 'V', action: 'verify' },
  { long: 'audit', short: 'C', action: 'query' },
  { long: 'get-selections', action: 'query' },
  { long: 'yet-to-unpack', action: 'query' },
  { long: 'predep-package', action: 'query' },
  { long: 'set-selections', action: 'select' },
  { long: 'clear-selections', action: 'select' },
  ...otherActions('update-avail merge-avail clear-avail forget-old-unavail add-architecture'),
  ...otherActions('remove-architecture print-architecture print-foreign-architectures compare-versions version'),
  ...otherActions('validate-pkgname validate-trigname validate-archname validate-version'),
  { long: 'record-avail', short: 'A', action: 'other' },
  { long: 'help', short: '?', action: 'other' },
  { long: 'assert', value: 'dash', action: 'other' },

  // dpkg passes these options on to dpkg-query.
  { long: 'listfiles', short: 'L', action: 'query' },
  { long: 'status', short: 's', action: 'query' },
  { long: 'print-avail', short: 'p', action: 'query' },
  { long: 'list', short: 'l', action: 'query' },
  { long: 'search', short: 'S', action: 'query' },

  // dpkg passes these options on to dpkg-deb.
  { long: 'build', short: 'b', action: 'build' },
  { long: 'contents', short: 'c', action: 'query' },
  { long: 'info', short: 'I', action: 'query' },
  { long: 'field', short: 'f', action: 'query' },
  { long: 'ctrl-tarfile', action: 'query' },
  { long: 'fsys-tarfile', action: 'query' },
  { long: 'control', short: 'e', action: 'other' },
  { long: 'extract', short: 'x', action: 'other' },
  { long: 'vextract', short: 'X', action: 'other' },

  { long: 'dry-run', sets: 'dryRun' },
  { long: 'no-act', sets: 'dryRun' },
  { long: 'simulate', sets: 'dryRun' },
  { long: 'pending', short: 'a', sets: 'pending' },
  { long: 'root', value: 'next', sets: 'root' },
  { long: 'instdir', value: 'next', sets: 'instdir' },
  { long: 'admindir', value: 'next', sets: 'admindir' },

  { long: 'recursive', short: 'R' },
  { long: 'selected-only', short: 'O' },
  { long: 'no-also-select', short: 'N' },
  { long: 'skip-same-version', short: 'E' },
  { long: 'auto-deconfigure', short: 'B' },
  { short: 'G' },
  { long: 'no-debsig', sets: 'noDebsig' },
  ...'triggers no-triggers no-pager robot largemem smallmem'.split(' ').map((long) => ({ long })),

  { long: 'pre-invoke', value: 'next' },
  { long: 'post-invoke', value: 'next' },
  { long: 'path-exclude', value: 'next' },
  { long: 'path-include', value: 'next' },
  { long: 'verify-format', value: 'next' },
  { long: 'status-logger', value: 'next' },
  { long: 'status-fd', value: 'next', accepts: integer },
  { long: 'log', value: 'next' },
  { long: 'abort-after', value: 'next', accepts: integer },
  { long: 'ignore-depends', value: 'next', accepts: /^(?:[^,]+(?:,[^,]+)*)?$/ },
  { long: 'debug', short: 'D', value: 'next', endsAt: /^h/, accepts: /^\s*\+?[0-7]+$/ },
  { long: 'force', value: 'dash', forces: true, endsAt: /^help$/ },
  { long: 'refuse', value: 'dash', forces: false, endsAt: /^help$/ },
  { long: 'no-force', value: 'dash', forces: false, endsAt: /^help$/ },
];

function otherActions(names: string): DpkgOption[] {
  return names.split(' ').map((long) => ({ long, action: 'other' }));
}

const byShort = new Map(dpkgOptions.flatMap((option) => (option.short === undefined ? [] : [[option.short, option]])));

/**
 * What dpkg does with these arguments (argv[0] included). Undefined: it rejects them, or exits before any action.
 * Options end at the first operand, short options can be bundled, and no option can be abbreviated. A value that only
 * some releases reject (--force-THING, --verify-format) counts as accepted, because those releases may install the
 * packages. Configuration files and the environment (DPKG_ROOT, DPKG_ADMINDIR, dpkg.cfg) are not read.
 */
export function parseDpkg(args: readonly string[]): Command | undefined {
  const set: Partial<Record<NonNullable<DpkgOption['sets']>, string>> = {};
  let action: DpkgOption | undefined;
  let forcesBadVerify = false;
  let next = 1;

  // False: dpkg rejects the option, or prints a text and exits.
  function applyOption(option: DpkgOption, value: string | undefined): boolean {
    if (option.value !== undefined && value === undefined) return false;
    if (value !== undefined && (option.endsAt?.test(value) || option.accepts?.test(value) === false)) return false;
    if (option.action !== undefined) {
      if (action !== undefined) return false;
      action = option;
    }
    if (option.sets !== undefined) set[option.sets] = value ?? '';
    if (option.forces !== undefined && value !== undefined && /(?:^|,)(?:all|bad-verify)(?:,|$)/.test(value))
      forcesBadVerify = option.forces;
    // --root moves both; whichever of --root, --instdir and --admindir comes last wins.
    if (option.sets === 'root') {
      delete set.instdir;
      delete set.admindir;
    } else if (option.sets === 'instdir' && set.root !== undefined) {
      set.admindir ??= path.posix.join(set.root, dpkgDirectory);
      delete set.root;
    }
    return true;
  }

  for (let word = args[next]; word !== undefined && /^-./s.test(word); word = args[next]) {
    next++;
    if (word === '--') break;
    if (word.startsWith('--')) {
      const name = word.slice(2);
      const option = dpkgOptions.find(({ long, value }) => {
        if (long === undefined || !name.startsWith(long)) return false;
        return name.length === long.length || name[long.length] === (value === 'dash' ? '-' : '=');
      });
      if (option?.long === undefined) return undefined;
      let value = name.length === option.long.length ? undefined : name.slice(option.long.length + 1);
      if (option.value === undefined && value !== undefined) return undefined;
      if (option.value !== undefined) value ??= args[next++];
      if (!applyOption(option, value)) return undefined;
      continue;
    }
    for (let rest = word.slice(1); rest !== ''; ) {
      const option = byShort.get(rest.charAt(0));
      if (option === undefined) return undefined;
      rest = rest.slice(1);
      let value: string | undefined;
      if (option.value !== undefined) {
        value = rest === '' ? args[next++] : rest.replace(/^=/, '');
        rest = '';
      } else if (rest.startsWith('=')) return undefined;
      if (!applyOption(option, value)) return undefined;
    }
  }

  const operands = args.slice(next);
  if (action?.action === undefined) return undefined;
  if (action.operands === 'some' && operands.length === 0) return undefined;
  if (action.operands === 'some or pending' && (operands.length === 0) !== 'pending' in set) return undefined;
  const verificationOff: VerificationOff[] = [];
  if (forcesBadVerify) verificationOff.push('force_bad_verify');
  if ('noDebsig' in set) verificationOff.push('no_debsig');
  return {
    operation: action.action,
    operands,
    dryRun: 'dryRun' in set,
    root: set.root ?? set.instdir,
    database: set.admindir,
    verificationOff,
  };
}

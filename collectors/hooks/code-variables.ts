// The environment variables that make a package tool, or the scripts and programs that it runs, load or run code, with the
// values that do not. collectors/packages/environment-variables.ts has these and all others that are recorded.

import { hasOpenDirectory, isSystemPath, isSystemProgram } from './system-paths.ts';

interface CodeVariable {
  name: RegExp;
  /** Whether a value runs no code but the system's own. */
  isHarmless(value: string): boolean;
}

const isEmptyOrOfSystem = (value: string): boolean => value === '' || isSystemPath(value) || value.startsWith('/etc/');

const codeVariables: readonly CodeVariable[] = [
  // A bare name is searched in the directories of the system; fakeroot and eatmydata give one.
  {
    name: /^LD_(?:PRELOAD|AUDIT)$/,
    isHarmless: (value) => value.split(/[\s:]+/).every((file) => file === '' || isSystemProgram(file)),
  },
  // Scripts that many users have a directory of their own for: only those that every user can write to count.
  {
    name: /^(?:PATH|LD_LIBRARY_PATH|PERL5LIB|PERLLIB|PYTHONPATH|PYTHONHOME|PYTHONUSERBASE)$/,
    isHarmless: (value) => !hasOpenDirectory(value),
  },
  // Programs that every user may choose: only one that every user can write counts.
  {
    name: /^(?:SHELL|PAGER|EDITOR|VISUAL)$/,
    isHarmless: (value) => !value.startsWith('/') || !hasOpenDirectory(value.split(/\s/)[0] ?? ''),
  },
  { name: /^PERL5OPT$/, isHarmless: (value) => value.trim() === '' },
  { name: /^BASH_ENV$/, isHarmless: isEmptyOrOfSystem },
  {
    name: /^BASH_FUNC_(?!(?:which|module|ml|scl|switchml|_module_raw|_moduleraw|spack)(?:%%|\(\))$)/,
    isHarmless: () => false,
  },
  {
    name: /^(?:RPM_CONFIGDIR|RPM_POPTEXEC_PATH|DPKG_DATADIR|DNF5_PLUGINS_DIR|LIBDNF_PLUGINS_CONFIG_DIR|LIBDNF_PYTHON_PLUGIN_DIR|GCONV_PATH|LD_ORIGIN_PATH)$/,
    isHarmless: isEmptyOrOfSystem,
  },
  {
    name: /^DEBCONF_SYSTEMRC$/,
    isHarmless: (value) => value === '' || value === '/etc/debconf.conf' || value === '/dev/null',
  },
  { name: /^DEBIAN_FRONTEND$/, isHarmless: isDebconfFrontend },
  {
    name: /^DPKG_PAGER$/,
    isHarmless: (value) => /^[\w./ =-]*$/.test(value) && isSystemProgram(value.split(' ')[0] ?? ''),
  },
  {
    name: /^TAR_OPTIONS$/,
    isHarmless: (value) => !/(?:^|\s)-(?:-(?:to-c|checkpoint-a|use-c|rsh|rmt|info-s|new-v)|[a-zA-Z]*[IF])/.test(value),
  },
];

/** Whether the value is the plain name of a Perl module of debconf: debconf evaluates it as Perl. */
export function isDebconfFrontend(value: string): boolean {
  return /^[A-Za-z0-9-]*$/.test(value);
}

const rowOf = (name: string): CodeVariable | undefined => codeVariables.find((row) => row.name.test(name));

/** Whether some value of the variable makes a package tool run code. */
export const canRunCode = (name: string): boolean => rowOf(name) !== undefined;

/** `variable`: `NAME=value`. */
export function variableRunsCode(variable: string): boolean {
  const end = variable.indexOf('=');
  const row = rowOf(variable.slice(0, end));
  return row !== undefined && !row.isHarmless(variable.slice(end + 1));
}

// What arguments and environment variables make a package tool run (`stepparent.hook` of a process). The grammars are those of the tools:
// apt: apt-pkg/contrib/cmndline.cc; dpkg: lib/dpkg/options.c; rpm: popt; dnf: argparse and libdnf5-cli.

import { redactCredentials } from '../../collectors/event/redact-credentials.ts';
import { aptArguments } from '../../collectors/hooks/apt-arguments.ts';
import { namesCode } from '../../collectors/hooks/apt-configuration.ts';
import { boundedCommands, dpkgCommandOptions } from '../../collectors/hooks/configuration-commands.ts';
import { configurationTools, type ToolFamily } from '../../collectors/hooks/configuration-tools.ts';
import { macroRunsCode } from '../../collectors/hooks/rpm-macros.ts';
import { hasOpenDirectory, isSystemPath, isSystemProgram } from '../../collectors/hooks/system-paths.ts';

/** Bounded, and without passwords. `args`: argv[0] included. `variables`: as in `process.env_vars`. */
export function givenCommands(name: string, args: readonly string[], variables: readonly string[]): string[] {
  const family = configurationTools.get(name);
  if (family === undefined) return [];
  const commands = [...byFamily[family](args.slice(1)), ...variables.filter(variableRunsCode)];
  return boundedCommands(commands.map((command) => redactCredentials(command)));
}

type Reader = (args: readonly string[]) => Iterable<string>;

const byFamily: Readonly<Record<ToolFamily, Reader>> = {
  *apt(args) {
    for (const option of aptArguments(args).options) if (namesCode(option)) yield `${option.name} ${option.value}`;
  },
  *dpkg(args) {
    for (const { name, value } of longOptions(args, dpkgCommandOptions)) if (value !== '') yield `--${name} ${value}`;
  },
  *rpm(args) {
    for (const { name, value } of longOptions(args, rpmFileOptions)) {
      if (name === 'pipe' || !value.split(':').every(isSystemPath)) yield `--${name} ${value}`;
    }
    for (const arg of args) if (macroRunsCode(arg)) yield arg;
  },
  *dnf(args) {
    for (const { value } of longOptions(args, new Set(['setopt']))) {
      const [, name = '', directories = ''] = /^(?:[^=]*\.)?(plugin(?:conf)?path)=(.*)$/is.exec(value) ?? [];
      if (
        directories
          .split(/[\s,]+/)
          .some((directory) => directory !== '' && !isSystemPath(directory) && !/^\/etc\/(?:dnf|yum)\//.test(directory))
      )
        yield `--setopt ${name}=${directories}`;
    }
  },
  *zypper(args) {
    // A repository of a plugin, which is a program in a directory of libzypp.
    for (const arg of args) if (/^plugin:.*\.\.\//s.test(arg)) yield arg;
  },
};

const rpmFileOptions: ReadonlySet<string> = new Set(['pipe', 'load', 'macros', 'rcfile']);

/** Long options with a value: `--x=V` and `--x V`. Options end at `--`. */
function* longOptions(args: readonly string[], names: ReadonlySet<string>): Generator<{ name: string; value: string }> {
  for (let i = 0; i < args.length; i++) {
    const arg = args[i] as string;
    if (arg === '--') return;
    const [, name = '', value] = /^--([a-z-]+)(?:=(.*))?$/s.exec(arg) ?? [];
    if (names.has(name)) yield { name, value: value ?? args[++i] ?? '' };
  }
}

/** Variables that make the tool, or the scripts and programs that it runs, load or run code, with the values that do not. */
const codeVariables: readonly { name: RegExp; isHarmless(value: string): boolean }[] = [
  // A bare name is searched in the directories of the system; fakeroot and eatmydata give one.
  {
    name: /^LD_(?:PRELOAD|AUDIT)$/,
    isHarmless: (value) => value.split(/[\s:]+/).every((file) => file === '' || isSystemProgram(file)),
  },
  // Scripts that many users have a directory of their own for: only those that every user can write to count.
  {
    name: /^(?:PATH|LD_LIBRARY_PATH|PERL5LIB|PERLLIB|PYTHONPATH|PYTHONHOME)$/,
    isHarmless: (value) => !hasOpenDirectory(value),
  },
  { name: /^PERL5OPT$/, isHarmless: (value) => value.trim() === '' },
  { name: /^BASH_ENV$/, isHarmless: (value) => value === '' || isSystemPath(value) || value.startsWith('/etc/') },
  {
    name: /^BASH_FUNC_(?!(?:which|module|ml|scl|switchml|_module_raw|_moduleraw|spack)(?:%%|\(\))$)/,
    isHarmless: () => false,
  },
  {
    name: /^(?:RPM_CONFIGDIR|RPM_POPTEXEC_PATH|DPKG_DATADIR|DNF5_PLUGINS_DIR|LIBDNF_PLUGINS_CONFIG_DIR|LIBDNF_PYTHON_PLUGIN_DIR|GCONV_PATH|LD_ORIGIN_PATH)$/,
    isHarmless: (value) => value === '' || isSystemPath(value) || value.startsWith('/etc/'),
  },
  {
    name: /^DEBCONF_SYSTEMRC$/,
    isHarmless: (value) => value === '' || value === '/etc/debconf.conf' || value === '/dev/null',
  },
  // The names of Perl modules of debconf.
  { name: /^DEBIAN_FRONTEND$/, isHarmless: (value) => /^[A-Za-z0-9-]*$/.test(value) },
  {
    name: /^DPKG_PAGER$/,
    isHarmless: (value) => /^[\w./ =-]*$/.test(value) && isSystemProgram(value.split(' ')[0] ?? ''),
  },
  {
    name: /^TAR_OPTIONS$/,
    isHarmless: (value) => !/(?:^|\s)-(?:-(?:to-c|checkpoint-a|use-c|rsh|rmt|info-s|new-v)|[a-zA-Z]*[IF])/.test(value),
  },
];

function variableRunsCode(variable: string): boolean {
  const end = variable.indexOf('=');
  const [name, value] = [variable.slice(0, end), variable.slice(end + 1)];
  const row = codeVariables.find((each) => each.name.test(name));
  return row !== undefined && !row.isHarmless(value);
}

// What arguments and environment variables make a package tool run (`stepparent.hook` of a process). The grammars are those of the tools:
// apt: apt-pkg/contrib/cmndline.cc; dpkg: lib/dpkg/options.c; rpm: popt; dnf: argparse and libdnf5-cli.

import { redactCredentials } from '../../collectors/event/redact-credentials.ts';
import { aptArguments } from '../../collectors/hooks/apt-arguments.ts';
import { namesCode } from '../../collectors/hooks/apt-configuration.ts';
import { isDebconfFrontend, variableRunsCode } from '../../collectors/hooks/code-variables.ts';
import { boundedCommands, dpkgCommandOptions } from '../../collectors/hooks/configuration-commands.ts';
import { configurationTools, type ToolFamily } from '../../collectors/hooks/configuration-tools.ts';
import { definitionRunsCode, macroRunsCode } from '../../collectors/hooks/rpm-macros.ts';
import { isSystemPath } from '../../collectors/hooks/system-paths.ts';

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
    for (const { name, body } of macroOptions(args)) {
      if (!macroRunsCode(body) && definitionRunsCode(name, body)) yield `%${name} ${body}`;
    }
  },
  *debconf(args) {
    for (const value of frontends(args)) if (!isDebconfFrontend(value)) yield `--frontend ${value}`;
  },
  *dnf(args) {
    for (const { value } of longOptions(args, setopts)) {
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
  // Their options name no code.
  packagekit: () => [],
};

const rpmFileOptions: ReadonlySet<string> = new Set(['pipe', 'load', 'macros', 'rcfile']);
/** argparse takes each beginning that no other option has. */
const setopts: ReadonlySet<string> = new Set(['set', 'seto', 'setop', 'setopt']);

/** What options of rpm define, as popt finds them: `--define`, and `-D` behind letters that take no value. */
function* macroOptions(args: readonly string[]): Generator<{ name: string; body: string }> {
  for (const [i, arg] of args.entries()) {
    const option = /^--(?:pre)?define(?:=(.*))?$/s.exec(arg) ?? /^-[A-CF-Za-qs-z]*D=?(.*)$/s.exec(arg);
    const text = option === null ? /%(?:define|global)\s+(.*)$/s.exec(arg)?.[1] : option[1] || args[i + 1];
    // rpm reads `-` as `_` in the name, and takes parentheses behind it.
    const [, name, body = ''] = /^\s*%?([\w-]+)(?:\([^)]*\))?\s+(.*)$/s.exec(text ?? '') ?? [];
    if (name !== undefined) yield { name: name.replaceAll('-', '_'), body };
  }
}

/** Values of debconf's option, as Getopt::Long of Perl finds them: long names can be abbreviated, letters bundled. */
function* frontends(args: readonly string[]): Generator<string> {
  for (const [i, arg] of args.entries()) {
    if (arg === '--') return;
    const long = /^--(fr[a-z]*)(?:=(.*))?$/s.exec(arg);
    if (long !== null && 'frontend'.startsWith(long[1] as string)) yield long[2] ?? args[i + 1] ?? '';
    const short = /^-[a-oq-z]*?f=?(.*)$/s.exec(arg);
    if (short !== null) yield short[1] || (args[i + 1] ?? '');
  }
}

/** Long options with a value: `--x=V` and `--x V`. Options end at `--`. */
function* longOptions(args: readonly string[], names: ReadonlySet<string>): Generator<{ name: string; value: string }> {
  for (let i = 0; i < args.length; i++) {
    const arg = args[i] as string;
    if (arg === '--') return;
    const [, name = '', value] = /^--([a-z-]+)(?:=(.*))?$/s.exec(arg) ?? [];
    if (names.has(name)) yield { name, value: value ?? args[++i] ?? '' };
  }
}

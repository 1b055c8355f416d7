// What the configuration files of package tools make these run: one reader for each format. Pure, and linear in the size of the text.

import { firstBytes } from '../event/first-bytes.ts';
import { redactCredentials } from '../event/redact-credentials.ts';
import { namesCode, parseAptConfiguration } from './apt-configuration.ts';
import { definitionRunsCode, macroDefinitions, macroRunsCode } from './rpm-macros.ts';
import { isSystemPath } from './system-paths.ts';

/** How a package tool reads a file, each with what in it runs code. `stepparent.file.syntax` names them. */
export const configurationSyntaxes = {
  apt_conf: 'options of apt that name commands, programs or another configuration',
  dpkg_cfg: 'options of dpkg that name commands',
  rpm_macros: 'macros of rpm with a shell command or Lua, and macros that name programs of rpm',
  rpmrc: 'settings of rpm that name other files of macros',
  popt: 'options of rpm that run a program, or stand for options that do',
  dnf_conf: 'settings of dnf and yum that name plugins or commands',
  actions: 'commands that dnf runs at transactions: each line',
  debconf: 'database drivers that debconf does not bring itself',
  shell: 'lines of a shell script that are no plain settings',
  perl: 'lines of a Perl script that are no plain settings',
  pth: 'lines of a Python path file that import',
  program: 'programs that are run: each executable file',
  module: 'code that is loaded: each file',
} as const;

/** How a package tool reads a file. */
export type ConfigurationSyntax = keyof typeof configurationSyntaxes;

/** Names of files that the tools pass over; of others they read all. Backups of editors and package managers are never read. */
const readNames: Readonly<Partial<Record<ConfigurationSyntax, RegExp>>> = {
  // GetListOfFilesInDir of apt: a name with a dot ends in .conf.
  apt_conf: /^(?!\.)(?:[\w:-]+|[\w.:-]+\.conf)$/,
  // config_file_filter of dpkg, and dpkg.cfg itself.
  dpkg_cfg: /^(?:[A-Za-z0-9_-]+|\.?dpkg\.cfg)$/,
};
const backup = /~$|^\.#|\.(?:dpkg-\w+|rpm(?:new|save|orig)|ucf-\w+|sw[a-p]|bak|orig|old|save|disabled|tmp)$/;

/** Whether the tool reads a file of that name. */
export const readsName = (syntax: ConfigurationSyntax, name: string): boolean =>
  !backup.test(name) && (readNames[syntax]?.test(name) ?? true);

const maxCommands = 16;
const maxCommandBytes = 256;

/** What the text makes the tools run, as `NAME VALUE`, in the order of the text and without passwords. */
export const commandsIn = (syntax: ConfigurationSyntax, text: string): Iterable<string> =>
  readers[syntax]?.(redactCredentials(text)) ?? [];

/** Each command once and on one line, at most 16 of at most 256 bytes. */
export function boundedCommands(commands: Iterable<string>): string[] {
  const found = new Set<string>();
  for (const command of commands) {
    if (found.size >= maxCommands) break;
    found.add(
      firstBytes(
        command
          .slice(0, maxCommandBytes * 4)
          .trim()
          .replaceAll(/\s+/g, ' '),
        maxCommandBytes,
      ),
    );
  }
  return [...found];
}

type Reader = (text: string) => Iterable<string>;

const readers: Readonly<Partial<Record<ConfigurationSyntax, Reader>>> = {
  *apt_conf(text) {
    for (const option of parseAptConfiguration(text)) {
      if (namesCode(option)) yield `${option.name} ${option.value}`;
    }
  },
  *dpkg_cfg(text) {
    for (const line of dpkgLines(text)) {
      if (line.startsWith('#')) continue;
      const [, name = '', value = ''] = /^([A-Za-z0-9-]+)(?:[^A-Za-z0-9-]=?\s*(.*))?$/s.exec(line.trimEnd()) ?? [];
      if (dpkgCommandOptions.has(name) && value.trim() !== '') yield `${name} ${value}`;
    }
  },
  *rpm_macros(text) {
    for (const { name, body } of macroDefinitions(text)) {
      if (definitionRunsCode(name, body)) yield `%${name} ${body}`;
    }
  },
  *rpmrc(text) {
    for (const line of text.split('\n')) {
      const [, name, value = ''] = /^\s*(include|macrofiles)\s*:\s*(.*)$/i.exec(line) ?? [];
      const files = value.split(':').filter((file) => file.startsWith('/'));
      if (name !== undefined && files.some((file) => !isSystemPath(file) && !/^\/etc\/rpm\//.test(file)))
        yield `${name} ${value}`;
      else if (macroRunsCode(line) && !/^\s*#/.test(line)) yield line;
    }
  },
  *popt(text) {
    for (const line of text.replaceAll('\\\n', ' ').split('\n')) {
      const [, program, kind, expansion = ''] = /^\s*([^\s#]\S*)\s+(alias|exec)\s+(\S.*)$/.exec(line) ?? [];
      if (program === undefined || !/^rpm|[*?[]/.test(program)) continue;
      if (kind === 'exec' ? !isPlainExec(expansion) : rpmOptionRunsCode(expansion))
        yield `${program} ${kind} ${expansion}`;
    }
  },
  *dnf_conf(text) {
    for (const line of text.split('\n')) {
      const [, name = '', value = ''] = /^\s*([\w.]+)\s*[=:]\s*(.*)$/.exec(line) ?? [];
      if (pluginSettings.test(name)) {
        if (!value.split(/[\s,]+/).every((directory) => directory === '' || isPluginDirectory(directory)))
          yield `${name} ${value}`;
      } else if (commandSettings.test(name) && value.trim() !== '') yield `${name} ${value}`;
      // An alias of dnf is a list of arguments.
      else if (/(?:^|[\s=.])plugin(?:conf)?path=/.test(value)) yield `${name} ${value}`;
    }
  },
  *actions(text) {
    for (const line of text.split('\n')) if (/^[^#]*:[^#]*\S/.test(line.trim())) yield line;
  },
  *debconf(text) {
    for (const [, driver = ''] of text.matchAll(/^Driver:[^\S\n]*(.*)$/gim)) {
      if (!debconfDrivers.has(driver.trim())) yield `Driver ${driver}`;
    }
  },
  *shell(text) {
    for (const line of text.split('\n')) if (line.length > maxPlainChars || !plainShell.test(line)) yield line;
  },
  *perl(text) {
    for (const line of text.split('\n')) if (!isPlainPerl(line)) yield line;
  },
  // Python's site module executes such a line; others are directories.
  *pth(text) {
    for (const line of text.split('\n')) if (/^import[ \t]/.test(line)) yield line;
  },
};

/** Options of dpkg whose value is a command (dpkg(1)). */
export const dpkgCommandOptions: ReadonlySet<string> = new Set(['pre-invoke', 'post-invoke', 'status-logger']);

/** dpkg reads a line of more bytes in pieces, each of which counts as a line (MAX_CONFIG_LINE of dpkg). */
const maxDpkgLineBytes = 1023;

function* dpkgLines(text: string): Generator<string> {
  for (const line of text.split('\n')) {
    if (line.length * 3 <= maxDpkgLineBytes) {
      yield line;
      continue;
    }
    const bytes = Buffer.from(line);
    for (let at = 0; at === 0 || at < bytes.length; at += maxDpkgLineBytes) {
      yield bytes
        .subarray(at, at + maxDpkgLineBytes)
        .toString()
        .trimEnd();
    }
  }
}

/** `rpm exec --import rpmkeys`: a program of rpm's own directory. */
const isPlainExec = (expansion: string): boolean => /^-\S+\s+rpm[\w-]*(?:\s+-[\w-]+)*\s*$/.test(expansion);

/** Whether options of rpm, as one text, run code or read macros of another place. */
function rpmOptionRunsCode(options: string): boolean {
  if (/(?:^|\s)["']?--pipe\b/.test(options) || macroRunsCode(options)) return true;
  for (const [, value = ''] of options.matchAll(/(?:^|\s)["']?--(?:load|macros|rcfile)[\s="']+([^\s"']*)/g)) {
    if (!isSystemPath(value)) return true;
  }
  return false;
}

const pluginSettings = /(?:^|\.)(?:plugin(?:conf)?path|actiondir)$/i;
const commandSettings = /^(?:command_format|reboot_command)$/i;
const isPluginDirectory = (directory: string): boolean =>
  isSystemPath(directory) || /^\/etc\/(?:dnf|yum)\//.test(directory);

const debconfDrivers: ReadonlySet<string> = new Set(
  'File DirTree PackageDir Directory LDAP Pipe Debug Stack Copy Cache Backup'.split(' '),
);

/** An empty line, a comment, or a variable with a value that is not computed. */
const plainShell = /^\s*(?:(?:export\s+)?\w+=(?:'[^']*'|"[^"$`\\]*"|[\w./:,@%+=-]*)\s*;?\s*)?(?:#.*)?$/;
/** A longer line is no plain setting. */
const maxPlainChars = 512;

/** A pattern that neither runs code nor takes a variable's value. */
const perlPattern = /qr\((?:[^@$()]|\$(?=[)|])|\((?!\?\??\{)(?:[^@$()]|\$(?=[)|]))*\))*\)/g;
const perlValue = `(?:-?\\d+(?!\\d)|'[^'\\\\]*'|"[^"$@\\\\]*")`;
const plainPerl = new RegExp(
  `^\\s*(?:\\$nrconf\\{['"]?[\\w-]+['"]?\\}(?:\\{${perlValue}\\})?\\s*=\\s*)?[\\s[\\]{},;]*(?:${perlValue}(?:\\s*=>\\s*${perlValue})?(?:[\\s,;[\\]{}]+|(?=#|$)))*(?:#.*)?$`,
);

/** An empty line, a comment, `$nrconf{name} = VALUE;`, members of a list or its end. */
const isPlainPerl = (line: string): boolean =>
  line.length <= maxPlainChars && plainPerl.test(line.replaceAll(perlPattern, '1'));

// Formats the configuration in force: every key with its value and origin, then the settings of rules and the exceptions.

import { escapeText } from '../../collectors/event/escape-text.ts';
import { type ConfigurationKey, configurationKeys, configurationTables } from './configuration.ts';
import type { ConfiguredException } from './configured-exceptions.ts';
import { formatDuration } from './duration.ts';
import { exceptionToml } from './exception-text.ts';
import { resolvePaths } from './paths.ts';
import type { ReadConfiguration } from './read-configuration.ts';
import type { RuleSetting } from './rule-settings.ts';
import { tomlValue } from './toml-value.ts';

const lineChars = 1000;

/** A key with the value in force. Without `value` the key is not set, and its `whenUnset` describes the behaviour. */
interface ShownKey extends ConfigurationKey {
  value: unknown;
  origin: string;
  setting?: { file: string; line: number };
}

const shownKeys = (read: ReadConfiguration, environment: NodeJS.ProcessEnv): ShownKey[] =>
  configurationKeys.map((key) => shownKey(key, read, environment));

/** A value from the environment (systemd.exec(5)) has the variable as its origin; one that depends on the host counts as the default. */
function shownKey(
  key: ConfigurationKey,
  { settings, configuration }: ReadConfiguration,
  environment: NodeJS.ProcessEnv,
): ShownKey {
  const set = settings.get(key.name);
  if (set) return { ...key, value: set.value, origin: `${set.file}:${set.line}`, setting: set };
  const { stateDirectory, logsDirectory, runtimeDirectory } = resolvePaths(configuration, environment);
  const directories: Readonly<Record<string, { path: string; variable: string }>> = {
    'directories.state': { path: stateDirectory, variable: 'STATE_DIRECTORY' },
    'directories.logs': { path: logsDirectory, variable: 'LOGS_DIRECTORY' },
    'directories.runtime': { path: runtimeDirectory, variable: 'RUNTIME_DIRECTORY' },
  };
  const directory = directories[key.name];
  if (directory !== undefined && environment[directory.variable]?.split(':')[0])
    return { ...key, value: directory.path, origin: `$${directory.variable}` };
  const value = key.name === 'directories.rules' ? configuration.directories.rules : (directory?.path ?? key.default);
  return { ...key, value, origin: 'default' };
}

/** The configuration as valid TOML, with the origin of each value as a comment. */
export function configurationToml(read: ReadConfiguration, environment: NodeJS.ProcessEnv): string {
  const { files, ruleSettings, exceptions } = read;
  const keys = shownKeys(read, environment);
  const shown = (text: string): string => escapeText(text, lineChars);
  const line = ({ name, value, origin, whenUnset }: ShownKey): string => {
    const key = name.slice(name.lastIndexOf('.') + 1);
    return value === undefined
      ? `# ${key} is not set: ${whenUnset}`
      : `${key} = ${tomlValue(value)}  # ${shown(origin)}`;
  };
  const linesOf = (table: string): string[] => keys.filter((key) => key.table === table).map(line);
  const lines = [
    ...(files.length === 0 ? ['# no file was read'] : files.map((file) => `# read: ${shown(file)}`)),
    '',
    ...linesOf(''),
    ...[...configurationTables.keys()].flatMap((table) => ['', `[${table}]`, ...linesOf(table)]),
    '',
  ];
  const rules = ruleSettings.map((setting) => {
    const set = Object.entries(ruleTable(setting)).map(([key, value]) => `${key} = ${tomlValue(value)}`);
    return ['[[rules]]', `# ${shown(placeOf(setting))}`, ...set, ''].join('\n');
  });
  return [
    lines.join('\n'),
    ...rules,
    ...exceptions.map((exception) => exceptionToml(exception, labels(exception))),
  ].join('\n');
}

/** The keys of one `[[rules]]` as they are written in a file. */
const ruleTable = ({ id, enabled, severity, window }: RuleSetting) => ({
  id,
  ...(enabled !== undefined && { enabled }),
  ...(severity && { severity }),
  ...(window && { window: formatDuration(window) }),
});

const placeOf = ({ file, line }: { file: string; line: number }): string => `${file}:${line}`;

const expiryOf = ({ expiresMs }: ConfiguredException): string =>
  expiresMs === undefined ? 'never' : new Date(expiresMs).toISOString();

const labels = (exception: ConfiguredException) => ({
  expires: expiryOf(exception),
  comment: escapeText(placeOf(exception), lineChars),
});

/** One JSON document per line, for each key, each setting of a rule and each exception. */
export function configurationJson(read: ReadConfiguration, environment: NodeJS.ProcessEnv): string {
  const documents = [
    ...shownKeys(read, environment).map(({ name, value, origin, setting }) =>
      setting
        ? { key: name, value, origin: 'file', file: setting.file, line: setting.line }
        : { key: name, value: value ?? null, origin: origin.startsWith('$') ? 'environment' : 'default' },
    ),
    ...read.ruleSettings.map((setting) => {
      const { file, line } = setting;
      return { key: 'rules', value: ruleTable(setting), origin: 'file', file, line };
    }),
    ...read.exceptions.map((exception) => {
      const { rules, when, reason, owner, file, line } = exception;
      const value = { rule: rules, when, reason, owner, expires: expiryOf(exception) };
      return { key: 'exceptions', value, origin: 'file', file, line };
    }),
  ];
  return documents.map((document) => `${JSON.stringify(document)}\n`).join('');
}

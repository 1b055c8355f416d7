// `stepparent config`: whether the configuration can be used, and what holds with it.

import { resolve } from 'node:path';
import { escapeText } from '../../collectors/event/escape-text.ts';
import { type ConfigurationKey, configurationKeys, configurationTables } from '../configuration/configuration.ts';
import type { ConfiguredException } from '../configuration/configured-exceptions.ts';
import { exceptionToml } from '../configuration/exception-text.ts';
import { resolvePaths } from '../configuration/paths.ts';
import {
  checkConfiguration,
  checkConfigurationFile,
  type ReadConfiguration,
  readConfiguration,
} from '../configuration/read-configuration.ts';
import { tomlValue } from '../configuration/toml-value.ts';

interface ConfigOptions {
  config?: string;
}

const lineChars = 1000;
const counted = (count: number, thing: string): string => `${count} ${thing}${count === 1 ? '' : 's'}`;

/** Prints the files that were read, each warning and each refused value. Returns the exit code: warnings do not fail. */
export function configCheckCommand(file: string | undefined, { config }: ConfigOptions): number {
  const { files, warnings, refused } =
    file === undefined ? checkConfiguration(config) : checkConfigurationFile(resolve(file));
  const print = (line: string): boolean => process.stdout.write(`${escapeText(line, lineChars)}\n`);
  for (const each of files) print(`read: ${each}`);
  for (const warning of warnings) print(`warning: ${warning}`);
  for (const { message, place } of refused) {
    print(`refused: ${message}`);
    if (place) process.stdout.write(`${place.excerpt}\n`);
  }
  const hasNone = files.length === 0 && refused.length === 0;
  const read = hasNone ? 'no configuration file: defaults' : counted(files.length, 'file');
  console.error(`${read}, ${counted(warnings.length, 'warning')}, ${refused.length} refused`);
  console.error('rules, hunts and exceptions are checked by: stepparent run --check');
  return refused.length > 0 ? 78 : 0;
}

/** A key with what holds. Without `value` it is not set, and `without` of the table says what that means. */
interface ShownKey extends ConfigurationKey {
  value: unknown;
  origin: string;
  place?: { file: string; line: number };
}

/** Prints every key with its value and where that came from, then the exceptions: as TOML, or one JSON document each. */
export function configShowCommand({ config, json }: ConfigOptions & { json?: boolean }): void {
  const read = readConfiguration(config);
  const keys = configurationKeys.map((key) => shownKey(key, read, process.env));
  process.stdout.write(json ? asJson(keys, read.exceptions) : asToml(keys, read));
}

/** What the environment gives (systemd.exec(5)) and what depends on the host counts as the default does: no file sets it. */
function shownKey(
  key: ConfigurationKey,
  { settings, configuration }: ReadConfiguration,
  environment: NodeJS.ProcessEnv,
): ShownKey {
  const set = settings.get(key.name);
  if (set) return { ...key, value: set.value, origin: `${set.file}:${set.line}`, place: set };
  const { stateDirectory, logsDirectory, runtimeDirectory } = resolvePaths(configuration, environment);
  const places: Readonly<Record<string, string>> = {
    state_directory: stateDirectory,
    logs_directory: logsDirectory,
    runtime_directory: runtimeDirectory,
  };
  const place = places[key.name];
  const variable = key.name.toUpperCase();
  if (place !== undefined && environment[variable]?.split(':')[0])
    return { ...key, value: place, origin: `$${variable}` };
  const value = key.name === 'rules_directories' ? configuration.rules_directories : (place ?? key.default);
  return { ...key, value, origin: 'default' };
}

function asToml(keys: readonly ShownKey[], { files, exceptions }: ReadConfiguration): string {
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
  return [lines.join('\n'), ...exceptions.map((exception) => exceptionToml(exception, labels(exception)))].join('\n');
}

const expiryOf = ({ expiresMs }: ConfiguredException): string =>
  expiresMs === undefined ? 'never' : new Date(expiresMs).toISOString();

const labels = (exception: ConfiguredException) => ({
  expires: expiryOf(exception),
  comment: escapeText(`${exception.file}:${exception.line}`, lineChars),
});

function asJson(keys: readonly ShownKey[], exceptions: readonly ConfiguredException[]): string {
  const documents = [
    ...keys.map(({ name, value, origin, place }) =>
      place
        ? { key: name, value, origin: 'file', file: place.file, line: place.line }
        : { key: name, value: value ?? null, origin: origin.startsWith('$') ? 'environment' : 'default' },
    ),
    ...exceptions.map((exception) => {
      const { rules, when, reason, owner, file, line } = exception;
      const value = { rule: rules, when, reason, owner, expires: expiryOf(exception) };
      return { key: 'exceptions', value, origin: 'file', file, line };
    }),
  ];
  return documents.map((document) => `${JSON.stringify(document)}\n`).join('');
}

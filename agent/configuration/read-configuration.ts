// Reads the configuration files of a host and merges them into one configuration.

import { existsSync, lstatSync, readdirSync, statSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { errorCode } from '../../collectors/error-message.ts';
import { readSource } from '../../detectors/rules/read-source.ts';
import { lineOfKey, TomlFileError } from '../../detectors/rules/toml-file.ts';
import { type Configuration, completeConfiguration, configurationKeys, isTable } from './configuration.ts';
import { ConfigurationError } from './configuration-error.ts';
import { type ConfigurationFile, parseConfigurationFile, rejectKey } from './configuration-file.ts';
import { type ConfiguredException, parseExceptions } from './configured-exceptions.ts';
import { parseRuleSettings, type RuleSetting } from './rule-settings.ts';
import { storeQueryWarnings } from './rule-warnings.ts';

const defaultFile = '/etc/stepparent/config.toml';
const localRules = '/etc/stepparent/rules.d';

/** The configuration with its files and the origin of its values. `directories.rules` is always set. */
export interface ReadConfiguration {
  configuration: Configuration & { directories: { rules: string[] } };
  /** The files that were read; later files override earlier ones. */
  files: string[];
  /** The exceptions of all files in this order, including expired ones. */
  exceptions: ConfiguredException[];
  /** The settings of rules in all files, in this order: a later one overrides an earlier one. */
  ruleSettings: RuleSetting[];
  /** Likely mistakes that are not errors, one line each with file and line. Not escaped. */
  warnings: string[];
  /** The keys that are set in files, by name (`sensor.mode`). */
  settings: ReadonlyMap<string, Setting>;
}

/** A value as written, and its position; the last file that sets the key counts. `line` counts from 1. */
interface Setting {
  value: unknown;
  file: string;
  line: number;
}

/** The directory of the drop-in files of a configuration file. */
export const dropInDirectory = (file: string = defaultFile): string => join(dirname(file), 'conf.d');

/**
 * Reads `file` (default: /etc/stepparent/config.toml, which may be absent) and then the `conf.d/*.toml` in its directory, in the
 * order of their names. Throws ConfigurationError, or the system's error if a file may not be read (EACCES).
 */
export function readConfiguration(file?: string): ReadConfiguration {
  const { rejected, ...read } = checkConfiguration(file);
  const [first, ...others] = rejected;
  if (first === undefined) return read;
  first.others = others;
  throw first;
}

/** As `readConfiguration`, but returns the errors in `rejected`. A file with an error counts as empty. */
export function checkConfiguration(file?: string): ReadConfiguration & { rejected: ConfigurationError[] } {
  const first = file ?? defaultFile;
  return checkFiles([first, ...dropIns(dropInDirectory(first))], file);
}

/** As `checkConfiguration` for one file, without `conf.d`. */
export const checkConfigurationFile = (file: string): ReturnType<typeof checkConfiguration> => checkFiles([file], file);

function checkFiles(files: readonly string[], required: string | undefined): ReturnType<typeof checkConfiguration> {
  const rejected: ConfigurationError[] = [];
  const read: (ConfigurationFile & { file: string; text: string })[] = [];
  for (const file of files) {
    try {
      const text = readText(file);
      if (text !== undefined) read.push({ file, text, ...parseConfigurationFile(text, file) });
      else if (file === required) throw new ConfigurationError(file, 'no such file');
    } catch (error) {
      if (!(error instanceof ConfigurationError)) throw error;
      rejected.push(error);
    }
  }
  rejected.push(...read.flatMap((each) => each.rejected));
  const configuration = completeConfiguration(read.map(({ table }) => table));
  const missing = configuration.directories.rules?.find((directory) => !isDirectory(directory));
  const naming = read.findLast(({ table }) => isTable(table.directories) && 'rules' in table.directories);
  if (missing !== undefined && naming) {
    const message = `\`directories.rules\` must be directories that exist, and ${missing} does not`;
    rejected.push(rejectKey(naming.file, naming.text, ['directories', 'rules'], message));
  }
  return {
    configuration: {
      ...configuration,
      directories: { ...configuration.directories, rules: configuration.directories.rules ?? ownRules() },
    },
    files: read.map((each) => each.file),
    exceptions: read.flatMap((each) => (each.rejected.length > 0 ? [] : parseExceptions(each.text, each.file))),
    ruleSettings: read.flatMap((each) => (each.rejected.length > 0 ? [] : parseRuleSettings(each.text, each.file))),
    warnings: read.flatMap((each) => [...each.warnings, ...storeWarnings(each)]),
    settings: new Map(read.flatMap(settingsOf)),
    rejected,
  };
}

function settingsOf({ file, text, table }: Pick<ConfigurationFile, 'table'> & { file: string; text: string }) {
  return configurationKeys.flatMap(({ name }): [string, Setting][] => {
    const path = name.split('.');
    const value = path.reduce<unknown>((inner, key) => (inner as Record<string, unknown> | undefined)?.[key], table);
    if (value === undefined) return [];
    return [[name, { value, file, line: lineOfKey(text, path) }]];
  });
}

/** Warnings about the query `events.store`. */
function storeWarnings({ file, text, table }: Pick<ConfigurationFile, 'table'> & { file: string; text: string }) {
  const query = isTable(table.events) ? table.events.store : undefined;
  if (typeof query !== 'string') return [];
  return storeQueryWarnings(query).map(
    (warning) => `${file}:${lineOfKey(text, ['events', 'store'])}: \`events.store\`: ${warning}`,
  );
}

function dropIns(directory: string): string[] {
  if (!isDirectory(directory)) return [];
  const names = readdirSync(directory).filter((name) => name.endsWith('.toml') && !name.startsWith('.'));
  return names.sort().map((name) => join(directory, name));
}

function ownRules(): string[] {
  const shipped = fileURLToPath(new URL('../../detectors/rules', import.meta.url));
  return existsSync(localRules) ? [shipped, localRules] : [shipped];
}

/** The exceptions of one file. Throws ConfigurationError, also if the file does not exist. */
export function readExceptions(file: string): ConfiguredException[] {
  const text = readText(file);
  if (text === undefined) throw new ConfigurationError(file, 'no such file');
  const [first] = parseConfigurationFile(text, file).rejected;
  if (first !== undefined) throw first;
  return parseExceptions(text, file);
}

/** The text of the file; undefined if it does not exist. */
function readText(file: string): string | undefined {
  try {
    return readSource(file);
  } catch (error) {
    if (error instanceof TomlFileError) throw new ConfigurationError(file, error.message);
    const code = errorCode(error);
    if (['', 'EACCES', 'EPERM'].includes(code)) throw error;
    if (code !== 'ENOENT') throw new ConfigurationError(file, `cannot be read (${code})`);
    if (lstatSync(file, { throwIfNoEntry: false }))
      throw new ConfigurationError(file, 'a link to a file that does not exist');
    return undefined;
  }
}

function isDirectory(path: string): boolean {
  return statSync(path, { throwIfNoEntry: false })?.isDirectory() ?? false;
}

// Parses one configuration file: its settings, unknown keys and errors.

import { parse } from 'smol-toml';
import { lineOfKey, locateKey, nearest, readToml, TomlFileError } from '../../detectors/rules/toml-file.ts';
import {
  type ConfigurationTable,
  configurationKeys,
  configurationSchema,
  configurationTables,
  isTable,
} from './configuration.ts';
import { ConfigurationError } from './configuration-error.ts';
import { exceptionsSchema } from './configured-exceptions.ts';
import { ruleSettingsSchema } from './rule-settings.ts';

/** The keys that 0.1.0 renamed, by their old names. An old name is an error that names the new one. */
const renamedKeys: Readonly<Record<string, string>> = {
  state_directory: 'directories.state',
  logs_directory: 'directories.logs',
  runtime_directory: 'directories.runtime',
  rules_directories: 'directories.rules',
  package_database_folders: 'directories.package_databases',
  'hunts.directories': 'directories.hunts',
  known_front_ends: 'trust_package_managers',
  'sensor.argv_of_every_exec': 'sensor.capture_all_args',
  'sensor.buffer_total_mb': 'sensor.buffer_total_mib',
  'events.record': 'events.store',
  'retention.max_mb': 'retention.max_mib',
};

/**
 * Every table is optional. Exceptions and settings of rules in several files add up: `parseExceptions` and
 * `parseRuleSettings` read them.
 */
const fileSchema = configurationSchema
  .partial()
  .extend({ exceptions: exceptionsSchema.optional(), rules: ruleSettingsSchema.optional() });
const lists: readonly string[] = ['exceptions', 'rules'];

/** The content of one file. */
export interface ConfigurationFile {
  /** The settings as written, without defaults, exceptions, settings of rules and unknown keys. Empty if any value is rejected. */
  table: ConfigurationTable;
  /** One line each, with file and line: unknown keys. Not escaped. */
  warnings: string[];
  /** Wrong values in the order of the file, then keys by an old name. */
  rejected: ConfigurationError[];
}

const maxWarnings = 20;
const nameChars = 200;

/** Parses the text of one file. Each error and warning names the file and the position in it. */
export function parseConfigurationFile(text: string, file: string): ConfigurationFile {
  const read = readToml(file, text, fileSchema);
  const rejected =
    'faults' in read ? read.faults.map((fault) => new ConfigurationError(file, fault.message, fault)) : [];
  const data = dataOf(text);
  const { table, unknown: unread } = withoutUnknown(data);
  const unknown = unread.filter((path) => newNameOf(path) === undefined);
  for (const path of unread) {
    const name = newNameOf(path);
    if (name !== undefined) rejected.push(rejectKey(file, text, path, `\`${path.join('.')}\` is now \`${name}\``));
  }
  const warnings = unknown.slice(0, maxWarnings).map((path) => {
    return `${file}:${lineOfKey(text, path)}: ${unknownText(path)}`;
  });
  if (unknown.length > maxWarnings) warnings.push(`${file}: ${unknown.length - maxWarnings} more unknown keys`);
  return { table: rejected.length > 0 ? {} : table, warnings, rejected };
}

/** The data of the file; empty if the text is not TOML, which is an error elsewhere. */
function dataOf(text: string): ConfigurationTable {
  try {
    return parse(text);
  } catch {
    return {};
  }
}

/** The error for the key at `path`, for faults that the schema does not find. */
export function rejectKey(file: string, text: string, path: readonly string[], message: string): ConfigurationError {
  const error = new TomlFileError(message, file, text, locateKey(text, path));
  return new ConfigurationError(file, error.message, error);
}

type Path = readonly [string] | readonly [string, string];

function newNameOf(path: Path): string | undefined {
  const name = path.join('.');
  // A quoted key that contains a dot is not one of these.
  return path.every((key) => !key.includes('.')) && Object.hasOwn(renamedKeys, name) ? renamedKeys[name] : undefined;
}

/** Names of the keys of a table; '' is the top level. */
const keysIn = (table: string): string[] =>
  configurationKeys.filter((key) => key.table === table).map(({ name }) => name.slice(name.lastIndexOf('.') + 1));

const topLevel = [...keysIn(''), ...configurationTables.keys(), ...lists];

function withoutUnknown(data: ConfigurationTable): { table: ConfigurationTable; unknown: Path[] } {
  const unknown: Path[] = [];
  const table = Object.entries(data).flatMap(([key, value]) => {
    if (!topLevel.includes(key)) {
      unknown.push([key]);
      return [];
    }
    if (lists.includes(key)) return [];
    if (!configurationTables.has(key) || !isTable(value)) return [[key, value]];
    const known = keysIn(key);
    const isKnown = ([name]: [string, unknown]): boolean => known.includes(name);
    const inner = Object.entries(value);
    unknown.push(...inner.filter((entry) => !isKnown(entry)).map(([name]): Path => [key, name]));
    return [[key, Object.fromEntries(inner.filter(isKnown))]];
  });
  return { table: Object.fromEntries(table), unknown };
}

function unknownText(path: Path): string {
  const name = path.map((key) => (/^[\w-]+$/.test(key) ? key : JSON.stringify(key))).join('.');
  const shown = name.length > nameChars ? `${name.slice(0, nameChars)}…` : name;
  const near = nearestKey(path);
  if (near === undefined) {
    const known = path.length > 1 ? `; known here: ${keysIn(path[0]).join(', ')}` : '';
    return `unknown key \`${shown}\`${known}`;
  }
  const where = path.length > 1 && !near.includes('.') ? ', above the first table' : '';
  return `unknown key \`${shown}\`; did you mean \`${near}\`${where}?`;
}

/** The nearest key by spelling in the same table, else the key of the same name in another table, else the nearest by its whole name. */
function nearestKey(path: Path): string | undefined {
  const key = (path.at(-1) ?? '').slice(0, nameChars);
  const table = path.length > 1 ? path[0] : '';
  const sibling = nearest(key, table === '' ? topLevel : keysIn(table));
  if (sibling !== undefined) return table === '' ? sibling : `${table}.${sibling}`;
  const names = configurationKeys.map(({ name }) => name);
  return names.find((name) => name.split('.').at(-1) === key) ?? nearest(path.join('.').slice(0, nameChars), names);
}

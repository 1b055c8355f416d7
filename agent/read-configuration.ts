// Reads the configuration files of a host and makes one configuration of them.

import { existsSync, readdirSync, readFileSync, statSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { fileURLToPath } from 'node:url';
import {
  type Configuration,
  type ConfigurationTable,
  completeConfiguration,
  parseConfigurationFile,
  refuseKey,
} from './configuration.ts';
import { ConfigurationError } from './configuration-error.ts';
import { type ConfiguredException, parseExceptions } from './configured-exceptions.ts';

const defaultFile = '/etc/stepparent/config.toml';
const localRules = '/etc/stepparent/rules.d';

/** The configuration, with where it came from. `rules_directories` is always set. */
export interface ReadConfiguration {
  configuration: Configuration & { rules_directories: string[] };
  /** The files that were read, in the order they were laid over the defaults. */
  files: string[];
  /** Those of all files, one after the other, expired ones too. */
  exceptions: ConfiguredException[];
}

/** Where drop-in files lie that go with a configuration file. */
export const dropInFolder = (file: string = defaultFile): string => join(dirname(file), 'conf.d');

/**
 * Reads `file` (else /etc/stepparent/config.toml, which may be absent) and then, in the order of their names, the
 * `conf.d/*.toml` beside it. Throws ConfigurationError, or the system's error when a file may not be read (EACCES).
 */
export function readConfiguration(file?: string): ReadConfiguration {
  const first = file ?? defaultFile;
  const read: { file: string; text: string; table: ConfigurationTable }[] = [];
  for (const each of [first, ...dropIns(dropInFolder(first))]) {
    const text = readText(each);
    if (text !== undefined) read.push({ file: each, text, table: parseConfigurationFile(text, each) });
    else if (each === file) throw new ConfigurationError(file, 'no such file');
  }
  const configuration = completeConfiguration(read.map(({ table }) => table));
  const missing = configuration.rules_directories?.find((folder) => !isFolder(folder));
  const naming = read.findLast(({ table }) => 'rules_directories' in table);
  if (missing !== undefined && naming) {
    const message = `\`rules_directories\` must be folders that exist, and ${missing} does not`;
    throw refuseKey(naming.file, naming.text, 'rules_directories', message);
  }
  return {
    configuration: { ...configuration, rules_directories: configuration.rules_directories ?? ownRules() },
    files: read.map((each) => each.file),
    exceptions: read.flatMap((each) => parseExceptions(each.text, each.file)),
  };
}

function dropIns(folder: string): string[] {
  if (!isFolder(folder)) return [];
  const names = readdirSync(folder).filter((name) => name.endsWith('.toml') && !name.startsWith('.'));
  return names.sort().map((name) => join(folder, name));
}

function ownRules(): string[] {
  const shipped = fileURLToPath(new URL('../detectors/rules', import.meta.url));
  return existsSync(localRules) ? [shipped, localRules] : [shipped];
}

/** The exceptions of one file by itself. Throws ConfigurationError, also where there is none. */
export function readExceptions(file: string): ConfiguredException[] {
  const text = readText(file);
  if (text === undefined) throw new ConfigurationError(file, 'no such file');
  parseConfigurationFile(text, file);
  return parseExceptions(text, file);
}

function readText(file: string): string | undefined {
  try {
    return readFileSync(file, 'utf8');
  } catch (error) {
    const code = error instanceof Error && 'code' in error ? error.code : undefined;
    if (code === 'ENOENT') return undefined;
    if (code === 'EISDIR') throw new ConfigurationError(file, 'a folder, not a file');
    throw error;
  }
}

function isFolder(path: string): boolean {
  return statSync(path, { throwIfNoEntry: false })?.isDirectory() ?? false;
}

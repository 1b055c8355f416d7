// What can be configured: one table of keys with default, validation and a line of documentation each.

import { parse } from 'smol-toml';
import * as z from 'zod';
import { shippedHunts } from '../detectors/hunts/load-hunts.ts';
import { compileKql } from '../detectors/query/kql.ts';
import { QueryError } from '../detectors/query/query.ts';
import { locateKey, parseToml, TomlFileError } from '../detectors/rules/toml-file.ts';
import { ConfigurationError } from './configuration-error.ts';
import { exceptionsSchema } from './configured-exceptions.ts';
import { allowedDuration, parseDuration } from './duration.ts';

const path = z.string().regex(/^\/[^\0]*$/, 'an absolute path');
const wholeNumber = (from: number, to: number) => z.int().min(from).max(to);

const duration = z.string().transform((text, context) => {
  const ms = parseDuration(text);
  if (ms !== undefined) return ms;
  context.addIssue(allowedDuration);
  return z.NEVER;
});

/** Undefined: off. */
const huntInterval = z
  .string()
  .default('1h')
  .transform((text, context) => {
    const ms = text === 'off' ? undefined : (parseDuration(text) ?? 0);
    if (ms === undefined || ms >= 60_000) return ms;
    context.addIssue(`${allowedDuration}, of at least a minute, or "off"`);
    return z.NEVER;
  });

const defaultHuntFolders = [shippedHunts, '/etc/stepparent/hunts.d'];

function refuseQuery(query: string, context: z.RefinementCtx): void {
  try {
    compileKql(query);
  } catch (error) {
    if (!(error instanceof QueryError)) throw error;
    context.addIssue(`a KQL query: ${error.message}`);
  }
}

/**
 * Every key of the configuration file. `z.toJSONSchema(configurationSchema, { io: 'input' })` lists them with default,
 * bounds and description, for whatever documents them.
 */
export const configurationSchema = z.strictObject({
  state_directory: path
    .optional()
    .describe('Where the database is kept; else $STATE_DIRECTORY, else /var/lib/stepparent.'),
  logs_directory: path
    .optional()
    .describe('Where alerts.ndjson is written; else $LOGS_DIRECTORY, else /var/log/stepparent.'),
  runtime_directory: path
    .optional()
    .describe('Where the control socket is; else $RUNTIME_DIRECTORY, else /run/stepparent.'),
  learning: duration
    .optional()
    .describe(
      'How long a new database learns: alerts are kept, not delivered. Without it, nothing is learned in silence.',
    ),
  known_front_ends: z
    .boolean()
    .default(true)
    .describe('Whether verified package front ends (apt, PackageKit and so on) count as seen from the start.'),
  container_alerts: z
    .boolean()
    .default(false)
    .describe('Whether package operations inside containers raise alerts; they are recorded either way.'),
  rules_directories: z
    .array(path)
    .min(1)
    .optional()
    .describe('Folders that rules are read from; else those that come with stepparent and /etc/stepparent/rules.d.'),
  package_database_folders: z
    .array(path)
    .min(1)
    .optional()
    .describe(
      "Folders of package databases whose files are watched; else /var/lib/dpkg/info, /var/lib/dpkg and rpm's own.",
    ),
  sensor: z.strictObject({
    mode: z
      .enum(['auto', 'tracefs', 'procfs'])
      .default('auto')
      .describe('How executions are seen: by the kernel tracing them, by reading /proc, or the best that works.'),
    argv_of_every_exec: z
      .enum(['auto', 'off'])
      .default('auto')
      .describe('Whether the arguments of every execution are taken from the kernel where it can give them.'),
    buffer_total_mb: wholeNumber(1, 256)
      .default(16)
      .describe('Memory for the kernel trace buffers of all CPUs together, in MiB.'),
    poll_interval_ms: wholeNumber(20, 10_000)
      .default(100)
      .describe('How often /proc is read when it is the sensor, in milliseconds.'),
  }),
  events: z.strictObject({
    record: z
      .string()
      .superRefine(refuseQuery)
      .default(
        'stepparent.package.operation:(install or upgrade or unpack or configure or remove or purge) or ' +
          '(process.name:(dpkg or rpm) and not process.args:*) or stepparent.lifecycle_script.manager:*',
      )
      .describe('Which events are stored whether or not a rule matched them: a KQL query.'),
  }),
  retention: z.strictObject({
    event_days: wholeNumber(1, 3650).default(14).describe('How long stored events are kept, in days.'),
    max_mb: wholeNumber(10, 100_000)
      .default(200)
      .describe('How large the database may grow, in MiB, before the oldest events go.'),
  }),
  hunts: z.strictObject({
    interval: huntInterval.describe('How often the agent runs the hunts and tells of rows that are new, or "off".'),
    directories: z
      .array(path)
      .default(defaultHuntFolders)
      .describe('Folders that hunts are read from; else those that come with stepparent and /etc/stepparent/hunts.d.'),
  }),
  alerts: z.strictObject({
    journald: z.boolean().default(true).describe('Whether alerts go to the journal.'),
    ndjson: z.boolean().default(true).describe('Whether alerts are appended to alerts.ndjson.'),
  }),
  log: z.strictObject({
    level: z
      .enum(['error', 'warn', 'info', 'debug'])
      .default('info')
      .describe('How much the agent says of itself. Alerts do not pass through it.'),
  }),
});

/** Of one file: every table may be absent. Exceptions are not laid over each other, and are read with `parseExceptions`. */
const fileSchema = configurationSchema.partial().extend({ exceptions: exceptionsSchema.optional() });

/** The settings of one agent, complete with defaults, under the names of the configuration file. `learning` is in milliseconds. */
export type Configuration = z.output<typeof configurationSchema>;

/** A table as a configuration file gives it. */
export type ConfigurationTable = Readonly<Record<string, unknown>>;

/**
 * Checks one file's text by itself, so that an error can name the file and the place in it.
 * Returns the table as written, without defaults and without its exceptions. Throws ConfigurationError.
 */
export function parseConfigurationFile(text: string, file: string): ConfigurationTable {
  try {
    parseToml(file, text, fileSchema);
  } catch (error) {
    throw error instanceof TomlFileError ? new ConfigurationError(file, error.message, error) : error;
  }
  const { exceptions: _, ...table } = parse(text);
  return table;
}

/** The error for a key whose value is right in itself and wrong on this host. */
export function refuseKey(file: string, text: string, key: keyof Configuration, message: string): ConfigurationError {
  const error = new TomlFileError(message, file, text, locateKey(text, [key]));
  return new ConfigurationError(file, error.message, error);
}

/** Lays checked tables over each other, later ones on top, and fills in the defaults. Tables merge; values and lists replace. */
export function completeConfiguration(tables: readonly ConfigurationTable[]): Configuration {
  const empty: ConfigurationTable = { sensor: {}, events: {}, retention: {}, hunts: {}, alerts: {}, log: {} };
  return configurationSchema.parse(tables.reduce(layOver, empty));
}

function layOver(below: ConfigurationTable, above: ConfigurationTable): ConfigurationTable {
  const merged: Record<string, unknown> = { ...below };
  for (const [name, value] of Object.entries(above)) {
    const under = merged[name];
    merged[name] = isTable(under) && isTable(value) ? layOver(under, value) : value;
  }
  return merged;
}

const isTable = (value: unknown): value is ConfigurationTable =>
  typeof value === 'object' && value !== null && !Array.isArray(value) && !(value instanceof Date);

// The configuration: one table of keys with default, validation and documentation.

import * as z from 'zod';
import { removable } from '../../collectors/watched/choose-paths.ts';
import { pathFault } from '../../collectors/watched/path-plan.ts';
import { shippedHunts } from '../../detectors/hunts/load-hunts.ts';
import { compileKql } from '../../detectors/query/kql.ts';
import { QueryError } from '../../detectors/query/query.ts';
import { limits } from '../../storage/limits.ts';
import { allowedDuration, parseDuration } from './duration.ts';

const path = z
  .string()
  .regex(/^\/[^\0]*$/, 'an absolute path')
  .meta({ allowed: 'an absolute path' });
const wholeNumber = (from: number, to: number) => z.int().min(from).max(to);

/** A duration as text, which becomes milliseconds. */
export const duration = z
  .string()
  .meta({ allowed: allowedDuration })
  .transform((text, context) => {
    const ms = parseDuration(text);
    if (ms !== undefined) return ms;
    context.addIssue(allowedDuration);
    return z.NEVER;
  });

const allowedInterval = `${allowedDuration}, of at least a minute, or "off"`;

/** Milliseconds; undefined if off. */
const huntInterval = z
  .string()
  .meta({ allowed: allowedInterval })
  .default('1h')
  .transform((text, context) => {
    const ms = text === 'off' ? undefined : (parseDuration(text) ?? 0);
    if (ms === undefined || ms >= 60_000) return ms;
    context.addIssue(allowedInterval);
    return z.NEVER;
  });

const defaultHuntDirectories = [shippedHunts, '/etc/stepparent/hunts.d'];

const allowedPath = 'an absolute path, or one that begins with "~/"; "*" in a name, and "**" at the end';

const watchedPath = z
  .string()
  .superRefine((text, context) => {
    const fault = pathFault(text);
    if (fault !== undefined) context.addIssue(fault);
  })
  .meta({ allowed: allowedPath });

const allowedRemoval = 'a path of the default list as it is written there, or a kind';

const removedPath = z
  .string()
  .refine((text) => removable.has(text), allowedRemoval)
  .meta({ allowed: allowedRemoval });

function requireKql(query: string, context: z.RefinementCtx): void {
  try {
    compileKql(query);
  } catch (error) {
    if (!(error instanceof QueryError)) throw error;
    context.addIssue(`a KQL query: ${error.message}`);
  }
}

/**
 * Every key of the configuration file, with its default, the allowed values and its description. A key without a default has `whenUnset`,
 * which describes the behaviour without the key, and `example`, a value for it. `configurationKeys` reads all of these.
 */
export const configurationSchema = z.object({
  learning: duration.optional().meta({
    description:
      'How long a new database learns: alerts are stored, but not delivered. It has no effect on a database that was created without learning.',
    whenUnset: 'alerts are delivered from the start',
    example: '7d',
  }),
  trust_package_managers: z
    .boolean()
    .default(true)
    .describe('Whether verified package front ends (apt, PackageKit and others) are known terms from the start.'),
  container_alerts: z
    .boolean()
    .default(false)
    .describe('Whether package operations inside containers raise alerts; their events are stored in both cases.'),
  directories: z
    .object({
      state: path.optional().meta({
        description:
          'Directory of the database; only root may write to it. The service can write only to its own directories: create another one first, and name it in `ReadWritePaths=` in a drop-in of the unit.',
        whenUnset: '$STATE_DIRECTORY, which systemd sets, else /var/lib/stepparent',
        example: '/var/lib/stepparent',
      }),
      logs: path.optional().meta({
        description:
          "Directory of alerts.ndjson. For another directory see `directories.state`, and name it in logrotate's file as well.",
        whenUnset: '$LOGS_DIRECTORY, which systemd sets, else /var/log/stepparent',
        example: '/var/log/stepparent',
      }),
      runtime: path.optional().meta({
        description: 'Directory of the control socket, through which `stepparent status` queries the agent.',
        whenUnset: '$RUNTIME_DIRECTORY, which systemd sets, else /run/stepparent',
        example: '/run/stepparent',
      }),
      rules: z
        .array(path)
        .min(1)
        .optional()
        .meta({
          description: 'Directories of rules; each must exist.',
          whenUnset: 'the rules of the package, and /etc/stepparent/rules.d if it exists',
          example: ['/usr/lib/stepparent/detectors/rules', '/etc/stepparent/rules.d'],
        }),
      package_databases: z
        .array(path)
        .min(1)
        .optional()
        .meta({
          description: "Directories of package databases to watch. rpm's scriptlets are watched in any case.",
          whenUnset:
            '/var/lib/dpkg/info, /var/lib/dpkg, /var/lib/dpkg/triggers, the directory that the macros in `/usr/lib/rpm` name (`%_dbpath`), /var/lib/rpm and /usr/lib/sysimage/rpm',
          example: ['/var/lib/dpkg/info', '/var/lib/dpkg', '/var/lib/rpm'],
        }),
      hunts: z
        .array(path)
        .default(defaultHuntDirectories)
        .describe('Directories of hunts; a missing directory is ignored.'),
    })
    .describe('Directories of the agent.'),
  sensor: z
    .object({
      mode: z
        .enum(['auto', 'tracefs', 'procfs'])
        .default('auto')
        .describe(
          'How the agent observes executions: kernel tracing (`tracefs`), polling /proc (`procfs`), or tracing with polling as the fallback (`auto`).',
        ),
      capture_all_args: z
        .enum(['auto', 'off'])
        .default('auto')
        .describe(
          'Whether probes report the arguments and the user of every execution (`auto`), or only of dpkg and rpm (`off`).',
        ),
      buffer_total_mib: wholeNumber(1, 256)
        .default(16)
        .describe('Total size of the kernel trace buffers of all CPUs, in MiB.'),
      poll_interval_ms: wholeNumber(20, 10_000)
        .default(100)
        .describe('Interval at which the agent polls /proc if that is the sensor, in milliseconds.'),
    })
    .describe('How the agent observes executions.'),
  watched_paths: z
    .object({
      default: z.boolean().default(true).describe('Whether the paths of the default list are watched.'),
      add: z
        .array(watchedPath)
        .max(256)
        .default([])
        .describe(
          'Further paths to watch. `~` stands for the home of each user, `*` for any characters of one name, and `**` at the end for everything below.',
        ),
      remove: z
        .array(removedPath)
        .default([])
        .describe('Paths of the default list that are not watched, or kinds, of which no path is watched.'),
    })
    .describe('Files outside of the package databases that are watched.'),
  events: z
    .object({
      store: z
        .string()
        .superRefine(requireKql)
        .meta({ allowed: 'a KQL query' })
        .default(
          'event.category:process and (' +
            'stepparent.package.operation:(install or upgrade or unpack or configure or remove or purge) or ' +
            '((process.name:(dpkg or rpm) or stepparent.program.name:(dpkg or rpm)) and not process.args:*) or ' +
            'stepparent.lifecycle_script.manager:*)',
        )
        .describe(
          'Query that selects the executions, and the changes in watched paths, to store even if no rule matches. Changes in package databases, connections of packages and lists of what transactions left running are always stored.',
        ),
    })
    .describe('Which events are stored.'),
  retention: z
    .object({
      event_days: wholeNumber(1, 3650).default(14).describe('How long events are stored, in days.'),
      package_days: wholeNumber(1, 36_500)
        .default(limits.ledgerDays)
        .describe(
          'How long the package ledger keeps each change of a package, in days. It has at most 100,000 changes.',
        ),
      max_mib: wholeNumber(10, 100_000)
        .default(200)
        .describe(
          'Maximum size of the database, in MiB. Beyond it, the agent deletes the oldest events, those of users other than root first.',
        ),
    })
    .describe('How much is stored, and for how long.'),
  hunts: z
    .object({
      interval: huntInterval.describe('How often the agent runs the hunts and reports new rows.'),
    })
    .describe('Scheduled queries over stored events and the host.'),
  alerts: z
    .object({
      journald: z.boolean().default(true).describe('Whether alerts are delivered to the journal.'),
      ndjson: z.boolean().default(true).describe('Whether alerts are appended to alerts.ndjson.'),
      socket: z
        .boolean()
        .default(false)
        .describe(
          'Whether each alert is handed to /etc/stepparent/on-alert, a command of yours. The unit stepparent-alert.socket, which must be enabled, starts it.',
        ),
    })
    .describe('Where alerts go.'),
  log: z
    .object({
      level: z
        .enum(['error', 'warn', 'info', 'debug'])
        .default('info')
        .describe('Level of the log. Alerts are not log entries and are delivered at any level.'),
    })
    .describe('The log of the agent about itself.'),
});

/** The settings of one agent, complete with defaults, under the names of the configuration file. `learning` is in milliseconds. */
export type Configuration = z.output<typeof configurationSchema>;

/** A key of the configuration, for commands and documentation. */
export interface ConfigurationKey {
  /** `sensor.mode` */
  name: string;
  /** `sensor`; empty at the top level. */
  table: string;
  description: string;
  /** The allowed values, in words. */
  allowed: string;
  /** The default as it is written in a file. Undefined without a default; `whenUnset` then describes the behaviour. */
  default: unknown;
  whenUnset: string | undefined;
  /** The default, else a possible value. */
  example: unknown;
}

const jsonSchema = z.toJSONSchema(configurationSchema, { io: 'input' });
type JsonSchema = z.core.JSONSchema.JSONSchema;
const propertiesOf = (schema: JsonSchema) => Object.entries(schema.properties ?? {}) as [string, JsonSchema][];

/** The description of each table, by name, in the order of `configurationKeys`. */
export const configurationTables: ReadonlyMap<string, string> = new Map(
  propertiesOf(jsonSchema).flatMap(([name, schema]) =>
    schema.properties ? [[name, String(schema.description)] as const] : [],
  ),
);

/** All keys: those of the top level and of each table, in the order of the schema. */
export const configurationKeys: readonly ConfigurationKey[] = propertiesOf(jsonSchema).flatMap(([name, schema]) =>
  schema.properties
    ? propertiesOf(schema).map(([key, inner]) => keyOf(`${name}.${key}`, name, inner))
    : [keyOf(name, '', schema)],
);

function keyOf(name: string, table: string, schema: JsonSchema): ConfigurationKey {
  const { description, default: value, whenUnset, example = value } = schema;
  return {
    name,
    table,
    description: String(description),
    allowed: allowedIn(schema),
    default: value,
    whenUnset: whenUnset === undefined ? undefined : String(whenUnset),
    example,
  };
}

function allowedIn({ type, enum: values, minimum, maximum, minItems = 0, items, allowed }: JsonSchema): string {
  if (values) return values.map((value) => JSON.stringify(value)).join(', ');
  if (type === 'boolean') return 'true or false';
  if (type === 'integer') return `a whole number from ${minimum} to ${maximum}`;
  if (type === 'array') {
    const itemAllowed = typeof items === 'object' && !Array.isArray(items) ? allowedIn(items) : '';
    return `a list; each entry is ${itemAllowed}${minItems > 0 ? `; at least ${minItems}` : ''}`;
  }
  return String(allowed);
}

/** A table of a configuration file. */
export type ConfigurationTable = Readonly<Record<string, unknown>>;

/** Merges checked tables, and fills in the defaults. Nested tables merge; a later value or list replaces an earlier one. */
export function completeConfiguration(tables: readonly ConfigurationTable[]): Configuration {
  const empty: ConfigurationTable = {
    directories: {},
    sensor: {},
    watched_paths: {},
    events: {},
    retention: {},
    hunts: {},
    alerts: {},
    log: {},
  };
  return configurationSchema.parse(tables.reduce(mergeTables, empty));
}

function mergeTables(below: ConfigurationTable, above: ConfigurationTable): ConfigurationTable {
  const merged: Record<string, unknown> = { ...below };
  for (const [name, value] of Object.entries(above)) {
    const existing = merged[name];
    merged[name] = isTable(existing) && isTable(value) ? mergeTables(existing, value) : value;
  }
  return merged;
}

/** Whether the value is a table: not a list and not a date. */
export const isTable = (value: unknown): value is ConfigurationTable =>
  typeof value === 'object' && value !== null && !Array.isArray(value) && !(value instanceof Date);

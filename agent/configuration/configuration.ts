// What can be configured: one table of keys with default, validation and documentation.

import * as z from 'zod';
import { shippedHunts } from '../../detectors/hunts/load-hunts.ts';
import { compileKql } from '../../detectors/query/kql.ts';
import { QueryError } from '../../detectors/query/query.ts';
import { allowedDuration, parseDuration } from './duration.ts';

const path = z
  .string()
  .regex(/^\/[^\0]*$/, 'an absolute path')
  .meta({ allowed: 'an absolute path' });
const wholeNumber = (from: number, to: number) => z.int().min(from).max(to);

const duration = z
  .string()
  .meta({ allowed: allowedDuration })
  .transform((text, context) => {
    const ms = parseDuration(text);
    if (ms !== undefined) return ms;
    context.addIssue(allowedDuration);
    return z.NEVER;
  });

const allowedInterval = `${allowedDuration}, of at least a minute, or "off"`;

/** Undefined: off. */
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

function requireKql(query: string, context: z.RefinementCtx): void {
  try {
    compileKql(query);
  } catch (error) {
    if (!(error instanceof QueryError)) throw error;
    context.addIssue(`a KQL query: ${error.message}`);
  }
}

/**
 * Every key of the configuration file: the one place for its default, what is allowed and what it does. `whenUnset` says what
 * holds for a key that has no default and stands nowhere, `example` a value for it. `configurationKeys` reads all of this.
 */
export const configurationSchema = z.object({
  learning: duration.optional().meta({
    description:
      'How long a new database learns: alerts are kept, not delivered. Of no effect on a database that was begun without it.',
    whenUnset: 'nothing is learned in silence',
    example: '7d',
  }),
  trust_package_managers: z
    .boolean()
    .default(true)
    .describe('Whether verified package front ends (apt, PackageKit and so on) count as seen from the start.'),
  container_alerts: z
    .boolean()
    .default(false)
    .describe('Whether package operations inside containers raise alerts; they are recorded either way.'),
  directories: z
    .object({
      state: path.optional().meta({
        description:
          'Where the database is kept: a directory that only root may write to. As a service the agent may write only in its own directories: for another one make it, and name it in `ReadWritePaths=` in a drop-in of the unit.',
        whenUnset: '$STATE_DIRECTORY, which systemd sets, else /var/lib/stepparent',
        example: '/var/lib/stepparent',
      }),
      logs: path.optional().meta({
        description:
          "Where alerts.ndjson is written. For another directory see `directories.state`; it has to be named in logrotate's file as well.",
        whenUnset: '$LOGS_DIRECTORY, which systemd sets, else /var/log/stepparent',
        example: '/var/log/stepparent',
      }),
      runtime: path.optional().meta({
        description: 'Where the control socket is, through which `stepparent status` asks the agent.',
        whenUnset: '$RUNTIME_DIRECTORY, which systemd sets, else /run/stepparent',
        example: '/run/stepparent',
      }),
      rules: z
        .array(path)
        .min(1)
        .optional()
        .meta({
          description: 'Directories that rules are read from; each must exist.',
          whenUnset: 'the rules that come with stepparent, and /etc/stepparent/rules.d where there is one',
          example: ['/usr/lib/stepparent/detectors/rules', '/etc/stepparent/rules.d'],
        }),
      package_databases: z
        .array(path)
        .min(1)
        .optional()
        .meta({
          description:
            "Directories of package databases whose files are watched. rpm's scriptlets are watched either way.",
          whenUnset:
            '/var/lib/dpkg/info, /var/lib/dpkg, the directory that the macros of `/usr/lib/rpm` name (`%_dbpath`), /var/lib/rpm and /usr/lib/sysimage/rpm',
          example: ['/var/lib/dpkg/info', '/var/lib/dpkg', '/var/lib/rpm'],
        }),
      hunts: z
        .array(path)
        .default(defaultHuntDirectories)
        .describe('Directories that hunts are read from; one that does not exist has none.'),
    })
    .describe('Where the agent keeps and reads its files.'),
  sensor: z
    .object({
      mode: z
        .enum(['auto', 'tracefs', 'procfs'])
        .default('auto')
        .describe('How executions are seen: by the kernel tracing them, by reading /proc, or the best that works.'),
      capture_all_args: z
        .enum(['auto', 'off'])
        .default('auto')
        .describe('Whether the arguments of every execution are taken from the kernel where it can give them.'),
      buffer_total_mib: wholeNumber(1, 256)
        .default(16)
        .describe('Memory for the kernel trace buffers of all CPUs together, in MiB.'),
      poll_interval_ms: wholeNumber(20, 10_000)
        .default(100)
        .describe('How often /proc is read when it is the sensor, in milliseconds.'),
    })
    .describe('How the agent sees executions.'),
  events: z
    .object({
      store: z
        .string()
        .superRefine(requireKql)
        .meta({ allowed: 'a KQL query' })
        .default(
          'stepparent.package.operation:(install or upgrade or unpack or configure or remove or purge) or ' +
            '(process.name:(dpkg or rpm) and not process.args:*) or stepparent.lifecycle_script.manager:*',
        )
        .describe(
          'Which starts of programs are stored whether or not a rule matched them. Changes in package databases always are.',
        ),
    })
    .describe('What is stored.'),
  retention: z
    .object({
      event_days: wholeNumber(1, 3650).default(14).describe('How long stored events are kept, in days.'),
      max_mib: wholeNumber(10, 100_000)
        .default(200)
        .describe(
          'How large the database may grow, in MiB, before the oldest events go, those of others than root first.',
        ),
    })
    .describe('How much is kept, and for how long.'),
  hunts: z
    .object({
      interval: huntInterval.describe('How often the agent runs the hunts and reports rows that are new.'),
    })
    .describe('Questions that are asked of what is stored, and of the host.'),
  alerts: z
    .object({
      journald: z.boolean().default(true).describe('Whether alerts go to the journal.'),
      ndjson: z.boolean().default(true).describe('Whether alerts are appended to alerts.ndjson.'),
    })
    .describe('Where alerts go.'),
  log: z
    .object({
      level: z
        .enum(['error', 'warn', 'info', 'debug'])
        .default('info')
        .describe('How much the agent says of itself. Alerts do not pass through it.'),
    })
    .describe('What the agent says of itself.'),
});

/** The settings of one agent, complete with defaults, under the names of the configuration file. `learning` is in milliseconds. */
export type Configuration = z.output<typeof configurationSchema>;

/** A row of the table, for whatever shows or documents it. */
export interface ConfigurationKey {
  /** `sensor.mode` */
  name: string;
  /** `sensor`; empty at the top level. */
  table: string;
  description: string;
  /** In words. */
  allowed: string;
  /** As it would be written. Undefined: there is none, and `whenUnset` says what holds. */
  default: unknown;
  whenUnset: string | undefined;
  /** The default, else a value that could be. */
  example: unknown;
}

const jsonSchema = z.toJSONSchema(configurationSchema, { io: 'input' });
type JsonSchema = z.core.JSONSchema.JSONSchema;
const propertiesOf = (schema: JsonSchema) => Object.entries(schema.properties ?? {}) as [string, JsonSchema][];

/** Tables of the file with what each is about, in the order of `configurationKeys`. */
export const configurationTables: ReadonlyMap<string, string> = new Map(
  propertiesOf(jsonSchema).flatMap(([name, schema]) =>
    schema.properties ? [[name, String(schema.description)] as const] : [],
  ),
);

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

/** A table as a configuration file gives it. */
export type ConfigurationTable = Readonly<Record<string, unknown>>;

/** Lays checked tables over each other, later ones on top, and fills in the defaults. Tables merge; values and lists replace. */
export function completeConfiguration(tables: readonly ConfigurationTable[]): Configuration {
  const empty: ConfigurationTable = {
    directories: {},
    sensor: {},
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

/** Not a list and not a date. */
export const isTable = (value: unknown): value is ConfigurationTable =>
  typeof value === 'object' && value !== null && !Array.isArray(value) && !(value instanceof Date);

// What can be configured: one table of keys with default, validation and a line of documentation each.

import { parse, TomlError, type TomlTableWithoutBigInt } from 'smol-toml';
import * as z from 'zod';
import { compileKql } from '../detectors/query/kql.ts';
import { QueryError } from '../detectors/query/query.ts';
import { allowedDuration, parseDuration } from './duration.ts';

/** What is told of a key beside its schema: the values allowed, in words, and what it does, in one line. */
export interface KeyNotes {
  allowed: string;
  doc: string;
}

const notes = z.registry<KeyNotes>();

function key<S extends z.ZodType>(schema: S, allowed: string, doc: string): S {
  notes.add(schema, { allowed, doc });
  return schema;
}

const path = z.string().regex(/^\/[^\0]*$/);
const allowedPath = 'an absolute path';
const allowedFlag = 'true or false';
const wholeNumber = (from: number, to: number) => z.int().min(from).max(to);

const duration = z.string().transform((text, context) => {
  const ms = parseDuration(text);
  if (ms !== undefined) return ms;
  context.addIssue('not a duration');
  return z.NEVER;
});

function refuseQuery(query: string, context: z.RefinementCtx): void {
  try {
    compileKql(query);
  } catch (error) {
    if (!(error instanceof QueryError)) throw error;
    context.addIssue(`${error.message} (at character ${error.column} of line ${error.line})`);
  }
}

const schema = z.strictObject({
  state_directory: key(
    path.optional(),
    allowedPath,
    'Where the database is kept; else $STATE_DIRECTORY, else /var/lib/stepparent.',
  ),
  logs_directory: key(
    path.optional(),
    allowedPath,
    'Where alerts.ndjson is written; else $LOGS_DIRECTORY, else /var/log/stepparent.',
  ),
  runtime_directory: key(
    path.optional(),
    allowedPath,
    'Where the control socket is; else $RUNTIME_DIRECTORY, else /run/stepparent.',
  ),
  learning: key(
    duration.optional(),
    allowedDuration,
    'How long after the first start alerts are kept and not delivered; without it, nothing is learned in silence.',
  ),
  known_front_ends: key(
    z.boolean().default(true),
    allowedFlag,
    'Whether verified package front ends (apt, PackageKit and so on) count as seen from the start.',
  ),
  container_alerts: key(
    z.boolean().default(false),
    allowedFlag,
    'Whether package operations inside containers raise alerts; they are recorded either way.',
  ),
  rules_directories: key(
    z.array(path).min(1).optional(),
    'a list of absolute paths of folders',
    'Folders that rules are read from; else the rules that come with stepparent and /etc/stepparent/rules.d.',
  ),
  sensor: z
    .strictObject({
      mode: key(
        z.enum(['auto', 'tracefs', 'procfs']).default('auto'),
        '"auto", "tracefs" or "procfs"',
        'How executions are seen: by the kernel tracing them, by reading /proc, or the best that works.',
      ),
      argv_of_every_exec: key(
        z.enum(['auto', 'off']).default('auto'),
        '"auto" or "off"',
        'Whether the arguments of every execution are taken from the kernel where it can give them.',
      ),
      buffer_total_mb: key(
        wholeNumber(1, 256).default(16),
        'a whole number from 1 to 256',
        'Memory for kernel trace buffers, in MiB, over all CPUs.',
      ),
      poll_interval_ms: key(
        wholeNumber(20, 10_000).default(100),
        'a whole number from 20 to 10000',
        'How often /proc is read when it is the sensor, in milliseconds.',
      ),
    })
    .prefault({}),
  events: z
    .strictObject({
      record: key(
        z
          .string()
          .trim()
          .min(1)
          .superRefine(refuseQuery)
          .default('stepparent.package.operation:(install or upgrade or unpack or configure or remove or purge)'),
        'a KQL query',
        'Which events are stored, whether or not a rule matched them.',
      ),
    })
    .prefault({}),
  retention: z
    .strictObject({
      event_days: key(
        wholeNumber(1, 3650).default(14),
        'a whole number from 1 to 3650',
        'How long stored events are kept, in days.',
      ),
      max_mb: key(
        wholeNumber(10, 100_000).default(200),
        'a whole number from 10 to 100000',
        'How large the database may grow, in MiB, before the oldest events go.',
      ),
    })
    .prefault({}),
  alerts: z
    .strictObject({
      journald: key(z.boolean().default(true), allowedFlag, 'Whether alerts go to the journal.'),
      ndjson: key(z.boolean().default(true), allowedFlag, 'Whether alerts are appended to alerts.ndjson.'),
    })
    .prefault({}),
  log: z
    .strictObject({
      level: key(
        z.enum(['error', 'warn', 'info', 'debug']).default('info'),
        '"error", "warn", "info" or "debug"',
        'How much the agent says of itself. Alerts do not pass through it.',
      ),
    })
    .prefault({}),
});

/** The settings of one agent, complete with defaults, under the names of the configuration file. `learning` is in milliseconds. */
export type Configuration = z.output<typeof schema>;

/** A table as a configuration file gives it. */
export type ConfigurationTable = TomlTableWithoutBigInt;

interface Fault {
  file: string;
  /** Counts from 1; undefined when the file as a whole is meant. */
  line?: number | undefined;
  key?: string | undefined;
  found?: string | undefined;
  /** What would have been right, in words. */
  allowed?: string | undefined;
}

/** The operator's mistake in a configuration file. The message is one line that names file, line, key, what was found and what is allowed. */
export class ConfigurationError extends Error {
  override readonly name = 'ConfigurationError';
  readonly fault: Fault;

  constructor(fault: Fault, what?: string) {
    const where = fault.line === undefined ? fault.file : `${fault.file}:${fault.line}`;
    const said = what ?? `found ${fault.found}`;
    const parts = [where, fault.key, fault.allowed === undefined ? said : `${said}, allowed: ${fault.allowed}`];
    super(parts.filter((part) => part !== undefined).join(': '));
    this.fault = fault;
  }
}

/** Every key by its dotted name, in the order of the sample file. */
export const configurationKeys: ReadonlyMap<string, KeyNotes> = new Map(listKeys(schema, ''));

function* listKeys(object: z.ZodObject, prefix: string): Generator<[string, KeyNotes]> {
  for (const [name, child] of Object.entries(object.shape)) {
    const known = notes.get(child);
    if (known) yield [prefix + name, known];
    else if (child instanceof z.ZodPrefault) yield* listKeys(child.unwrap() as z.ZodObject, `${prefix}${name}.`);
  }
}

/**
 * Reads one file's text and checks it by itself, so that an error can name the file it is in.
 * Returns the table as written, without defaults. Throws ConfigurationError.
 */
export function parseConfigurationFile(text: string, file: string): ConfigurationTable {
  let table: ConfigurationTable;
  try {
    table = parse(text, { unsafeKeyBehaviour: 'throw' });
  } catch (error) {
    if (!(error instanceof TomlError)) throw error;
    const [what = 'not TOML'] = error.message.replace(/^Invalid TOML document: /, '').split('\n');
    throw new ConfigurationError({ file, line: error.line, found: what }, `not TOML: ${what}`);
  }
  const issue = schema.safeParse(table).error?.issues[0];
  if (!issue) return table;

  const parents = issue.path.map(String);
  if (issue.code === 'unrecognized_keys') {
    const name = [...parents, ...issue.keys.slice(0, 1)].join('.');
    const fault = { file, line: lineOfKey(text, name), key: name, found: 'an unknown key' };
    throw new ConfigurationError(fault, `unknown key, the nearest known one is ${nearestKey(name)}`);
  }
  const name = parents.filter((part) => !/^\d+$/.test(part)).join('.');
  const found = parents.reduce<unknown>((value, part) => (value as Record<string, unknown> | undefined)?.[part], table);
  const why = issue.code === 'custom' ? ` (${issue.message})` : '';
  throw new ConfigurationError({
    file,
    line: lineOfKey(text, name),
    key: name,
    found: show(found) + why,
    allowed: configurationKeys.get(name)?.allowed ?? 'a table',
  });
}

/** Lays checked tables over each other, later ones on top, and fills in the defaults. Tables merge; values and lists replace. */
export function completeConfiguration(tables: readonly ConfigurationTable[]): Configuration {
  return schema.parse(tables.reduce(layOver, {}));
}

function layOver(below: ConfigurationTable, above: ConfigurationTable): ConfigurationTable {
  const merged = { ...below };
  for (const [name, value] of Object.entries(above)) {
    const under = merged[name];
    merged[name] = isTable(under) && isTable(value) ? layOver(under, value) : value;
  }
  return merged;
}

const isTable = (value: unknown): value is ConfigurationTable =>
  typeof value === 'object' && value !== null && !Array.isArray(value) && !(value instanceof Date);

function show(value: unknown): string {
  const text = JSON.stringify(value) ?? String(value);
  return text.length > 80 ? `${text.slice(0, 79)}…` : text;
}

/**
 * The line, from 1, on which a dotted key stands, as a reader of the file would find it: `[table]` headers and dotted
 * keys are followed, inline tables count as the line they begin on. Undefined when it cannot be found.
 */
export function lineOfKey(text: string, name: string): number | undefined {
  let table = '';
  let best: { line: number; length: number } | undefined;
  for (const [index, lineText] of text.split('\n').entries()) {
    const header = /^\s*\[\[?\s*([^\]]+?)\s*\]/.exec(lineText)?.[1];
    if (header !== undefined) table = bareName(header);
    const own = /^\s*((?:[\w-]+|"[^"]*"|'[^']*')(?:\s*\.\s*(?:[\w-]+|"[^"]*"|'[^']*'))*)\s*=/.exec(lineText)?.[1];
    const here = own === undefined ? header && table : [table, bareName(own)].filter(Boolean).join('.');
    if (!here || !(name === here || name.startsWith(`${here}.`)) || here.length <= (best?.length ?? 0)) continue;
    best = { line: index + 1, length: here.length };
  }
  return best?.line;
}

const bareName = (written: string): string => written.replace(/["'\s]/g, '');

/** The known key or table that a mistyped one most probably means; also finds a right name in the wrong table. */
export function nearestKey(name: string): string {
  const last = name.slice(name.lastIndexOf('.') + 1);
  const tables = [...configurationKeys.keys()].map((known) => known.replace(/\..*/, ''));
  const distances = [...configurationKeys.keys(), ...tables].map((known) => {
    const knownLast = known.slice(known.lastIndexOf('.') + 1);
    return { known, distance: Math.min(editDistance(name, known), editDistance(last, knownLast) + 0.5) };
  });
  distances.sort((a, b) => a.distance - b.distance);
  return distances[0]?.known ?? '';
}

function editDistance(a: string, b: string): number {
  let row = Array.from({ length: b.length + 1 }, (_, i) => i);
  for (const [i, charA] of [...a.slice(0, 64)].entries()) {
    const next = [i + 1];
    for (const [j, charB] of [...b].entries()) {
      const replace = (row[j] ?? 0) + (charA === charB ? 0 : 1);
      next.push(Math.min(replace, (row[j + 1] ?? 0) + 1, (next[j] ?? 0) + 1));
    }
    row = next;
  }
  return row.at(-1) ?? 0;
}

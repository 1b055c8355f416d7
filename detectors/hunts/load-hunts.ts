// Reads hunt files: TOML with one query each, in SQL or ES|QL; docs/hunts.md says what each key does.

import { readdirSync } from 'node:fs';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import * as z from 'zod';
import { errorCode } from '../../collectors/error-message.ts';
import { statementIn } from '../../collectors/host-tables/sql-text.ts';
import { unitMs } from '../duration.ts';
import { translateEsql } from '../query/esql.ts';
import { QueryError } from '../query/query.ts';
import { threatSchema } from '../rules/load-rules.ts';
import { readSource } from '../rules/read-source.ts';
import type { RejectedRule } from '../rules/rule.ts';
import { faultInQuery, locateKey, parseToml, TomlFileError } from '../rules/toml-file.ts';
import type { Hunt } from './hunt.ts';

/** The hunts that come with stepparent. */
export const shippedHunts: string = fileURLToPath(new URL('.', import.meta.url));

const text = z.string().regex(/\S/, 'a text that is not empty');

const huntFile = z.strictObject({
  hunt: z.strictObject({
    id: z
      .string()
      .regex(/^(?=.{1,64}$)[a-z0-9]+(?:-[a-z0-9]+)*$/, 'lower-case words joined by "-", of at most 64 characters'),
    name: text,
    description: text,
    note: text.default(''),
    source: z.enum(['events', 'alerts', 'host']).default('events'),
    sql: text.optional(),
    esql: text.optional(),
    window: z
      .string()
      .regex(/^[1-9]\d{0,3}d$/, 'a number of days such as "7d"')
      .default('7d'),
    limit: z.int().min(1).max(10_000).default(100),
    identity: z.array(text).min(1).max(8),
    finding: z.strictObject({ what: text.optional(), reason: text, unless: text.optional() }).optional(),
    threat: z.array(threatSchema).default([]),
    references: z.array(text).default([]),
    tags: z.array(text).default([]),
  }),
});

/** The hunt in a file's text. Throws a TomlFileError with the place at fault and what is allowed there. Pure: the SQL is not tried. */
export function parseHunt(file: string, source: string): Hunt {
  const { hunt } = parseToml(file, source, huntFile);
  const { sql, esql, ...rest } = hunt;
  return {
    ...rest,
    description: hunt.description.trim(),
    note: hunt.note.trim(),
    ...readQuery(file, source, { sql, esql }),
    windowMs: Number.parseInt(hunt.window, 10) * unitMs.d,
    finding: hunt.finding && { what: hunt.finding.what, reason: hunt.finding.reason, unless: hunt.finding.unless },
    file,
  };
}

/** The one query of a hunt, and the SQL that is run for it. */
function readQuery(
  file: string,
  source: string,
  { sql, esql }: { sql: string | undefined; esql: string | undefined },
): Pick<Hunt, 'language' | 'query' | 'notes' | 'sql'> {
  if ((sql === undefined) === (esql === undefined)) {
    const message = 'a hunt has either `hunt.sql` or `hunt.esql`';
    throw new TomlFileError(message, file, source, locateKey(source, sql === undefined ? ['hunt'] : ['hunt', 'esql']));
  }
  if (esql === undefined) {
    const query = (sql ?? '').replace(/[;\s]+$/, '');
    return { language: 'sql', query, notes: [], sql: statementIn(query) };
  }
  try {
    return { language: 'esql', query: esql.trim(), ...translateEsql(esql) };
  } catch (error) {
    throw error instanceof QueryError ? faultInQuery(file, source, ['hunt', 'esql'], esql, error) : error;
  }
}

/**
 * The hunts of all `*.toml` files in the directories, in the order of the directories and then of the names, and the files that were
 * rejected. A directory that does not exist holds none; one that cannot be read is rejected as a whole. Of two files with one id the
 * later is rejected.
 */
export function readHunts(directories: readonly string[]): { hunts: Hunt[]; rejected: RejectedRule[] } {
  const hunts = new Map<string, Hunt>();
  const rejected: RejectedRule[] = [];
  const refuse = (file: string, message: string, error?: TomlFileError): void => {
    const { line = 1, column = 1, excerpt = '' } = error ?? {};
    rejected.push({ file, id: undefined, line, column, message, excerpt });
  };
  const refuseFor = (file: string, error: unknown): void => {
    if (error instanceof TomlFileError) refuse(file, error.message, error);
    else if (errorCode(error) !== '') refuse(file, `cannot be read (${errorCode(error)})`);
    else throw error;
  };
  const namesOf = (directory: string): string[] => {
    try {
      return namesIn(directory);
    } catch (error) {
      refuseFor(directory, error);
      return [];
    }
  };
  for (const directory of directories) {
    for (const name of namesOf(directory)) {
      const file = join(directory, name);
      try {
        const source = readSource(file);
        const hunt = parseHunt(file, source);
        const earlier = hunts.get(hunt.id);
        if (earlier !== undefined) {
          const message = `\`hunt.id\` "${hunt.id}" is that of ${earlier.file} already`;
          throw new TomlFileError(message, file, source, locateKey(source, ['hunt', 'id']));
        }
        hunts.set(hunt.id, hunt);
      } catch (error) {
        refuseFor(file, error);
      }
    }
  }
  return { hunts: [...hunts.values()], rejected };
}

function namesIn(directory: string): string[] {
  try {
    return readdirSync(directory)
      .filter((name) => name.endsWith('.toml') && !name.startsWith('.'))
      .sort();
  } catch (error) {
    if (errorCode(error) === 'ENOENT') return [];
    throw error;
  }
}

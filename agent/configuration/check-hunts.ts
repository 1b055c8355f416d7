// Checks the files of the configured hunts as the agent loads them, and their statements as SQLite compiles them.

import { openHost } from '../../collectors/host/host.ts';
import { hostTables } from '../../collectors/host-tables/host-tables.ts';
import { findingSql, type Hunt } from '../../detectors/hunts/hunt.ts';
import { readHunts } from '../../detectors/hunts/load-hunts.ts';
import { sqlFunctions } from '../../detectors/query/esql-functions.ts';
import { locateKey, nearest, TomlFileError } from '../../detectors/rules/toml-file.ts';
import { openAlertDatabase, SqlError } from '../../storage/query-database.ts';
import { formatFault, rejectedLine } from '../daemon/agent-status.ts';
import type { CheckFault, CheckReport } from './check-report.ts';
import { readConfiguration } from './read-configuration.ts';
import { sourceOf } from './rule-warnings.ts';

/** Checks the hunts of the configuration. Throws ConfigurationError. */
export async function checkHunts(config: string | undefined): Promise<CheckReport> {
  const { hunts, rejected } = readHunts(readConfiguration(config).configuration.directories.hunts);
  const { faults, warnings } = await checkStatements(hunts);
  const unread = rejected.map((each) => ({ line: rejectedLine(each), excerpt: each.excerpt }));
  return { valid: hunts.length - faults.length, rejected: [...unread, ...faults], warnings, notes: [] };
}

/**
 * A fault for each hunt whose statement SQLite rejects. A warning for each column that another hunt names and that its rows do not have.
 */
async function checkStatements(hunts: readonly Hunt[]): Promise<{ faults: CheckFault[]; warnings: CheckFault[] }> {
  const database = await openAlertDatabase([], hostTables(openHost()), sqlFunctions);
  const faults: CheckFault[] = [];
  const warnings: CheckFault[] = [];
  try {
    for (const hunt of hunts) {
      let key = `hunt.${hunt.language}`;
      try {
        const columns = database.check(hunt.sql);
        if (hunt.finding?.unless !== undefined) key = 'hunt.finding.unless';
        if (hunt.finding !== undefined) database.check(findingSql(hunt));
        const notes = hunt.notes.map((message) => faultOf('warning', hunt, `hunt.${hunt.language}`, message));
        warnings.push(
          ...notes,
          ...unknownColumns(hunt, columns).map(({ key, message }) => faultOf('warning', hunt, key, message)),
        );
      } catch (error) {
        if (!(error instanceof SqlError)) throw error;
        faults.push(faultOf('rejected', hunt, key, error.message));
      }
    }
    return { faults, warnings };
  } finally {
    database.close();
  }
}

/** The columns that the hunt names and its rows do not have: the identity of a row or its message would lack them. */
function unknownColumns({ identity, finding }: Hunt, columns: readonly string[]) {
  const inText = (text = '') => [...text.matchAll(/\{([^{}]+)\}/g)].map(([, column = '']) => column);
  const named = [
    ...identity.map((column) => ['hunt.identity', column] as const),
    ...inText(finding?.what).map((column) => ['hunt.finding.what', column] as const),
    ...inText(finding?.reason).map((column) => ['hunt.finding.reason', column] as const),
  ];
  return named
    .filter(([, column]) => !columns.includes(column))
    .map(([key, column]) => {
      const near = nearest(column, columns);
      const hint = near === undefined ? '' : `; did you mean "${near}"?`;
      return { key, message: `the rows have no column "${column}"${hint}` };
    });
}

/** The fault of a key in the hunt's file, with the key's line and a caret under the key. */
function faultOf(verdict: 'warning' | 'rejected', { file }: Hunt, key: string, message: string): CheckFault {
  const source = sourceOf(file);
  const fault = new TomlFileError(`\`${key}\`: ${message}`, file, source, locateKey(source, key.split('.')));
  return { line: `${verdict}: ${formatFault(fault)}`, excerpt: fault.excerpt };
}

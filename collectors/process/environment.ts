// Selects from the environment of a process the variables that the table of environment variables has, bounded and
// without passwords.

import { firstBytes } from '../event/first-bytes.ts';
import { redactCredentials } from '../event/redact-credentials.ts';
import { type EnvironmentVariable, environmentVariables, findVariable } from '../packages/environment-variables.ts';
import { environmentOf, type ProgramStart } from './program-start.ts';

/** Maximum size in bytes of one value, and of all variables of an event with their names. */
export const maxValueBytes = 512;
export const maxVariablesBytes = 4096;
/** Maximum size in bytes of a name. Only names that the table has by their beginning can be longer. */
const maxNameBytes = 128;
/** The bounds of a value that are tried in turn until all variables fit: a long value must not hide the others. */
const valueBounds = [maxValueBytes, 256, 128, 64, 32];
/** Maximum number of variables of which the bound is computed, and of names of one row; more never fit. */
const maxVariables = 512;

/** A name that the table has only by its beginning may be any program's, and its value a secret. */
const secretName = /PASS|SECRET|TOKEN|CREDENTIAL|AUTH|PRIVATE|API_?KEY/i;

/** The place of each row in the table, whose first rows count most. */
const ranks: ReadonlyMap<EnvironmentVariable, number> = new Map(environmentVariables.map((row, rank) => [row, rank]));

interface Selected {
  name: string;
  value: string;
  rank: number;
  /** Position in the environment. */
  position: number;
}

/** The variables of one process for an event. */
interface SelectedVariables {
  /** `NAME=value`, in the order of the environment. */
  variables: string[];
  /** The bound in bytes at which a value was cut, or variables were dropped; undefined: all are complete. */
  cutAtBytes: number | undefined;
}

/**
 * Selects the variables of the table. Of a name that occurs more than once the first and the last are kept: getenv(3)
 * returns the first, shells and the dynamic linker use the last.
 */
export function selectVariables(environment: readonly string[]): SelectedVariables {
  const { selected, isComplete } = selectedOf(environment);
  const first = selected.toSorted((a, b) => a.rank - b.rank || a.position - b.position).slice(0, maxVariables);
  const fits = (bytes: number): boolean => sum(first.map((one) => sizeBytes(one, bytes))) <= maxVariablesBytes;
  const valueBytes = valueBounds.find(fits) ?? (valueBounds.at(-1) as number);
  const kept: Selected[] = [];
  let keptBytes = 0;
  for (const one of first) {
    keptBytes += sizeBytes(one, valueBytes);
    if (keptBytes > maxVariablesBytes) break;
    kept.push(one);
  }
  kept.sort((a, b) => a.position - b.position);
  const variables = kept.map((one) => textOf(one, valueBytes));
  if (!isComplete || kept.length < selected.length || valueBytes < maxValueBytes) {
    return { variables, cutAtBytes: maxVariablesBytes };
  }
  const isCut = kept.some(({ name, value }, i) => variables[i] !== `${name}=${value}`);
  return { variables, cutAtBytes: isCut ? maxValueBytes : undefined };
}

function textOf({ name, value }: Selected, valueBytes: number): string {
  const shownName = firstBytes(name, maxNameBytes);
  return shownName === name ? `${name}=${firstBytes(value, valueBytes)}` : shownName;
}

const sizeBytes = (one: Selected, valueBytes: number): number => Buffer.byteLength(textOf(one, valueBytes));
const sum = (numbers: readonly number[]): number => numbers.reduce((total, number) => total + number, 0);

/** The variables of the table. `isComplete`: false if a row of the table has more names than can fit. */
function selectedOf(environment: readonly string[]): { selected: Selected[]; isComplete: boolean } {
  const first = new Map<string, Selected>();
  const last = new Map<string, Selected>();
  const namesOf = new Map<EnvironmentVariable, number>();
  let isComplete = true;
  for (const [position, text] of environment.entries()) {
    const nameEnd = text.indexOf('=');
    if (nameEnd < 1) continue;
    const name = text.slice(0, nameEnd);
    const row = findVariable(name);
    if (row === undefined) continue;
    const isRepeated = first.has(name);
    const names = (namesOf.get(row) ?? 0) + Number(!isRepeated);
    if (names > maxVariables) {
      isComplete = false;
      continue;
    }
    namesOf.set(row, names);
    const value = shownValue(row, name, text.slice(nameEnd + 1));
    const one = { name, value, rank: ranks.get(row) ?? 0, position };
    (isRepeated ? last : first).set(name, one);
  }
  return { selected: [...first.values(), ...last.values()], isComplete };
}

/** A function of the shell keeps its value, whatever its name is: it replaces the command of that name. */
const isSecret = ({ effect, isPrefix }: EnvironmentVariable, name: string): boolean =>
  isPrefix && effect !== 'code' && secretName.test(name);

const shownValue = (row: EnvironmentVariable, name: string, value: string): string =>
  isSecret(row, name) ? '***' : redactCredentials(value, row.effect === 'network');

/** The environment of a process as read from /proc/PID/environ while it lives. */
export interface ReadEnvironment {
  /** The complete `NAME=value` strings. */
  environment: readonly string[];
  truncated: boolean;
}

/** The environment of a program as far as it is known. */
export interface KnownEnvironment {
  environment: readonly string[];
  /** It was read after the start, so that the process may have changed it. */
  isReadLater: boolean;
  isComplete: boolean;
}

/** Strings without a name are no variables, and the record of a probe may lack them. */
const namedOf = (environment: readonly string[]): string[] => environment.filter((text) => text.includes('='));

/**
 * Combines what the kernel passed to a program with what /proc showed later. Undefined: nothing of it is known. The
 * later one counts if it continues the strings that the kernel passed; if not, the process has overwritten them, or ran
 * another program. `readLater` is called if it is needed.
 */
export function knownEnvironment(
  start: ProgramStart | undefined,
  readLater: () => ReadEnvironment | undefined,
): KnownEnvironment | undefined {
  if (start !== undefined && !start.environmentTruncated) {
    return { environment: environmentOf(start), isReadLater: false, isComplete: true };
  }
  const passed = namedOf(start === undefined ? [] : environmentOf(start));
  const later = readLater();
  if (later !== undefined) {
    const environment = namedOf(later.environment);
    if (passed.every((text, i) => environment[i] === text)) {
      return { environment, isReadLater: true, isComplete: !later.truncated };
    }
  }
  return passed.length === 0 ? undefined : { environment: passed, isReadLater: false, isComplete: false };
}

// Compares rpm's database with the transactions that were observed. rpm itself lists the database, in the background.

import { randomBytes } from 'node:crypto';
import { type Answer, ask, known } from '../answer.ts';
import type { Host } from '../host/host.ts';
import type { ListedPackage } from '../packages/listed-package.ts';
import { findRpmDatabase, RpmFailed, usualDirectories } from '../packages/run-rpm.ts';
import type { DatabaseComparison, DatabaseDifference, PackageSignature } from './package-transaction.ts';
import type { RpmChanges } from './rpm-transactions.ts';

/** The databases of the host. */
export interface RpmDatabases {
  /** Begins to compare the database with the changes of a transaction that has ended. */
  compare(changes: RpmChanges): Answer<DatabaseComparison>;
  /**
   * Lists the packages of all databases. The next comparison can then show what was added without a transaction.
   * `none`: there is no database. `busy`: rpm has listed one too often. Rejects if rpm does not answer.
   */
  list(): Promise<ListedPackage[] | 'none' | 'busy'>;
}

interface RpmDatabasesDeps {
  host: Pick<Host, 'exists' | 'realPath' | 'rpm'> & { clock: Pick<Host['clock'], 'nowMs'> };
  /** Reads the records of the sensor up to now. */
  catchUp(): void;
  /** The changes of the transactions that have not ended. */
  underway(): RpmChanges[];
  /** Default: where distributions have the database. */
  directories?: readonly string[];
}

/** Enough for 40,000 packages. */
const maxChars = 8 * 1024 * 1024;
/** The time between two lists, as a multiple of the time that rpm took for one: at most 5 % of a CPU. */
const pauseFactor = 20;
const maxChanges = 65_536;

/**
 * The tags that have a signature, in the order in which the first is listed. The last two sign the payload too, and are
 * those of rpm before 4.16. `OPENPGP` is that of rpm 6; earlier releases list nothing if the format has it.
 */
const signatureTags = ['RSAHEADER', 'DSAHEADER', 'SIGPGP', 'SIGGPG'];
const newSignatureTag = 'OPENPGP';

/**
 * The format of a list: name, time of the installation, signature, and, of an imported key, what it provides: `gpg(ID)` of the key and of each
 * subkey. `mark` begins each line: a package or a key may have a line feed in its texts.
 */
const formatOf = (mark: string, tags: readonly string[]): string => {
  const signature = tags.reduceRight((otherwise, tag) => `%|${tag}?{%{${tag}:pgpsig}}:{${otherwise}}|`, '');
  const provided = '%|PUBKEYS?{[\\t%{PROVIDENAME}]}:{}|';
  return `${mark}%{NAME}-%|EPOCH?{%{EPOCH}:}:{}|%{VERSION}-%{RELEASE}.%{ARCH} %{INSTALLTIME}\\t${signature}${provided}\\n`;
};

type Written = RpmChanges['written'];

interface Database {
  directory: string;
  /** The packages at the last list. Undefined: not listed, or not all changes since are known. */
  listed: ReadonlySet<string> | undefined;
  /** The changes of ended transactions since then. */
  since: Written[number][];
  /** The list that has not begun yet. */
  next: Promise<Listed> | undefined;
  /** The last list that has begun. */
  last: Promise<unknown>;
  notBeforeMs: number;
  /** Whether rpm knows the signatures of rpm 6. Undefined: not tried, or not since rpm was changed. */
  knowsNewSignatures: boolean | undefined;
}

/** A new list, and the one before it. */
interface Listed {
  before: ReadonlySet<string> | undefined;
  after: ReadonlySet<string>;
  /** The lines of the new list. */
  lines: readonly Line[];
  changes: Written;
  /** Of the packages that `changes` added. */
  signatures: ReadonlyMap<string, PackageSignature>;
}

/** Opens the set, without any list. */
export function openRpmDatabases({
  host,
  catchUp,
  underway,
  directories = usualDirectories(),
}: RpmDatabasesDeps): RpmDatabases {
  const databases = new Map<string, Database>();

  const databaseAt = (directory: string): Database | undefined => {
    // The process chose the text. Nothing there is looked at: it may lead to a file system that does not answer.
    const real = directories.map((one) => [one, host.realPath(one)]).find((names) => names.includes(directory))?.[1];
    if (real === undefined) return undefined;
    const existing = databases.get(real);
    if (existing !== undefined) return existing;
    const database: Database = {
      directory: real,
      listed: undefined,
      since: [],
      next: undefined,
      last: Promise.resolve(),
      notBeforeMs: 0,
      knowsNewSignatures: undefined,
    };
    databases.set(real, database);
    return database;
  };

  const list = async (database: Database): Promise<Listed> => {
    database.next = undefined;
    const startedMs = host.clock.nowMs();
    // Without a database rpm would create one.
    if (findRpmDatabase(host, [database.directory]) === undefined) throw new Error('there is no database');
    const lines = await linesOf(database);
    database.notBeforeMs = startedMs + (host.clock.nowMs() - startedMs) * pauseFactor;
    catchUp();
    const before = database.listed;
    const changes = [...database.since, ...underway().flatMap(({ written }) => written)];
    const after = new Set(lines.map(({ name }) => name).filter((name) => !name.startsWith(keyPrefix)));
    const signatures = signaturesOf(lines, changes, database.knowsNewSignatures === true);
    if (changes.some(({ package: name }) => /^(?:lib)?rpm/.test(name))) database.knowsNewSignatures = undefined;
    database.listed = after;
    database.since = [];
    return { before, after, lines, changes, signatures };
  };

  const linesOf = async (database: Database): Promise<Line[]> => {
    const listWith = async (tags: readonly string[]): Promise<Line[]> => {
      const mark = `${randomBytes(6).toString('hex')} `;
      const args = ['--dbpath', database.directory, '-qa', '--qf', formatOf(mark, tags)];
      return parseList(await host.rpm(args, maxChars), mark);
    };
    if (database.knowsNewSignatures !== false) {
      // For a tag that it does not know, rpm prints nothing, or ends with a failure.
      const lines = await listWith([newSignatureTag, ...signatureTags]).catch((error: unknown) => {
        if (error instanceof RpmFailed && error.answered) return [];
        throw error;
      });
      if (lines.length > 0) {
        database.knowsNewSignatures = true;
        return lines;
      }
    }
    const lines = await listWith(signatureTags);
    // An empty database shows nothing about rpm.
    if (lines.length > 0) database.knowsNewSignatures = false;
    return lines;
  };

  /** A list of the database as it is from now on. Undefined: rpm has listed it too often. */
  const listAgain = (database: Database): Promise<Listed> | undefined => {
    if (database.next !== undefined) return database.next;
    if (host.clock.nowMs() < database.notBeforeMs) return undefined;
    const next = database.last.then(() => list(database));
    database.next = next;
    database.last = next.catch(() => {});
    return next;
  };

  const compareWith = async (next: Promise<Listed>, { written }: RpmChanges): Promise<DatabaseComparison> => {
    try {
      const listed = await next;
      return { differences: differencesOf(listed, written), signatures: listed.signatures };
    } catch {
      return { unobserved: 'database_unreadable' };
    }
  };

  return {
    compare(changes) {
      if (changes.database === undefined) return known<DatabaseComparison>({ unobserved: 'not_shown' });
      const database = databaseAt(changes.database);
      if (database === undefined) return known<DatabaseComparison>({ unobserved: 'other_database' });
      database.since.push(...changes.written);
      if (database.since.length > maxChanges) {
        database.since = [];
        database.listed = undefined;
      }
      const next = listAgain(database);
      if (next === undefined) return known<DatabaseComparison>({ unobserved: 'database_busy' });
      return ask(compareWith(next, changes));
    },
    async list() {
      const existing = directories
        .filter((directory) => findRpmDatabase(host, [directory]) !== undefined)
        .flatMap((directory) => databaseAt(directory) ?? []);
      const packages: ListedPackage[] = [];
      for (const database of new Set(existing)) {
        const isFirst = database.listed === undefined;
        const next = listAgain(database);
        if (next === undefined) return 'busy';
        packages.push(...(await next).lines.flatMap(listedPackage));
        // A list that no transaction asked for must not keep the next one from being compared.
        if (isFirst) database.notBeforeMs = 0;
      }
      return existing.length === 0 ? 'none' : packages;
    },
  };
}

/** A package in a list, or an imported key. */
interface Line {
  name: string;
  /** When the package was installed, in milliseconds since 1970. */
  installedMs: number | undefined;
  /** The signature as rpm describes it: `RSA/SHA256, DATE, Key ID 0123456789abcdef`. Empty: the package is not signed. */
  signature: string;
  provided: readonly string[];
}

const parseList = (output: string, mark: string): Line[] =>
  output
    .split('\n')
    .filter((line) => line.startsWith(mark))
    .map((line) => {
      const [text = '', signature = '', ...provided] = line.slice(mark.length).split('\t');
      const [, name = text, time] = /^(.*) (\d+)$/.exec(text) ?? [];
      return { name, installedMs: time === undefined ? undefined : Number(time) * 1000, signature, provided };
    });

/** The package of a line; none of an imported key. Version and release have no hyphens. */
function listedPackage({ name: text, installedMs }: Line): ListedPackage[] {
  if (text.startsWith(keyPrefix)) return [];
  const [, name, version, architecture = ''] = /^(.+)-([^-\s]+-[^-\s]+)\.([^.\s]+)$/.exec(text) ?? [];
  if (name === undefined || version === undefined) return [];
  return [{ name, architecture, version, state: '', installedMs }];
}

/** Each imported key is listed as a package, which no transaction installs. */
const keyPrefix = 'gpg-pubkey-';

/** `mayKeepKeys`: rpm may keep imported keys outside of its database, as rpm 6 does. */
function signaturesOf(
  lines: readonly Line[],
  changes: Written,
  mayKeepKeys: boolean,
): ReadonlyMap<string, PackageSignature> {
  const added = new Set(changes.filter(({ isAdded }) => isAdded).map((change) => change.package));
  const keys = new Set(
    lines
      .filter(({ name }) => name.startsWith(keyPrefix))
      .flatMap(({ provided }) => provided.map((one) => /^gpg\(([0-9a-f]{16})\)$/.exec(one)?.[1])),
  );
  return new Map(
    lines
      .filter(({ name }) => added.has(name))
      .map(({ name, signature }): [string, PackageSignature] => {
        const key = /Key ID ([0-9a-f]{16})$/.exec(signature)?.[1];
        if (key === undefined) return [name, { exists: signature !== '' }];
        const isImported = keys.has(key);
        return [name, { exists: true, key, ...((isImported || !mayKeepKeys) && { key_imported: isImported }) }];
      }),
  );
}

/** How the database differs from the changes. `written`: those of the transaction; the others explain the rest. */
function differencesOf({ before, after, changes }: Listed, written: Written): DatabaseDifference[] {
  const counted = new Set(changes.map((change) => change.package));
  const explained = new Map<string, number>();
  // The last list may have begun before the transaction ended; its changes are then not among those since.
  for (const { package: name, isAdded } of [...changes, ...written.filter((one) => !counted.has(one.package))]) {
    explained.set(name, (explained.get(name) ?? 0) + (isAdded ? 1 : -1));
  }
  const differences: DatabaseDifference[] = [];
  for (const name of new Set(written.map((change) => change.package))) {
    // A package that is installed again is added once and removed once.
    const count = (before?.has(name) ? 1 : 0) + (explained.get(name) ?? 0);
    if (count > 0 && !after.has(name)) differences.push({ package: name, kind: 'not_listed' });
    const isGone = before === undefined ? count < 0 : count <= 0;
    if (isGone && after.has(name)) differences.push({ package: name, kind: 'still_listed' });
  }
  if (before === undefined) return differences;
  for (const name of after) {
    if (!before.has(name) && !explained.has(name)) differences.push({ package: name, kind: 'unreported_addition' });
  }
  for (const name of before) {
    if (!after.has(name) && !explained.has(name)) differences.push({ package: name, kind: 'unreported_removal' });
  }
  return differences;
}

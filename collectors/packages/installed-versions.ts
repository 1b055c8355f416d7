// Reads the installed package versions from the status file of dpkg and its pending updates, in small steps and only
// after a change.

import { hash } from 'node:crypto';
import { setImmediate } from 'node:timers/promises';
import { errorCode } from '../error-message.ts';
import type { FileStat } from '../host/file-stat.ts';
import type { Host } from '../host/host.ts';
import { tryRead } from '../host/read-faults.ts';
import { maxDatabaseBytes, readPiecesNow, withFile } from '../host/read-file.ts';
import { dpkgDirectory } from './tools.ts';

/** The state of a package in the database of dpkg. */
interface InstalledVersion {
  version: string;
  /**
   * State `half-installed`: dpkg is installing or removing the package, or was interrupted. Its files may be of another
   * version.
   */
  between: boolean;
}

/** A package in the database of dpkg, by its stanza. Each text has at most 255 characters; empty: it has no such line. */
export interface DatabaseRow {
  name: string;
  architecture: string;
  version: string;
  /** What is wanted: `install`, `hold`, `deinstall` or `purge`. */
  want: string;
  /** `not-installed`, `config-files`, `half-installed`, `unpacked`, `half-configured`, `installed` or one of triggers. */
  state: string;
  /** Multi-Arch: same. The package can be installed for several architectures at once. */
  isMultiple: boolean;
}

/** A package whose row was added, replaced or removed. Undefined: the package had no row, or has no row now. */
export interface RowChange {
  before: DatabaseRow | undefined;
  after: DatabaseRow | undefined;
  /** Status change of the file that shows it, in milliseconds since 1970. */
  atMs: number;
}

/** The package versions by the status file of dpkg and its pending updates. */
export interface InstalledVersions {
  /**
   * Finds a package by `libc6` or `libc6:amd64`, also if only its configuration files are left. Undefined: no such
   * package.
   */
  find(name: string): InstalledVersion | undefined;
  /** All packages of which dpkg knows at least the configuration files, as they were last read. */
  rows(): DatabaseRow[];
  /** `find` returns this state of the database or a later one. Milliseconds since 1970; undefined: nothing was read yet. */
  readonly asOfMs: number | undefined;
  /**
   * Reads the database if it has changed. Waits for a reading that is running, and starts another one if that began
   * before `sinceMs`. Rejects if there is no status file.
   */
  refresh(sinceMs?: number): Promise<void>;
  /** Reads one file of updates/ now. Undefined: it is gone, or has no stanza of a package. */
  readUpdate(fileName: string): RowChange | undefined;
}

/** Receives the changes that a reading of the whole database finds. */
export interface InstalledVersionsDeps {
  /** Called before the database is compared with its former state: must pass the updates so far to `readUpdate`. */
  catchUp?(): void;
  /** Called for each change that `readUpdate` has not shown. */
  onChange?(change: RowChange): void;
}

/** Stanzas that are read before other tasks of the event loop run. */
const rowsAtATime = 32;
/** The same for stanzas that have not changed, which cost a fraction. */
const knownRowsAtATime = 512;
/** A stanza usually has some kilobytes, including a list of configuration files. */
const maxStanzaBytes = 16 * 1024 * 1024;
/** dpkg may move its updates into the status file between the two reads; both are then read again. */
const maxAttempts = 3;
/** dpkg writes the state of a package that it is changing into updates/NNNN, until it writes the status file again. */
const updateName = /^\d{1,9}$/;
/** Neither a name nor a version of a real package is as long. */
const maxChars = 255;

/** Copies a substring: in V8 a substring keeps the whole text in memory. */
const ownText = (part: string): string => Buffer.from(part.slice(0, maxChars)).toString();

const lineOf = (name: string): RegExp => new RegExp(`^${name}:[ \\t]*(.*)$`, 'im');
const lines = {
  name: lineOf('Package'),
  status: lineOf('Status'),
  architecture: lineOf('Architecture'),
  version: lineOf('Version'),
  multiArch: lineOf('Multi-Arch'),
} as const;

/** The texts that many rows share. */
const shared = new Map<string, string>();
const maxShared = 256;
function sharedText(text: string): string {
  const known = shared.get(text);
  if (known !== undefined) return known;
  const own = ownText(text);
  if (shared.size < maxShared) shared.set(own, own);
  return own;
}

function rowOf(stanza: string): DatabaseRow | undefined {
  const value = (line: keyof typeof lines): string => lines[line].exec(stanza)?.[1]?.trimEnd() ?? '';
  const name = ownText(value('name'));
  if (name === '') return undefined;
  const status = value('status').split(' ');
  return {
    name,
    architecture: sharedText(value('architecture')),
    version: ownText(value('version')),
    want: sharedText(status[0] ?? ''),
    state: sharedText(status.at(-1) ?? ''),
    isMultiple: value('multiArch') === 'same',
  };
}

const isSameRow = (a: DatabaseRow, b: DatabaseRow): boolean =>
  a === b || (a.state === b.state && a.version === b.version && a.want === b.want && a.architecture === b.architecture);

/** The rows of each name. Most names have one. */
type Rows = Map<string, readonly DatabaseRow[]>;

/** The row that `row` replaces: a package that is not `Multi-Arch: same` is installed for one architecture at a time. */
const replacedBy = (row: DatabaseRow, rows: readonly DatabaseRow[]): DatabaseRow | undefined =>
  rows.find(({ architecture }) => architecture === row.architecture) ??
  (row.isMultiple ? undefined : rows.find(({ isMultiple }) => !isMultiple));

function addRow(row: DatabaseRow, all: Rows, former: readonly DatabaseRow[] = all.get(row.name) ?? []): void {
  const replaced = replacedBy(row, former);
  const others = former.filter((one) => one !== replaced);
  all.set(row.name, row.state === 'not-installed' ? others : [...others, row]);
}

/**
 * Opens the database without reading it. `directory`: the administrative directory of dpkg; tests use another one.
 */
export function openInstalledVersions(
  host: Host,
  directory = dpkgDirectory,
  { catchUp = () => {}, onChange = () => {} }: InstalledVersionsDeps = {},
): InstalledVersions {
  /** The packages in the status file. */
  let written: Rows = new Map();
  let writtenIdentity: string | undefined;
  /** The parsed stanzas by digest: dpkg rewrites the status file often while it runs, and few stanzas change. */
  let parsed = new Map<string, DatabaseRow | undefined>();
  /** The rows of the names that the updates change, which are newer than the status file. */
  let updated: Rows = new Map();
  /** The files in updates/, by file name. */
  let updates = new Map<string, Update>();
  let asOfMs: number | undefined;
  let wasRead = false;
  let reading: { promise: Promise<void>; sinceMs: number } | undefined;

  const rowsOf = (name: string): readonly DatabaseRow[] => updated.get(name) ?? written.get(name) ?? [];

  const statusStat = (): FileStat => {
    const stat = host.stat(`${directory}/status`);
    if (stat === undefined) throw new Error(`ENOENT: no such file or directory, stat '${directory}/status'`);
    return stat;
  };

  /** Reads the status file, unless it is the known one. Undefined: it lists no package, and is ignored. */
  const readStatus = async (): Promise<StatusFile | undefined> => {
    const stat = statusStat();
    const [identity, atMs] = [identityOf(stat), Number(stat.ctimeMs)];
    if (identity === writtenIdentity) return { rows: written, identity, atMs };
    const rows: Rows = new Map();
    const read: typeof parsed = new Map();
    let work = 0;
    for (const stanza of splitStanzas(readWhole(host, `${directory}/status`))) {
      const digest = hash('sha256', stanza, 'base64');
      const isKnown = parsed.has(digest);
      const row = isKnown ? parsed.get(digest) : rowOf(stanza.toString('utf8'));
      read.set(digest, row);
      if (row !== undefined && row.state !== 'not-installed') {
        rows.set(row.name, [...(rows.get(row.name) ?? []), row]);
      }
      work += 1 / (isKnown ? knownRowsAtATime : rowsAtATime);
      if (work < 1) continue;
      work = 0;
      await setImmediate();
    }
    parsed = read;
    return rows.size === 0 ? undefined : { rows, identity, atMs };
  };

  const readUpdateFile = (name: string): Update | undefined => {
    const file = `${directory}/updates/${name}`;
    const stat = host.stat(file);
    if (stat === undefined) return undefined;
    const identity = identityOf(stat);
    const known = updates.get(name);
    if (known?.identity === identity) return known;
    return { identity, row: readRow(host, file), atMs: Number(stat.ctimeMs) };
  };

  const readUpdates = (): Map<string, Update> => {
    const read = new Map<string, Update>();
    for (const name of updateNames(host, directory)) {
      const update = readUpdateFile(name);
      if (update !== undefined) read.set(name, update);
    }
    return read;
  };

  /** Replaces the known state by the one that was read, and returns the differences. */
  const replace = (status: StatusFile, read: Map<string, Update>): RowChange[] => {
    const next: Rows = new Map();
    const times = new Map<string, number>();
    for (const { row, atMs } of read.values()) {
      if (row === undefined) continue;
      addRow(row, next, next.get(row.name) ?? status.rows.get(row.name));
      times.set(row.name, atMs);
    }
    const names = new Set([...updated.keys(), ...next.keys()]);
    if (status.rows !== written) {
      for (const name of new Set([...written.keys(), ...status.rows.keys()])) {
        if (!isSameList(written.get(name), status.rows.get(name))) names.add(name);
      }
    }
    const changes = [...names].flatMap((name) =>
      differences(rowsOf(name), next.get(name) ?? status.rows.get(name) ?? [], times.get(name) ?? status.atMs),
    );
    updates = read;
    updated = next;
    written = status.rows;
    writtenIdentity = status.identity;
    return changes;
  };

  const read = async (): Promise<void> => {
    for (let attempt = 0; attempt < maxAttempts; attempt++) {
      const status = await readStatus();
      if (status === undefined) {
        wasRead = true;
        return;
      }
      const nowMs = host.clock.nowMs();
      catchUp();
      const pending = readUpdates();
      // If the status file has not changed since, it and the updates show one state.
      if (identityOf(statusStat()) !== status.identity) continue;
      const changes = replace(status, pending);
      asOfMs = nowMs;
      if (wasRead) for (const change of changes) onChange(change);
      wasRead = true;
      return;
    }
  };

  const begin = (): Promise<void> => {
    const promise = read().finally(() => {
      if (reading?.promise === promise) reading = undefined;
    });
    reading = { promise, sinceMs: host.clock.nowMs() };
    return promise;
  };

  return {
    find(wanted) {
      const [name = '', wantedArchitecture] = wanted.split(':');
      const row = rowsOf(name).findLast(
        ({ architecture }) => wantedArchitecture === undefined || architecture === wantedArchitecture,
      );
      return row && { version: row.version, between: row.state === 'half-installed' };
    },
    rows: () =>
      [...written]
        .filter(([name]) => !updated.has(name))
        .concat([...updated])
        .flatMap(([, rows]) => rows),
    get asOfMs() {
      return asOfMs;
    },
    async refresh(sinceMs = 0) {
      while (reading !== undefined && reading.sinceMs < sinceMs) await reading.promise;
      await (reading?.promise ?? begin());
    },
    readUpdate(fileName) {
      if (!updateName.test(fileName)) return undefined;
      const update = readUpdateFile(fileName);
      if (update?.row === undefined) return undefined;
      updates.set(fileName, update);
      const { row, atMs } = update;
      const before = replacedBy(row, rowsOf(row.name));
      addRow(row, updated, rowsOf(row.name));
      return { before, after: row, atMs };
    },
  };
}

interface StatusFile {
  rows: Rows;
  identity: string;
  /** Its status change, in milliseconds since 1970. */
  atMs: number;
}

interface Update {
  identity: string;
  /** Undefined: the file has no stanza of a package. */
  row: DatabaseRow | undefined;
  atMs: number;
}

const isSameList = (a: readonly DatabaseRow[] = [], b: readonly DatabaseRow[] = []): boolean =>
  a.length === b.length && a.every((row, i) => isSameRow(row, b[i] as DatabaseRow));

function differences(former: readonly DatabaseRow[], next: readonly DatabaseRow[], atMs: number): RowChange[] {
  const kept = new Set<DatabaseRow>();
  const changes: RowChange[] = [];
  for (const after of next) {
    const before = replacedBy(after, former);
    if (before !== undefined) kept.add(before);
    if (before === undefined || !isSameRow(before, after)) changes.push({ before, after, atMs });
  }
  for (const before of former) if (!kept.has(before)) changes.push({ before, after: undefined, atMs });
  return changes;
}

const readWhole = (host: Host, file: string): Buffer =>
  withFile(host.open(file), (opened) => Buffer.concat([...readPiecesNow(opened, maxDatabaseBytes)]));

/** Splits the file into stanzas, which are separated by blank lines (deb822(5)). */
function* splitStanzas(bytes: Buffer): Generator<Buffer> {
  for (let start = 0; start < bytes.length; ) {
    const found = bytes.indexOf('\n\n', start);
    const end = found < 0 ? bytes.length : found;
    if (end - start > maxStanzaBytes) throw new Error("it is not dpkg's status file");
    yield bytes.subarray(start, end);
    start = end + 2;
  }
}

const identityOf = ({ dev, ino, ctimeNs }: FileStat): string => `${dev}:${ino}:${ctimeNs}`;

function updateNames(host: Host, directory: string): string[] {
  try {
    return host
      .readDirectory(`${directory}/updates`)
      .filter((name) => updateName.test(name))
      .sort();
  } catch (error) {
    if (errorCode(error) === 'ENOENT') return [];
    throw error;
  }
}

/** The content of an update. dpkg writes hundreds of them in a row: a buffer for each would cost more than to read it. */
const updateBytes = Buffer.allocUnsafeSlow(64 * 1024);

/** Parses the first stanza of an update. Undefined: the file is gone or has no stanza. */
function readRow(host: Host, file: string): DatabaseRow | undefined {
  const text = tryRead(() =>
    withFile(host.open(file), (opened) => updateBytes.toString('utf8', 0, opened.readNow(updateBytes, 0))),
  );
  const end = text?.indexOf('\n\n') ?? -1;
  return text === undefined ? undefined : rowOf(end < 0 ? text : text.slice(0, end));
}

// Reads the installed package versions from the status file of dpkg and its pending updates, in small steps and only
// after a change.

import { hash } from 'node:crypto';
import { setImmediate } from 'node:timers/promises';
import { errorCode } from '../error-message.ts';
import type { FileStat } from '../host/file-stat.ts';
import type { Host } from '../host/host.ts';
import { maxDatabaseBytes, readPiecesNow, withFile } from '../host/read-file.ts';
import { readStanzas } from '../host-tables/deb-packages.ts';
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

/** The package versions by the status file of dpkg and its pending updates, as of the last `refresh`. */
export interface InstalledVersions {
  /**
   * Finds a package by `libc6` or `libc6:amd64`, also if only its configuration files are left. Undefined: no such
   * package.
   */
  find(name: string): InstalledVersion | undefined;
  /** Time of the database state that `find` returns, in milliseconds since 1970; undefined: nothing was read yet. */
  readonly asOfMs: number | undefined;
  /**
   * Reads the database if it has changed. Waits for a reading that is running, and starts another one if that began
   * before `sinceMs`. Rejects if there is no status file.
   */
  refresh(sinceMs?: number): Promise<void>;
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
const updateName = /^\d+$/;

interface Row {
  name: string;
  architecture: string;
  /** Undefined: the package is not installed any more. */
  installed: InstalledVersion | undefined;
}

/** Copies a substring: in V8 a substring keeps the whole text in memory. */
const ownText = (part: string): string => Buffer.from(part).toString();

const fields = ['Package', 'Status', 'Architecture', 'Version'].map(
  (name) => new RegExp(`^${name}:[ \\t]*(.*)$`, 'im'),
);

function rowOf(stanza: string): Row | undefined {
  const [name, status, architecture, version] = fields.map((field) =>
    ownText(field.exec(stanza)?.[1]?.trimEnd() ?? ''),
  ) as [string, string, string, string];
  if (name === '') return undefined;
  const state = status.slice(status.lastIndexOf(' ') + 1);
  const installed = state === 'not-installed' ? undefined : { version, between: state === 'half-installed' };
  return { name, architecture, installed };
}

/** Opens the database without reading it. `directory`: the administrative directory of dpkg; tests use another one. */
export function openInstalledVersions(host: Host, directory = dpkgDirectory): InstalledVersions {
  /** The packages in the status file, by name. */
  let written = new Map<string, InstalledVersion>();
  let writtenIdentity: string | undefined;
  /** The parsed stanzas by digest: dpkg rewrites the status file often while it runs, and few stanzas change. */
  let rows = new Map<string, Row | undefined>();
  /** The packages in the updates, which are newer than the status file. Null: not installed any more. */
  let updated = new Map<string, InstalledVersion | null>();
  /** The files in updates/, by file name. */
  let updates = new Map<string, { identity: string; row: Row | undefined }>();
  let asOfMs: number | undefined;
  let reading: { promise: Promise<void>; sinceMs: number } | undefined;

  const statusIdentity = (): string => {
    const stat = host.stat(`${directory}/status`);
    if (stat === undefined) throw new Error(`ENOENT: no such file or directory, stat '${directory}/status'`);
    return identityOf(stat);
  };

  /** Returns the identity of the status file that was read. Undefined: the file lists no package, and is ignored. */
  const readStatus = async (): Promise<string | undefined> => {
    const identity = statusIdentity();
    if (identity === writtenIdentity) return identity;
    const found = new Map<string, InstalledVersion>();
    const read: typeof rows = new Map();
    let work = 0;
    for (const stanza of splitStanzas(readWhole(host, `${directory}/status`))) {
      const digest = hash('sha256', stanza, 'base64');
      const isKnown = rows.has(digest);
      const row = isKnown ? rows.get(digest) : rowOf(stanza.toString('utf8'));
      read.set(digest, row);
      if (row?.installed !== undefined) {
        found.set(row.name, row.installed);
        found.set(`${row.name}:${row.architecture}`, row.installed);
      }
      work += 1 / (isKnown ? knownRowsAtATime : rowsAtATime);
      if (work < 1) continue;
      work = 0;
      await setImmediate();
    }
    rows = read;
    if (found.size === 0) return undefined;
    written = found;
    writtenIdentity = identity;
    return identity;
  };

  const readUpdates = (): void => {
    const read: typeof updates = new Map();
    for (const name of updateNames(host, directory)) {
      const file = `${directory}/updates/${name}`;
      const stat = host.stat(file);
      if (stat === undefined) continue;
      const identity = identityOf(stat);
      const known = updates.get(name);
      read.set(name, known?.identity === identity ? known : { identity, row: readRow(host, file) });
    }
    updates = read;
    updated = new Map();
    for (const { row } of read.values()) {
      if (row === undefined) continue;
      updated.set(row.name, row.installed ?? null);
      updated.set(`${row.name}:${row.architecture}`, row.installed ?? null);
    }
  };

  const read = async (): Promise<void> => {
    for (let attempt = 0; attempt < maxAttempts; attempt++) {
      const identity = await readStatus();
      if (identity === undefined) return;
      const nowMs = host.clock.nowMs();
      readUpdates();
      // If the status file has not changed since, it and the updates show one state.
      if (statusIdentity() !== identity) continue;
      asOfMs = nowMs;
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
      const update = updated.get(wanted);
      return update === undefined ? written.get(wanted) : (update ?? undefined);
    },
    get asOfMs() {
      return asOfMs;
    },
    async refresh(sinceMs = 0) {
      while (reading !== undefined && reading.sinceMs < sinceMs) await reading.promise;
      await (reading?.promise ?? begin());
    },
  };
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

/** Parses the first stanza of an update. Undefined: the file is gone or has no stanza. */
function readRow(host: Host, file: string): Row | undefined {
  const [stanza] = readStanzas(host, file);
  return stanza === undefined ? undefined : rowOf(stanza);
}

// Reads the installed package versions from dpkg's status file and its pending updates, in small steps and only when they changed.

import { hash } from 'node:crypto';
import { setImmediate } from 'node:timers/promises';
import { errorCode } from '../error-message.ts';
import type { FileStat } from '../host/file-stat.ts';
import type { Host } from '../host/host.ts';
import { maxDatabaseBytes, readPiecesNow, withFile } from '../host/read-file.ts';
import { readStanzas } from '../host-tables/deb-packages.ts';
import { dpkgDirectory } from './tools.ts';

/** What dpkg reports about a package. */
interface InstalledVersion {
  version: string;
  /** dpkg is putting it in place or removing it, or was stopped: which version its files are of is not said. */
  between: boolean;
}

export interface InstalledVersions {
  /** `libc6` or `libc6:amd64`; also of a package of which only configuration is left. Undefined: there is none. */
  find(name: string): InstalledVersion | undefined;
  /** What `find` says was so at this moment, in milliseconds since 1970; undefined: nothing was read yet. */
  readonly asOfMs: number | undefined;
  /**
   * Reads what dpkg says now. A reading that runs already is taken when it began after `sinceMs`, else another follows it.
   * Throws where there is no status file.
   */
  refresh(sinceMs?: number): Promise<void>;
}

const rowsAtATime = 32;
/** One that was read before costs a fraction. */
const knownRowsAtATime = 512;
/** A stanza of dpkg's has some kilobytes, with a list of configuration files. */
const maxStanzaBytes = 16 * 1024 * 1024;
/** dpkg may take its updates into the status file while both are read. */
const maxAttempts = 3;
/** dpkg(1) keeps the state of a package that it works on in a file of such a name, until it writes its status file. */
const updateName = /^\d+$/;

interface Row {
  name: string;
  architecture: string;
  /** Undefined: it is not installed any more. */
  installed: InstalledVersion | undefined;
}

/** A part of a longer text, as V8 has it, keeps all of that in memory. */
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

/** `directory` is another administrative directory in tests. Nothing is read yet. */
export function openInstalledVersions(host: Host, directory = dpkgDirectory): InstalledVersions {
  /** By the status file alone. */
  let written = new Map<string, InstalledVersion>();
  let writtenIdentity: string | undefined;
  /** By the digest of the stanza: while dpkg works it writes its status file again and again, with few changes. */
  let rows = new Map<string, Row | undefined>();
  /** By the updates, which are newer. Null: not installed any more. */
  let updated = new Map<string, InstalledVersion | null>();
  /** By name of the file. */
  let updates = new Map<string, { identity: string; row: Row | undefined }>();
  let asOfMs: number | undefined;
  let reading: { promise: Promise<void>; sinceMs: number } | undefined;

  const statusIdentity = (): string => {
    const stat = host.stat(`${directory}/status`);
    if (stat === undefined) throw new Error(`ENOENT: no such file or directory, stat '${directory}/status'`);
    return identityOf(stat);
  };

  /** Which one was read; undefined: it has no package at all, and so says nothing of any. */
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
      // All of it in one state: the updates are newer than the status file that was read, and not in it yet.
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

/** The paragraphs, which blank lines part (deb822(5)). */
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

/** Undefined: it is gone, or no stanza. */
function readRow(host: Host, file: string): Row | undefined {
  const [stanza] = readStanzas(host, file);
  return stanza === undefined ? undefined : rowOf(stanza);
}

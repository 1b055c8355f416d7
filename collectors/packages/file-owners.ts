// Finds which installed package a file belongs to, and whether the file has the content that the package brought, by the
// files of dpkg or by rpm.

import { hash } from 'node:crypto';
import { setImmediate } from 'node:timers/promises';
import { contentIdentity, isAtRest } from '../host/file-identity.ts';
import type { Host } from '../host/host.ts';
import { reportOwnFault } from '../host/read-faults.ts';
import { loadText, maxDatabaseBytes } from '../host/read-file.ts';
import { digestIn, listedNames } from './listed-files.ts';
import { findRpmDatabase, hasRpm, RpmFailed } from './run-rpm.ts';
import { dpkgDirectory, type PackageManager } from './tools.ts';

/** The owner of a file. */
export interface FileOwner {
  manager?: PackageManager;
  name?: string;
  /**
   * `unchanged`: the file has the digest that its package lists; `changed`: another one; `listed`: the package lists
   * the file without a digest; `none`: no installed package lists the file.
   */
  state: 'unchanged' | 'changed' | 'listed' | 'none';
}

/** The owners of files in some directories. */
export interface FileOwners {
  /**
   * The owner by the databases as they are now; `content` is that of a regular file. Undefined: they could not be read,
   * or rpm was asked too often. Reads in the background and never rejects.
   */
  find(file: string, content: Buffer | undefined): Promise<FileOwner | undefined>;
}

/** The directories whose files have owners here, and the places of the databases; tests use others. */
export interface FileOwnersOptions {
  /** Files in these directories and below. */
  directories: ReadonlySet<string>;
  dpkg?: string;
  rpmDatabase?: () => string | undefined;
}

interface List {
  /** Name of the file without `.list`: the package, with its architecture if it is a multi-arch one. */
  base: string;
  identity: string;
  files: readonly string[];
}

/** Token bucket of the questions to rpm. */
const rpmAtOnce = 20;
const rpmPerSecond = 1;

/** Lists that are looked at before other tasks of the event loop run. */
const listsAtATime = 16;

/** Reads nothing before the first `find`. A list of files is read again when it has changed. */
export function openFileOwners(
  host: Host,
  { directories, dpkg = dpkgDirectory, rpmDatabase = () => findRpmDatabase(host) }: FileOwnersOptions,
): FileOwners {
  const info = `${dpkg}/info`;
  const prefixes = new Set([...directories].flatMap(listedNames));
  let lists = new Map<string, List>();
  /** The list that has the file. */
  let owners = new Map<string, List>();
  /** Change time of the directory when it was read; 0: it may have changed in that moment. Undefined: it was not read. */
  let readAs: bigint | undefined;
  let reading: Promise<void> | undefined;

  const readList = async (name: string): Promise<List | undefined> => {
    const file = `${info}/${name}`;
    const stat = host.stat(file);
    if (stat === undefined) return undefined;
    const identity = contentIdentity(stat);
    const known = lists.get(name);
    if (known?.identity === identity) return known;
    const text = await loadText(host.open(file), maxDatabaseBytes);
    return { base: name.slice(0, -'.list'.length), identity, files: filesBelow(text, prefixes) };
  };
  const readLists = async (): Promise<void> => {
    const stat = host.stat(info);
    if (stat === undefined || stat.ctimeNs === readAs) return;
    const isSettled = isAtRest(stat, host.clock.nowMs());
    const read = new Map<string, List>();
    const found = new Map<string, List>();
    let count = 0;
    for (const name of await host.listDirectory(info)) {
      if (!name.endsWith('.list')) continue;
      const list = await readList(name);
      if (list === undefined) continue;
      read.set(name, list);
      for (const file of list.files) found.set(file, list);
      if (++count % listsAtATime === 0) await setImmediate();
    }
    lists = read;
    owners = found;
    readAs = isSettled ? stat.ctimeNs : 0n;
  };
  const refresh = (): Promise<void> => {
    reading ??= readLists().finally(() => {
      reading = undefined;
    });
    return reading;
  };

  let conffiles = { identity: '', digests: new Map<string, string[]>() };
  const conffilesNow = async (): Promise<ReadonlyMap<string, readonly string[]>> => {
    const stat = host.stat(`${dpkg}/status`);
    const identity = stat && isAtRest(stat, host.clock.nowMs()) ? contentIdentity(stat) : '';
    if (identity === '' || identity !== conffiles.identity) {
      const status = await loadText(host.open(`${dpkg}/status`), maxDatabaseBytes);
      conffiles = { identity, digests: conffileDigests(status, prefixes) };
    }
    return conffiles.digests;
  };

  /** The digests of the file by its package: of a configuration file in the status file, of others in a list. */
  const digestsOf = async (list: List, names: readonly string[]): Promise<readonly string[]> => {
    const digests = await conffilesNow();
    const ofConffiles = names.flatMap((name) => digests.get(name) ?? []);
    const sums = `${info}/${list.base}.md5sums`;
    if (ofConffiles.length > 0 || !host.exists(sums)) return ofConffiles;
    const digest = digestIn(await loadText(host.open(sums), maxDatabaseBytes), names);
    return digest === undefined ? [] : [digest];
  };

  const findInDpkg = async (file: string, content: Buffer | undefined): Promise<FileOwner | undefined> => {
    await refresh();
    const names = listedNames(file);
    const list = owners.get(names[0]) ?? owners.get(names[1]);
    if (list === undefined) return readAs === undefined ? undefined : { state: 'none' };
    const owner = { manager: 'dpkg', name: list.base.replace(/:.*$/, '') } as const;
    const digests = content === undefined ? [] : await digestsOf(list, names);
    if (content === undefined || digests.length === 0) return { ...owner, state: 'listed' };
    return { ...owner, state: digests.includes(hash('md5', content)) ? 'unchanged' : 'changed' };
  };

  // rpm is a process of its own for each question.
  let questions = rpmAtOnce;
  let refilledMs = host.clock.monotonicMs();
  const mayAskRpm = (): boolean => {
    const nowMs = host.clock.monotonicMs();
    questions = Math.min(rpmAtOnce, questions + ((nowMs - refilledMs) / 1000) * rpmPerSecond);
    refilledMs = nowMs;
    if (questions < 1) return false;
    questions--;
    return true;
  };
  const findInRpm = async (file: string, database: string): Promise<FileOwner | undefined> => {
    if (!mayAskRpm()) return undefined;
    try {
      const [name = ''] = (await host.rpm(['--dbpath', database, '-qf', '--qf', '%{NAME}\\n', '--', file])).split('\n');
      return name === '' ? { state: 'none' } : { manager: 'rpm', name, state: 'listed' };
    } catch (error) {
      if (error instanceof RpmFailed && error.answered) return { state: 'none' };
      throw error;
    }
  };

  return {
    async find(file, content) {
      try {
        const found = await findInDpkg(file, content);
        if (found !== undefined && found.state !== 'none') return found;
        // A host whose packages are dpkg's seldom has files of rpm.
        const database = owners.size === 0 && hasRpm(host) ? rpmDatabase() : undefined;
        return database === undefined ? found : await findInRpm(file, database);
      } catch (error) {
        // dpkg may be changing its database, or rpm did not answer in time.
        reportOwnFault(error);
        return undefined;
      }
    },
  };
}

/** Whether the file is in one of the directories, or below. */
function isBelow(file: string, directories: ReadonlySet<string>): boolean {
  for (let slash = file.indexOf('/', 1); slash > 0; slash = file.indexOf('/', slash + 1)) {
    if (directories.has(file.slice(0, slash))) return true;
  }
  return false;
}

/** Copies a substring: in V8 a substring keeps the whole text in memory. */
const ownText = (part: string): string => Buffer.from(part).toString();

const filesBelow = (list: string, directories: ReadonlySet<string>): string[] =>
  list.split('\n').flatMap((line) => (isBelow(line, directories) ? [ownText(line)] : []));

/**
 * The MD5s of the configuration files in the directories, by path: ` /etc/file MD5` in the field `Conffiles` of each
 * package in dpkg's status file.
 */
function conffileDigests(status: string, directories: ReadonlySet<string>): Map<string, string[]> {
  const digests = new Map<string, string[]>();
  for (const [, file = '', digest = ''] of status.matchAll(/^ (\/.*) ([0-9a-f]{32})(?: [a-z-]+)?$/gm)) {
    if (!isBelow(file, directories)) continue;
    const known = digests.get(file) ?? [];
    known.push(ownText(digest));
    digests.set(ownText(file), known);
  }
  return digests;
}

// Asks the package database of the distribution whether a file belongs to a package.

import path from 'node:path';
import { type Answer, ask, known } from '../answer.ts';
import { contentIdentity, isAtRest } from '../host/file-identity.ts';
import type { Host } from '../host/host.ts';
import { reportOwnFault } from '../host/read-faults.ts';
import { digestOf, loadText, maxDatabaseBytes } from '../host/read-file.ts';
import type { RegularFile } from '../host/regular-file.ts';
import { digestIn, listedNames } from './listed-files.ts';
import { findRpmDatabase, hasRpm, RpmFailed } from './run-rpm.ts';
import { dpkgInfoDirectory } from './tools.ts';

/** Maximum size of a program whose digest is computed. The result for a larger program is "not known". */
const maxProgramBytes = 512 * 1024 * 1024;
/** Maximum number of queries if the database changes during each. */
const maxTries = 3;

/** A file that is held open, because its name may lead to another file while the databases are queried. */
interface OpenFile {
  path: string;
  opened: RegularFile;
}

/** Names of the `.list` files of a package (dpkg-query(1)); those of a multi-arch package contain the architecture. */
async function findLists(host: Host, infoDirectory: string, packageName: string): Promise<string[]> {
  const list = `${packageName}.list`;
  if (host.exists(path.join(infoDirectory, list))) return [list];
  const names = await host.listDirectory(infoDirectory);
  return names.filter((name) => name.startsWith(`${packageName}:`) && name.endsWith('.list'));
}

/**
 * Whether the package owns the file and its digest is unchanged, by the files of dpkg. Undefined: the package is not
 * installed.
 */
async function isOwnedInDpkg(
  host: Host,
  infoDirectory: string,
  file: OpenFile,
  packageName: string,
): Promise<boolean | undefined> {
  const lists = await findLists(host, infoDirectory, packageName);
  const names = listedNames(file.path);
  for (const list of lists) {
    const files = (await loadText(host.open(path.join(infoDirectory, list)), maxDatabaseBytes)).split('\n');
    if (!names.some((name) => files.includes(name))) continue;
    const sumsFile = path.join(infoDirectory, list.replace(/\.list$/, '.md5sums'));
    if (await isUnchanged(host, file.opened, names, sumsFile)) return true;
  }
  return lists.length === 0 ? undefined : false;
}

/** Whether the file has the digest that its package lists. True if the package lists none. */
async function isUnchanged(
  host: Host,
  file: RegularFile,
  names: readonly string[],
  sumsFile: string,
): Promise<boolean> {
  if (!host.exists(sumsFile)) return true;
  const digest = digestIn(await loadText(host.open(sumsFile), maxDatabaseBytes), names);
  return digest === undefined || digest === (await digestOf(file, 'md5', maxProgramBytes));
}

/** Whether one of the packages owns the file, by rpm. Digests are not compared. Undefined: rpm knows no owner. */
async function isOwnedInRpm(
  host: Host,
  database: string,
  file: string,
  packageNames: readonly string[],
): Promise<boolean | undefined> {
  try {
    const owners = await host.rpm(['--dbpath', database, '-qf', '--qf', '%{NAME}\\n', '--', file]);
    return owners.split('\n').some((owner) => packageNames.includes(owner));
  } catch (error) {
    if (error instanceof RpmFailed && error.answered) return undefined;
    throw error;
  }
}

/**
 * The change times of the database directories, which change with each installation and removal. `atRest`: another
 * change would change the times.
 */
function timesOf(host: Host, directories: readonly (string | undefined)[]): { times: string; atRest: boolean } {
  const stats = directories.map((directory) => (directory === undefined ? undefined : host.stat(directory)));
  return {
    times: stats.map((stat) => stat?.ctimeNs).join(' '),
    atRest: stats.every((stat) => stat === undefined || isAtRest(stat, host.clock.nowMs())),
  };
}

/** Locations of the package databases; by default those of the host. Tests use others. */
export interface PackageOwnerOptions {
  infoDirectory?: string;
  rpmDatabase?: () => string | undefined;
}

/**
 * Returns a function that answers whether one of the named packages owns a file, by dpkg or rpm, and for dpkg whether
 * the file is unchanged. Undefined: neither database knows the file. The function returns at once; disk and rpm are
 * read in the background. An answer is cached as long as the file does not change; an answer other than true only as
 * long as the databases do not change either.
 */
export function openPackageOwner(
  host: Host,
  { infoDirectory = dpkgInfoDirectory, rpmDatabase = () => findRpmDatabase(host) }: PackageOwnerOptions = {},
): (file: string, packageNames: readonly string[]) => Answer<boolean> {
  const answers = new Map<string, { identity: string; databases: string | undefined; answer: Answer<boolean> }>();
  const databasesNow = () => timesOf(host, [infoDirectory, rpmDatabase()]);

  const askDpkg = async (file: OpenFile, packageName: string): Promise<boolean | undefined> => {
    try {
      return await isOwnedInDpkg(host, infoDirectory, file, packageName);
    } catch (error) {
      reportOwnFault(error);
      // The host has no dpkg, or dpkg is changing its database.
      return undefined;
    }
  };

  const isOwnedByAny = async (file: OpenFile, packageNames: readonly string[]): Promise<boolean | undefined> => {
    const answers: (boolean | undefined)[] = [];
    for (const name of packageNames) answers.push(await askDpkg(file, name));
    if (answers.includes(true)) return true;
    const unanswered = packageNames.filter((_, i) => answers[i] === undefined);
    const database = unanswered.length > 0 && hasRpm(host) ? rpmDatabase() : undefined;
    if (database !== undefined) answers.push(await isOwnedInRpm(host, database, file.path, unanswered));
    if (answers.includes(true)) return true;
    return answers.includes(false) ? false : undefined;
  };

  /**
   * Queries the databases until they do not change during the query: a file that is not owned now may be owned after
   * the change.
   */
  const find = async (file: OpenFile, packageNames: readonly string[]): Promise<boolean | undefined> => {
    const { dev, ino } = file.opened.stat();
    for (let tries = 1; ; tries++) {
      const { times } = databasesNow();
      const owned = await isOwnedByAny(file, packageNames);
      if (owned === true) return true;
      const named = host.stat(file.path);
      // The file was replaced, so that the databases describe the other file.
      if (named?.dev !== dev || named.ino !== ino) return undefined;
      if (times === databasesNow().times || tries === maxTries) return owned;
    }
  };

  return (file, packageNames) => {
    const key = [file, ...packageNames].join('\0');
    const stat = host.stat(file);
    if (stat === undefined) return known<boolean>(undefined);
    const before = answers.get(key);
    if (
      before?.identity === contentIdentity(stat) &&
      (before.answer.value === true || before.databases === databasesNow().times)
    ) {
      return before.answer;
    }
    let opened: RegularFile;
    try {
      opened = host.open(file);
    } catch (error) {
      reportOwnFault(error);
      return known<boolean>(undefined);
    }
    const openedStat = opened.stat();
    const atRest = isAtRest(openedStat, host.clock.nowMs());
    const databases = databasesNow();
    const forget = (): void => {
      if (answers.get(key)?.answer === answer) answers.delete(key);
    };
    const answer = ask(
      find({ path: file, opened }, packageNames)
        .catch((error: unknown) => {
          // rpm did not answer in time, or the file could not be read.
          reportOwnFault(error);
          forget();
          return undefined;
        })
        .finally(() => {
          opened.close();
          if (!atRest) forget();
        }),
    );
    answers.set(key, {
      identity: contentIdentity(openedStat),
      databases: databases.atRest ? databases.times : undefined,
      answer,
    });
    return answer;
  };
}

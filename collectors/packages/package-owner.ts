// Asks the distribution's package database whether a file belongs to a package.

import fs from 'node:fs';
import path from 'node:path';
import { type Answer, ask, known } from '../answer.ts';
import { contentIdentity, isAtRest } from '../host/file-identity.ts';
import { reportOwnTrouble } from '../host/read-faults.ts';
import { digestOf, loadTextFile, maxDatabaseBytes, openRegularFile } from '../host/read-file.ts';
import { findRpmDatabase, hasRpm, RpmFailed, runRpm } from './run-rpm.ts';

/** Programs that are larger are not compared with their digest: of these nothing is known. */
const maxProgramBytes = 512 * 1024 * 1024;
/** A database that changes while it is asked is asked again. */
const maxTries = 3;

/** A file, held open: its name may lead to another one while the databases are asked. */
interface OpenFile {
  path: string;
  fd: number;
}

/** dpkg's list of a package's files (dpkg-query(1)); for a multi-arch package the name carries the architecture. */
async function findLists(infoDirectory: string, packageName: string): Promise<string[]> {
  const list = `${packageName}.list`;
  if (fs.existsSync(path.join(infoDirectory, list))) return [list];
  const names = await fs.promises.readdir(infoDirectory);
  return names.filter((name) => name.startsWith(`${packageName}:`) && name.endsWith('.list'));
}

/** By dpkg's lists and digests. Undefined: the package is not installed. */
async function isOwnedInDpkg(infoDirectory: string, file: OpenFile, packageName: string): Promise<boolean | undefined> {
  const lists = await findLists(infoDirectory, packageName);
  // Before the merge of /bin into /usr packages listed the short path, and many still do.
  const names = [file.path, file.path.replace(/^\/usr(?=\/s?bin\/)/, '')];
  for (const list of lists) {
    const files = (await loadTextFile(path.join(infoDirectory, list), maxDatabaseBytes)).split('\n');
    if (!names.some((name) => files.includes(name))) continue;
    if (await isUnchanged(file.fd, names, path.join(infoDirectory, list.replace(/\.list$/, '.md5sums')))) return true;
  }
  return lists.length === 0 ? undefined : false;
}

/** The file has the digest that its package says; a package without digests says nothing. */
async function isUnchanged(fd: number, names: readonly string[], sumsFile: string): Promise<boolean> {
  if (!fs.existsSync(sumsFile)) return true;
  const lines = (await loadTextFile(sumsFile, maxDatabaseBytes)).split('\n');
  const said = lines.find((line) => names.some((name) => line.slice(32).trimStart() === name.slice(1)))?.slice(0, 32);
  return said === undefined || said === (await digestOf(fd, 'md5', maxProgramBytes));
}

/** By rpm's account, which is not asked for digests. Undefined: it knows no owner. */
async function isOwnedInRpm(
  database: string,
  file: string,
  packageNames: readonly string[],
): Promise<boolean | undefined> {
  try {
    const owners = await runRpm(['--dbpath', database, '-qf', '--qf', '%{NAME}\\n', '--', file]);
    return owners.split('\n').some((owner) => packageNames.includes(owner));
  } catch (error) {
    if (error instanceof RpmFailed && error.answered) return undefined;
    throw error;
  }
}

/** The change times of folders, which a package that comes or goes changes; `atRest`: another change would give them another one. */
function timesOf(directories: readonly (string | undefined)[]): { times: string; atRest: boolean } {
  const stats = directories.map((directory) =>
    directory === undefined ? undefined : fs.statSync(directory, { bigint: true, throwIfNoEntry: false }),
  );
  return {
    times: stats.map((stat) => stat?.ctimeNs).join(' '),
    atRest: stats.every((stat) => stat === undefined || isAtRest(stat)),
  };
}

export interface PackageOwnerOptions {
  /** Other ones in tests. */
  infoDirectory?: string;
  rpmDatabase?: () => string | undefined;
}

/**
 * Whether a file is owned by one of the named packages on this host, by dpkg's or rpm's account, and for dpkg unchanged. Undefined:
 * neither says anything of it. Who asks never waits for a disk or for rpm. An answer is kept while the file stays the same; one other
 * than yes only while the databases do, too.
 */
export function openPackageOwner({
  infoDirectory = '/var/lib/dpkg/info',
  rpmDatabase = findRpmDatabase,
}: PackageOwnerOptions = {}): (file: string, packageNames: readonly string[]) => Answer<boolean> {
  const answers = new Map<string, { identity: string; databases: string | undefined; answer: Answer<boolean> }>();
  const databasesNow = () => timesOf([infoDirectory, rpmDatabase()]);

  const askDpkg = async (file: OpenFile, packageName: string): Promise<boolean | undefined> => {
    try {
      return await isOwnedInDpkg(infoDirectory, file, packageName);
    } catch (error) {
      reportOwnTrouble(error);
      // A host without dpkg, or a database that is being changed.
      return undefined;
    }
  };

  const askAll = async (file: OpenFile, packageNames: readonly string[]): Promise<boolean | undefined> => {
    const said: (boolean | undefined)[] = [];
    for (const name of packageNames) said.push(await askDpkg(file, name));
    if (said.includes(true)) return true;
    const rest = packageNames.filter((_, i) => said[i] === undefined);
    const database = rest.length > 0 && hasRpm() ? rpmDatabase() : undefined;
    if (database !== undefined) said.push(await isOwnedInRpm(database, file.path, rest));
    if (said.includes(true)) return true;
    return said.includes(false) ? false : undefined;
  };

  /** Asks until nothing has changed meanwhile. What is not owned by a database that is being changed may be owned by the next. */
  const find = async (file: OpenFile, packageNames: readonly string[]): Promise<boolean | undefined> => {
    const { dev, ino } = fs.fstatSync(file.fd, { bigint: true });
    for (let tries = 1; ; tries++) {
      const { times } = databasesNow();
      const owned = await askAll(file, packageNames);
      if (owned === true) return true;
      const named = fs.statSync(file.path, { bigint: true, throwIfNoEntry: false });
      // It was replaced: what the databases say by now is of the other one.
      if (named?.dev !== dev || named.ino !== ino) return undefined;
      if (times === databasesNow().times || tries === maxTries) return owned;
    }
  };

  return (file, packageNames) => {
    const key = [file, ...packageNames].join('\0');
    const stat = fs.statSync(file, { bigint: true, throwIfNoEntry: false });
    if (stat === undefined) return known<boolean>(undefined);
    const before = answers.get(key);
    if (
      before?.identity === contentIdentity(stat) &&
      (before.answer.value === true || before.databases === databasesNow().times)
    ) {
      return before.answer;
    }
    let fd: number;
    try {
      fd = openRegularFile(file);
    } catch (error) {
      reportOwnTrouble(error);
      return known<boolean>(undefined);
    }
    const opened = fs.fstatSync(fd, { bigint: true });
    const atRest = isAtRest(opened);
    const databases = databasesNow();
    const forget = (): void => {
      if (answers.get(key)?.answer === answer) answers.delete(key);
    };
    const answer = ask(
      find({ path: file, fd }, packageNames)
        .catch((error: unknown) => {
          // rpm did not answer in time, or the file is none that can be read.
          reportOwnTrouble(error);
          forget();
          return undefined;
        })
        .finally(() => {
          fs.closeSync(fd);
          if (!atRest) forget();
        }),
    );
    answers.set(key, {
      identity: contentIdentity(opened),
      databases: databases.atRest ? databases.times : undefined,
      answer,
    });
    return answer;
  };
}

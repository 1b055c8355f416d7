// Asks the distribution's package database whether a file belongs to a package.

import path from 'node:path';
import { type Answer, ask, known } from '../answer.ts';
import { contentIdentity, isAtRest } from '../host/file-identity.ts';
import type { Host } from '../host/host.ts';
import { reportOwnFault } from '../host/read-faults.ts';
import { digestOf, loadText, maxDatabaseBytes } from '../host/read-file.ts';
import type { RegularFile } from '../host/regular-file.ts';
import { findRpmDatabase, hasRpm, RpmFailed } from './run-rpm.ts';
import { dpkgInfoDirectory } from './tools.ts';

/** Programs that are larger are not compared with their digest: of these nothing is known. */
const maxProgramBytes = 512 * 1024 * 1024;
/** A database that changes while it is asked is asked again. */
const maxTries = 3;

/** A file, held open: its name may lead to another one while the databases are asked. */
interface OpenFile {
  path: string;
  opened: RegularFile;
}

/** dpkg's list of a package's files (dpkg-query(1)); for a multi-arch package the name carries the architecture. */
async function findLists(host: Host, infoDirectory: string, packageName: string): Promise<string[]> {
  const list = `${packageName}.list`;
  if (host.exists(path.join(infoDirectory, list))) return [list];
  const names = await host.listDirectory(infoDirectory);
  return names.filter((name) => name.startsWith(`${packageName}:`) && name.endsWith('.list'));
}

/** By dpkg's lists and digests. Undefined: the package is not installed. */
async function isOwnedInDpkg(
  host: Host,
  infoDirectory: string,
  file: OpenFile,
  packageName: string,
): Promise<boolean | undefined> {
  const lists = await findLists(host, infoDirectory, packageName);
  // Before the merge of /bin into /usr packages listed the short path, and many still do.
  const names = [file.path, file.path.replace(/^\/usr(?=\/s?bin\/)/, '')];
  for (const list of lists) {
    const files = (await loadText(host.open(path.join(infoDirectory, list)), maxDatabaseBytes)).split('\n');
    if (!names.some((name) => files.includes(name))) continue;
    const sumsFile = path.join(infoDirectory, list.replace(/\.list$/, '.md5sums'));
    if (await isUnchanged(host, file.opened, names, sumsFile)) return true;
  }
  return lists.length === 0 ? undefined : false;
}

/** The file has the digest that its package says; a package without digests says nothing. */
async function isUnchanged(
  host: Host,
  file: RegularFile,
  names: readonly string[],
  sumsFile: string,
): Promise<boolean> {
  if (!host.exists(sumsFile)) return true;
  const lines = (await loadText(host.open(sumsFile), maxDatabaseBytes)).split('\n');
  const digest = lines.find((line) => names.some((name) => line.slice(32).trimStart() === name.slice(1)))?.slice(0, 32);
  return digest === undefined || digest === (await digestOf(file, 'md5', maxProgramBytes));
}

/** By rpm's account, which is not asked for digests. Undefined: it knows no owner. */
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

/** The change times of directories, which a package that comes or goes changes; `atRest`: another change would give them another one. */
function timesOf(host: Host, directories: readonly (string | undefined)[]): { times: string; atRest: boolean } {
  const stats = directories.map((directory) => (directory === undefined ? undefined : host.stat(directory)));
  return {
    times: stats.map((stat) => stat?.ctimeNs).join(' '),
    atRest: stats.every((stat) => stat === undefined || isAtRest(stat, host.clock.nowMs())),
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
      // A host without dpkg, or a database that is being changed.
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

  /** Asks until nothing has changed meanwhile. What is not owned by a database that is being changed may be owned by the next. */
  const find = async (file: OpenFile, packageNames: readonly string[]): Promise<boolean | undefined> => {
    const { dev, ino } = file.opened.stat();
    for (let tries = 1; ; tries++) {
      const { times } = databasesNow();
      const owned = await isOwnedByAny(file, packageNames);
      if (owned === true) return true;
      const named = host.stat(file.path);
      // It was replaced: what the databases say by now is of the other one.
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
          // rpm did not answer in time, or the file is none that can be read.
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

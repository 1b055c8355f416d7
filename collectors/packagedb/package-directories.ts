// Which folders hold package databases and the scripts in them on this host.

import type { Host } from '../host/host.ts';
import { reportOwnTrouble } from '../host/read-faults.ts';
import { evaluateRpmMacros } from '../packages/run-rpm.ts';
import {
  dpkgDirectory,
  dpkgInfoDirectory,
  type PackageManager,
  rpmDirectories,
  scriptletPrefix,
} from '../packages/tools.ts';

/** A folder to watch. */
export interface PackageDirectory {
  /** As configured or as the package tool names it: may be a link, or not there yet. */
  path: string;
  /** Whose it is; undefined: not known. */
  manager: PackageManager | undefined;
  /** It should be there: that it is not is worth a word. */
  expected: boolean;
  /** Only names that begin so count; the rest of the folder is none of our business. */
  namePrefix?: string;
  /** It comes and goes with every run of the package manager: nothing of it is remembered. */
  temporary?: boolean;
}

/** What rpm(8) says of its folders; undefined: there is no rpm, or it does not answer. */
export interface RpmDirectories {
  database: string | undefined;
  temporary: string | undefined;
}

const absolute = (line: string | undefined): string | undefined =>
  line?.startsWith('/') && !line.includes('\0') ? line.replace(/\/+$/, '') || '/' : undefined;

/** Asks rpm, as root's own rpm would answer without macros of root's or of the host's administrator. */
export async function askRpm(host: Pick<Host, 'rpm'>): Promise<RpmDirectories | undefined> {
  try {
    const [database, temporary] = await evaluateRpmMacros(host.rpm, ['_dbpath', '_tmppath']);
    return { database: absolute(database), temporary: absolute(temporary) };
  } catch (error) {
    reportOwnTrouble(error);
    return undefined;
  }
}

/** The folders in the order in which they are looked at. `configured` takes the place of the databases', not of rpm's temporary ones. */
export function packageDirectories(
  configured: readonly string[] | undefined,
  rpm: RpmDirectories | undefined,
  exists: (path: string) => boolean,
): PackageDirectory[] {
  const hasDpkg = exists('/usr/bin/dpkg') || exists(dpkgDirectory);
  const databases: PackageDirectory[] = configured?.map((path) => ({
    path: absolute(path) ?? path,
    manager: managerOf(path),
    expected: true,
  })) ?? [
    { path: dpkgInfoDirectory, manager: 'dpkg', expected: hasDpkg },
    { path: dpkgDirectory, manager: 'dpkg', expected: hasDpkg },
    // Beside dpkg rpm seldom has a database; and of those that rpm does not name itself, only what is there counts.
    ...(rpm?.database
      ? [{ path: rpm.database, manager: 'rpm', expected: !hasDpkg || exists(rpm.database) } as const]
      : []),
    ...rpmDirectories.map((path) => ({ path, manager: 'rpm', expected: false }) as const),
  ];
  const scriptlets = [rpm?.temporary, '/var/tmp'].map((path): PackageDirectory | undefined =>
    path === undefined
      ? undefined
      : { path, manager: 'rpm', expected: false, namePrefix: scriptletPrefix, temporary: true },
  );
  const all = [...databases, ...scriptlets].filter((directory) => directory !== undefined);
  return all.filter((directory, i) => all.findIndex(({ path }) => path === directory.path) === i);
}

const managerOf = (path: string): PackageDirectory['manager'] =>
  /dpkg/.test(path) ? 'dpkg' : /rpm/.test(path) ? 'rpm' : undefined;

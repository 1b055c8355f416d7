// Which directories hold package databases and package scripts on this host.

import type { Host } from '../host/host.ts';
import { reportOwnFault } from '../host/read-faults.ts';
import { evaluateRpmMacros } from '../packages/run-rpm.ts';
import {
  dpkgDirectory,
  dpkgInfoDirectory,
  type PackageManager,
  rpmDirectories,
  scriptletPrefix,
} from '../packages/tools.ts';

/** A directory to watch. */
export interface PackageDirectory {
  /** As configured or as the package tool names it: it may be a link, or not exist yet. */
  path: string;
  /** The package manager whose directory it is; undefined: not known. */
  manager: PackageManager | undefined;
  /** The directory should exist: that it is missing is reported. */
  expected: boolean;
  /** Only files whose names begin so are watched. */
  namePrefix?: string;
  /** Every run of the package manager makes and removes the directory or its files: its listing is not saved. */
  temporary?: boolean;
}

/** The directories that rpm(8) names; undefined: it names none. */
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
    reportOwnFault(error);
    return undefined;
  }
}

/** The directories in the order in which they are checked. `configured` replaces those of databases, not rpm's temporary ones. */
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
    // rpm seldom has a database on a host with dpkg. Of the directories that rpm does not name itself, only those that exist count.
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

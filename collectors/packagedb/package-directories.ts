// Determines the directories of package databases and package scripts on this host.

import type { Host } from '../host/host.ts';
import { reportOwnFault } from '../host/read-faults.ts';
import { evaluateRpmMacros, hasRpm } from '../packages/run-rpm.ts';
import {
  dpkgDirectory,
  dpkgInfoDirectory,
  dpkgTriggersDirectory,
  rpmDirectories,
  scriptletPrefix,
} from '../packages/tools.ts';
import type { DirectoryToWatch } from './directory-to-watch.ts';

/** The directories in the macros of rpm(8); undefined: the macro names none. */
export interface RpmDirectories {
  database: string | undefined;
  temporary: string | undefined;
}

const absolute = (line: string | undefined): string | undefined =>
  line?.startsWith('/') && !line.includes('\0') ? line.replace(/\/+$/, '') || '/' : undefined;

/**
 * Asks rpm for its directories, without the macros of root or of the administrator. Undefined: the host has no rpm, or
 * rpm did not answer.
 */
export async function askRpm(host: Pick<Host, 'rpm' | 'exists'>): Promise<RpmDirectories | undefined> {
  if (!hasRpm(host)) return undefined;
  try {
    const [database, temporary] = await evaluateRpmMacros(host.rpm, ['_dbpath', '_tmppath']);
    return { database: absolute(database), temporary: absolute(temporary) };
  } catch (error) {
    reportOwnFault(error);
    return undefined;
  }
}

/**
 * The directories in the order in which they are checked. `configured` replaces the databases, but not the temporary
 * directories of rpm.
 */
export function packageDirectories(
  configured: readonly string[] | undefined,
  rpm: RpmDirectories | undefined,
  exists: (path: string) => boolean,
): DirectoryToWatch[] {
  const hasDpkg = exists('/usr/bin/dpkg') || exists(dpkgDirectory);
  const databases: DirectoryToWatch[] = configured?.map((path) => ({
    path: absolute(path) ?? path,
    manager: managerOf(path),
    expected: true,
  })) ?? [
    { path: dpkgInfoDirectory, manager: 'dpkg', expected: hasDpkg },
    { path: dpkgDirectory, manager: 'dpkg', expected: hasDpkg },
    { path: dpkgTriggersDirectory, manager: 'dpkg', expected: false },
    // A host with dpkg seldom has an rpm database. Directories that rpm does not name itself are not expected.
    ...(rpm?.database
      ? [{ path: rpm.database, manager: 'rpm', expected: !hasDpkg || exists(rpm.database) } as const]
      : []),
    ...rpmDirectories.map((path) => ({ path, manager: 'rpm', expected: false }) as const),
  ];
  const scriptlets = [rpm?.temporary, '/var/tmp'].map((path): DirectoryToWatch | undefined =>
    path === undefined
      ? undefined
      : { path, manager: 'rpm', expected: false, namePrefix: scriptletPrefix, temporary: true },
  );
  const all = [...databases, ...scriptlets].filter((directory) => directory !== undefined);
  return all.filter((directory, i) => all.findIndex(({ path }) => path === directory.path) === i);
}

const managerOf = (path: string): DirectoryToWatch['manager'] =>
  /dpkg/.test(path) ? 'dpkg' : /rpm/.test(path) ? 'rpm' : undefined;

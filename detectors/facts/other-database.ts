// Whether dpkg or rpm works on the host itself by a database that is not the host's: what it installs there is in no list of the host.

import path from 'node:path';
import type { PackageOperation } from '../../collectors/event/event.ts';
import { dpkgDirectory, rpmDirectories } from '../../collectors/packages/tools.ts';

/** The places of the databases of hosts; rpm-ostree has the last one. */
const hostDatabases: Readonly<Record<PackageOperation['manager'], readonly string[]>> = {
  dpkg: [dpkgDirectory],
  rpm: [...rpmDirectories, '/usr/share/rpm'],
};

/** Operations that change files of packages, or run their scripts. */
const changes: ReadonlySet<string> = new Set<PackageOperation['operation']>([
  ...(['install', 'upgrade', 'unpack', 'configure', 'remove', 'purge'] as const),
]);

/**
 * The other database; undefined: the operation uses the host's, or changes another root. `variables`: as in `process.env_vars`, read
 * if they count. `workingDirectory` is called for a relative path.
 */
export function otherDatabase(
  { manager, operation, dry_run: isDryRun, root, database }: PackageOperation,
  args: readonly string[],
  variables: () => readonly string[],
  workingDirectory: () => string | undefined,
): string | undefined {
  if (!changes.has(operation) || isDryRun || args.includes('--justdb')) return undefined;
  const variable = (name: string): string | undefined =>
    variables()
      .findLast((text) => text.startsWith(`${name}=`))
      ?.slice(name.length + 1) || undefined;
  const isDpkg = manager === 'dpkg';
  const given = database ?? (isDpkg ? variable('DPKG_ADMINDIR') : undefined);
  if (given === undefined) return undefined;
  const absolute = (file: string): string =>
    path.posix.resolve(file.startsWith('/') ? '/' : (workingDirectory() ?? '/'), file);
  const changed = root ?? (isDpkg ? variable('DPKG_ROOT') : undefined);
  if (changed !== undefined && absolute(changed) !== '/') return undefined;
  const plain = absolute(given);
  return hostDatabases[manager].includes(plain) ? undefined : plain;
}

// Finds out where the archives came from that dpkg unpacks: which package list of apt has their digest.

import { type Answer, ask } from '../answer.ts';
import type { UnobservedReason } from '../event/reasons.ts';
import type { Host } from '../host/host.ts';
import type { ListedPackage } from '../packages/listed-package.ts';
import type { BootNs } from '../process/process-record.ts';
import type { ArchiveProvenance } from '../transactions/package-transaction.ts';
import { type ArchiveContent, openArchives } from './archives.ts';
import { findLostFixes, type LostFixes, type VersionChange } from './lost-fixes.ts';
import { findOfferedVersions, type OfferedVersions } from './offered-versions.ts';
import { openPackageLists, type PackageList, type PackageListsDeps, type PackageListsReport } from './package-lists.ts';
import { type AptDirectories, aptConfigPath, defaultAptDirectories } from './run-apt.ts';

/** The host, the store and apt's programs. */
export interface ProvenanceDeps extends Omit<PackageListsDeps, 'host'> {
  host: Host;
  /** The directories by apt's configuration. */
  readDirectories(): Promise<AptDirectories>;
  /** Since when the digests are kept, in milliseconds since 1970: of files from before no former list is known. */
  sinceMs: number;
}

/** An archive that a process opens. */
interface ObservedArchive {
  /** Absolute path, as the process names it. */
  path: string;
  /** The process whose root and mounts the path is in, and its ancestors, which have the same. */
  pids: readonly number[];
  /** When the program started that opens the archive. */
  atNs: BootNs;
}

/** An archive whose provenance is being found out. */
export interface FollowedArchive {
  provenance: Answer<ArchiveProvenance>;
  /** Must be called when the archive is opened again. */
  again(): void;
}

/** The provenance of archives on one host. */
export interface Provenance {
  follow(archive: ObservedArchive): FollowedArchive;
  /** Finds the packages that went below a version of a security source. Never rejects. */
  lostFixes(changes: readonly VersionChange[]): Promise<LostFixes>;
  /** Finds the versions that the distribution offers of these packages. Never rejects. */
  offeredVersions(installed: readonly ListedPackage[]): Promise<OfferedVersions>;
  /** Reads the package lists that have changed, in the background. */
  refresh(): Promise<void>;
  /** The index of the package lists. */
  report(): PackageListsReport;
  stop(): Promise<void>;
}

/** How long the directories of apt's configuration are used before it is read again. */
const directoriesMs = 10 * 60_000;

/** Opens it without reading anything. */
export function openProvenance({ readDirectories, sinceMs, ...deps }: ProvenanceDeps): Provenance {
  const { host, onFault } = deps;
  const lists = openPackageLists(deps);
  const archives = openArchives(host);
  let directories: Promise<AptDirectories> | undefined;
  let readMs = Number.NEGATIVE_INFINITY;

  /** The directories without symlinks. If apt does not name any, its defaults. */
  const findDirectories = async (): Promise<AptDirectories> => {
    let found = defaultAptDirectories;
    try {
      if (host.exists(aptConfigPath)) found = await readDirectories();
    } catch (error) {
      onFault('the directories of apt are not known, using its defaults', error);
    }
    return { ...found, archives: host.realPath(found.archives) ?? found.archives };
  };
  const directoriesNow = (): Promise<AptDirectories> => {
    const nowMs = host.clock.monotonicMs();
    if (directories === undefined || nowMs - readMs > directoriesMs) {
      readMs = nowMs;
      directories = findDirectories();
    }
    return directories;
  };
  const refresh = async (): Promise<void> => lists.refresh((await directoriesNow()).lists);

  /** Undefined: the process has ended, or files cannot be read safely as it sees them. */
  const rootOf = (pid: number): string | undefined => {
    const root = host.proc.readRoot(pid);
    const mounts = host.proc.readNamespaces(pid)?.mnt;
    if (root === undefined || mounts === undefined || !host.proc.mayReadInside(pid)) return undefined;
    return root === '/' && host.proc.readHostMounts().includes(mounts) ? '' : `/proc/${pid}/root`;
  };

  const find = async (content: ArchiveContent, opened: string): Promise<ArchiveProvenance> => {
    const target = content.path !== undefined && content.path !== opened ? { archive_target: content.path } : {};
    if ('unobserved' in content) return unknown(content.unobserved, target);
    const { sha256, path, ctimeMs } = content;
    const { archives: cache } = await directoriesNow();
    const isInCache = path.startsWith(`${cache}/`);
    const cached = isInCache ? { cached_before: ctimeMs < sinceMs } : {};
    let found = lists.find(sha256);
    if (found === undefined || found.isSuperseded) {
      await refresh();
      found = lists.find(sha256);
    }
    if (found !== undefined) {
      const { list, isSuperseded, isSigned } = found;
      return {
        fields: {
          ...target,
          sha256,
          source: 'repository',
          repository: { ...describe(list), ...(isSigned !== undefined && { signed: isSigned }) },
          superseded: isSuperseded,
          ...cached,
        },
        unobserved: isSigned === undefined ? { 'repository.signed': list.fault ?? 'list_compressed' } : {},
      };
    }
    const doubt = lists.doubt();
    // Without any list none has the file, but apt's directory may have it from a list that is not there any more.
    if (doubt !== undefined && (isInCache || doubt !== 'no_package_lists'))
      return { fields: { ...target, sha256, ...cached }, unobserved: { source: doubt } };
    return { fields: { ...target, sha256, source: isInCache ? 'unlisted' : 'local_file', ...cached }, unobserved: {} };
  };
  const findSafely = async (content: Promise<ArchiveContent>, path: string): Promise<ArchiveProvenance> => {
    const read = await content;
    try {
      return await find(read, path);
    } catch (error) {
      onFault('the digests of packages could not be read', error);
      const known = 'sha256' in read ? { sha256: read.sha256 } : {};
      return { fields: known, unobserved: { source: 'lists_unreadable' } };
    }
  };

  return {
    follow({ path, pids, atNs }) {
      const root = firstOf(pids, rootOf);
      if (root === undefined) return { provenance: ask(Promise.resolve(unknown('process_exited'))), again() {} };
      const opened = archives.open({ path, root, atNs });
      let settled: Answer<ArchiveProvenance> | undefined;
      return {
        /** Asked for at the end of the run, when it is known how often the archive was opened. */
        get provenance() {
          settled ??= ask(findSafely(opened.content, path));
          return settled;
        },
        again: opened.again,
      };
    },
    lostFixes: async (changes) => findLostFixes(changes, (await directoriesNow()).lists, deps),
    offeredVersions: async (installed) => findOfferedVersions(installed, (await directoriesNow()).lists, deps),
    refresh,
    report: lists.report,
    stop: lists.stop,
  };
}

function firstOf<T, R>(values: readonly T[], find: (value: T) => R | undefined): R | undefined {
  for (const value of values) {
    const found = find(value);
    if (found !== undefined) return found;
  }
  return undefined;
}

const unknown = (reason: UnobservedReason, fields: ArchiveProvenance['fields'] = {}): ArchiveProvenance => ({
  fields,
  unobserved: { sha256: reason, source: reason },
});

const describe = ({ site, suite, component, origin, label, keys }: PackageList) => ({
  site,
  ...(suite !== undefined && { suite }),
  ...(component !== undefined && { component }),
  ...(origin !== undefined && { origin }),
  ...(label !== undefined && { label }),
  ...(keys.length > 0 && { key: [...keys] }),
});

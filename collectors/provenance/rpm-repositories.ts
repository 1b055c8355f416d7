// Finds the repositories that packages of rpm came from: by the histories of dnf and zypper, which rpm itself does not have.

import { setTimeout } from 'node:timers/promises';
import { type Answer, ask, known } from '../answer.ts';
import type { UnobservedReason } from '../event/reasons.ts';
import type { Host } from '../host/host.ts';
import type { ActorSnapshot } from '../process/process.ts';
import type { BootNs } from '../process/process-record.ts';
import { argsOf, isNamed } from '../process/program-name.ts';
import type { ArchiveProvenance, PackageChange } from '../transactions/package-transaction.ts';
import type { DnfHistoryRow, ReadDnfHistory } from './run-dnf-history.ts';
import { readZyppHistory, zyppHistoryPath } from './zypp-history.ts';

/** A transaction of rpm that has ended. */
interface RpmRun {
  actor: ActorSnapshot;
  startNs: BootNs;
  packages: readonly PackageChange[];
}

/** The repositories of one host. */
export interface RpmRepositories {
  /** The packages with their provenance. Unchanged if no front end with a history ran the transaction. */
  withProvenance(run: RpmRun): readonly PackageChange[];
}

interface RpmRepositoriesDeps {
  host: Pick<Host, 'exists' | 'statLater' | 'openLater'> & { clock: Pick<Host['clock'], 'bootEpochMs'> };
  readDnfHistory: ReadDnfHistory;
  onFault(fault: string, error: unknown): void;
  /** Tests do not wait. */
  wait?: (ms: number) => Promise<unknown>;
}

/** Histories of dnf 4 (microdnf, PackageKit too) and of dnf 5. */
const dnfHistories: readonly string[] = [
  '/var/lib/dnf/history.sqlite',
  '/usr/lib/sysimage/libdnf5/transaction_history.sqlite',
];

/** dnf keeps some 10 MB of many years. */
const maxHistoryBytes = 256 * 1024 * 1024;
/** Transactions whose history is read at once; rpm locks its database, so that there are more only by hostile programs. */
const maxLookups = 4;
/** zypper writes its line when rpm has ended. */
const zyppWaitsMs = [30, 120, 350, 1000, 1500] as const;
/** The error of the boot clock. */
const clockErrorMs = 12;

/** A repository of local files: its packages have another source. */
const localRepositories: readonly string[] = ['@commandline', '_tmpRPMcache_'];

/** Keyed by package. */
type Repositories = ReadonlyMap<string, string>;
type Found = Repositories | { unobserved: UnobservedReason };

/** Nothing is read before the first call. */
export function openRpmRepositories({
  host,
  readDnfHistory,
  onFault,
  wait = setTimeout,
}: RpmRepositoriesDeps): RpmRepositories {
  let lookups = 0;

  const fromDnf = async (files: readonly string[], { actor, startNs }: RpmRun): Promise<Found> => {
    const epochMs = host.clock.bootEpochMs();
    // A process can be older than the transaction, but not younger.
    const sinceS = Math.floor((epochMs + actor.entry.startNs / 1e6 - clockErrorMs) / 1000);
    const startS = Math.floor((epochMs + startNs / 1e6 + clockErrorMs) / 1000);
    for (const file of files) {
      const stat = await host.statLater(file);
      if (stat === undefined) continue;
      if (!stat.isFile() || stat.size > maxHistoryBytes) return { unobserved: 'history_unreadable' };
      const rows = await readDnfHistory(file, { sinceS, startS });
      if (rows.length > 0) return new Map(rows.flatMap(repositoryOf));
    }
    return { unobserved: 'not_in_history' };
  };

  const fromZypp = async ({ startNs, packages }: RpmRun): Promise<Found> => {
    // Its times are whole seconds.
    const sinceMs = Math.floor((host.clock.bootEpochMs() + startNs / 1e6 - clockErrorMs) / 1000) * 1000;
    const wanted = installed(packages).map(({ name, version = '', architecture = '' }) =>
      keyOf(name, version, architecture),
    );
    let found: Map<string, string> = new Map();
    for (const waitMs of zyppWaitsMs) {
      await wait(waitMs);
      const lines = (await readZyppHistory(host)).filter(({ timeMs }) => timeMs >= sinceMs);
      found = new Map(lines.map((one) => [keyOf(one.name, one.version, one.architecture), one.repository]));
      if (wanted.every((key) => found.has(key))) break;
    }
    return found;
  };

  const find = async (read: () => Promise<Found>): Promise<Found> => {
    lookups++;
    try {
      return await read();
    } catch (error) {
      onFault('the history of a package manager could not be read', error);
      return { unobserved: 'history_unreadable' };
    } finally {
      lookups--;
    }
  };

  /** Undefined: no front end with a history ran it. */
  const readerOf = (run: RpmRun): (() => Promise<Found>) | undefined => {
    const { image, entry } = run.actor;
    // Only root can change the host's packages, and write the histories.
    if (image === undefined || (entry.details !== undefined && entry.details.userId !== 0)) return undefined;
    const isRpm = isNamed(image, (name) => name === 'rpm');
    if (isRpm ? isOfZypp(argsOf(image)) : isNamed(image, (name) => name === 'zypp-rpm'))
      return host.exists(zyppHistoryPath) ? () => fromZypp(run) : undefined;
    if (isRpm) return undefined;
    const files = dnfHistories.filter((file) => host.exists(file));
    return files.length > 0 ? () => fromDnf(files, run) : undefined;
  };

  return {
    withProvenance(run) {
      const read = installed(run.packages).length === 0 ? undefined : readerOf(run);
      if (read === undefined) return run.packages;
      const found: Promise<Found> =
        lookups >= maxLookups ? Promise.resolve({ unobserved: 'history_busy' }) : find(read);
      return run.packages.map((change) =>
        change.action === 'remove' ? change : { ...change, provenance: provenanceOf(change, found) },
      );
    },
  };
}

const installed = (packages: readonly PackageChange[]): PackageChange[] =>
  packages.filter(({ action, applied }) => action !== 'remove' && applied !== false);

/** libzypp has rpm print its progress for programs. */
const isOfZypp = (args: readonly string[] = []): boolean => args.includes('--percent') && args.includes('--noglob');

/** rpm may show an epoch that is 0. */
const keyOf = (name: string, version: string, architecture: string): string =>
  `${name} ${version.replace(/^0:/, '')} ${architecture}`;

function repositoryOf({ name, epoch, version, release, architecture, repository }: DnfHistoryRow): [string, string][] {
  // A package that is removed or replaced.
  if (typeof repository !== 'string' || repository === '@System') return [];
  return [[keyOf(String(name), `${Number(epoch)}:${version}-${release}`, String(architecture)), repository]];
}

function provenanceOf(
  { name, version = '', architecture = '' }: PackageChange,
  found: Promise<Found>,
): Answer<ArchiveProvenance> {
  const unknown = (reason: UnobservedReason): ArchiveProvenance => ({ fields: {}, unobserved: { source: reason } });
  if (version === '') return known(unknown('not_shown'));
  return ask(
    found.then((repositories) => {
      if ('unobserved' in repositories) return unknown(repositories.unobserved);
      const id = repositories.get(keyOf(name, version, architecture));
      if (id === undefined || id === '') return unknown('not_in_history');
      if (localRepositories.includes(id)) return { fields: { source: 'local_file' }, unobserved: {} };
      return { fields: { source: 'repository', repository: { id } }, unobserved: {} };
    }),
  );
}

// The type of a package transaction: what a package manager did to a set of packages at once, in whatever process.

import type { Answer } from '../answer.ts';
import type { PackageAction, TransactionFields } from '../event/event.ts';
import type { Notes } from '../event/notes.ts';
import type { UnobservedReason } from '../event/reasons.ts';
import type { PackageManager } from '../packages/tools.ts';
import type { ActorSnapshot } from '../process/process.ts';
import type { BootNs } from '../process/process-record.ts';

/** The change of one package. A value is undefined if it was not observed. */
export interface PackageChange {
  name: string;
  /** `[EPOCH:]VERSION[-RELEASE]`; of a removal, the removed one. */
  version: string | undefined;
  architecture: string | undefined;
  action: PackageAction | undefined;
  /** The version that it replaces. */
  formerVersion?: string;
  /** Whether the package manager wrote the change to its database. */
  applied: boolean | undefined;
  /** The state of the package afterwards, as dpkg names it. */
  state?: string;
  /** Path of the archive that the package was unpacked from. */
  archive?: string;
  /** Where the archive came from. Undefined: no archive was opened, or one of another root. */
  provenance?: Answer<ArchiveProvenance>;
}

/** A package that was put on hold, or released. */
export interface SelectionChange {
  name: string;
  version: string;
  architecture: string;
  isHeld: boolean;
}

/** What the package lists of apt say about the content of an archive. */
export interface ArchiveProvenance {
  fields: ProvenanceFields;
  /** Why a field is absent, by its name in `fields`. */
  unobserved: Partial<Record<keyof ProvenanceFields | 'repository.signed', UnobservedReason>>;
}

/** Fields of a package in the event, with the meaning that fields.ts gives them. */
type ProvenanceFields = Pick<
  NonNullable<TransactionFields['packages']>[number],
  'archive_target' | 'sha256' | 'source' | 'repository' | 'superseded' | 'cached_before'
>;

/** One way in which the database differs from the observed changes. */
export interface DatabaseDifference {
  /** `NAME-[EPOCH:]VERSION-RELEASE.ARCHITECTURE`, as rpm lists it. */
  package: string;
  kind: 'not_listed' | 'still_listed' | 'unreported_addition' | 'unreported_removal';
}

/** The signature in the header of a package, as rpm lists it from its database. */
export type PackageSignature = NonNullable<NonNullable<TransactionFields['packages']>[number]['signature']>;

/** The database after the transaction, compared with the observed changes; or why that was not done. */
export type DatabaseComparison =
  | {
      differences: readonly DatabaseDifference[];
      /** By the names of the packages that were added and are listed, in the form of `DatabaseDifference`. */
      signatures: ReadonlyMap<string, PackageSignature>;
    }
  | { unobserved: UnobservedReason };

/** `NAME-[EPOCH:]VERSION-RELEASE.ARCHITECTURE`, as the agent's query of rpm lists it. */
export const rpmPackageText = (name: string, version: string, architecture: string): string =>
  `${name}-${version}.${architecture}`;

/** One transaction. The pipeline turns it into an event (`observeTransaction`). */
export interface PackageTransaction {
  manager: PackageManager;
  /** The process that ran the transaction, as it was at the beginning. */
  actor: ActorSnapshot;
  startNs: BootNs;
  /** Undefined: the end was not observed. */
  endNs: BootNs | undefined;
  outcome: 'success' | 'failure' | 'unknown';
  /** Whether it is a test that changes nothing (rpm: `--test`). Undefined: not observed. */
  test: boolean | undefined;
  /** Whether it changed the database. Undefined: not observed. */
  changed: boolean | undefined;
  /** The tree that is changed, as the process names it. Undefined: not observed. */
  root: string | undefined;
  /** Directory of the database, as the host names it. Undefined: not observed. */
  database: string | undefined;
  packages: readonly PackageChange[];
  /** Only of dpkg. */
  selections?: readonly SelectionChange[];
  /** Number of packages; more than `packages` has if that was cut. */
  packagesCount: number;
  /** Undefined: the database is not compared. */
  comparison: Answer<DatabaseComparison> | undefined;
  /** By the names of the event's fields. */
  notes: Pick<Notes, 'unobserved' | 'inferred'> & Partial<Pick<Notes, 'truncated'>>;
}

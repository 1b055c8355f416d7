// The rows of the package ledger: what one transaction did to each package of the host, and who asked for it.

import type { PackageAction, StepparentEvent, TransactionFields } from '../collectors/event/event.ts';
import type { PackageManager } from '../collectors/packages/tools.ts';
import { subjectText } from './message/who.ts';

/**
 * What happened to a package. `configure`: its scripts ran to configure it, or failed. `present`: it was installed
 * before the agent first listed the packages.
 */
export type LedgerAction = PackageAction | 'configure' | 'present';

/** What happened to one package. A value is undefined if it is not known. */
export interface LedgerChange {
  name: string;
  architecture: string | undefined;
  /** Of a removal, the removed one. */
  version: string | undefined;
  /** The version that it replaces. */
  formerVersion: string | undefined;
  action: LedgerAction | undefined;
  /** Whether the change is in the database of the package manager. */
  applied: boolean | undefined;
  /** The state of the package afterwards, as dpkg names it. */
  state: string | undefined;
  /** Path of the archive that the package was unpacked from. */
  archive: string | undefined;
  /** SHA-256 of the archive, in hexadecimal. */
  sha256: string | undefined;
  /** Where the archive came from, as `stepparent.transaction.packages.source` has it. */
  source: string | undefined;
  /** Site, suite and component of the package list that has the archive; of rpm the id of the repository. */
  repository: string | undefined;
  /** Whether a signed Release file has the digest of that list. */
  signed: boolean | undefined;
}

/** A transaction with its changes, in the order of the event, or of the package manager. */
export interface LedgerEntry {
  manager: PackageManager;
  hostId: string | undefined;
  hostName: string | undefined;
  eventId: string | undefined;
  transactionId: string | undefined;
  /** Who asked, in the words of an alert. */
  requestedBy: string | undefined;
  initiator: string | undefined;
  origin: string | undefined;
  userId: string | undefined;
  userName: string | undefined;
  changes: readonly LedgerChange[];
}

type EventPackage = NonNullable<TransactionFields['packages']>[number];

const managers: readonly unknown[] = ['dpkg', 'rpm'];

/** The text. Undefined: another type of value. An event that another host has exported can hold anything. */
const textOf = (value: unknown): string | undefined => (typeof value === 'string' ? value : undefined);

const truthOf = (value: unknown): boolean | undefined => (typeof value === 'boolean' ? value : undefined);

/** `SITE SUITE/COMPONENT`, without what is not known; of rpm the id. */
function repositoryText(repository: EventPackage['repository']): string | undefined {
  const list = [repository?.suite, repository?.component].filter((part) => textOf(part) !== undefined).join('/');
  const text = [textOf(repository?.id), textOf(repository?.site), list].filter(Boolean).join(' ');
  return text === '' ? undefined : text;
}

/**
 * Whether the transaction concerns the database of the host. A tree that a caller chose (`dpkg --root`), a chroot and a
 * container have databases of their own.
 */
function isOfHost({ stepparent: { transaction, unobserved } }: StepparentEvent): boolean {
  if (transaction?.test === true) return false;
  if (transaction?.manager === 'dpkg') return unobserved?.['stepparent.transaction.packages'] !== 'other_database';
  // Only a database in one of rpm's usual directories is compared.
  const uncompared = unobserved?.['stepparent.transaction.verified'];
  return uncompared !== 'other_database' && uncompared !== 'not_shown';
}

/**
 * The rows of an event. Undefined: it is no transaction on the host's database. `packages`: all packages, of which the
 * event has a limited number.
 */
export function ledgerEntry(
  event: StepparentEvent,
  packages: readonly EventPackage[] = event.stepparent.transaction?.packages ?? [],
): LedgerEntry | undefined {
  const { host, stepparent, user } = event;
  const { transaction, initiator } = stepparent;
  const manager = transaction?.manager;
  if (!managers.includes(manager) || manager === undefined || !isOfHost(event)) return undefined;
  const changes = packages.flatMap((each) => changeOf(each));
  if (changes.length === 0) return undefined;
  return {
    manager,
    hostId: textOf(host?.id),
    hostName: textOf(host?.name),
    eventId: textOf(event.event.id),
    transactionId: textOf(transaction?.id),
    // In a sentence a comma follows what is said of the user.
    requestedBy: subjectText(event).replace(/,$/, ''),
    initiator: textOf(initiator?.executable),
    origin: textOf(initiator?.origin),
    userId: textOf(user?.id),
    userName: textOf(user?.name),
    changes,
  };
}

function changeOf(change: EventPackage): LedgerChange[] {
  const name = textOf(change.name);
  if (name === undefined) return [];
  const version = textOf(change.version);
  return [
    {
      name,
      architecture: textOf(change.architecture),
      version,
      formerVersion: textOf(change.former_version),
      // dpkg changes the state of a package also without another version.
      action: change.action ?? (version === undefined ? undefined : 'configure'),
      applied: truthOf(change.applied),
      state: textOf(change.state),
      archive: textOf(change.archive),
      sha256: textOf(change.sha256),
      source: textOf(change.source),
      repository: repositoryText(change.repository),
      signed: truthOf(change.repository?.signed),
    },
  ];
}

// Describes a package transaction as an ECS event: its packages, its result, and the process that ran it.

import path from 'node:path';
import { type Answer, ask } from '../answer.ts';
import { ecsVersion, packageActions, type StepparentEvent, type TransactionFields } from '../event/event.ts';
import { packageEventTypes, selectionActions, unchangedEventType } from '../event/event-classes.ts';
import type { Notes } from '../event/notes.ts';
import type { HostContext } from '../host/host-context.ts';
import { withNamedCallers } from '../packages/named-callers.ts';
import { withTimer } from '../proc/timer-of-unit.ts';
import { withAncestorScripts } from '../process/ancestor-scripts.ts';
import {
  dateOf,
  describeActor,
  describeTransaction,
  entityId,
  notesOf,
  ownerFields,
} from '../process/describe-process.ts';
import { describeLifecycle } from '../process/lifecycle.ts';
import type { PackageKnowledge } from '../process/observe-exec.ts';
import type { ProcessTable } from '../process/process-table.ts';
import { withVerified } from '../process/verified-lineage.ts';
import { fixText, type LostFixes, type VersionChange } from '../provenance/lost-fixes.ts';
import type { Provenance } from '../provenance/provenance.ts';
import {
  type ArchiveProvenance,
  type PackageChange,
  type PackageTransaction,
  rpmPackageText,
  type SelectionChange,
} from './package-transaction.ts';

/** The process table and the host data from which `observeTransaction` takes the fields. */
interface TransactionEventDeps {
  table: ProcessTable;
  context: HostContext;
  tools: Pick<PackageKnowledge['tools'], 'notice' | 'genuine'>;
  ancestorScripts: PackageKnowledge['ancestorScripts'];
  namedCallers: PackageKnowledge['namedCallers'];
  /** Finds the security updates that were removed. Absent: it is not known. */
  lostFixes?: Provenance['lostFixes'] | undefined;
}

/** A transaction whose process was read, and whose event may still wait for answers. */
export interface ObservedTransaction {
  /** Settles when it is known whether the process is genuine, and what is in the scripts above it. Undefined: it is known. */
  program: Promise<void> | undefined;
  /** Settles when the database was compared. Undefined: it was, or will not be. */
  database: Promise<void> | undefined;
  /** Settles when it is known where the archives came from. Undefined: it is known, or there are none. */
  archives: Promise<void> | undefined;
  /** Settles when it is known which security updates were removed or are blocked. Undefined: none can be, or it is not asked. */
  fixes: Promise<void> | undefined;
  /** Builds the event with the answers that are known by now. */
  document(): StepparentEvent;
  /** All packages in the form of the event, which has a limited number of them. */
  packages(): EventPackage[];
}

type EventPackage = NonNullable<TransactionFields['packages']>[number];

/** Maximum number of packages in an event. */
const maxPackages = 256;
/** Maximum number of differences in an event. */
const maxDifferences = 64;
/** Maximum number of downgrades in an event. */
const maxDowngrades = 64;
/** Maximum number of packages in an event that were put on hold, and of those that were released. */
const maxSelections = 64;

/** `package.type`, by the package manager. */
const packageTypes = { dpkg: 'deb', rpm: 'rpm' } as const;

/** Reads /proc of the process and its ancestors now, unless they were read already. */
export function observeTransaction(
  transaction: PackageTransaction,
  { table, context, tools, ancestorScripts, namedCallers, lostFixes }: TransactionEventDeps,
): ObservedTransaction {
  const { actor: snapshot, startNs, endNs, comparison } = transaction;
  const { entry } = snapshot;
  const noticed = tools.notice(snapshot);
  const actor = describeActor(snapshot, table, context, true);
  const scripts = ancestorScripts.above(snapshot, actor.stepparent.lineage ?? []);
  const variables = (actor.process.env_vars ?? []) as readonly string[];
  const callers = namedCallers.of(snapshot, variables, startNs);
  const answers = [...scripts.map(({ hash }) => hash), ...(callers.fromJournal ? [callers.fromJournal] : [])];
  const pending = [noticed, ...answers.map((answer) => answer.pending)].filter((each) => each !== undefined);
  const genuine = tools.genuine(snapshot, actor.leaders);
  const { process, container, notes: actorNotes } = actor;
  const script = entry.lifecycle && describeLifecycle(entry.lifecycle, process.args, actorNotes);
  const group = entry.transaction
    ? describeTransaction(entry.transaction, context)
    : { id: entityId(context.bootId, entry) };
  const epochMs = context.host.clock.bootEpochMs();
  const atNs = endNs ?? startNs;
  const packages = keptOf(transaction.packages);
  const unread = packages.map(({ provenance }) => provenance?.pending).filter((each) => each !== undefined);
  const lostAnswer = askFixes(downgradesIn(transaction), lostFixes);
  const blockedAnswer = askFixes(holdsIn(transaction), lostFixes);
  const fixes = [lostAnswer, blockedAnswer].flatMap((answer) => answer?.pending ?? []);
  const isCut = transaction.packagesCount > packages.length;
  const event = {
    id: `${context.bootId.slice(0, 8)}-transaction-${Math.round(atNs / 1e3)}-${context.nextSerial()}`,
    kind: 'event',
    category: ['package'],
    ...classOf(transaction),
    outcome: transaction.outcome,
    module: 'stepparent',
    dataset: 'stepparent.package',
    provider: context.sensor,
    start: dateOf(epochMs, startNs),
    ...(endNs !== undefined && { end: dateOf(epochMs, endNs), duration: Math.round(endNs - startNs) }),
    created: new Date(context.host.clock.nowMs()).toISOString(),
  } as const;
  return {
    program: pending.length === 0 ? undefined : Promise.all(pending).then(() => {}),
    database: comparison?.pending,
    archives: unread.length === 0 ? undefined : Promise.all(unread).then(() => {}),
    fixes: fixes.length === 0 ? undefined : Promise.all(fixes).then(() => {}),
    document() {
      const { fields, inferred, verified } = genuine();
      const compared = comparisonOf(transaction);
      const downgrades = downgradesOf(transaction, compared.unobserved);
      const selections = selectionsOf(transaction);
      const lost = lostAnswer && fixesOf('lost_fixes', lostAnswer);
      const blocked = blockedAnswer && fixesOf('blocked_fixes', blockedAnswer);
      const notes: Notes = {
        unobserved: {
          ...actorNotes.unobserved,
          ...transaction.notes.unobserved,
          ...compared.unobserved,
          ...unknownOf(packages),
          ...lost?.unobserved,
          ...blocked?.unobserved,
        },
        inferred: { ...actorNotes.inferred, ...transaction.notes.inferred, ...inferred },
        truncated: {
          ...actorNotes.truncated,
          ...transaction.notes.truncated,
          ...(isCut && { 'stepparent.transaction.packages': packages.length }),
          ...compared.truncated,
          ...downgrades.truncated,
          ...selections.truncated,
        },
      };
      const document: StepparentEvent = {
        '@timestamp': dateOf(epochMs, atNs),
        ecs: { version: ecsVersion },
        event: { ...event, category: [...event.category], type: [...event.type] },
        host: context.hostFields,
        agent: context.agent,
        ...(packages.length > 0 && { package: listsOf(transaction.manager, packages) }),
        process,
        ...ownerFields(process),
        ...(container && { container }),
        stepparent: {
          ...actor.stepparent,
          ...(actor.stepparent.systemd && { systemd: withTimer(actor.stepparent.systemd, context.host) }),
          ...(script !== undefined && { lifecycle_script: script }),
          ...(Object.keys(fields).length > 0 && { genuine: fields }),
          transaction: {
            ...group,
            ...detailsOf(transaction, packages),
            ...compared.fields,
            ...downgrades.fields,
            ...lost?.fields,
            ...selections.fields,
            ...blocked?.fields,
          },
          ...notesOf(notes),
        },
      };
      return withVerified(withAncestorScripts(withNamedCallers(document, callers), scripts), verified);
    },
    packages: () => transaction.packages.map((change) => packageOf(change, transaction)),
  };
}

/** `event.type` and `event.action`: what was applied, or, if nothing was, what the transaction was to do. */
function classOf({ packages, changed, selections = [] }: PackageTransaction): { type: string[]; action?: string } {
  if (packages.length === 0 && selections.length > 0) {
    const [hold, unhold] = selectionActions;
    return { type: ['change'], action: selections.some(({ isHeld }) => isHeld) ? hold : unhold };
  }
  const applied = packages.filter((change) => change.applied === true);
  const done = new Set((applied.length > 0 ? applied : packages).map(({ action }) => action));
  const actions = packageActions.filter((action) => done.has(action));
  const [action] = actions;
  const types = applied.length > 0 ? [...new Set(actions.map((one) => packageEventTypes[one]))] : [];
  return {
    type: types.length > 0 ? types : [changed === false ? unchangedEventType : 'change'],
    ...(action !== undefined && { action }),
  };
}

/** The packages that the event has: first those that were changed, and of these the installed ones. */
const keptOf = (packages: readonly PackageChange[]): PackageChange[] =>
  packages.toSorted((a, b) => rankOf(a) - rankOf(b)).slice(0, maxPackages);

const rankOf = ({ applied, action }: PackageChange): number =>
  (applied === true ? 0 : packageActions.length + 1) +
  (action === undefined ? packageActions.length : packageActions.indexOf(action));

/** ECS has parallel lists: the values at one position belong together. */
const listsOf = (
  manager: PackageTransaction['manager'],
  packages: readonly PackageChange[],
): NonNullable<StepparentEvent['package']> => ({
  type: packageTypes[manager],
  name: packages.map(({ name }) => name),
  version: packages.map(({ version = '' }) => version),
  architecture: packages.map(({ architecture = '' }) => architecture),
  ...(packages.some((change) => checksumOf(change) !== '') && { checksum: packages.map(checksumOf) }),
});

const checksumOf = ({ provenance }: PackageChange): string => provenance?.value?.fields.sha256 ?? '';

/** Why fields of archives are absent. One note stands for all packages: the first of its field. */
function unknownOf(packages: readonly PackageChange[]): Notes['unobserved'] {
  const unobserved: Notes['unobserved'] = {};
  for (const { provenance } of packages) {
    if (provenance === undefined) continue;
    const { value = unreadProvenance } = provenance;
    for (const [name, reason] of Object.entries(value.unobserved))
      unobserved[`stepparent.transaction.packages.${name}`] ??= reason;
  }
  return unobserved;
}

const unreadProvenance: ArchiveProvenance = {
  fields: {},
  unobserved: { sha256: 'not_read_in_time', source: 'not_read_in_time' },
};

const detailsOf = (
  transaction: PackageTransaction,
  packages: readonly PackageChange[],
): Omit<TransactionFields, 'id' | 'executable'> => {
  const { manager, test, root, database, packagesCount } = transaction;
  return {
    manager,
    ...(test !== undefined && { test }),
    ...(root !== undefined && { root }),
    ...(database !== undefined && { database }),
    packages_count: packagesCount,
    ...(packages.length > 0 && { packages: packages.map((change) => packageOf(change, transaction)) }),
  };
};

const packageOf = (
  { name, version, architecture, action, formerVersion, applied, state, archive, provenance }: PackageChange,
  { comparison }: PackageTransaction,
): EventPackage => ({
  name,
  ...(version !== undefined && { version }),
  ...(architecture !== undefined && { architecture }),
  ...(action !== undefined && { action }),
  ...(formerVersion !== undefined && { former_version: formerVersion }),
  ...(applied !== undefined && { applied }),
  ...(state !== undefined && { state }),
  ...(archive !== undefined && { archive }),
  ...provenance?.value?.fields,
  ...(action !== 'remove' && signatureOf(rpmPackageText(name, version ?? '', architecture ?? ''), comparison)),
});

function signatureOf(
  name: string,
  comparison: PackageTransaction['comparison'],
): Pick<EventPackage, 'signature'> | undefined {
  const { value } = comparison ?? {};
  const signature = value !== undefined && 'signatures' in value ? value.signatures.get(name) : undefined;
  return signature && { signature };
}

/**
 * The downgrades among all packages: the list of packages in the event may be cut. A root or database that was not
 * observed counts as that of the host.
 */
function downgradesOf(
  { packages, root = '/' }: PackageTransaction,
  unobserved: Notes['unobserved'] = {},
): { fields?: Pick<TransactionFields, 'downgrades'>; truncated?: Notes['truncated'] } {
  const isElsewhere = unobserved['stepparent.transaction.verified'] === 'other_database';
  if (isElsewhere || path.resolve(root) !== '/') return {};
  const applied = packages.filter(isDowngraded);
  if (applied.length === 0) return {};
  const texts = applied.map(({ name, version, formerVersion }) => `${name} ${formerVersion} -> ${version}`);
  return {
    fields: { downgrades: texts.slice(0, maxDowngrades) },
    ...(texts.length > maxDowngrades && { truncated: { 'stepparent.transaction.downgrades': maxDowngrades } }),
  };
}

const isDowngraded = ({ action, applied }: PackageChange): boolean => action === 'downgrade' && applied === true;

/** The packages that may have lost a security update. Only dpkg's packages are in apt's lists. */
const downgradesIn = ({ manager, packages }: PackageTransaction): VersionChange[] =>
  (manager === 'dpkg' ? packages : [])
    .filter(isDowngraded)
    .slice(0, maxDowngrades)
    .flatMap(({ name, architecture, version, formerVersion }) =>
      version === undefined || formerVersion === undefined ? [] : { name, architecture, version, formerVersion },
    );

const heldIn = ({ selections = [] }: PackageTransaction): readonly SelectionChange[] =>
  selections.filter(({ isHeld }) => isHeld);

/** The packages that may be kept from a security update. */
const holdsIn = (transaction: PackageTransaction): VersionChange[] =>
  heldIn(transaction)
    .slice(0, maxSelections)
    .map(({ name, architecture, version }) => ({ name, architecture, version, formerVersion: undefined }));

/** The packages that were put on hold and released. */
function selectionsOf(transaction: PackageTransaction): {
  fields: Pick<TransactionFields, 'held' | 'released'>;
  truncated: Notes['truncated'];
} {
  const held = heldIn(transaction);
  const released = (transaction.selections ?? []).filter(({ isHeld }) => !isHeld);
  const textsOf = (list: readonly SelectionChange[]): string[] =>
    list.slice(0, maxSelections).map(({ name, version }) => `${name} ${version}`);
  return {
    fields: {
      ...(held.length > 0 && { held: textsOf(held) }),
      ...(released.length > 0 && { released: textsOf(released) }),
    },
    truncated: {
      ...(held.length > maxSelections && { 'stepparent.transaction.held': maxSelections }),
      ...(released.length > maxSelections && { 'stepparent.transaction.released': maxSelections }),
    },
  };
}

const askFixes = (
  changes: readonly VersionChange[],
  lostFixes: TransactionEventDeps['lostFixes'],
): Answer<LostFixes> | undefined =>
  changes.length === 0 || lostFixes === undefined ? undefined : ask(lostFixes(changes));

function fixesOf(
  name: 'lost_fixes' | 'blocked_fixes',
  { value = { fixes: [], unobserved: 'not_read_in_time' } }: Answer<LostFixes>,
): {
  fields?: Pick<TransactionFields, 'lost_fixes' | 'blocked_fixes'>;
  unobserved?: Notes['unobserved'];
} {
  const { fixes, unobserved } = value;
  const texts = fixes.map(fixText);
  return {
    ...(texts.length > 0 && { fields: { [name]: texts } }),
    ...(unobserved !== undefined && { unobserved: { [`stepparent.transaction.${name}`]: unobserved } }),
  };
}

/** The fields and notes of the comparison with the database. */
function comparisonOf({ comparison, packages }: PackageTransaction): {
  fields?: Pick<TransactionFields, 'verified' | 'differences'>;
  unobserved?: Notes['unobserved'];
  truncated?: Notes['truncated'];
} {
  if (comparison === undefined) return {};
  const { value = { unobserved: 'database_unreadable' as const } } = comparison;
  if ('unobserved' in value) {
    const { unobserved } = value;
    const hasSignatures = packages.some(({ action }) => action !== 'remove');
    return {
      unobserved: {
        'stepparent.transaction.verified': unobserved,
        ...(hasSignatures && { 'stepparent.transaction.packages.signature': unobserved }),
      },
    };
  }
  const { differences } = value;
  return {
    fields: {
      verified: differences.length === 0,
      ...(differences.length > 0 && { differences: differences.slice(0, maxDifferences).map((one) => ({ ...one })) }),
    },
    ...(differences.length > maxDifferences && { truncated: { 'stepparent.transaction.differences': maxDifferences } }),
  };
}

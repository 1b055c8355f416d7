// Joins the steps of rpm transactions, which probes on librpm record, into package transactions.

import type { Answer } from '../answer.ts';
import type { Notes } from '../event/notes.ts';
import type { UnobservedReason } from '../event/reasons.ts';
import { compareRpmVersions, type RpmVersion } from '../packages/compare-rpm-versions.ts';
import { hasHostRoot } from '../proc/place.ts';
import { ancestorsOf } from '../process/ancestors.ts';
import type { ActorSnapshot, ProcessEntry, Transaction } from '../process/process.ts';
import type { BootNs, ProbedText, ProcessRecord, RpmRecord, RpmStep } from '../process/process-record.ts';
import type { ProcessTable } from '../process/process-table.ts';
import { beginInProcess, endInProcess } from '../process/transaction.ts';
import type { RpmRepositories } from '../provenance/rpm-repositories.ts';
import {
  type DatabaseComparison,
  type PackageChange,
  type PackageTransaction,
  rpmPackageText,
} from './package-transaction.ts';

interface RpmTransactionsDeps {
  table: Pick<ProcessTable, 'findTask' | 'inspect' | 'placeOf' | 'recall'>;
  /** Called with each transaction that has ended, and with those that the end of the agent interrupts. */
  onEnd(transaction: PackageTransaction): void;
  /** Called when a transaction has ended that no package tool began; its process may go on. */
  onLeft(transaction: Transaction): void;
  /** Begins to compare the database with the changes. */
  compare(changes: RpmChanges): Answer<DatabaseComparison>;
  /** Begins to find out where the packages came from. Absent: it is not asked. */
  repositories?: RpmRepositories | undefined;
}

/** What a transaction did, for the comparison with the database. */
export interface RpmChanges {
  /** As the host names it. Undefined: not observed. */
  database: string | undefined;
  /** `NAME-[EPOCH:]VERSION-RELEASE.ARCHITECTURE` of each package in the order in which the database was changed. */
  written: readonly { package: string; isAdded: boolean }[];
}

/** The open transactions. */
export interface RpmTransactions {
  /** Must be called for each record of the sensor, in the order of time, and before the process table has it. */
  handle(record: ProcessRecord): void;
  /** The changes of the transactions that have not ended. */
  underway(): RpmChanges[];
  /**
   * Reports each transaction that changed its database and has made no step for `lastingNs`: a program that never
   * returns from its transaction would hide it. Such a transaction is reported again when it ends.
   */
  reportLasting(nowNs: BootNs): void;
  /** Reports the transactions that have not ended. */
  stop(): void;
}

/** Maximum number of transactions at once: rpm locks its database, so that there are more only in other roots. */
const maxOpen = 64;
/** Maximum number of packages of a transaction that are kept. */
const maxPackages = 8192;
/** The same of all transactions and plans together: any user can run a program with librpm. */
const maxAllPackages = 32_768;
/** Ten minutes: scriptlets that take longer are rare. */
export const lastingNs = 600e9;
/** Maximum number of processes that a transaction forked and that execute no program; those of more are not joined. */
const maxForks = 256;

/** A package of a transaction, by the address of its element. */
interface Element extends RpmVersion {
  isAdded: boolean;
  name: string;
  architecture: string;
  replacedBy: string;
  /** The numbers of its records in the database, as they were written; 0: removed. */
  writes: number[];
}

/** By the addresses of the elements. */
type Elements = ReadonlyMap<string, Element>;

interface Plan {
  elements: Map<string, Element>;
  truncated: Notes['truncated'];
}

interface Open {
  actor: ActorSnapshot;
  /** The process in which it goes on: the actor, or one that the actor forked. */
  entry: ProcessEntry;
  startNs: BootNs;
  begin: Extract<RpmStep, { step: 'begin' }>;
  database: ProbedText | undefined;
  /** Whether the database was opened, if the probes show that. */
  wasOpened: boolean;
  elements: Map<string, Element>;
  /** The packages that librpm checked just before in this task: most of them are those of the transaction. */
  plan: Plan | undefined;
  /** Number of packages that were not kept. */
  dropped: number;
  written: { element: Element; isAdded: boolean }[];
  truncated: Notes['truncated'];
  lost: boolean;
  lastStepNs: BootNs;
  /** Whether it was reported after its last step. */
  isReported: boolean;
}

/** Opens the set, without transactions. */
export function openRpmTransactions({
  table,
  onEnd,
  onLeft,
  compare,
  repositories,
}: RpmTransactionsDeps): RpmTransactions {
  /** By task. A task runs one at a time. */
  const open = new Map<number, Open>();
  /** By task: the packages that it has named outside of a transaction. */
  const plans = new Map<number, Plan>();
  /** Processes that were forked in a transaction and execute no program, with the task that has the transaction. */
  const forks = new Map<number, number>();
  let kept = 0;
  const dropPlan = (tid: number): void => {
    kept -= plans.get(tid)?.elements.size ?? 0;
    plans.delete(tid);
  };

  const begin = (record: RpmRecord & { step: 'begin' }): void => {
    // The record of the end of an earlier one was lost.
    finish(record.tid, undefined, undefined);
    forks.delete(record.tid);
    const plan = plans.get(record.tid);
    const entry = table.findTask(record.tid) ?? table.recall(record.tid);
    if (entry === undefined) {
      dropPlan(record.tid);
      return;
    }
    plans.delete(record.tid);
    table.inspect(entry);
    beginInProcess(entry);
    const [oldest] = open.keys();
    if (open.size >= maxOpen && oldest !== undefined) finish(oldest, undefined, undefined);
    open.set(record.tid, {
      actor: { entry, image: entry.image, ancestors: ancestorsOf(entry) },
      entry,
      startNs: record.timeNs,
      begin: record,
      database: undefined,
      wasOpened: false,
      elements: new Map(),
      plan,
      dropped: 0,
      written: [],
      truncated: {},
      lost: false,
      lastStepNs: record.timeNs,
      isReported: false,
    });
  };

  /** `result`: that of librpm; undefined: it was not observed. */
  const finish = (tid: number, endNs: BootNs | undefined, result: number | undefined): void => {
    const ended = open.get(tid);
    if (ended === undefined) return;
    open.delete(tid);
    for (const [pid, owner] of forks) if (owner === tid) forks.delete(pid);
    const left = endInProcess(ended.entry, endNs ?? ended.lastStepNs);
    if (left !== undefined) onLeft(left);
    kept -= ended.elements.size + (ended.plan?.elements.size ?? 0);
    if (isEmpty(ended, result)) return;
    onEnd(describe(ended, endNs, result, !ended.lost && ended.dropped === 0));
  };

  /** `isComplete`: what was not seen has not happened. */
  const describe = (
    ended: Open,
    endNs: BootNs | undefined,
    result: number | undefined,
    isComplete: boolean,
  ): PackageTransaction => {
    const { actor, begin, lost, dropped, database, startNs } = ended;
    const elements = elementsOf(ended);
    const { shows } = begin;
    const { place } = table.placeOf(actor);
    const test = begin.flags === undefined ? undefined : (begin.flags & flagTest) !== 0;
    const changes = changesOf(elements, ended, result, isComplete);
    const root = begin.root?.text;
    // The histories are those of the host.
    const isOfHost = root === '/' && hasHostRoot(place) && test === false;
    const packages =
      isOfHost && repositories ? repositories.withProvenance({ actor, startNs, packages: changes }) : changes;
    const changed = hasChanged(elements, packages, test === true || (shows.written && isComplete));
    const unobserved: Notes['unobserved'] = {};
    const note = (field: string, reason: UnobservedReason): void => {
      unobserved[field] ??= reason;
    };
    if (result === undefined) note('event.outcome', lost ? 'records_lost' : 'transaction_unfinished');
    if (endNs === undefined) note('event.end', lost ? 'records_lost' : 'transaction_unfinished');
    if (dropped > 0) note(`${field}.packages`, 'too_many_packages');
    if (lost) note(`${field}.packages`, 'records_lost');
    if (!shows.packages) note(`${field}.packages`, 'not_shown');
    if (elements.size === 0) note(`${field}.packages`, 'transaction_failed');
    if (test === undefined) note(`${field}.test`, 'not_shown');
    const directory = database && directoryOf(database, place);
    if (directory === undefined) note(`${field}.database`, shows.opened ? 'transaction_failed' : 'not_shown');
    if (root === undefined) note(`${field}.root`, 'not_shown');
    return {
      manager: 'rpm',
      actor,
      startNs,
      endNs,
      outcome: result === undefined ? 'unknown' : result === 0 ? 'success' : 'failure',
      test,
      changed,
      root,
      database: directory,
      packages,
      packagesCount: packages.length + dropped,
      comparison: changed === false ? undefined : compare(changesIn(ended, directory)),
      notes: { unobserved, inferred: {}, truncated: { ...ended.plan?.truncated, ...ended.truncated } },
    };
  };

  /** Adds a package, once. Returns false if there are too many. */
  const addTo = (plan: Plan, step: RpmRecord & { step: 'package' }): boolean => {
    const { element, type, replacedBy } = step;
    // Others are files that are set back to what they were when their package was installed.
    if (type !== elementAdded && type !== elementRemoved) return true;
    if (plan.elements.has(element)) return true;
    if (plan.elements.size >= maxPackages || kept >= maxAllPackages) return false;
    kept++;
    const textOf = (name: string, { text, cutAt }: ProbedText): string => {
      if (cutAt !== undefined) plan.truncated[`${field}.packages.${name}`] = cutAt;
      return text;
    };
    plan.elements.set(element, {
      isAdded: type === elementAdded,
      name: textOf('name', step.name),
      epoch: textOf('version', step.epoch),
      version: textOf('version', step.version),
      release: textOf('version', step.release),
      architecture: textOf('architecture', step.architecture),
      replacedBy,
      writes: [],
    });
    return true;
  };

  const addToPlan = (record: RpmRecord & { step: 'package' }): void => {
    const known = plans.get(record.tid);
    const plan = known ?? { elements: new Map(), truncated: {} };
    const [oldest] = plans.keys();
    if (known === undefined && plans.size >= maxOpen && oldest !== undefined) dropPlan(oldest);
    plans.set(record.tid, plan);
    // An incomplete plan is dropped: it would show only some of the packages.
    if (!addTo(plan, record)) dropPlan(record.tid);
  };

  const addWrite = (transaction: Open, { element: address, instance }: RpmRecord & { step: 'written' }): void => {
    const element = transaction.elements.get(address);
    if (element === undefined || element.writes.length >= maxWrites) return;
    element.writes.push(instance);
    transaction.written.push({ element, isAdded: instance !== 0 });
  };

  const noteLost = (): void => {
    for (const transaction of open.values()) transaction.lost = true;
  };

  const handleStep = (record: RpmRecord): void => {
    if (record.step === 'suspended') {
      noteLost();
      return;
    }
    if (record.step === 'begin') begin(record);
    else if (record.step === 'end' && !forks.delete(record.tid)) finish(record.tid, record.timeNs, record.result);
    // Without one librpm checks packages, or the agent was started during the transaction.
    const transaction = open.get(ownerOf(record.tid));
    if (transaction === undefined) {
      if (record.step === 'package') addToPlan(record);
      return;
    }
    transaction.lastStepNs = record.timeNs;
    transaction.isReported = false;
    if (record.step === 'package') {
      if (!addTo(transaction, record)) transaction.dropped++;
    } else if (record.step === 'written') addWrite(transaction, record);
    else if (record.step === 'opened') {
      transaction.wasOpened = true;
      transaction.database = record.database;
    }
  };

  /** The task whose transaction the steps of this task belong to. */
  const ownerOf = (tid: number): number => forks.get(tid) ?? tid;
  const noteFork = (pid: number, creator: number): void => {
    const owner = ownerOf(creator);
    if (open.has(owner) && forks.size < maxForks) forks.set(pid, owner);
  };

  /** The task has ended, or executes another program. A process that it forked may go on with its transaction. */
  const leave = (tid: number, timeNs: BootNs): void => {
    dropPlan(tid);
    forks.delete(tid);
    const transaction = open.get(tid);
    if (transaction === undefined) return;
    const heir = forks.entries().find(([, owner]) => owner === tid)?.[0];
    if (heir === undefined) {
      finish(tid, timeNs, undefined);
      return;
    }
    open.delete(tid);
    forks.delete(heir);
    for (const [pid, owner] of forks) if (owner === tid) forks.set(pid, heir);
    const entry = table.findTask(heir) ?? table.recall(heir);
    transaction.entry.runsLibrpm = false;
    if (entry !== undefined) {
      beginInProcess(entry);
      transaction.entry = entry;
    }
    open.set(heir, transaction);
  };

  return {
    handle(record) {
      switch (record.kind) {
        case 'rpm':
          handleStep(record);
          break;
        case 'fork':
          if (!record.thread) noteFork(record.pid, record.creator);
          break;
        case 'exit':
          leave(record.pid, record.timeNs);
          break;
        case 'exec':
          leave(record.pid, record.timeNs);
          if (record.formerTid !== record.pid) leave(record.formerTid, record.timeNs);
          break;
        case 'lost':
          noteLost();
          break;
        default:
      }
    },
    underway: () =>
      [...open.values()].map((one) =>
        changesIn(one, one.database && directoryOf(one.database, table.placeOf(one.actor).place)),
      ),
    reportLasting(nowNs) {
      for (const transaction of open.values()) {
        const { isReported, lastStepNs, written } = transaction;
        if (isReported || written.length === 0 || nowNs - lastStepNs < lastingNs) continue;
        transaction.isReported = true;
        onEnd(describe(transaction, undefined, undefined, false));
      }
    },
    stop() {
      for (const tid of [...open.keys()]) finish(tid, undefined, undefined);
    },
  };
}

const field = 'stepparent.transaction';

// Values of librpm's enumerations (rpmts.h, rpmprob.h, rpmte.h), which are part of its ABI.
const flagTest = 1;
const filterReplacePackage = 4;
const elementAdded = 1;
const elementRemoved = 2;
/** librpm writes a package at most three times. */
const maxWrites = 8;

/** Whether librpm returned at once, because the caller gave it nothing to do. */
const isEmpty = ({ begin, elements, wasOpened, lost }: Open, result: number | undefined): boolean =>
  result === 0 && begin.shows.opened && begin.shows.packages && !wasOpened && elements.size === 0 && !lost;

/**
 * The elements of the transaction. If librpm came to none, those that it checked just before; otherwise, of these the
 * ones that an element replaces.
 */
function elementsOf({ elements, plan }: Open): Elements {
  if (plan === undefined) return elements;
  if (elements.size === 0) return plan.elements;
  const replaced = [...plan.elements].filter(
    ([address, { isAdded, replacedBy }]) => !isAdded && !elements.has(address) && elements.has(replacedBy),
  );
  return new Map([...elements, ...replaced]);
}

/** The package changes: an element that is replaced by one of the same name is part of the change of that one. */
function changesOf(
  elements: Elements,
  transaction: Open,
  result: number | undefined,
  isComplete: boolean,
): PackageChange[] {
  const { begin } = transaction;
  const replaced = new Map<Element, Element>();
  for (const element of elements.values()) {
    const by = element.isAdded ? undefined : elements.get(element.replacedBy);
    if (by?.isAdded && by.name === element.name && !replaced.has(by)) replaced.set(by, element);
  }
  const parts = new Set(replaced.values());
  return [...elements].flatMap(([, element]) => {
    if (parts.has(element)) return [];
    const former = replaced.get(element);
    return {
      name: element.name,
      version: versionText(element),
      architecture: element.architecture,
      action: actionOf(element, former),
      ...(former !== undefined && { formerVersion: versionText(former) }),
      applied: begin.shows.written ? isApplied(element, transaction, result, isComplete) : undefined,
    };
  });
}

/** Whether the database was changed. `isKnown`: every write was seen. */
function hasChanged(elements: Elements, packages: readonly PackageChange[], isKnown: boolean): boolean | undefined {
  const wasRemoved = [...elements.values()].some(({ writes }) => writes.includes(0));
  if (wasRemoved || packages.some(({ applied }) => applied === true)) return true;
  return isKnown && packages.every(({ applied }) => applied === false) ? false : undefined;
}

function actionOf(element: Element, former: Element | undefined): PackageChange['action'] {
  if (!element.isAdded) return 'remove';
  if (former === undefined) return element.writes.includes(0) ? 'reinstall' : 'install';
  const order = compareRpmVersions(element, former);
  return order > 0 ? 'upgrade' : order < 0 ? 'downgrade' : 'reinstall';
}

function isApplied(
  { isAdded, writes }: Element,
  { begin }: Open,
  result: number | undefined,
  isComplete: boolean,
): boolean | undefined {
  const last = writes.at(-1);
  if (last === undefined) return isComplete ? false : undefined;
  if (!isAdded) return last === 0;
  if (last === 0) return false;
  // One number alone may be that of the record that the package was to replace.
  const mayReplace = (begin.ignored & filterReplacePackage) !== 0;
  return writes.length === 1 && mayReplace && result !== 0 ? undefined : true;
}

const versionText = ({ epoch, version, release }: RpmVersion): string =>
  `${epoch === '' ? '' : `${epoch}:`}${version}${release === '' ? '' : `-${release}`}`;

const packageText = (element: Element): string =>
  rpmPackageText(element.name, versionText(element), element.architecture);

const changesIn = ({ written }: Open, database: string | undefined): RpmChanges => ({
  database,
  written: written.map(({ element, isAdded }) => ({ package: packageText(element), isAdded })),
});

/** The directory as the host names it. Undefined: the root of the process is not known, or the text is no path. */
function directoryOf(
  { text, cutAt }: ProbedText,
  place: ReturnType<ProcessTable['placeOf']>['place'],
): string | undefined {
  if (!text.startsWith('/') || cutAt !== undefined) return undefined;
  const directory = text.replaceAll(/\/{2,}/g, '/').replace(/(?<=.)\/$/, '');
  if (place?.kind === 'host') return `${place.root ?? ''}${directory}`;
  return place?.kind === 'chroot' && place.root !== undefined ? `${place.root}${directory}` : undefined;
}

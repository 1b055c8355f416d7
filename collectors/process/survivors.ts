// Finds what a package transaction leaves running: processes below a package script that live after its end.

import type { Timers } from '../timers.ts';
import { runsManager } from './lifecycle.ts';
import type { ProcessEntry, Transaction } from './process.ts';
import type { BootNs } from './process-record.ts';
import type { ProcessTable } from './process-table.ts';

/** The processes that a transaction left running. `describeSurvivors` turns them into an event. */
export interface LeftRunning {
  transaction: Transaction;
  timeNs: BootNs;
  /** All of them; each has a lifecycle. */
  processes: readonly ProcessEntry[];
}

/** The process table, and the functions that the check calls. */
export interface SurvivorCheckDeps {
  table: Pick<ProcessTable, 'alive'>;
  later: Timers['later'];
  nowNs(): BootNs;
  /** Handles all records of the sensor up to now. */
  readNow(): void;
  /** Called at most once for each process. */
  report(left: LeftRunning): void;
}

/** Finds out when a transaction is over, and then which processes below its scripts live. */
export interface SurvivorCheck {
  /** Must be called for every process that has ended. */
  handleExit(entry: ProcessEntry): void;
  /** Must be called when a transaction has ended whose process goes on. */
  handleEnd(transaction: Transaction): void;
  /** Finds transactions whose end was lost. Must be called after the table was read from /proc again. */
  findEnded(): void;
  /** Checks transactions that are over without a further wait. */
  stop(): void;
}

/** How long after the end of the transaction a process counts as left running: scripts may end children in the background. */
export const graceMs = 2000;
/**
 * A transaction whose topmost tool goes on running (packagekitd, aptitude) is over when no package manager has run for
 * this long.
 */
export const quietMs = 60_000;
/** Maximum number of transactions that wait for their check. At the bound the oldest is checked at once. */
const maxWaiting = 256;

/** Opens a check that waits for no transaction. */
export function openSurvivorCheck({ table, later, nowNs, readNow, report }: SurvivorCheckDeps): SurvivorCheck {
  const waiting = new Map<Transaction, () => void>();
  const reported = new WeakSet<ProcessEntry>();

  const survivorsOf = (transaction: Transaction): ProcessEntry[] => {
    const survivors: ProcessEntry[] = [];
    for (const entry of table.alive()) {
      if (entry.transaction !== transaction || entry.lifecycle === undefined || reported.has(entry)) continue;
      survivors.push(entry);
    }
    return survivors;
  };
  /** A process below a script does not count, whatever its name: a script must not be able to delay the check. */
  const isManaging = (transaction: Transaction): boolean => {
    for (const { transaction: own, lifecycle, image } of table.alive()) {
      if (own === transaction && lifecycle === undefined && runsManager(image)) return true;
    }
    return false;
  };

  const endWait = (transaction: Transaction): void => {
    waiting.get(transaction)?.();
    waiting.delete(transaction);
  };
  const check = (transaction: Transaction): void => {
    endWait(transaction);
    const processes = survivorsOf(transaction);
    if (processes.length === 0) return;
    for (const entry of processes) reported.add(entry);
    report({ transaction, timeNs: nowNs(), processes });
  };
  const wait = (transaction: Transaction, ms: number): void => {
    endWait(transaction);
    const [oldest] = waiting.keys();
    if (oldest !== undefined && waiting.size >= maxWaiting) check(oldest);
    const onDue = (): void => {
      readNow();
      if (!transaction.root.ended && isManaging(transaction)) wait(transaction, quietMs);
      else check(transaction);
    };
    waiting.set(transaction, later(ms, onDue));
  };

  const onEnd = (transaction: Transaction, ms: number): void => {
    if (waiting.has(transaction) || survivorsOf(transaction).length > 0) wait(transaction, ms);
  };

  return {
    handleExit(entry) {
      const { transaction, lifecycle, image } = entry;
      if (transaction === undefined) return;
      const isManager = lifecycle === undefined && runsManager(image);
      if (transaction.root.ended && (transaction.root === entry || isManager)) onEnd(transaction, graceMs);
      else if (isManager) onEnd(transaction, quietMs);
    },
    handleEnd(transaction) {
      onEnd(transaction, graceMs);
    },
    findEnded() {
      const ended = new Set<Transaction>();
      for (const { transaction, lifecycle } of table.alive()) {
        if (lifecycle !== undefined && transaction?.root.ended && !waiting.has(transaction)) ended.add(transaction);
      }
      for (const transaction of ended) onEnd(transaction, graceMs);
    },
    stop() {
      for (const transaction of [...waiting.keys()]) {
        if (transaction.root.ended || transaction.endNs !== undefined) check(transaction);
      }
    },
  };
}

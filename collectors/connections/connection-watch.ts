// Chooses the connections that become events: those of processes below a package tool or a package script, each
// destination once.

import { ancestorsOf } from '../process/ancestors.ts';
import type { ActorSnapshot, Lifecycle, LifecycleScript, ProcessEntry, Transaction } from '../process/process.ts';
import type { BootNs, ConnectRecord, Endpoint } from '../process/process-record.ts';
import type { ProcessTable } from '../process/process-table.ts';
import { transactionAt } from '../process/transaction.ts';
import { openTokenBucket } from '../token-bucket.ts';

/** A connection of a process below a package tool or a package script. `describeConnection` turns it into an event. */
export interface Connection {
  timeNs: BootNs;
  source: Endpoint;
  destination: Endpoint;
  actor: ActorSnapshot;
  lifecycle: Lifecycle | undefined;
  transaction: Transaction | undefined;
  /** It is number `maxDestinations`: later ones give no events. */
  isLast: boolean;
  /** The socket was found open in /proc, and the direction is concluded. */
  found: boolean;
}

/** Filters connections. */
export interface ConnectionWatch {
  /** The connection, if it becomes an event. Called for every connection that a process of the host opens. */
  ofRecord(record: ConnectRecord): Connection | undefined;
  /** The same for an open socket of a process. */
  ofSocket(entry: ProcessEntry, source: Endpoint, destination: Endpoint, timeNs: BootNs): Connection | undefined;
  /** Number of connections that became events. */
  readonly reported: number;
  /** Number of connections that did not because of the rate limit. */
  readonly dropped: number;
}

/**
 * Maximum number of destinations of one run of a script, and of all processes of a transaction that are below no
 * script: a script that connects to many destinations must not hide one of another script.
 */
export const maxDestinations = 64;

/**
 * Token buckets: any user can start programs with the names of package tools, and a connection costs much less than
 * its event. Transactions of other users than root have a bucket of their own, and so have those of unknown users.
 */
export const rates = { root: { burst: 5000, perSecond: 50 }, others: { burst: 500, perSecond: 5 } } as const;

/** Opens a watch that has seen no connection. */
export function openConnectionWatch(table: Pick<ProcessTable, 'findTask' | 'inspect'>): ConnectionWatch {
  const destinations = new WeakMap<LifecycleScript | Transaction, Set<string>>();
  const takeOf = { root: openTokenBucket(rates.root), others: openTokenBucket(rates.others) };
  let reported = 0;
  let dropped = 0;

  const takeToken = (entry: ProcessEntry, timeNs: BootNs): boolean => {
    const tool = entry.transaction?.root ?? entry;
    return (table.inspect(tool)?.userId === 0 ? takeOf.root : takeOf.others)(timeNs / 1e6);
  };

  const connectionOf = (
    entry: ProcessEntry,
    { source, destination, timeNs, found }: Pick<Connection, 'source' | 'destination' | 'timeNs' | 'found'>,
  ): Connection | undefined => {
    const { image, lifecycle } = entry;
    const transaction = transactionAt(entry, timeNs);
    const cause = lifecycle?.script ?? transaction;
    if (cause === undefined) return undefined;
    const seen = destinations.get(cause) ?? new Set();
    destinations.set(cause, seen);
    // A script may start the same program again and again.
    const key = `${destination.ip} ${destination.port} ${image?.filename}`;
    if (seen.size >= maxDestinations || seen.has(key)) return undefined;
    if (!takeToken(entry, timeNs)) {
      dropped++;
      return undefined;
    }
    reported++;
    seen.add(key);
    return {
      timeNs,
      source,
      destination,
      actor: { entry, image, ancestors: ancestorsOf(entry) },
      lifecycle,
      transaction,
      isLast: seen.size === maxDestinations,
      found,
    };
  };

  return {
    ofRecord(record) {
      const entry = table.findTask(record.tid);
      if (entry === undefined || (entry.transaction === undefined && entry.lifecycle === undefined)) return undefined;
      return connectionOf(entry, { ...record, found: false });
    },
    ofSocket: (entry, source, destination, timeNs) => connectionOf(entry, { source, destination, timeNs, found: true }),
    get reported() {
      return reported;
    },
    get dropped() {
      return dropped;
    },
  };
}

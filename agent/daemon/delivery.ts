// Delivers the outbox to the sinks. Each sink is independent, and every delivery is repeated until it succeeds.

import { errorMessage } from '../../collectors/error-message.ts';
import type { OutboxItem } from '../../storage/records.ts';
import type { Store } from '../../storage/store.ts';
import type { Delivered, Sink } from '../sinks/sink.ts';

/** The state of one sink since the start of the agent. */
export interface SinkStatus {
  name: string;
  delivered: number;
  /** Number of attempts that did not deliver everything. */
  failed: number;
  /** Present if the last attempt failed: the reason, when the failures began, and the time of the next attempt. ISO 8601. */
  error?: { message: string; since: string; retry: string };
}

/** The part of the store that keeps the documents for each sink until the sink has them. */
export type Outbox = Pick<Store, 'pending' | 'nextDueMs' | 'delivered' | 'failed'>;

/** The outbox, the sinks, and the pauses after a failure (default: 1 s to 10 s). */
export interface DeliveryDeps {
  outbox: Outbox;
  sinks: readonly Sink[];
  /** Called when a sink begins to fail or fails for a different reason, and with undefined when it works again. */
  onTrouble: (sink: string, trouble: string | undefined) => void;
  /** The first and the longest pause after a failure; each pause is twice as long as the one before. */
  firstRetryMs?: number;
  lastRetryMs?: number;
}

/** The running delivery to all sinks. No sink waits for another. */
export interface Delivery {
  /** Notifies the delivery that the outbox may have something. Cheap: called after every commit with alerts. */
  wake(): void;
  status(): SinkStatus[];
  /** Finishes the batches in progress and closes the sinks. Undelivered documents stay in the outbox. */
  stop(): Promise<void>;
}

const batchSize = 100;

/**
 * Starts delivering. A sink that fails is tried again after 1 s, 2 s and so on up to 10 s; no sink waits for another.
 * A document that fails is postponed for longer than its sink, so that it cannot block the documents after it.
 */
export function startDelivery({
  outbox,
  sinks,
  onTrouble,
  firstRetryMs = 1_000,
  lastRetryMs = 10_000,
}: DeliveryDeps): Delivery {
  const pauseMs = (failures: number): number => Math.min(lastRetryMs, firstRetryMs * 2 ** Math.min(failures, 30));
  const lanes = sinks.map((sink) => startLane(sink, outbox, pauseMs, lastRetryMs, onTrouble));
  const wake = (): void => {
    for (const lane of lanes) lane.wake();
  };
  wake();
  return {
    wake,
    status: () => lanes.map((lane) => lane.status()),
    stop: async () => {
      await Promise.all(lanes.map((lane) => lane.stop()));
    },
  };
}

function startLane(
  sink: Sink,
  outbox: Outbox,
  pauseMs: (failures: number) => number,
  lastRetryMs: number,
  onTrouble: DeliveryDeps['onTrouble'],
) {
  const status: SinkStatus = { name: sink.name, delivered: 0, failed: 0 };
  /** Number of consecutive failures. */
  let failures = 0;
  /** When the next postponed document is due; an earlier agent may have postponed it. */
  let dueMs: number | undefined;
  /** Delivered documents that could not be removed from the outbox, as JSON by id: they are not delivered again. */
  const unmarked = new Map<number, string>();
  let running: Promise<void> | undefined;
  let again = false;
  let stopped = false;
  let timer: NodeJS.Timeout | undefined;

  function wake(): void {
    again = true;
    // During a pause, the timer at its end starts the next drain.
    if (stopped || running || timer) return;
    running = drain().finally(() => {
      running = undefined;
      if (again && !stopped) wake();
    });
  }

  function sleepUntil(ms: number): void {
    timer = setTimeout(
      () => {
        timer = undefined;
        wake();
      },
      Math.max(0, ms - Date.now()),
    );
  }

  async function drain(): Promise<void> {
    while (again && !stopped) {
      again = false;
      const trouble = await deliverBatch();
      if (trouble !== undefined) return pause(trouble);
    }
    // The bound limits the delay if the wall clock is changed meanwhile.
    if (!stopped && dueMs !== undefined) sleepUntil(Math.min(dueMs, Date.now() + lastRetryMs));
  }

  function mark(items: readonly OutboxItem[]): void {
    try {
      outbox.delivered(items.map(({ id }) => id));
    } catch (error) {
      for (const { id, document } of items) unmarked.set(id, JSON.stringify(document));
      throw error;
    }
  }

  /**
   * Removes a delivered document from the outbox. Compares the content as well: in a new database the id may belong to another
   * document.
   */
  function isUnmarked({ id, document }: OutboxItem): boolean {
    if (unmarked.size === 0 || unmarked.get(id) !== JSON.stringify(document)) return false;
    outbox.delivered([id]);
    unmarked.delete(id);
    return true;
  }

  /** Returns why a document could not be delivered, or undefined. */
  async function deliverBatch(): Promise<string | undefined> {
    try {
      const items = outbox.pending(sink.name, batchSize, Date.now()).filter((item) => !isUnmarked(item));
      if (items.length === 0) {
        dueMs = outbox.nextDueMs(sink.name);
        return undefined;
      }
      const { delivered, trouble } = await sink.deliver(items.map((item) => item.document)).catch(fault);
      if (delivered > 0) {
        status.delivered += delivered;
        mark(items.slice(0, delivered));
        failures = 0;
      }
      const failed = items[delivered];
      if (!failed) {
        if (status.error) onTrouble(sink.name, undefined);
        delete status.error;
        again ||= items.length === batchSize;
        dueMs = outbox.nextDueMs(sink.name);
        return undefined;
      }
      outbox.failed([failed.id], Date.now() + pauseMs(failures) + pauseMs(failed.attempts));
      return trouble ?? 'not all documents were accepted';
    } catch (error) {
      return fault(error).trouble;
    }
  }

  function pause(message: string): void {
    const retryMs = Date.now() + pauseMs(failures);
    failures++;
    status.failed++;
    if (status.error?.message !== message) onTrouble(sink.name, message);
    const since = status.error?.since ?? new Date().toISOString();
    status.error = { message, since, retry: new Date(retryMs).toISOString() };
    again = true;
    if (!stopped) sleepUntil(retryMs);
  }

  return {
    wake,
    status: () => structuredClone(status),
    stop: async () => {
      stopped = true;
      clearTimeout(timer);
      await running;
      await sink.close();
    },
  };
}

function fault(error: unknown): Delivered & { trouble: string } {
  return { delivered: 0, trouble: errorMessage(error) };
}

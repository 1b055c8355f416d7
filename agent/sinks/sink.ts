// The interface of a destination for alerts.

import type { StepparentEvent } from '../../collectors/event/event.ts';

/** The result of the delivery of a batch. */
export interface Delivered {
  /** Number of documents delivered, from the front; the rest stays in the outbox. */
  delivered: number;
  /** Why not all were delivered; absent if all were. */
  trouble?: string;
}

/** One destination of alerts. */
export interface Sink {
  /** Its name in the outbox and in `status`. */
  readonly name: string;
  /** Delivers in order. Resolves, and does not reject, if a retry can help. */
  deliver(documents: readonly StepparentEvent[]): Promise<Delivered>;
  close(): Promise<void>;
}

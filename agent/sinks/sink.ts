// The interface of a destination for alerts.

import type { StepparentEvent } from '../../collectors/event/event.ts';

/** How far a batch came. */
export interface Delivered {
  /** Documents taken, from the front; the rest stays in the outbox. */
  delivered: number;
  /** Why not all were taken; absent when they were. */
  trouble?: string;
}

/** One destination of alerts. */
export interface Sink {
  /** Its name in the outbox and in `status`. */
  readonly name: string;
  /** Delivers in order. Resolves, never rejects, for trouble that the destination can get over. */
  deliver(documents: readonly StepparentEvent[]): Promise<Delivered>;
  close(): Promise<void>;
}

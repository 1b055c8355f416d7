// Maintains the store: adds summaries of rate-limited alerts to the outbox, and prunes old rows and a large database in small steps.

import type { Timers } from '../../collectors/timers.ts';
import { limits } from '../../storage/limits.ts';
import type { Store } from '../../storage/store.ts';
import type { Policy } from './policy.ts';

/** The store, the policy with the retention limits and the rules' windows, and the timers that run both tasks. */
export interface HousekeepingDeps {
  store: Pick<Store, 'prune' | 'summarize'>;
  policy(): Pick<Policy, 'rules' | 'configuration'>;
  timers: Pick<Timers, 'later' | 'every'>;
  /** Called when the outbox has new documents. */
  onAlerts(): void;
  onFault(fault: string, error?: unknown): void;
}

const everyMs = 30_000;
const firstMs = 1000;
const pruneAgainMs = 250;

/** Starts both tasks; they end with the timers. */
export function startHousekeeping({ store, policy, timers, onAlerts, onFault }: HousekeepingDeps): void {
  const guarded = (run: () => void) => (): void => {
    try {
      run();
    } catch (error) {
      onFault('the maintenance of the database failed', error);
    }
  };
  const prune = guarded(() => {
    const { rules, configuration } = policy();
    const termMs = Math.max(limits.huntRowMs, ...rules.map((rule) => rule.windowMs));
    const { more } = store.prune(Date.now(), {
      eventDays: configuration.retention.event_days,
      ledgerDays: configuration.retention.package_days,
      maxBytes: configuration.retention.max_mib * 1024 * 1024,
      ...(rules.length > 0 ? { termMs } : {}),
    });
    if (more) timers.later(pruneAgainMs, prune);
  });
  const summarize = guarded(() => {
    if (store.summarize(Date.now()).length > 0) onAlerts();
  });
  timers.every(everyMs, () => {
    summarize();
    prune();
  });
  timers.later(firstMs, prune);
}

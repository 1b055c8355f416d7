// The baselines of a host: terms of the host, of its chroots and of its containers are learned apart.

import type { StepparentEvent } from './event.ts';

/**
 * The baseline that an event counts in; '': that of the host. One for all chroots and one for all containers, because
 * most have a new directory or id each time.
 */
export type Scope = '' | 'chroot' | 'container';

/** A process whose place was not observed counts as one of the host. */
export const scopeOf = (place: StepparentEvent['stepparent']['place']): Scope =>
  place === undefined || place.kind === 'host' ? '' : place.kind;

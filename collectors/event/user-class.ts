// Decides whose event it is: root's, another user's, or that of a user who was not observed.

import type { StepparentEvent } from './event.ts';

/**
 * Whose an event is. Only root can change installed packages, so that each class has a baseline, a rate limit and a
 * share of the database of its own. `unobserved` may be root or not: it counts as neither.
 */
export const userClasses = ['root', 'other', 'unobserved'] as const;
export type UserClass = (typeof userClasses)[number];

/** The events about the agent itself are root's. */
export function userClassOf({ event, user }: Pick<StepparentEvent, 'event' | 'user'>): UserClass {
  if (user?.id !== undefined) return user.id === '0' ? 'root' : 'other';
  return event.dataset === 'stepparent.agent' ? 'root' : 'unobserved';
}

// Decides whether an event was caused by root.

import type { StepparentEvent } from './event.ts';

/** Only root can change installed packages. An event whose user is not known counts as root's. */
export const isRootEvent = ({ user }: StepparentEvent): boolean => (user?.id ?? '0') === '0';

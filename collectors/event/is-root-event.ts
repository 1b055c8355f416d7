// Decides whether an event was caused by root.

import type { StepparentEvent } from './event.ts';

/** What users other than root do cannot change what is installed. A user that is not known counts as root. */
export const isRootEvent = ({ user }: StepparentEvent): boolean => (user?.id ?? '0') === '0';

// What changes of some folders may cost, so that those of the others need not pay for it.

import type { WatchedDirectory } from './watched-directory.ts';

export interface ChangeBounds {
  /** Events that are told in one go, and a second in the long run. */
  burst: number;
  perSecond: number;
  waiting: number;
  /** Files kept open while their change waits. */
  open: number;
  /** Why more is not told. */
  reason: string;
}

/** So many describe the upgrade of a whole distribution. */
const databases: ChangeBounds = {
  burst: 20_000,
  perSecond: 100,
  waiting: 4096,
  open: 256,
  reason: 'there were more changes to package databases than are told',
};

/** Of folders with a prefix: everybody may write to /var/tmp. */
const scriptlets: ChangeBounds = {
  burst: 4000,
  perSecond: 1,
  waiting: 512,
  open: 64,
  reason: 'there were more changes to files of scriptlets than are told',
};

export const allBounds: readonly ChangeBounds[] = [databases, scriptlets];
export const boundsOf = ({ directory }: WatchedDirectory): ChangeBounds =>
  directory.namePrefix === undefined ? databases : scriptlets;

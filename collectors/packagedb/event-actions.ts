// Decodes the actions in one fanotify event. The kernel merges events: one may stand for several actions, without their order.

import { fanotifyMask } from './parse-fanotify.ts';

/** `renamed`: the event has both names. `moved-in`, `moved-out`: kernels before 5.17 report the two names one after the other. */
export type NameAction =
  | 'creation'
  | 'renamed'
  | 'moved-in'
  | 'moved-out'
  | 'modification'
  | 'attribute-change'
  | 'deletion';

/** Events that do not concern the name of a file. */
const withoutName = fanotifyMask.modify | fanotifyMask.closeWrite | fanotifyMask.attribute | fanotifyMask.onChild;
export const concernsName = (mask: number): boolean => (mask & ~withoutName) !== 0;

/** Whether the mask has one of the bits. */
export const hasAny = (mask: number, bits: number): boolean => (mask & bits) !== 0;

/**
 * The actions of an event in their likely order. `exists`: there is a file of that name now, so that a deletion came before what
 * else was done. What the process did to the content and attributes of a new name belongs to its creation or rename.
 */
export function actionsOf(mask: number, exists: boolean): NameAction[] {
  const has = (bits: number): boolean => hasAny(mask, bits);
  const isDeleted = has(fanotifyMask.delete);
  const isNew = has(fanotifyMask.create | fanotifyMask.rename | fanotifyMask.movedTo);
  const actions: [NameAction, boolean][] = [
    ['deletion', isDeleted && exists],
    ['creation', has(fanotifyMask.create)],
    ['renamed', has(fanotifyMask.rename)],
    ['moved-in', has(fanotifyMask.movedTo)],
    ['modification', has(fanotifyMask.closeWrite) && !isNew],
    ['attribute-change', has(fanotifyMask.attribute) && !has(fanotifyMask.closeWrite) && !isNew],
    ['moved-out', has(fanotifyMask.movedFrom)],
    ['deletion', isDeleted && !exists],
  ];
  return actions.flatMap(([action, applies]) => (applies ? [action] : []));
}

// Decodes the actions of one fanotify event. The kernel merges events, so that one can contain several actions without
// their order.

import { fanotifyMask } from './parse-fanotify.ts';

/** `renamed`: the event has both names. `moved-in`, `moved-out`: the two events of a rename on kernels before 5.17. */
export type NameAction =
  | 'creation'
  | 'renamed'
  | 'moved-in'
  | 'moved-out'
  | 'modification'
  | 'attribute-change'
  | 'deletion';

/** The bits that do not concern the name of a file. */
const withoutName = fanotifyMask.modify | fanotifyMask.closeWrite | fanotifyMask.attribute | fanotifyMask.onChild;
/** Whether the event created, removed or renamed a name. */
export const concernsName = (mask: number): boolean => (mask & ~withoutName) !== 0;

/** Whether the mask has one of the bits. */
export const hasAny = (mask: number, bits: number): boolean => (mask & bits) !== 0;

/**
 * The actions of an event in their likely order. `exists`: a file of that name exists now, so that a deletion came
 * before the other actions. Changes of content and attributes of a new name are part of its creation or rename.
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

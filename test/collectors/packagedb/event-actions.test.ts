// The actions in a fanotify event.

import { expect, test } from 'vitest';
import { actionsOf, concernsName, type NameAction } from '../../../collectors/packagedb/event-actions.ts';
import { fanotifyMask } from '../../../collectors/packagedb/parse-fanotify.ts';

type Bit = keyof typeof fanotifyMask;
const maskOf = (bits: readonly Bit[]): number => bits.reduce((mask, bit) => mask | fanotifyMask[bit], 0);

test.each<[bits: Bit[], exists: boolean, NameAction[]]>([
  [['create'], true, ['creation']],
  [['create', 'modify', 'closeWrite', 'attribute'], true, ['creation']],
  [['closeWrite'], true, ['modification']],
  [['modify', 'closeWrite', 'attribute'], true, ['modification']],
  [['modify'], true, []],
  [['attribute'], true, ['attribute-change']],
  [['attribute', 'onDirectory'], true, ['attribute-change']],
  [['rename'], true, ['renamed']],
  [['rename', 'attribute', 'closeWrite'], true, ['renamed']],
  [['movedTo', 'closeWrite'], true, ['moved-in']],
  [['movedFrom'], false, ['moved-out']],
  [['closeWrite', 'movedFrom'], false, ['modification', 'moved-out']],
  [['delete'], false, ['deletion']],
  [['create', 'closeWrite', 'delete'], false, ['creation', 'deletion']],
  [['delete', 'create', 'closeWrite'], true, ['deletion', 'creation']],
  [['delete', 'closeWrite'], true, ['deletion', 'modification']],
  [['create', 'movedFrom', 'delete'], false, ['creation', 'moved-out', 'deletion']],
])('%j, and a file of that name is there: %s', (bits, exists, expected) => {
  expect(actionsOf(maskOf(bits), exists)).toEqual(expected);
});

test.each<[Bit[], boolean]>([
  [['modify', 'closeWrite', 'attribute'], false],
  [['closeWrite', 'onChild'], false],
  [['closeWrite', 'create'], true],
  [['delete'], true],
  [['attribute', 'onDirectory'], true],
])('%j concerns a name: %s', (bits, expected) => {
  expect(concernsName(maskOf(bits))).toBe(expected);
});

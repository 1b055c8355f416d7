// Which contents are texts, and where a long one is cut.

import { expect, test } from 'vitest';
import { maxTextBytes, textOf } from '../../../collectors/watched/watched-text.ts';

const long = 'a'.repeat(maxTextBytes - 2);

test.each<[name: string, head: Buffer, text: string | undefined, isCut: boolean]>([
  ['nothing', Buffer.alloc(0), '', false],
  ['a text', Buffer.from('PATH=/bin\né\n'), 'PATH=/bin\né\n', false],
  ['a password in a URL', Buffer.from('deb https://me:secret@host/ x\n'), 'deb https://me:***@host/ x\n', false],
  ['a byte order mark', Buffer.from('\ufeffx'), '\ufeffx', false],
  ['a NUL', Buffer.from('a\0b'), undefined, false],
  ['a byte that is no UTF-8', Buffer.from([0x61, 0xff, 0x62]), undefined, false],
  ['a character that ends too early', Buffer.from([0x61, 0xe2, 0x82]), undefined, false],
  ['a text as long as the bound', Buffer.from(`${long}xy`), `${long}xy`, false],
  ['a longer text', Buffer.from(`${long}xyz`), `${long}xy`, true],
  ['a longer text, cut within a character', Buffer.from(`${long}x€`), `${long}x`, true],
  ['a NUL behind the bound', Buffer.from(`${long}xy\0`), `${long}xy`, true],
])('%s', (_, head, text, isCut) => {
  expect(textOf({ head })).toEqual(text === undefined ? undefined : { text, isCut });
});

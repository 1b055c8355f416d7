// Digests of a list that is read in pieces, wherever the pieces end.

import { createHash } from 'node:crypto';
import { describe, expect, test } from 'vitest';
import { openListReader } from '../../../collectors/provenance/list-digests.ts';

const digests = ['0a', '0b', 'ff'].map((start) => start + 'c'.repeat(62));
const stanza = (sha256: string | undefined): string =>
  `Package: x\nDescription: y\n SHA256: ${'d'.repeat(64)}\n${sha256 === undefined ? '' : `SHA256: ${sha256}\n`}Size: 1\n\n`;

function read(text: string, pieceBytes: number, maxDigests = 1000) {
  const reader = openListReader(maxDigests);
  const bytes = Buffer.from(text);
  for (let at = 0; at < bytes.length; at += pieceBytes) reader.add(bytes.subarray(at, at + pieceBytes));
  return reader.end();
}
const allOf = ({ digests: set }: ReturnType<typeof read>): string[] =>
  Array.from({ length: 256 }, (_, first) => set.part(first).toString('hex').match(/.{64}/g) ?? []).flat();

describe('a list', () => {
  const text = digests.map(stanza).join('');
  test.each([1, 7, 64, 100_000])('in pieces of %i bytes', (pieceBytes) => {
    const content = read(text, pieceBytes);
    expect(allOf(content)).toEqual(digests);
    expect(content).toMatchObject({
      sha256: createHash('sha256').update(text).digest('hex'),
      isComplete: true,
      isCut: false,
    });
  });
  test('without a newline at its end', () => {
    expect(allOf(read(text.trimEnd().replace(/\nSize: 1$/, ''), 10))).toEqual(digests);
  });
  test.each<[string, string, string[], boolean]>([
    ['a package without a digest', stanza(digests[0]) + stanza(undefined), digests.slice(0, 1), false],
    ['a text that is no digest', stanza('xyz') + stanza(digests[1]), digests.slice(1, 2), false],
    ['digests in capitals', stanza(digests[0]?.toUpperCase()), digests.slice(0, 1), true],
    ['an empty list', '', [], true],
    ['a line of a megabyte', `Package: x\nX: ${'SHA256: '.repeat(140_000)}\n${text}`, digests, false],
  ])('%s', (_what, content, expected, isComplete) => {
    const found = read(content, 4096);
    expect(allOf(found)).toEqual(expected);
    expect(found.isComplete).toBe(isComplete);
  });
  test('with more digests than the bound is cut', () => {
    const content = read(text, 4096, 2);
    expect(allOf(content)).toEqual(digests.slice(0, 2));
    expect(content).toMatchObject({ isCut: true, isComplete: false });
  });
});

import { describe, expect, test } from 'vitest';
import { decodeName, encodeName, pathIn } from '../../../collectors/packagedb/file-name.ts';

const bytes = (...parts: (string | number)[]): Buffer =>
  Buffer.concat(parts.map((part) => (typeof part === 'string' ? Buffer.from(part) : Buffer.from([part]))));

describe('names that are not UTF-8', () => {
  test.each<[string, Buffer, string]>([
    ['plain', bytes('dpkg.postinst'), 'dpkg.postinst'],
    ['UTF-8', bytes('naïve€𝄞'), 'naïve€𝄞'],
    ['a newline stays', bytes('a\nb'), 'a\nb'],
    ['a byte that is no UTF-8', bytes('a', 0xff, 'b'), 'a\\xffb'],
    ['a character cut short', bytes('a', 0xe2, 0x82), 'a\\xe2\\x82'],
    ['an overlong slash', bytes(0xc0, 0xaf), '\\xc0\\xaf'],
    ['a surrogate', bytes(0xed, 0xa0, 0x80), '\\xed\\xa0\\x80'],
    ['a true replacement character', bytes('\ufffd'), '\ufffd'],
    ['a replacement character and a byte', bytes('\ufffd', 0x80, 'é'), '\ufffd\\x80é'],
    ['text like an escape', bytes('a\\xff'), 'a\\x5cxff'],
    ['empty', bytes(), ''],
  ])('%s', (_, raw, text) => {
    expect(decodeName(raw)).toBe(text);
    expect(Buffer.from(encodeName(text) as string)).toEqual(raw);
  });

  test('give paths as text and back', () => {
    expect(pathIn('/a', 'b')).toBe('/a/b');
    expect(pathIn('/a', 'b\\xff')).toEqual(bytes('/a/b', 0xff));
  });
});

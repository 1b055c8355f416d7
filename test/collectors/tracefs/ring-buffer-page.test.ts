// Pages made by hand: every kind of record, lost ones, and bytes that are no page at all.

import { describe, expect, test } from 'vitest';
import { visitPage } from '../../../collectors/tracefs/ring-buffer-page.ts';

const layout = { commitOffset: 8, dataOffset: 16 };

const word = (value: number): Buffer => {
  const bytes = Buffer.alloc(4);
  bytes.writeUInt32LE(value >>> 0);
  return bytes;
};
const header = (type: number, delta: number): Buffer => word(((delta << 5) | type) >>> 0);

const page = (timeNs: bigint, records: Buffer[], flags = 0, after = Buffer.alloc(0)): Buffer => {
  const data = Buffer.concat(records);
  const head = Buffer.alloc(16);
  head.writeBigUInt64LE(timeNs, 0);
  head.writeUInt32LE((data.length | flags) >>> 0, 8);
  return Buffer.concat([head, data, after]);
};

const visit = (bytes: Buffer) => {
  const seen: { text: string; timeNs: number }[] = [];
  const summary = visitPage(bytes, bytes.length, layout, (page, offset, length, timeNs) =>
    seen.push({ text: page.toString('latin1', offset, offset + length), timeNs }),
  );
  return { seen, ...summary };
};

describe('records', () => {
  test('are visited in order, short and long, with the sum of their times', () => {
    const bytes = page(1000n, [
      header(2, 5),
      Buffer.from('shortone'),
      header(0, 7),
      word(4 + 6),
      Buffer.from('longer\0\0'),
      header(1, 1),
      Buffer.from('last'),
    ]);
    expect(visit(bytes)).toEqual({
      seen: [
        { text: 'shortone', timeNs: 1005 },
        { text: 'longer', timeNs: 1012 },
        { text: 'last', timeNs: 1013 },
      ],
      lost: 0,
      malformed: false,
    });
  });

  test('get the time of time extends and absolute times', () => {
    const bytes = page(1000n, [
      header(30, 3),
      word(2),
      header(1, 0),
      Buffer.from('aaaa'),
      header(31, 9),
      word(1),
      header(1, 1),
      Buffer.from('bbbb'),
    ]);
    expect(visit(bytes).seen).toEqual([
      { text: 'aaaa', timeNs: 1000 + 2 * 2 ** 27 + 3 },
      { text: 'bbbb', timeNs: 2 ** 27 + 10 },
    ]);
  });

  test('skip a discarded record but add its time, and end at padding', () => {
    const bytes = page(0n, [
      header(29, 5),
      word(8),
      Buffer.from('gone'),
      header(1, 1),
      Buffer.from('kept'),
      header(29, 0),
      Buffer.from('rest of it'),
    ]);
    expect(visit(bytes)).toEqual({ seen: [{ text: 'kept', timeNs: 6 }], lost: 0, malformed: false });
  });

  test('are absent in an empty page and an empty read', () => {
    expect(visit(page(5n, []))).toEqual({ seen: [], lost: 0, malformed: false });
    expect(visit(Buffer.alloc(0))).toEqual({ seen: [], lost: 0, malformed: false });
  });
});

describe('lost records', () => {
  const one = [header(1, 1), Buffer.from('kept')];
  test('are counted if the page has their number', () => {
    const count = Buffer.alloc(8);
    count.writeBigUInt64LE(4711n);
    expect(visit(page(0n, one, 0xc000_0000, count))).toMatchObject({ lost: 4711, malformed: false });
  });
  test('count as one if the page has no number', () => {
    expect(visit(page(0n, one, 0x8000_0000))).toMatchObject({ lost: 1, malformed: false });
  });
  test('count as one if the number is impossible, and the page is malformed', () => {
    expect(visit(page(0n, one, 0xc000_0000, Buffer.alloc(8, 0xff)))).toEqual({ seen: [], lost: 1, malformed: true });
  });
});

describe('malformed pages', () => {
  test.each([
    ['shorter than its head', Buffer.alloc(7, 1)],
    ['longer in its own account than it is', page(0n, [header(1, 1), Buffer.from('kept')]).subarray(0, 20)],
    ['a record past the end', page(0n, [header(20, 1), Buffer.from('few')])],
    ['a long record without its length', page(0n, [header(0, 1)])],
    ['a length that does not count itself', page(0n, [header(0, 1), word(3), Buffer.from('xxxx')])],
    ['three bytes too many', page(0n, [header(1, 1), Buffer.from('kept'), Buffer.from('xyz')])],
  ])('%s', (_what, bytes) => {
    expect(visit(bytes).malformed).toBe(true);
  });

  test('end within their bytes, for 20,000 pages of random bytes', () => {
    // A fixed sequence (xorshift), so that a failure can be reproduced.
    let state = 0x9e37_79b9;
    const random = (): number => {
      state ^= state << 13;
      state ^= state >>> 17;
      state ^= state << 5;
      return state >>> 0;
    };
    const bytes = Buffer.alloc(4096);
    let malformed = 0;
    for (let n = 0; n < 20_000; n++) {
      const size = random() % 4097;
      for (let offset = 0; offset < bytes.length; offset += 4) bytes.writeUInt32LE(random(), offset);
      // Half of them with a length that a page can have, so that the records are read.
      if (n % 2 === 0) bytes.writeUInt32LE((((random() & 0xc000_0000) >>> 0) + (random() % 4080)) >>> 0, 8);
      const summary = visitPage(bytes, size, layout, (_of, offset, length) => {
        if (offset < 16 || length < 0 || offset + length > size)
          throw new Error(`outside: ${offset} ${length} ${size}`);
      });
      if (summary.malformed) malformed++;
    }
    expect(malformed).toBeGreaterThan(10_000);
  });
});

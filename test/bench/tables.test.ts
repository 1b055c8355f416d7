// Tables in Markdown and the plot.

import { describe, expect, test } from 'vitest';
import { linePlot, niceCeiling } from '../../bench/plot.ts';
import { bytesText, counted, fixed, markdownOf } from '../../bench/tables.ts';

const table = { title: 'Idle', about: ['A minute each.'], columns: ['Observer', 'CPU'], rows: [['a|b', '1 %']] };

test('writes a table in Markdown', () => {
  expect(markdownOf(table)).toBe(
    ['### Idle', '', 'A minute each.', '', '| Observer | CPU |', '| --- | --: |', '| a\\|b | 1 % |', ''].join('\n'),
  );
});

test.each([
  [undefined, ''],
  [Number.NaN, ''],
  [Number.POSITIVE_INFINITY, ''],
  [1.25, '1.3 ms'],
])('%d with one digit is %j', (value, expected) => expect(fixed(value, 1, 'ms')).toBe(expected));

test.each([
  [undefined, ''],
  [1499, '1 KB'],
  [-2000, '-2 KB'],
  [5_600_000, '5.60 MB'],
  [12_600_000_000, '12.6 GB'],
])('%d bytes are %j', (bytes, expected) => expect(bytesText(bytes)).toBe(expected));

test('counts have commas', () => expect(counted(1_234_567)).toBe('1,234,567'));

test.each([
  [0, 1],
  [Number.NaN, 1],
  [1, 1],
  [1.2, 2],
  [23, 50],
  [51, 100],
  [0.3, 0.5],
])('the axis for %d ends at %d', (value, expected) => expect(niceCeiling(value)).toBeCloseTo(expected, 10));

describe('the plot', () => {
  const axes = { title: 'A < B', x: 'x', y: 'y' };

  test('has a line and a name for each series, and its text is escaped', () => {
    const svg = linePlot(axes, [
      {
        name: 'one & two',
        points: [
          [100, 1],
          [200, 2],
        ],
      },
      {
        name: 'three',
        points: [
          [100, 3],
          [200, Number.NaN],
        ],
      },
    ]);
    expect(svg.match(/<circle/g)).toHaveLength(3);
    for (const part of ['A &lt; B', 'one &amp; two', '>three<', '>100<', '>200<']) expect(svg).toContain(part);
    expect(svg).not.toMatch(/NaN|undefined|Infinity/);
  });

  test.each([[[]], [[{ name: 'empty', points: [] }]], [[{ name: 'a point', points: [[100, 0]] }]]] as const)(
    'of %j is whole',
    (series) => expect(linePlot(axes, series)).not.toMatch(/NaN|undefined|Infinity/),
  );
});

// Field values that no collector should give, and some that an attacker would.

export const hostileValues: [name: string, value: unknown][] = [
  ['null', null],
  ['an object', { toString: () => 'x' }],
  ['an object without prototype', Object.create(null)],
  ['a list of objects', [Object.create(null), null, undefined, [], Symbol('x')]],
  ['a list in a list', [['x']]],
  ['a symbol', Symbol('x')],
  ['a bigint', 42n],
  ['a function', () => 'x'],
  ['not a number', Number.NaN],
  ['infinity', -Infinity],
  ['negative zero', -0],
  ['a lone surrogate', '\ud800'],
  ['control characters', '\u0000\u001b[2J\u202e'],
  ['capital I with dot', 'İİİ'],
  ['a long string', 'a'.repeat(100_000)],
  ['many digits', `${'1'.repeat(100_000)}x`],
  ['a long list', Array.from({ length: 10_000 }, (_, i) => `--${i}`)],
];

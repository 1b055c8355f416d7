// Compares the versions of Debian packages as dpkg does (deb-version(7)).

/** A negative number if `a` is older than `b`, a positive one if it is newer, 0 if dpkg takes them for the same. */
export function compareVersions(a: string, b: string): number {
  const [first, second] = [partsOf(a), partsOf(b)];
  for (const [i, part] of first.entries()) {
    const order = compareParts(part, second[i] ?? '');
    if (order !== 0) return order;
  }
  return 0;
}

/** Epoch, version and revision. */
function partsOf(version: string): [string, string, string] {
  const colon = version.indexOf(':');
  const rest = version.slice(colon + 1);
  const hyphen = rest.lastIndexOf('-');
  const epoch = colon < 0 ? '0' : version.slice(0, colon);
  return hyphen < 0 ? [epoch, rest, ''] : [epoch, rest.slice(0, hyphen), rest.slice(hyphen + 1)];
}

/** By turns a text without digits, character by character, and a number. */
function compareParts(a: string, b: string): number {
  const [first, second] = [a.match(pairs) ?? [], b.match(pairs) ?? []];
  for (let i = 0; i < Math.max(first.length, second.length); i++) {
    const [x = '', y = ''] = [first[i], second[i]];
    const order = compareText(x.replace(number, ''), y.replace(number, '')) || compareNumbers(numberAt(x), numberAt(y));
    if (order !== 0) return order;
  }
  return 0;
}

/** A text without digits and the number that follows it; one of both may be empty. */
const pairs = /\D+\d*|\d+/g;
const number = /\d+$/;
const numberAt = (pair: string): string => number.exec(pair)?.[0] ?? '';

function compareText(a: string, b: string): number {
  for (let i = 0; i < Math.max(a.length, b.length); i++) {
    const order = orderOf(a[i]) - orderOf(b[i]);
    if (order !== 0) return order;
  }
  return 0;
}

/** A tilde comes before the end of the text, letters come before all other characters. */
function orderOf(character: string | undefined): number {
  if (character === undefined) return 0;
  if (character === '~') return -1;
  const code = character.charCodeAt(0);
  return /[A-Za-z]/.test(character) ? code : code + 0x10000;
}

/** Compares decimal numbers of any length; an empty text is 0. */
export function compareNumbers(a: string, b: string): number {
  const [x, y] = [a.replace(/^0+/, ''), b.replace(/^0+/, '')];
  return x.length - y.length || (x < y ? -1 : x > y ? 1 : 0);
}

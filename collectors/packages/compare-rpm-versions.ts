// Compares versions of rpm packages as rpm does (rpm-version(7)).

import { compareNumbers } from './compare-versions.ts';

/** The parts of `[EPOCH:]VERSION[-RELEASE]`. */
export interface RpmVersion {
  /** Decimal digits. Empty: none, which is the same as 0. */
  epoch: string;
  version: string;
  release: string;
}

/** Negative if `a` is older, 0 if both are the same for rpm, positive if `a` is newer. */
export function compareRpmVersions(a: RpmVersion, b: RpmVersion): number {
  return compareNumbers(a.epoch, b.epoch) || compareParts(a.version, b.version) || compareParts(a.release, b.release);
}

const segment = /\d+|[A-Za-z]+|[~^]/g;

/** Compares runs of digits and of letters one after the other; other characters only separate them. */
function compareParts(a: string, b: string): number {
  if (a === b) return 0;
  const [left, right] = [a.match(segment) ?? [], b.match(segment) ?? []];
  for (let i = 0; i < left.length || i < right.length; i++) {
    const order = compareSegments(left[i], right[i]);
    if (order !== 0) return order;
  }
  return 0;
}

function compareSegments(x: string | undefined, y: string | undefined): number {
  if (x === y) return 0;
  // A tilde sorts before everything, even the end of the version.
  if (x === '~' || y === '~') return x === '~' ? -1 : 1;
  // A caret sorts after the end of the version, and before everything else.
  if (x === '^') return y === undefined ? 1 : -1;
  if (y === '^') return x === undefined ? -1 : 1;
  if (x === undefined || y === undefined) return x === undefined ? -1 : 1;
  const [isNumber, isOtherNumber] = [/^\d/.test(x), /^\d/.test(y)];
  if (isNumber !== isOtherNumber) return isNumber ? 1 : -1;
  if (isNumber) return compareNumbers(x, y);
  return x < y ? -1 : 1;
}

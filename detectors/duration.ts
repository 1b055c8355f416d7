// Units of time: their lengths, and a length in words.

/** Milliseconds, by the letter that rules, hunts and the command line have for a unit. */
export const unitMs = { s: 1_000, m: 60_000, h: 3_600_000, d: 86_400_000, w: 604_800_000 } as const;

const units: readonly [string, number][] = [
  ['day', unitMs.d],
  ['hour', unitMs.h],
  ['minute', unitMs.m],
];

/** In the largest unit up to days that it is a whole number of, else in seconds: `90 days`, `1 hour`. */
export function durationText(ms: number): string {
  const [unit, length] = units.find(([, length]) => ms >= length && ms % length === 0) ?? ['second', unitMs.s];
  const count = ms / length;
  return `${count} ${unit}${count === 1 ? '' : 's'}`;
}

// Units of time, and durations in words.

/** Milliseconds by the letter of the unit, as rules, hunts and the command line write it. */
export const unitMs = { s: 1_000, m: 60_000, h: 3_600_000, d: 86_400_000, w: 604_800_000 } as const;

const units: readonly [string, number][] = [
  ['day', unitMs.d],
  ['hour', unitMs.h],
  ['minute', unitMs.m],
];

/** The duration in the largest unit, up to days, that gives a whole number: `90 days`, `1 hour`; else in seconds. */
export function durationText(ms: number): string {
  const [unit, length] = units.find(([, length]) => ms >= length && ms % length === 0) ?? ['second', unitMs.s];
  const count = ms / length;
  return `${count} ${unit}${count === 1 ? '' : 's'}`;
}

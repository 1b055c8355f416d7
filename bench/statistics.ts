// Statistics of the benchmark: medians, quantiles, and intervals of ratios within rounds. Pure functions.

/** The quantile `q`, interpolated linearly between the two nearest values. NaN: there are no values. */
export function quantile(values: readonly number[], q: number): number {
  const sorted = [...values].sort((a, b) => a - b);
  const position = (sorted.length - 1) * q;
  const below = sorted[Math.floor(position)] ?? Number.NaN;
  const above = sorted[Math.ceil(position)] ?? Number.NaN;
  return below + (above - below) * (position - Math.floor(position));
}

/** The middle value, or the mean of the two middle values; NaN if there are no values. */
export const median = (values: readonly number[]): number => quantile(values, 0.5);

/** Two-sided 95 % quantiles of Student's t by degrees of freedom, from 1. */
const student = [
  12.706, 4.303, 3.182, 2.776, 2.571, 2.447, 2.365, 2.306, 2.262, 2.228, 2.201, 2.179, 2.16, 2.145, 2.131, 2.12, 2.11,
  2.101, 2.093, 2.086,
];

/** The ratio of a measured value to its base, over several rounds. */
export interface Ratio {
  /** The geometric mean. */
  mean: number;
  /** The ends of its 95 % interval; undefined: there is only one pair. */
  interval: readonly [low: number, high: number] | undefined;
}

/** The mean ratio of pairs that were measured in the same round. Undefined: there are no pairs. */
export function ratioOf(pairs: readonly (readonly [measured: number, base: number])[]): Ratio | undefined {
  if (pairs.length === 0) return undefined;
  const logs = pairs.map(([measured, base]) => Math.log(measured / base));
  const mean = sum(logs) / logs.length;
  if (logs.length === 1) return { mean: Math.exp(mean), interval: undefined };
  const variance = sum(logs.map((each) => (each - mean) ** 2)) / (logs.length - 1);
  // Beyond the table the last value makes the interval slightly wider than necessary, never too narrow.
  const t = student[Math.min(logs.length - 1, student.length) - 1] ?? Number.NaN;
  const half = t * Math.sqrt(variance / logs.length);
  return { mean: Math.exp(mean), interval: [Math.exp(mean - half), Math.exp(mean + half)] };
}

export const geometricMean = (a: number, b: number): number => Math.sqrt(a * b);

export const sum = (values: readonly number[]): number => values.reduce((total, each) => total + each, 0);

/**
 * The items in the order of one round. Every second round runs in reverse, so that no item always follows the same one.
 */
export const inOrderOfRound = <T>(items: readonly T[], round: number): T[] =>
  round % 2 === 0 ? [...items] : [...items].reverse();

// Parses durations and times such as `10m`, `7d` and `2026-04-01T12:00`.

import { unitMs } from '../../detectors/duration.ts';

/** The format that `parseDuration` accepts, for error messages. */
export const allowedDuration = 'a number and s, m, h, d or w, such as "90s", "10m", "3h", "7d" or "2w"';

/** Milliseconds of a duration such as `90s` or `2w`: a whole number from 1 and one unit, without spaces. Undefined for other texts. */
export function parseDuration(text: string): number | undefined {
  const match = /^([1-9]\d{0,5})([smhdw])$/.exec(text);
  return match ? Number(match[1]) * unitMs[match[2] as keyof typeof unitMs] : undefined;
}

/** The text of a duration for `parseDuration`, in the largest unit that gives a whole number: `1w`, `90s`. */
export function formatDuration(ms: number): string {
  const [unit, length] = Object.entries(unitMs).findLast(([, length]) => ms % length === 0) ?? ['s', unitMs.s];
  return `${ms / length}${unit}`;
}

/** The format that `parseSince` accepts, for error messages. */
export const allowedSince = `${allowedDuration}, or an ISO date or time such as "2026-04-01" or "2026-04-01T12:00:00Z"`;

/**
 * Milliseconds since 1970 of the value of `--since`: a duration counts back from `nowMs`, an ISO time is absolute.
 * Undefined for other texts.
 */
export function parseSince(text: string, nowMs: number): number | undefined {
  const spanMs = parseDuration(text);
  return spanMs === undefined ? parseTime(text) : nowMs - spanMs;
}

/**
 * Milliseconds since 1970 of an ISO date or time: local time without a zone, and midnight for a date. Undefined for other
 * texts.
 */
export function parseTime(text: string): number | undefined {
  if (!/^\d{4}-\d\d-\d\d([T ]\d\d:\d\d(:\d\d(\.\d+)?)?(Z|[+-]\d\d:?\d\d)?)?$/.test(text)) return undefined;
  // Date.parse reads 30 February as 2 March.
  const date = text.slice(0, 10);
  const midnight = new Date(`${date}T00:00Z`);
  if (Number.isNaN(midnight.getTime()) || midnight.toISOString().slice(0, 10) !== date) return undefined;
  const ms = Date.parse(text.length === 10 ? `${text}T00:00` : text);
  return Number.isNaN(ms) ? undefined : ms;
}

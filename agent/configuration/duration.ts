// Spans and points of time as people write them: `10m`, `7d`, `2026-04-01T12:00`.

import { unitMs } from '../../detectors/duration.ts';

/** What `parseDuration` takes, in words, for error texts. */
export const allowedDuration = 'a number and s, m, h, d or w, such as "90s", "10m", "3h", "7d" or "2w"';

/** Milliseconds of a span such as `90s` or `2w`; undefined when it is not one. Whole numbers from 1, one unit, no spaces. */
export function parseDuration(text: string): number | undefined {
  const match = /^([1-9]\d{0,5})([smhdw])$/.exec(text);
  return match ? Number(match[1]) * unitMs[match[2] as keyof typeof unitMs] : undefined;
}

/** What `parseSince` takes, in words, for error texts. */
export const allowedSince = `${allowedDuration}, or an ISO date or time such as "2026-04-01" or "2026-04-01T12:00:00Z"`;

/**
 * Milliseconds since 1970 of "since then": a span counts back from `nowMs`, an ISO time stands for itself.
 * Undefined when it is neither.
 */
export function parseSince(text: string, nowMs: number): number | undefined {
  const spanMs = parseDuration(text);
  return spanMs === undefined ? parseTime(text) : nowMs - spanMs;
}

/**
 * Milliseconds since 1970 of an ISO date or time: local time when it names no zone, as a person at the host means it, and
 * of a date its beginning. Undefined when it is none.
 */
export function parseTime(text: string): number | undefined {
  if (!/^\d{4}-\d\d-\d\d([T ]\d\d:\d\d(:\d\d(\.\d+)?)?(Z|[+-]\d\d:?\d\d)?)?$/.test(text)) return undefined;
  // Date.parse takes 30 February for 2 March.
  const date = text.slice(0, 10);
  const midnight = new Date(`${date}T00:00Z`);
  if (Number.isNaN(midnight.getTime()) || midnight.toISOString().slice(0, 10) !== date) return undefined;
  const ms = Date.parse(text.length === 10 ? `${text}T00:00` : text);
  return Number.isNaN(ms) ? undefined : ms;
}

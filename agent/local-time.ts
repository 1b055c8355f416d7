// Points of time as a person at the host reads them.

/** Local time as `2026-04-10 14:00:05`; what is not a time reads `(no time)`. Takes ISO 8601 or milliseconds since 1970. */
export function localTime(time: string | number): string {
  const date = new Date(time);
  // Sweden writes dates this way.
  return Number.isNaN(date.getTime()) ? '(no time)' : date.toLocaleString('sv');
}

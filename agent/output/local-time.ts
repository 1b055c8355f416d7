// Points of time as a person at the host reads them.

const two = (part: number): string => String(part).padStart(2, '0');

/**
 * Local time as `2026-04-10 14:00:05`; what is not a time reads `(no time)`. Takes ISO 8601 or milliseconds since 1970.
 * Put together by hand: toLocaleString brings ICU's tables into memory, some megabytes in a process that should be small.
 */
export function localTime(time: string | number): string {
  const date = new Date(time);
  if (Number.isNaN(date.getTime())) return '(no time)';
  const day = `${date.getFullYear()}-${two(date.getMonth() + 1)}-${two(date.getDate())}`;
  return `${day} ${two(date.getHours())}:${two(date.getMinutes())}:${two(date.getSeconds())}`;
}

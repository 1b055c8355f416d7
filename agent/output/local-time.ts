// Formats a time in the host's time zone.

const two = (part: number): string => String(part).padStart(2, '0');

/**
 * Local time as `2026-04-10 14:00:05`, from ISO 8601 or milliseconds since 1970; `(no time)` if `time` is neither.
 * Not toLocaleString, which loads ICU's tables: some megabytes in a process that should be small.
 */
export function localTime(time: string | number): string {
  const date = new Date(time);
  if (Number.isNaN(date.getTime())) return '(no time)';
  const day = `${date.getFullYear()}-${two(date.getMonth() + 1)}-${two(date.getDate())}`;
  return `${day} ${two(date.getHours())}:${two(date.getMinutes())}:${two(date.getSeconds())}`;
}

// Compares arguments that /proc shows with the beginning of them that an entry probe has recorded.

/**
 * Whether these are the arguments whose beginning was recorded; the last one recorded may be cut, within a character too. If not,
 * the process has run another program by the time that /proc was read, or has overwritten its arguments.
 */
export function beginAsRecorded(args: readonly string[], recorded: readonly string[]): boolean {
  const last = recorded.length - 1;
  return recorded.every((arg, i) =>
    i < last ? args[i] === arg : args[i]?.startsWith(arg.replace(/\ufffd+$/, '')) === true,
  );
}

// Compares the arguments in /proc with the first ones, which an entry probe has recorded.

/**
 * Whether `args` begin with the recorded arguments, the last of which may be cut, also within a character. If not, the process ran
 * another program when /proc was read, or has overwritten its arguments.
 */
export function beginAsRecorded(args: readonly string[], recorded: readonly string[]): boolean {
  const last = recorded.length - 1;
  return recorded.every((arg, i) =>
    i < last ? args[i] === arg : args[i]?.startsWith(arg.replace(/\ufffd+$/, '')) === true,
  );
}

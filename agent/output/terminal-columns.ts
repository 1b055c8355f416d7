// The width that output is fitted into.

const withoutTerminal = 80;

/** The columns of the terminal; 80 if standard output is not a terminal, or does not know its size. */
export const terminalColumns = (): number => (process.stdout.isTTY && process.stdout.columns) || withoutTerminal;

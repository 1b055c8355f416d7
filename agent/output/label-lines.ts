// Labels in one column and texts in the next: the layout of commands that show one entry in full.

/** One line for each pair, `width` characters from the start of the label to the start of the text. The texts are escaped already. */
export const labelLines = (
  pairs: readonly (readonly [label: string, text: string])[],
  { width, indent = '  ' }: { width: number; indent?: string },
): string[] => pairs.map(([label, text]) => `${indent}${label.padEnd(width)}${text}`);

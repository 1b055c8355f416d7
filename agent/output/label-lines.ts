// Formats labels in one column and texts in the next: the layout of commands that show one entry in full.

/** One line for each pair; the text begins `width` characters after the label. The caller escapes the texts. */
export const labelLines = (
  pairs: readonly (readonly [label: string, text: string])[],
  { width, indent = '  ' }: { width: number; indent?: string },
): string[] => pairs.map(([label, text]) => `${indent}${label.padEnd(width)}${text}`);

// Case folding for the comparisons of queries that ignore case.

/**
 * Lower case of the same length, so that positions in the folded text are positions in the text. A capital letter whose
 * lower case is longer (İ) does not change.
 */
export function foldCase(text: string): string {
  const lower = text.toLowerCase();
  if (lower.length === text.length) return lower;
  let folded = '';
  for (const character of text) {
    const one = character.toLowerCase();
    folded += one.length === character.length ? one : character;
  }
  return folded;
}

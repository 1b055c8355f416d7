// Wildcard patterns, matched without a regular expression so that no value can make one slow.

/** A stretch of literal text, or a wildcard: `*` for any run of characters, `?` for exactly one. */
export type WildcardPart = { readonly literal: string } | { readonly wild: '*' | '?' };

const anyRun = -1;
const oneCharacter = -2;

/** Reads a pattern in which every `*` and `?` is a wildcard: EQL has no escape for them. */
export function parseWildcard(pattern: string): WildcardPart[] {
  return pattern
    .split(/([*?])/)
    .filter((part) => part !== '')
    .map((part) => (part === '*' || part === '?' ? { wild: part } : { literal: part }));
}

/**
 * A case-sensitive test of the whole string; to ignore case, fold pattern and value. It takes at most value length
 * times pattern length steps (two pointers that only go back to the last `*`).
 */
export function compileWildcard(parts: readonly WildcardPart[]): (value: string) => boolean {
  const stars = parts.map((part) => ('wild' in part ? part.wild : ''));
  const text = parts.map((part) => ('literal' in part ? part.literal : '')).join('');
  // The common patterns have a native function. Adjacent literals and stars are rare, and take the general way.
  switch (stars.join(',')) {
    case '':
      return (value) => value === text;
    case '*':
      return () => true;
    case ',*':
      return (value) => value.startsWith(text);
    case '*,':
      return (value) => value.endsWith(text);
    case '*,,*':
      return (value) => value.includes(text);
    default:
      return compileProgram(parts);
  }
}

function compileProgram(parts: readonly WildcardPart[]): (value: string) => boolean {
  const program: number[] = [];
  for (const part of parts) {
    if ('wild' in part) program.push(part.wild === '*' ? anyRun : oneCharacter);
    else for (let index = 0; index < part.literal.length; index++) program.push(part.literal.charCodeAt(index));
  }
  return (value) => {
    let index = 0;
    let step = 0;
    let lastStar = -1;
    let retryIndex = 0;
    while (index < value.length) {
      const wanted = program[step];
      if (wanted === anyRun) {
        lastStar = step++;
        retryIndex = index;
      } else if (wanted === oneCharacter) {
        index += characterWidth(value, index);
        step++;
      } else if (wanted === value.charCodeAt(index)) {
        index++;
        step++;
      } else if (lastStar === -1) {
        return false;
      } else {
        retryIndex += characterWidth(value, retryIndex);
        index = retryIndex;
        step = lastStar + 1;
      }
    }
    while (program[step] === anyRun) step++;
    return step === program.length;
  };
}

/** UTF-16 units of the character at a position: 2 for a surrogate pair. */
function characterWidth(text: string, index: number): 1 | 2 {
  return (text.codePointAt(index) ?? 0) > 0xffff ? 2 : 1;
}

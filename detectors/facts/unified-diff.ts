// The unified diff of two texts (diff(1)), within bounds.

// The whole package would take 1.6 MB more memory.
import { createPatch, OMIT_HEADERS } from 'diff/lib/patch/create.js';

/** Bounds of the search for the shortest diff. Its time grows with their product and stays below 20 ms. */
const maxLines = 20_000;
const maxEdits = 500;

/**
 * The diff without the headers that name the files. It is cut at `maxChars` UTF-16 units, and `cut` is true then. '' if
 * the texts are equal. If the texts exceed the bounds, the diff is one hunk from the first line that differs to the
 * last.
 */
export function unifiedDiff(before: string, after: string, maxChars: number): { text: string; cut: boolean } {
  if (before === after) return { text: '', cut: false };
  const [oldLines, newLines] = [before.split('\n'), after.split('\n')];
  const options = { context: 3, maxEditLength: maxEdits, headerOptions: OMIT_HEADERS };
  const isBounded = oldLines.length + newLines.length <= maxLines;
  const patch = isBounded ? createPatch('', before, after, undefined, undefined, options) : undefined;
  const text = patch ?? singleHunk(oldLines, newLines);
  return { text: text.slice(0, maxChars), cut: text.length > maxChars };
}

/** One hunk without context lines. */
function singleHunk(oldLines: readonly string[], newLines: readonly string[]): string {
  const shorter = Math.min(oldLines.length, newLines.length);
  let start = 0;
  while (start < shorter && oldLines[start] === newLines[start]) start++;
  let end = 0;
  while (end < shorter - start && oldLines.at(-1 - end) === newLines.at(-1 - end)) end++;
  const removed = oldLines.slice(start, oldLines.length - end);
  const added = newLines.slice(start, newLines.length - end);
  const lines = [...removed.map((line) => `-${line}\n`), ...added.map((line) => `+${line}\n`)];
  return `@@ -${start + 1},${removed.length} +${start + 1},${added.length} @@\n${lines.join('')}`;
}

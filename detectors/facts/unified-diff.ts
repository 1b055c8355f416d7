// What two texts differ in, as a unified diff (diff(1)), within bounds.

const contextLines = 3;
/** Differing parts with more pairs of lines are told as a whole. */
const maxCells = 1_000_000;

type Edit = readonly [sign: ' ' | '-' | '+', line: string];

/** Without the headers that name the files; cut at so many UTF-16 units, `cut` says so. '' where nothing differs. */
export function unifiedDiff(before: string, after: string, maxChars: number): { text: string; cut: boolean } {
  const edits = editsOf(before.split('\n'), after.split('\n'));
  const near = new Uint8Array(edits.length);
  for (const [i, [sign]] of edits.entries()) {
    if (sign !== ' ') near.fill(1, Math.max(0, i - contextLines), i + contextLines + 1);
  }
  let text = '';
  let [oldLine, newLine] = [1, 1];
  for (let i = 0; i < edits.length && text.length <= maxChars; ) {
    let end = i;
    while (end < edits.length && near[end]) end++;
    const hunk = edits.slice(i, end);
    const olds = hunk.filter(([sign]) => sign !== '+').length;
    const news = hunk.filter(([sign]) => sign !== '-').length;
    if (hunk.length > 0) {
      text += `@@ -${oldLine},${olds} +${newLine},${news} @@\n`;
      text += hunk.map(([sign, line]) => `${sign}${line}\n`).join('');
      oldLine += olds;
      newLine += news;
      i = end;
    } else {
      oldLine++;
      newLine++;
      i++;
    }
  }
  const cut = text.length > maxChars;
  return { text: cut ? text.slice(0, maxChars) : text, cut };
}

function editsOf(before: readonly string[], after: readonly string[]): Edit[] {
  let start = 0;
  while (start < before.length && start < after.length && before[start] === after[start]) start++;
  let [oldEnd, newEnd] = [before.length, after.length];
  while (oldEnd > start && newEnd > start && before[oldEnd - 1] === after[newEnd - 1]) {
    oldEnd--;
    newEnd--;
  }
  const same = (lines: readonly string[]): Edit[] => lines.map((line) => [' ', line]);
  return [
    ...same(before.slice(0, start)),
    ...middle(before.slice(start, oldEnd), after.slice(start, newEnd)),
    ...same(before.slice(oldEnd)),
  ];
}

/** By the longest common subsequence, where that is not too much to work out. */
function middle(before: readonly string[], after: readonly string[]): Edit[] {
  const removed = (lines: readonly string[]): Edit[] => lines.map((line) => ['-', line]);
  const added = (lines: readonly string[]): Edit[] => lines.map((line) => ['+', line]);
  const width = after.length + 1;
  if (before.length * after.length > maxCells) return [...removed(before), ...added(after)];
  const common = new Uint16Array((before.length + 1) * width);
  const at = (i: number, j: number): number => common[i * width + j] ?? 0;
  for (let i = before.length - 1; i >= 0; i--) {
    for (let j = after.length - 1; j >= 0; j--) {
      common[i * width + j] = before[i] === after[j] ? at(i + 1, j + 1) + 1 : Math.max(at(i + 1, j), at(i, j + 1));
    }
  }
  const edits: Edit[] = [];
  let [i, j] = [0, 0];
  while (i < before.length && j < after.length) {
    const [old = '', now = ''] = [before[i], after[j]];
    if (old === now) {
      edits.push([' ', old]);
      i++;
      j++;
    } else if (at(i + 1, j) >= at(i, j + 1)) {
      edits.push(['-', old]);
      i++;
    } else {
      edits.push(['+', now]);
      j++;
    }
  }
  return [...edits, ...removed(before.slice(i)), ...added(after.slice(j))];
}

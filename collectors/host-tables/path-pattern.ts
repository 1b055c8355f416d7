// Patterns of file names in SQL: `%` and `_` of LIKE, `*`, `?` and `[...]` of GLOB.

/** One part of a path between slashes. */
export type PathPart =
  | { kind: 'name'; name: string }
  /** `matches` may be true for more names than in SQL, which checks them again. */
  | { kind: 'pattern'; matches(name: string): boolean }
  /** `%%` or `**`: all files below, at any depth. */
  | { kind: 'below' };

/** Splits an absolute path or pattern into parts. Empty parts and `.` are left out; `/` has no parts. */
export function parsePathPattern(text: string): PathPart[] {
  const names = text.split('/').filter((name) => name !== '' && name !== '.');
  return names.map((name, i) => {
    if (i === names.length - 1 && (name === '%%' || name === '**')) return { kind: 'below' };
    if (!/[%_*?[]/.test(name)) return { kind: 'name', name };
    const source = name.replaceAll(/[%*]+|[_?]|\[\^?\]?[^\]]*\]|[\s\S]/gu, (piece) => {
      if (/^[%*]/.test(piece)) return '.*';
      if (/^[_?[]/.test(piece)) return piece === '[' ? '\\[' : '.';
      return piece.replaceAll(/[\\^$.|+(){}\]]/g, '\\$&');
    });
    const pattern = new RegExp(`^${source}$`, 'isu');
    return { kind: 'pattern', matches: (each) => each === name || pattern.test(each) };
  });
}

// Patterns of file names as they stand in SQL: LIKE's `%` and `_`, GLOB's `*`, `?` and `[...]`.

/** One part of a path between slashes. */
export type PathPart =
  | { kind: 'name'; name: string }
  /** `matches` may hold of more names than SQL would take: SQL checks them again. */
  | { kind: 'pattern'; matches(name: string): boolean }
  /** `%%` or `**`: everything below, at any depth. */
  | { kind: 'below' };

/** The parts of an absolute path or pattern. Empty parts and `.` are left out; `/` itself has none. */
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

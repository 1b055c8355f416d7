// Reads a field of a document by its dotted name, or by a pattern of names. As in Elasticsearch, a list in the path
// stands for its members.

import type { FieldValue } from './event.ts';

type Scalar = string | number | boolean;

const isScalar = (value: unknown): value is Scalar =>
  typeof value === 'string' || typeof value === 'number' || typeof value === 'boolean';

/** Collects the values below `path`, from its name at `index` on. */
function collect(value: unknown, path: readonly string[], index: number, values: Scalar[]): void {
  if (Array.isArray(value)) {
    for (const item of value) collect(item, path, index, values);
  } else if (index === path.length) {
    if (isScalar(value)) values.push(value);
  } else if (typeof value === 'object' && value !== null) {
    const head = path[index] as string;
    if (Object.hasOwn(value, head)) collect((value as Record<string, unknown>)[head], path, index + 1, values);
  }
}

/** Returns the only member of a list that has one, at any depth; any other value unchanged. */
function onlyMember(value: unknown): unknown {
  return Array.isArray(value) && value.length === 1 ? onlyMember(value[0]) : value;
}

/** A cache of split names: rules read the same few fields of every event. */
const paths = new Map<string, readonly string[]>();
const maxPaths = 1024;

function pathOf(field: string): readonly string[] {
  const known = paths.get(field);
  if (known !== undefined) return known;
  if (paths.size >= maxPaths) paths.clear();
  const path = field.split('.');
  paths.set(field, path);
  return path;
}

/**
 * Collects the values of all fields below `path` whose name matches a pattern; `pieces` are its parts between the
 * stars.
 */
function collectMatching(value: unknown, path: string, pieces: readonly string[], values: Scalar[]): void {
  if (Array.isArray(value)) {
    for (const item of value) collectMatching(item, path, pieces, values);
  } else if (typeof value === 'object' && value !== null) {
    const [start = ''] = pieces;
    for (const [key, inner] of Object.entries(value)) {
      const name = path === '' ? key : `${path}.${key}`;
      if (name.startsWith(start) || start.startsWith(`${name}.`)) collectMatching(inner, name, pieces, values);
    }
  } else if (isScalar(value) && matchesPieces(path, pieces)) {
    values.push(value);
  }
}

/**
 * Whether the name consists of the pieces in their order, with any characters between them. Runs in linear time,
 * without backtracking.
 */
export function matchesPieces(name: string, pieces: readonly string[]): boolean {
  const last = pieces.at(-1) ?? '';
  if (pieces.length < 2) return name === last;
  let position = 0;
  for (const [index, piece] of pieces.slice(0, -1).entries()) {
    const found = name.indexOf(piece, position);
    if (found === -1 || (index === 0 && found > 0)) return false;
    position = found + piece.length;
  }
  return name.length - last.length >= position && name.endsWith(last);
}

/**
 * Returns the value of the field, a list if it has several, undefined if it has none. A `*` in the name stands for any
 * characters, dots too: `process.*.name` matches `process.parent.name` and `process.session_leader.name`. Values are in
 * the order of the document.
 */
export function readPath(document: object, field: string): FieldValue {
  const found: Scalar[] = [];
  if (field.includes('*')) {
    collectMatching(document, '', field.split('*'), found);
  } else {
    // Most fields have one value, which needs no list of its own.
    const path = pathOf(field);
    let value = onlyMember(document);
    let index = 0;
    while (index < path.length && typeof value === 'object' && value !== null && !Array.isArray(value)) {
      const head = path[index++] as string;
      value = Object.hasOwn(value, head) ? onlyMember((value as Record<string, unknown>)[head]) : undefined;
    }
    if (!Array.isArray(value)) return index === path.length && isScalar(value) ? value : undefined;
    collect(value, path, index, found);
  }
  return found.length > 1 ? found : found[0];
}

/**
 * Returns the value at a dotted name unchanged, also null, an object or a list. Does not search the members of a list
 * in the path.
 */
export function valueAt(document: object, field: string): unknown {
  let value: unknown = document;
  for (const name of pathOf(field)) {
    if (typeof value !== 'object' || value === null || !Object.hasOwn(value, name)) return undefined;
    value = (value as Record<string, unknown>)[name];
  }
  return value;
}

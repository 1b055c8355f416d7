// Reads a field of a document by its dotted name, or by a pattern of names. As in Elasticsearch, a list on the way stands for its members.

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

/** A list of one stands for that one. */
function onlyMember(value: unknown): unknown {
  return Array.isArray(value) && value.length === 1 ? onlyMember(value[0]) : value;
}

/** Names split at their dots: rules ask for the same few names for every event. */
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

/** Collects the values of all fields below `path` whose name fits the pattern, which is split at its stars. */
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

/** Whether the name consists of the pieces in order with anything between them. Each piece is searched once, from the left. */
export function matchesPieces(name: string, pieces: readonly string[]): boolean {
  const last = pieces.at(-1) ?? '';
  let position = 0;
  for (const [index, piece] of pieces.slice(0, -1).entries()) {
    const found = name.indexOf(piece, position);
    if (found === -1 || (index === 0 && found > 0)) return false;
    position = found + piece.length;
  }
  return name.length - last.length >= position && name.endsWith(last);
}

/**
 * The field's value, a list where there are several, undefined where there is none. A `*` in the name stands for any characters, dots too:
 * `process.*.name` is read from the parent, from its parent and from the session leader alike, in the document's order.
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

/** The value at a dotted name, unchanged: also null, an object or a list. A list on the way has no names. */
export function valueAt(document: object, field: string): unknown {
  let value: unknown = document;
  for (const name of pathOf(field)) {
    if (typeof value !== 'object' || value === null || !Object.hasOwn(value, name)) return undefined;
    value = (value as Record<string, unknown>)[name];
  }
  return value;
}

// Reads a dotted field name, or a pattern of names, out of a document as Elasticsearch would: lists on the way are looked through.

import type { FieldValue } from './event.ts';

type Scalar = string | number | boolean;

const isScalar = (value: unknown): value is Scalar =>
  typeof value === 'string' || typeof value === 'number' || typeof value === 'boolean';

/** From the name at place `at` of the path on. */
function collect(value: unknown, path: readonly string[], at: number, into: Scalar[]): void {
  if (Array.isArray(value)) {
    for (const item of value) collect(item, path, at, into);
  } else if (at === path.length) {
    if (isScalar(value)) into.push(value);
  } else if (typeof value === 'object' && value !== null) {
    const head = path[at] as string;
    if (Object.hasOwn(value, head)) collect((value as Record<string, unknown>)[head], path, at + 1, into);
  }
}

/** Names cut at their dots: rules ask for the same few again and again. */
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

/** Collects from all fields below `path` whose name fits the pattern, cut at its stars. */
function collectFitting(value: unknown, path: string, pieces: readonly string[], into: Scalar[]): void {
  if (Array.isArray(value)) {
    for (const item of value) collectFitting(item, path, pieces, into);
  } else if (typeof value === 'object' && value !== null) {
    const [start = ''] = pieces;
    for (const [key, inner] of Object.entries(value)) {
      const name = path === '' ? key : `${path}.${key}`;
      if (name.startsWith(start) || start.startsWith(`${name}.`)) collectFitting(inner, name, pieces, into);
    }
  } else if (isScalar(value) && fitsPieces(path, pieces)) {
    into.push(value);
  }
}

/** Whether the name is made of the pieces in order with anything between them: each is looked for once, from the left. */
export function fitsPieces(name: string, pieces: readonly string[]): boolean {
  const last = pieces.at(-1) ?? '';
  let at = 0;
  for (const [place, piece] of pieces.slice(0, -1).entries()) {
    const found = name.indexOf(piece, at);
    if (found === -1 || (place === 0 && found > 0)) return false;
    at = found + piece.length;
  }
  return name.length - last.length >= at && name.endsWith(last);
}

/**
 * The field's value, a list where there are several, undefined where there is none. A `*` in the name stands for any characters, dots too:
 * `process.*.name` is read from the parent, from its parent and from the session leader alike, in the document's order.
 */
export function readPath(document: object, field: string): FieldValue {
  const found: Scalar[] = [];
  if (field.includes('*')) collectFitting(document, '', field.split('*'), found);
  else collect(document, pathOf(field), 0, found);
  return found.length > 1 ? found : found[0];
}

/** The value at a dotted name as it is, also null, an object or a list; lists on the way are not looked through. */
export function valueAt(document: object, field: string): unknown {
  let value: unknown = document;
  for (const name of pathOf(field)) {
    if (typeof value !== 'object' || value === null || !Object.hasOwn(value, name)) return undefined;
    value = (value as Record<string, unknown>)[name];
  }
  return value;
}

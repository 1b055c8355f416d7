// Values of an event as words of a message: escaped, cut, and quoted where they could pass for words of the message itself.

import { escapeText } from '../../collectors/event/escape-text.ts';
import { cutBytes } from '../cut-text.ts';

const valueBytes = 128;

/** Escaped and cut; a list's members stand side by side. Undefined: there is no value. */
function shown(value: unknown, maxBytes = valueBytes): string | undefined {
  if (value === undefined || value === null) return undefined;
  const text = Array.isArray(value) ? value.join(' ') : String(value);
  return cutBytes(escapeText(text, maxBytes), maxBytes);
}

/** The same in double quotes. A quote within it is escaped, so that it cannot end the value. */
export const quoted = (value: unknown, maxBytes = valueBytes): string =>
  `"${cutBytes((shown(value, maxBytes) ?? '').replaceAll('"', '\\"'), maxBytes)}"`;

/** A name: quoted only where it has spaces or quotes, or is empty. */
export function named(value: unknown, maxBytes = valueBytes): string | undefined {
  const text = shown(value, maxBytes);
  return text === undefined || /^[^\s"']+$/.test(text) ? text : quoted(value, maxBytes);
}

/** The distribution's programs go by their names; those elsewhere by their paths, which say more. */
export function programText(file: unknown): string | undefined {
  const text = file === undefined || file === null ? undefined : String(file);
  return named(text === undefined ? undefined : (/^\/(?:usr\/)?s?bin\/([^/]+)$/.exec(text)?.[1] ?? text));
}

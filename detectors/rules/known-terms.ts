// Reads the lists of known terms: programs that raise no alert on a new host.

import { fileURLToPath } from 'node:url';
import * as z from 'zod';
import { readSource } from './read-source.ts';
import { parseToml } from './toml-file.ts';

/** A program that counts as already seen. */
export interface KnownTerm {
  /** The path, as the rule's first field has it. */
  path: string;
  /** The package that must own the file. */
  package: string;
  /** For rules with a second field, `stepparent.initiator.origin`: the origin that must match. */
  origin?: string;
}

/** The known-terms file that is shipped with the rules. */
export const shippedKnownTerms = fileURLToPath(new URL('known-terms.toml', import.meta.url));

/** The list that no rule uses: the package tools whose names an impostor may take, for `stepparent.genuine.*`. */
export const packageToolsList = 'package-tools';

const schema = z.record(
  z.string(),
  z.array(
    z.strictObject({
      path: z.string().regex(/^(?:\/[^/\s]+)+$/, 'an absolute path'),
      package: z.string().regex(/^[A-Za-z0-9][A-Za-z0-9+._-]*$/, 'the name of the package that owns the file'),
      origin: z.string().regex(/\S/, 'an origin such as "unit apt-daily.service"').exactOptional(),
    }),
  ),
);

/**
 * The lists of a known-terms file, by name. A list may have a path more than once, with the package of each
 * distribution. Throws a TomlFileError for an invalid file, and the errors of `readSource` for an unreadable one.
 */
export function readKnownTerms(file: string): ReadonlyMap<string, readonly KnownTerm[]> {
  return new Map(Object.entries(parseToml(file, readSource(file), schema)));
}

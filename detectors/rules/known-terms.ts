// Reads the lists of known terms: programs that raise no alert on a new host.

import { fileURLToPath } from 'node:url';
import * as z from 'zod';
import { readSource } from './read-source.ts';
import { parseToml } from './toml-file.ts';

/** A program that counts as seen. */
export interface KnownTerm {
  /** As the rule's first field shows it. */
  path: string;
  /** The package that must own the file. */
  package: string;
  /** For rules with a second field, `stepparent.initiator.origin`: where it must have come from. */
  origin?: string;
}

/** The file that comes with the rules. */
export const shippedKnownTerms = fileURLToPath(new URL('known-terms.toml', import.meta.url));

/** The list that is no rule's: programs whose names are taken, for `stepparent.genuine.*`. */
export const packageToolsList = 'package-tools';

const schema = z.record(
  z.string(),
  z.array(
    z.strictObject({
      path: z.string().regex(/^(?:\/[^/\s]+)+$/, 'an absolute path'),
      package: z.string().regex(/^[A-Za-z0-9][A-Za-z0-9+._-]*$/, 'the name of the package that owns the file'),
      origin: z.string().regex(/\S/, 'an origin such as "unit packagekit.service"').exactOptional(),
    }),
  ),
);

/**
 * The lists of a known-terms file, by name. A path may stand in a list more than once, with the package of each distribution.
 * Throws a TomlFileError for a wrong file, and what `readSource` throws for one that cannot be read.
 */
export function readKnownTerms(file: string): ReadonlyMap<string, readonly KnownTerm[]> {
  return new Map(Object.entries(parseToml(file, readSource(file), schema)));
}

// What a test needs of the host. What is missing skips it by name on a laptop; in CI it is not asked for, so that it fails.

import { accessSync, constants } from 'node:fs';
import { delimiter, join } from 'node:path';

/** The first of the reasons that are one; undefined: the test can run, or this is CI. */
export const unmet = (...reasons: (string | undefined)[]): string | undefined =>
  process.env.CI ? undefined : reasons.find((reason) => reason !== undefined);

/** A title that says why its tests are skipped. */
export const titled = (title: string, why: string | undefined): string =>
  why === undefined ? title : `${title} (skipped: ${why})`;

export function missingTools(...tools: string[]): string | undefined {
  const missing = tools.filter((tool) => !isInPath(tool));
  return missing.length > 0 ? `missing: ${missing.join(', ')}` : undefined;
}

function isInPath(tool: string): boolean {
  return (process.env.PATH ?? '').split(delimiter).some((directory) => {
    try {
      accessSync(join(directory, tool), constants.X_OK);
      return true;
    } catch {
      return false;
    }
  });
}

export const noRoot = process.getuid?.() === 0 ? undefined : 'it needs root';

/** Why tests that need nothing but root cannot run. */
export const needsRoot: string | undefined = unmet(noRoot);

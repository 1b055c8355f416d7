// What a test needs of the host. If something is missing, the test is skipped with the reason; in CI it runs and fails.

import { accessSync, constants } from 'node:fs';
import { delimiter, join } from 'node:path';

/** The first reason that is not undefined; undefined if the test can run, and always in CI. */
export const unmet = (...reasons: (string | undefined)[]): string | undefined =>
  process.env.CI ? undefined : reasons.find((reason) => reason !== undefined);

/** A title with the reason why its tests are skipped, which left-out.ts reads. */
export const titled = (title: string, why: string | undefined): string =>
  why === undefined ? title : `${title} (skipped: ${why})`;

/** A reason that lists the tools which are not in PATH; undefined if all are. */
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

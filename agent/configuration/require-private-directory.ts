// A folder that the agent keeps things in has to be its own: who may write there could put a link in the place of the database.

import { statSync } from 'node:fs';
import { ConfigurationError } from './configuration-error.ts';

/** Throws a ConfigurationError where others than root and ourselves may write in the folder. One that is not there yet is well. */
export function requirePrivateDirectory(directory: string, key: string): void {
  const stat = statSync(directory, { throwIfNoEntry: false });
  if (stat === undefined) return;
  const isOwn = stat.uid === 0 || stat.uid === process.geteuid?.();
  if (isOwn && (stat.mode & 0o022) === 0) return;
  const fault = isOwn ? 'others than its owner may write there' : `it belongs to user ${stat.uid}`;
  throw new ConfigurationError(
    directory,
    `\`${key}\` must be root's alone, and ${fault}; give another one, or mend that`,
  );
}

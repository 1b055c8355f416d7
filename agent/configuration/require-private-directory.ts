// Requires that only root and the agent's user can write to a directory of the agent: another user could replace the database by a link.

import { statSync } from 'node:fs';
import { ConfigurationError } from './configuration-error.ts';

/** Throws a ConfigurationError if users other than root and the agent's own can write to the directory. A missing directory is accepted. */
export function requirePrivateDirectory(directory: string, key: string): void {
  const stat = statSync(directory, { throwIfNoEntry: false });
  if (stat === undefined) return;
  const isOwn = stat.uid === 0 || stat.uid === process.geteuid?.();
  if (isOwn && (stat.mode & 0o022) === 0) return;
  const fault = isOwn ? 'users other than its owner may write to it' : `it belongs to user ${stat.uid}`;
  throw new ConfigurationError(
    directory,
    `\`${key}\` must be writable only for root, but ${fault}; correct its owner and mode, or choose another directory`,
  );
}

// The agent's id (ECS agent.id), constant as long as its state directory exists.

import { randomUUID } from 'node:crypto';
import fs from 'node:fs';
import path from 'node:path';
import { isOwnFault } from '../../collectors/host/read-faults.ts';
import { readTextFile } from '../../collectors/host/read-file.ts';
import { ensureDirectory } from '../../collectors/linux/ensure-directory.ts';

/** A valid file has 37 bytes. */
const maxBytes = 1024;

/** Reads the id, or creates one (0600) if the file is missing or malformed. Throws if an existing file cannot be read. */
export function readAgentId(stateDirectory: string): string {
  const file = path.join(stateDirectory, 'agent-id');
  try {
    const id = readTextFile(file, maxBytes).trim();
    if (/^[0-9a-f-]{36}$/.test(id)) return id;
  } catch (error) {
    // A file that exists and cannot be read must not be overwritten.
    if (isOwnFault(error)) throw error;
  }
  const id = randomUUID();
  ensureDirectory(stateDirectory);
  fs.writeFileSync(file, `${id}\n`, { mode: 0o600 });
  return id;
}

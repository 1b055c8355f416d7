// The agent's own id: ECS agent.id, the same for as long as its state directory lives.

import { randomUUID } from 'node:crypto';
import fs from 'node:fs';
import path from 'node:path';
import { isOwnFault } from '../../collectors/host/read-faults.ts';
import { readTextFile } from '../../collectors/host/read-file.ts';
import { ensureDirectory } from '../../collectors/linux/ensure-directory.ts';

/** An id has 36. */
const maxBytes = 1024;

/** Reads the id, or makes one (0600) where there is none. */
export function readAgentId(stateDirectory: string): string {
  const file = path.join(stateDirectory, 'agent-id');
  try {
    const id = readTextFile(file, maxBytes).trim();
    if (/^[0-9a-f-]{36}$/.test(id)) return id;
  } catch (error) {
    // One that is there and cannot be read is not to be overwritten.
    if (isOwnFault(error)) throw error;
  }
  const id = randomUUID();
  ensureDirectory(stateDirectory);
  fs.writeFileSync(file, `${id}\n`, { mode: 0o600 });
  return id;
}

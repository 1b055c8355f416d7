// Says why the agent stops, and which command asked for it.

import type { ProcessTable } from '../../collectors/process/process-table.ts';
import { isNamed } from '../../collectors/process/program-name.ts';

const isManager = (name: string): boolean => name === 'systemctl' || name === 'service';
const isOwnUnit = (arg: string): boolean => /^stepparent(?:\.service)?$/.test(arg);

/**
 * `why`, and the command of the service manager that waits for the stop, with its pid and the user who logged in. A command that does not
 * wait, such as kill(1), has ended by then and is not named.
 */
export function stopReason(
  why: string,
  table: Pick<ProcessTable, 'alive' | 'peekArgs' | 'inspect'>,
  userName: (id: number) => string | undefined,
): string {
  for (const entry of table.alive()) {
    if (entry.image === undefined || !isNamed(entry.image, isManager)) continue;
    const args = table.peekArgs(entry)?.args ?? [];
    if (!args.some(isOwnUnit)) continue;
    const id = table.inspect(entry)?.loginUserId;
    const login = id === undefined ? '' : `, login ${userName(id) ?? `uid ${id}`}`;
    return `${why}; ${args.join(' ').slice(0, 200)} (pid ${entry.pid}${login})`;
  }
  return why;
}

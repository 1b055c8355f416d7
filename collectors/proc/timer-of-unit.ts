// Finds the timer that starts a systemd unit.

import type { SystemdFields } from '../event/event.ts';
import type { Host } from '../host/host.ts';

/** The directories of the system's unit files (systemd.unit(5)). */
const unitDirectories = [
  ...['/etc', '/run', '/usr/local/lib', '/usr/lib', '/lib'].map((directory) => `${directory}/systemd/system`),
  '/run/systemd/transient',
];

/**
 * The timer with the name of the service (systemd.timer(5)), if it has a unit file. A timer that names another unit by `Unit=` is not
 * found. Undefined: the unit has no such timer.
 */
function timerOfUnit(host: Pick<Host, 'exists'>, unit: string): string | undefined {
  const [, name, instance] = /^([\w:.\\-]+)(@[\w:.\\-]*)?\.service$/.exec(unit) ?? [];
  if (name === undefined) return undefined;
  const files = instance === undefined ? [`${name}.timer`] : [`${name}${instance}.timer`, `${name}@.timer`];
  const isThere = files.some((file) => unitDirectories.some((directory) => host.exists(`${directory}/${file}`)));
  return isThere ? files[0] : undefined;
}

/** The fields of the unit with its timer. */
export function withTimer(systemd: SystemdFields, host: Pick<Host, 'exists'>): SystemdFields {
  const timer = systemd.user === undefined ? timerOfUnit(host, systemd.unit) : undefined;
  return timer === undefined ? systemd : { ...systemd, timer };
}

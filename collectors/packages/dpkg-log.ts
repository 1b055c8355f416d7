// Reads the end of dpkg's log for the time of changes that were not observed.

import type { Host } from '../host/host.ts';
import { tryRead } from '../host/read-faults.ts';
import { withFile } from '../host/read-file.ts';

/** The default of dpkg.cfg. */
export const dpkgLogPath = '/var/log/dpkg.log';
/** The last some 8,000 lines: those of an upgrade of 1,000 packages. */
const maxBytes = 512 * 1024;

/** Finds when a package came into its present state, by dpkg's log, which root can write. */
export interface DpkgLog {
  /** When dpkg wrote a state of that version. Undefined: the end of the log does not have it. */
  versionMs(name: string, architecture: string, version: string): number | undefined;
  /** When dpkg removed the package. */
  removalMs(name: string, architecture: string): number | undefined;
}

const line = /^(\d{4}-\d\d-\d\d) (\d\d:\d\d:\d\d) status (\S+) (\S+) (\S+)$/;
const absent: readonly (string | undefined)[] = ['not-installed', 'config-files'];

/** A time of the log in milliseconds since 1970; NaN: the text is no time. dpkg writes local time. */
export const loggedMs = (date: string, time: string): number => new Date(`${date}T${time}`).getTime();

/** Reads the end of the log now. A log that cannot be read has no times. */
export function readDpkgLog(host: Pick<Host, 'open'>): DpkgLog {
  const text = tryRead(() =>
    withFile(host.open(dpkgLogPath), (file) => {
      const start = Math.max(0, Number(file.stat().size) - maxBytes);
      const buffer = Buffer.alloc(maxBytes);
      return buffer.toString('latin1', 0, file.readNow(buffer, start));
    }),
  );
  const times = new Map<string, number>();
  for (const each of (text ?? '').split('\n')) {
    const [, date = '', time = '', state, name, version] = line.exec(each) ?? [];
    if (name === undefined) continue;
    const ms = loggedMs(date, time);
    if (!Number.isNaN(ms)) times.set(absent.includes(state) ? name : `${name} ${version}`, ms);
  }
  return {
    versionMs: (name, architecture, version) => times.get(`${name}:${architecture} ${version}`),
    removalMs: (name, architecture) => times.get(`${name}:${architecture}`),
  };
}

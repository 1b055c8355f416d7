// Which version of which package dpkg has, by its status file: read in small steps, and only when it has changed.

import fs from 'node:fs';
import { setImmediate } from 'node:timers/promises';
import { debPackagesTable } from './host-tables/deb-packages.ts';

export interface InstalledVersions {
  /** `libc6` or `libc6:amd64`; also of a package of which only configuration is left. Undefined: there is none. */
  versionOf(name: string): string | undefined;
  /** When this was last known to be all that dpkg has to say, in milliseconds since 1970; undefined: never. */
  readonly asOfMs: number | undefined;
  /** When dpkg wrote it. */
  readonly writtenMs: number | undefined;
  /** Reads the status file, if it is another than before. Throws where there is none. */
  refresh(): Promise<void>;
}

const rowsAtATime = 32;

/** `folder` is another administrative folder in tests. Nothing is read yet. */
export function openInstalledVersions(folder = '/var/lib/dpkg'): InstalledVersions {
  const table = debPackagesTable(folder);
  const [name, version, arch] = ['name', 'version', 'arch'].map((wanted) =>
    table.columns.findIndex(([column]) => column === wanted),
  ) as [number, number, number];
  let versions = new Map<string, string>();
  let identity: string | undefined;
  let asOfMs: number | undefined;
  let writtenMs: number | undefined;
  let reading: Promise<void> | undefined;

  const read = async (): Promise<void> => {
    const readMs = Date.now();
    // While it works, dpkg keeps what is new there, and takes it into the status file now and then.
    const complete = readNames(`${folder}/updates`).length === 0;
    const stat = fs.statSync(`${folder}/status`);
    const now = `${stat.dev}:${stat.ino}:${stat.ctimeMs}`;
    if (complete && now === identity) asOfMs = readMs;
    if (now === identity) return;
    const found = new Map<string, string>();
    let rows = 0;
    for (const row of table.rows({ paths: [], names: new Set(), note: () => {} })) {
      const installed = ownText(String(row[version]));
      found.set(ownText(String(row[name])), installed);
      found.set(ownText(`${row[name]}:${row[arch]}`), installed);
      if (++rows % rowsAtATime === 0) await setImmediate();
    }
    // What has no package at all says nothing of any.
    if (found.size === 0) return;
    versions = found;
    identity = now;
    writtenMs = stat.ctimeMs;
    if (complete) asOfMs = readMs;
  };

  return {
    versionOf: (wanted) => versions.get(wanted),
    get asOfMs() {
      return asOfMs;
    },
    get writtenMs() {
      return writtenMs;
    },
    refresh() {
      reading ??= read().finally(() => {
        reading = undefined;
      });
      return reading;
    },
  };
}

/** A part of a longer text, as V8 has it, keeps all of that in memory. */
const ownText = (part: string): string => Buffer.from(part).toString();

function readNames(folder: string): string[] {
  try {
    return fs.readdirSync(folder);
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === 'ENOENT') return [];
    throw error;
  }
}

// Finds the package version that a maintainer script belongs to: the version that dpkg reported while that file was in
// place.

import type { Host } from '../host/host.ts';
import { tryRead } from '../host/read-faults.ts';
import type { InstalledVersions } from './installed-versions.ts';

/** One state of one file. A file that dpkg later installs at the same path is another one. */
export interface ScriptFile {
  path: string;
  inode: string;
  /** Status change, in milliseconds since 1970. */
  ctimeMs: number;
}

/** The version of a script. `version` undefined: its package is not installed. */
export interface FileVersion {
  version: string | undefined;
}

/**
 * The package versions of maintainer scripts. The versions of up to 4096 scripts are remembered after dpkg has replaced
 * or removed them.
 */
export interface ScriptVersions {
  /**
   * Version of a script of the package `name`. Undefined: not known; it may be after the next refresh of the installed
   * versions.
   */
  find(file: ScriptFile, name: string): FileVersion | undefined;
}

/** How far the clock of file times may be behind (10 ms on a kernel of 100 Hz), plus the error of the boot clock. */
export const clockStepMs = 12;
/** Maximum number of files whose version is remembered after they are gone. */
const maxKnown = 4096;
/** How long a replaced file is taken to be held open by its reader, so that no other file can have its inode. */
const replacedMs = 1000;

interface KnownVersion {
  ctimeMs: number;
  version: FileVersion;
  /** Time at which the version was found. */
  atMs: number;
}

/** Creates an empty memory of versions. It never refreshes `installed`: the caller must. */
export function openScriptVersions(host: Host, installed: Pick<InstalledVersions, 'find' | 'asOfMs'>): ScriptVersions {
  /** Versions by path and inode. */
  const known = new Map<string, KnownVersion>();
  return {
    find(file, name) {
      const key = `${file.path}\0${file.inode}`;
      const ctimeMs = Math.floor(file.ctimeMs);
      const before = known.get(key);
      if (before?.ctimeMs === ctimeMs) return before.version;
      const inPlace = readScriptFile(host, file.path);
      const isReplaced = inPlace?.inode !== file.inode;
      // The removal of the last name changes the ctime of a file once more.
      if (
        isReplaced &&
        before !== undefined &&
        before.ctimeMs < ctimeMs &&
        host.clock.nowMs() - before.atMs < replacedMs
      ) {
        return before.version;
      }
      const { asOfMs } = installed;
      if (asOfMs === undefined || !(file.ctimeMs + clockStepMs <= asOfMs)) return undefined;
      if (isReplaced || Math.floor(inPlace.ctimeMs) !== ctimeMs) return undefined;
      const found = installed.find(name);
      // dpkg records this state before it touches the scripts of a package, and until all new ones are in place.
      if (found?.between) return undefined;
      const version = { version: found?.version };
      // Not remembered: a package that is installed later may own the file.
      if (version.version === undefined) return version;
      if (known.size >= maxKnown) known.delete(known.keys().next().value as string);
      known.set(key, { ctimeMs, version, atMs: host.clock.nowMs() });
      return version;
    },
  };
}

/** The state of the file at `path`; undefined: there is none. */
export function readScriptFile(host: Host, path: string): ScriptFile | undefined {
  const stat = tryRead(() => host.stat(path));
  return stat && { path, inode: `${stat.ino}`, ctimeMs: Number(stat.ctimeNs / 1_000_000n) };
}

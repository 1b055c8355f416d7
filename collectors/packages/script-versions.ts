// Finds the version of its package that a maintainer script belongs to: the version that dpkg reported while that file was in place.

import type { Host } from '../host/host.ts';
import { tryRead } from '../host/read-faults.ts';
import type { InstalledVersions } from './installed-versions.ts';

/** One file as it was read; a file that dpkg puts in its place later is another one. */
export interface ScriptFile {
  path: string;
  inode: string;
  /** Status change, in milliseconds since 1970. */
  ctimeMs: number;
}

/** `version` undefined: no installed package has it. */
export interface FileVersion {
  version: string | undefined;
}

export interface ScriptVersions {
  /** Undefined: not known, or not yet; it may be after the next reading of what dpkg says. `name` is that of its package. */
  find(file: ScriptFile, name: string): FileVersion | undefined;
}

/** How far the clock that files' times are taken from may be behind (a kernel of 100 Hz), and ours be off. */
export const clockStepMs = 12;
/** Files whose version is remembered when they are gone. */
const maxKnown = 4096;
/** A file that was replaced a moment ago is still held open by its reader, so no other file has its inode yet. */
const replacedMs = 1000;

interface KnownVersion {
  ctimeMs: number;
  version: FileVersion;
  /** When that was found out. */
  atMs: number;
}

export function openScriptVersions(host: Host, installed: Pick<InstalledVersions, 'find' | 'asOfMs'>): ScriptVersions {
  /** By path and inode. */
  const known = new Map<string, KnownVersion>();
  return {
    find(file, name) {
      const key = `${file.path}\0${file.inode}`;
      const ctimeMs = Math.floor(file.ctimeMs);
      const before = known.get(key);
      if (before?.ctimeMs === ctimeMs) return before.version;
      const inPlace = readScriptFile(host, file.path);
      const isReplaced = inPlace?.inode !== file.inode;
      // The removal of its name has changed it once more.
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
      // dpkg says so before it touches the scripts of a package, and until all of the new version's are in place.
      if (found?.between) return undefined;
      const version = { version: found?.version };
      // What is of no package now may be taken over by one.
      if (version.version === undefined) return version;
      if (known.size >= maxKnown) known.delete(known.keys().next().value as string);
      known.set(key, { ctimeMs, version, atMs: host.clock.nowMs() });
      return version;
    },
  };
}

/** The file that is there now; undefined: there is none. */
export function readScriptFile(host: Host, path: string): ScriptFile | undefined {
  const stat = tryRead(() => host.stat(path));
  return stat && { path, inode: `${stat.ino}`, ctimeMs: Number(stat.ctimeNs / 1_000_000n) };
}

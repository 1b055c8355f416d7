// Which version of its package a maintainer script is of: what dpkg said while that very file was in place.

import fs from 'node:fs';
import type { InstalledVersions } from './installed-versions.ts';
import { tryRead } from './own-trouble.ts';

/** One file as it was looked at; what dpkg puts in its place later is another. */
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
  of(file: ScriptFile, name: string): FileVersion | undefined;
}

/** How far the clock that files' times are taken from may be behind (a kernel of 100 Hz), and ours be off. */
export const clockStepMs = 12;
/** Files whose version is remembered when they are gone. */
const maxKnown = 4096;

export function openScriptVersions(installed: Pick<InstalledVersions, 'find' | 'asOfMs'>): ScriptVersions {
  const known = new Map<string, FileVersion>();
  return {
    of(file, name) {
      const key = keyOf(file);
      const before = known.get(key);
      if (before !== undefined) return before;
      const { asOfMs } = installed;
      if (asOfMs === undefined || !(file.ctimeMs + clockStepMs <= asOfMs)) return undefined;
      const found = installed.find(name);
      // dpkg says so before it touches the scripts of a package, and until all of the new version's are in place.
      if (found?.between || !isInPlace(file)) return undefined;
      const version = { version: found?.version };
      // What is of no package now may be taken over by one.
      if (version.version === undefined) return version;
      if (known.size >= maxKnown) known.delete(known.keys().next().value as string);
      known.set(key, version);
      return version;
    },
  };
}

const keyOf = ({ path, inode, ctimeMs }: ScriptFile): string => `${path}\0${inode}:${Math.floor(ctimeMs)}`;

function isInPlace(file: ScriptFile): boolean {
  const stat = tryRead(() => fs.statSync(file.path, { bigint: true, throwIfNoEntry: false }));
  if (stat === undefined) return false;
  return keyOf(file) === keyOf({ path: file.path, inode: `${stat.ino}`, ctimeMs: Number(stat.ctimeMs) });
}

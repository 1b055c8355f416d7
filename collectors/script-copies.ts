// Finds the maintainer script of which another script is a copy: by size first, then by content.

import { createHash } from 'node:crypto';
import fs from 'node:fs';
import path from 'node:path';

const databaseFolder = '/var/lib/dpkg/';
const scriptName = /\.(?:preinst|postinst|prerm|postrm)$/;
/** Programs there are the distribution's, and the host starts them all the time: there a copy must be called like a script. */
const systemFolder = /^\/(?:usr\/)?(?:s?bin|lib\w*)\//;
/** Many packages have the same few lines, and somebody else may have them too. */
const minBytes = 64;
const maxBytes = 1024 * 1024;
const maxScripts = 20_000;

export interface ScriptCopies {
  /** The maintainer script with the content of `file`, which lies elsewhere; undefined: there is none, or it was not looked. */
  originalOf(file: string): string | undefined;
}

/** The digest of a file of that size; undefined: it is another file by now. */
function digestOf(file: string, size: number): string | undefined {
  // O_NONBLOCK: a fifo in its place must not hold us up.
  const fd = fs.openSync(file, fs.constants.O_RDONLY | fs.constants.O_NONBLOCK | fs.constants.O_NOCTTY);
  try {
    const stat = fs.fstatSync(fd);
    if (!stat.isFile() || stat.size !== size) return undefined;
    const content = Buffer.alloc(size);
    return fs.readSync(fd, content) === size ? createHash('sha256').update(content).digest('hex') : undefined;
  } finally {
    fs.closeSync(fd);
  }
}

const attempt = <T>(look: () => T): T | undefined => {
  try {
    return look();
  } catch {
    return undefined;
  }
};

export function openScriptCopies(infoFolder = '/var/lib/dpkg/info'): ScriptCopies {
  /** Maintainer scripts by their size, as they were when the folder was listed. */
  let bySize = new Map<number, string[]>();
  let listedMs: number | undefined;

  /** A script of a package comes and goes by a rename, which the folder's time tells. */
  const refresh = (): void => {
    const changedMs = fs.statSync(infoFolder, { throwIfNoEntry: false })?.mtimeMs;
    if (changedMs === listedMs) return;
    listedMs = changedMs;
    bySize = new Map();
    const names = changedMs === undefined ? [] : fs.readdirSync(infoFolder);
    for (const name of names.filter((one) => scriptName.test(one)).slice(0, maxScripts)) {
      const file = path.join(infoFolder, name);
      const stat = fs.lstatSync(file, { throwIfNoEntry: false });
      if (!stat?.isFile() || stat.size < minBytes || stat.size > maxBytes) continue;
      bySize.set(stat.size, [...(bySize.get(stat.size) ?? []), file]);
    }
  };

  return {
    originalOf(file) {
      if (file.startsWith(databaseFolder) || (systemFolder.test(file) && !scriptName.test(file))) return undefined;
      return attempt(() => {
        const stat = fs.statSync(file, { throwIfNoEntry: false });
        if (!stat?.isFile() || stat.size < minBytes || stat.size > maxBytes) return undefined;
        refresh();
        const originals = bySize.get(stat.size);
        const digest = originals && digestOf(file, stat.size);
        if (digest === undefined) return undefined;
        return originals?.find((original) => attempt(() => digestOf(original, stat.size)) === digest);
      });
    },
  };
}

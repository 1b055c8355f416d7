// Finds the maintainer script of which another script is a copy: by size first, then by content.

import { createHash } from 'node:crypto';
import fs from 'node:fs';
import path from 'node:path';
import { setImmediate } from 'node:timers/promises';
import { type Answer, ask, known } from '../answer.ts';
import { contentIdentity, isAtRest } from '../host/file-identity.ts';
import { reportOwnTrouble } from '../host/read-faults.ts';
import { digestOf, openRegularFile, readPiecesNow, withRegularFile } from '../host/read-file.ts';

const databaseDirectory = '/var/lib/dpkg/';
const scriptName = /\.(?:preinst|postinst|prerm|postrm)$/;
/** Programs there are the distribution's, and the host starts them all the time: there a copy must be called like a script. */
const systemDirectory = /^\/(?:usr\/)?(?:s?bin|lib\w*)\//;
/** Many packages have the same few lines, and somebody else may have them too. */
const minBytes = 64;
const maxBytes = 1024 * 1024;
const maxScripts = 20_000;
/** Between two of them there is room for events. */
const scriptsAtATime = 256;
const maxDigests = 4096;
/** Files that wait to be read: each is held open, and its execution is held back. Those over it are read at once, so that no flood hides one. */
const maxAsked = 64;
/** dpkg changes the folder all the time while it works. */
const maxListings = 2;

export interface ScriptCopies {
  /**
   * The maintainer script with the content of `file`, which lies elsewhere; undefined: there is none, or it could not be looked at. The
   * file is opened at once, and read beside the events.
   */
  originalOf(file: string): Answer<string>;
}

const couldBeScript = (stat: fs.BigIntStats): boolean =>
  stat.isFile() && stat.size >= minBytes && stat.size <= maxBytes;

export function openScriptCopies(infoDirectory = '/var/lib/dpkg/info'): ScriptCopies {
  /** Maintainer scripts by their size, as they were when the folder was listed. */
  let bySize = new Map<bigint, string[]>();
  /** The folder's change time then; undefined: it may have changed since. */
  let listedNs: bigint | undefined;
  let listing: Promise<void> | undefined;
  /** By what tells one content from another. */
  const digests = new Map<string, string>();

  /** A script of a package comes and goes by a rename, which the folder's time says. */
  const isListed = (): boolean => {
    const stat = fs.statSync(infoDirectory, { bigint: true, throwIfNoEntry: false });
    return stat === undefined || stat.ctimeNs === listedNs;
  };

  const list = async (): Promise<void> => {
    const directory = fs.statSync(infoDirectory, { bigint: true });
    const found = new Map<bigint, string[]>();
    const names = (await fs.promises.readdir(infoDirectory)).filter((one) => scriptName.test(one)).slice(0, maxScripts);
    for (const [i, name] of names.entries()) {
      if (i % scriptsAtATime === 0) await setImmediate();
      const file = path.join(infoDirectory, name);
      const stat = fs.lstatSync(file, { bigint: true, throwIfNoEntry: false });
      if (stat === undefined || !couldBeScript(stat)) continue;
      const others = found.get(stat.size);
      if (others === undefined) found.set(stat.size, [file]);
      else others.push(file);
    }
    bySize = found;
    listedNs = isAtRest(directory) ? directory.ctimeNs : undefined;
  };

  const refresh = async (): Promise<void> => {
    for (let i = 0; i < maxListings && !isListed(); i++) {
      listing ??= list().finally(() => {
        listing = undefined;
      });
      await listing;
    }
  };

  const contentOf = async (fd: number, stat: fs.BigIntStats): Promise<string> => {
    const identity = contentIdentity(stat);
    const before = digests.get(identity);
    if (before !== undefined) return before;
    const atRest = isAtRest(stat);
    const digest = await digestOf(fd, 'sha256', maxBytes);
    if (digests.size >= maxDigests) digests.clear();
    if (atRest) digests.set(identity, digest);
    return digest;
  };

  /** Undefined: it is another file by now. */
  const contentOfOriginal = async (original: string, size: bigint): Promise<string | undefined> => {
    let fd: number;
    try {
      fd = openRegularFile(original);
    } catch (error) {
      reportOwnTrouble(error);
      return undefined;
    }
    try {
      const stat = fs.fstatSync(fd, { bigint: true });
      return stat.size === size ? await contentOf(fd, stat) : undefined;
    } catch (error) {
      reportOwnTrouble(error);
      return undefined;
    } finally {
      fs.closeSync(fd);
    }
  };

  const find = async (fd: number): Promise<string | undefined> => {
    try {
      await refresh();
      const stat = fs.fstatSync(fd, { bigint: true });
      const originals = bySize.get(stat.size) ?? [];
      if (originals.length === 0) return undefined;
      const digest = await contentOf(fd, stat);
      for (const original of originals) {
        if ((await contentOfOriginal(original, stat.size)) === digest) return original;
      }
      return undefined;
    } finally {
      fs.closeSync(fd);
    }
  };

  const contentNow = (fd: number, stat: fs.BigIntStats): string => {
    const before = digests.get(contentIdentity(stat));
    if (before !== undefined) return before;
    const digest = createHash('sha256');
    for (const piece of readPiecesNow(fd, maxBytes)) digest.update(piece);
    return digest.digest('hex');
  };

  const isOriginalNow = (original: string, size: bigint, digest: string): boolean => {
    try {
      return withRegularFile(original, (fd) => {
        const stat = fs.fstatSync(fd, { bigint: true });
        return stat.size === size && contentNow(fd, stat) === digest;
      });
    } catch (error) {
      reportOwnTrouble(error);
      return false;
    }
  };

  /** Among the scripts as they were listed last. */
  const findNow = (fd: number): string | undefined => {
    try {
      const stat = fs.fstatSync(fd, { bigint: true });
      const originals = bySize.get(stat.size);
      const digest = originals && contentNow(fd, stat);
      return digest && originals?.find((original) => isOriginalNow(original, stat.size, digest));
    } finally {
      fs.closeSync(fd);
    }
  };

  // One after the other: a file on a file system that does not answer holds one of Node's few threads, not all. The sensor needs one.
  let asked = 0;
  let last: Promise<unknown> = Promise.resolve();
  const findInTurn = (fd: number): Promise<string | undefined> => {
    asked++;
    const found = last.then(() => find(fd)).finally(() => asked--);
    last = found.catch(() => {});
    return found;
  };

  // So that there is a list before the first flood.
  void refresh().catch(reportOwnTrouble);

  return {
    originalOf(file) {
      const none = known<string>(undefined);
      if (file.startsWith(databaseDirectory) || (systemDirectory.test(file) && !scriptName.test(file))) return none;
      let fd: number;
      try {
        const stat = fs.statSync(file, { bigint: true, throwIfNoEntry: false });
        if (stat === undefined || !couldBeScript(stat) || (isListed() && !bySize.has(stat.size))) return none;
        fd = openRegularFile(file);
        if (asked >= maxAsked) return known(findNow(fd));
      } catch (error) {
        reportOwnTrouble(error);
        return none;
      }
      return ask(findInTurn(fd));
    },
  };
}

// Finds the maintainer script of which another script is a copy: by size first, then by content.

import { createHash } from 'node:crypto';
import path from 'node:path';
import { setImmediate } from 'node:timers/promises';
import { type Answer, ask, known } from '../answer.ts';
import { contentIdentity, isAtRest } from '../host/file-identity.ts';
import type { FileStat } from '../host/file-stat.ts';
import type { Host } from '../host/host.ts';
import { reportOwnFault } from '../host/read-faults.ts';
import { digestOf, readPiecesNow, withFile } from '../host/read-file.ts';
import type { RegularFile } from '../host/regular-file.ts';
import { dpkgInfoDirectory, isInDpkgDirectory, scriptPhases } from './tools.ts';

const scriptName = new RegExp(`\\.(?:${scriptPhases.join('|')})$`);
/** Programs there are the distribution's, and the host starts them all the time: there a copy must be called like a script. */
const systemDirectory = /^\/(?:usr\/)?(?:s?bin|lib\w*)\//;
/** Smaller scripts are ignored: many packages have the same few lines, and other scripts may have them too. */
const minBytes = 64;
const maxBytes = 1024 * 1024;
const maxScripts = 20_000;
/** Between two of them there is room for events. */
const scriptsAtATime = 256;
const maxDigests = 4096;
/** Files that wait to be read: each is held open, and its execution is held back. Those over it are read at once, so that no flood hides one. */
const maxAsked = 64;
/** dpkg changes the directory all the time while it works. */
const maxListings = 2;

export interface ScriptCopies {
  /**
   * The maintainer script with the content of `file`, which lies elsewhere; undefined: there is none, or it could not be read. The
   * file is opened at once, and read beside the events.
   */
  originalOf(file: string): Answer<string>;
}

const hasScriptSize = (stat: FileStat): boolean => stat.isFile() && stat.size >= minBytes && stat.size <= maxBytes;

export function openScriptCopies(host: Host, infoDirectory = dpkgInfoDirectory): ScriptCopies {
  /** Maintainer scripts by their size, as they were when the directory was listed. */
  let bySize = new Map<bigint, string[]>();
  /** The directory's change time then; undefined: it may have changed since. */
  let listedNs: bigint | undefined;
  let listing: Promise<void> | undefined;
  /** By `contentIdentity`. */
  const digests = new Map<string, string>();

  /** A script of a package comes and goes by a rename, which the directory's time says. */
  const isListed = (): boolean => {
    const stat = host.stat(infoDirectory);
    return stat === undefined || stat.ctimeNs === listedNs;
  };

  const list = async (): Promise<void> => {
    const directory = host.stat(infoDirectory);
    const found = new Map<bigint, string[]>();
    const names = (await host.listDirectory(infoDirectory)).filter((one) => scriptName.test(one)).slice(0, maxScripts);
    for (const [i, name] of names.entries()) {
      if (i % scriptsAtATime === 0) await setImmediate();
      const file = path.join(infoDirectory, name);
      const stat = host.lstat(file);
      if (stat === undefined || !hasScriptSize(stat)) continue;
      const sameSize = found.get(stat.size);
      if (sameSize === undefined) found.set(stat.size, [file]);
      else sameSize.push(file);
    }
    bySize = found;
    listedNs = directory && isAtRest(directory, host.clock.nowMs()) ? directory.ctimeNs : undefined;
  };

  const refresh = async (): Promise<void> => {
    for (let i = 0; i < maxListings && !isListed(); i++) {
      listing ??= list().finally(() => {
        listing = undefined;
      });
      await listing;
    }
  };

  const contentOf = async (file: RegularFile, stat: FileStat): Promise<string> => {
    const identity = contentIdentity(stat);
    const before = digests.get(identity);
    if (before !== undefined) return before;
    const atRest = isAtRest(stat, host.clock.nowMs());
    const digest = await digestOf(file, 'sha256', maxBytes);
    if (digests.size >= maxDigests) digests.clear();
    if (atRest) digests.set(identity, digest);
    return digest;
  };

  /** Undefined: it is another file by now. */
  const contentOfOriginal = async (original: string, size: bigint): Promise<string | undefined> => {
    let file: RegularFile;
    try {
      file = host.open(original);
    } catch (error) {
      reportOwnFault(error);
      return undefined;
    }
    try {
      const stat = file.stat();
      return stat.size === size ? await contentOf(file, stat) : undefined;
    } catch (error) {
      reportOwnFault(error);
      return undefined;
    } finally {
      file.close();
    }
  };

  const find = async (file: RegularFile): Promise<string | undefined> => {
    try {
      await refresh();
      const stat = file.stat();
      const originals = bySize.get(stat.size) ?? [];
      if (originals.length === 0) return undefined;
      const digest = await contentOf(file, stat);
      for (const original of originals) {
        if ((await contentOfOriginal(original, stat.size)) === digest) return original;
      }
      return undefined;
    } finally {
      file.close();
    }
  };

  const contentNow = (file: RegularFile, stat: FileStat): string => {
    const before = digests.get(contentIdentity(stat));
    if (before !== undefined) return before;
    const digest = createHash('sha256');
    for (const piece of readPiecesNow(file, maxBytes)) digest.update(piece);
    return digest.digest('hex');
  };

  const isOriginalNow = (original: string, size: bigint, digest: string): boolean => {
    try {
      return withFile(host.open(original), (file) => {
        const stat = file.stat();
        return stat.size === size && contentNow(file, stat) === digest;
      });
    } catch (error) {
      reportOwnFault(error);
      return false;
    }
  };

  /** Among the scripts as they were listed last. */
  const findNow = (file: RegularFile): string | undefined => {
    try {
      const stat = file.stat();
      const originals = bySize.get(stat.size);
      const digest = originals && contentNow(file, stat);
      return digest && originals?.find((original) => isOriginalNow(original, stat.size, digest));
    } finally {
      file.close();
    }
  };

  // One after the other: a file on a file system that does not answer holds one of Node's few threads, not all. The sensor needs one.
  let pendingCount = 0;
  let last: Promise<unknown> = Promise.resolve();
  const findInTurn = (file: RegularFile): Promise<string | undefined> => {
    pendingCount++;
    const found = last.then(() => find(file)).finally(() => pendingCount--);
    last = found.catch(() => {});
    return found;
  };

  // So that there is a list before the first flood.
  void refresh().catch(reportOwnFault);

  return {
    originalOf(file) {
      const none = known<string>(undefined);
      if (isInDpkgDirectory(file) || (systemDirectory.test(file) && !scriptName.test(file))) return none;
      let opened: RegularFile;
      try {
        const stat = host.stat(file);
        if (stat === undefined || !hasScriptSize(stat) || (isListed() && !bySize.has(stat.size))) return none;
        opened = host.open(file);
        if (pendingCount >= maxAsked) return known(findNow(opened));
      } catch (error) {
        reportOwnFault(error);
        return none;
      }
      return ask(findInTurn(opened));
    },
  };
}

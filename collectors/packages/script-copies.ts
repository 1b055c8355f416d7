// Finds the maintainer script that another script is a copy of: by size first, then by content.

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
/**
 * Directories of the distribution's programs, which run often: only a file there that is named like a maintainer script
 * is checked.
 */
const systemDirectory = /^\/(?:usr\/)?(?:s?bin|lib\w*)\//;
/**
 * Minimum size of a script. Smaller scripts of many packages have the same few lines, which other scripts may have too.
 */
const minBytes = 64;
const maxBytes = 1024 * 1024;
const maxScripts = 20_000;
/** Scripts that are listed before other tasks of the event loop run. */
const scriptsAtATime = 256;
const maxDigests = 4096;
/**
 * Maximum number of files that wait to be read; each is held open, and its exec waits. A further file is read at once,
 * so that a flood cannot hide one.
 */
const maxAsked = 64;
/** Maximum number of listings for one question: dpkg keeps changing the directory while it runs. */
const maxListings = 2;

/**
 * The maintainer scripts in the info directory of dpkg, for comparison with other files. Scripts below 64 bytes and
 * above 1 MiB are left out.
 */
export interface ScriptCopies {
  /**
   * The maintainer script with the same content as `file`, a file outside of the directory of dpkg. Undefined: there is
   * none, or the file could not be read. The file is opened at once and read in the background.
   */
  originalOf(file: string): Answer<string>;
}

const hasScriptSize = (stat: FileStat): boolean => stat.isFile() && stat.size >= minBytes && stat.size <= maxBytes;

/** The answer for a file that is no copy, by its path and size. */
export const noOriginal = known<string>(undefined);

/** Lists the maintainer scripts in the background. `infoDirectory`: tests use another one. */
export function openScriptCopies(host: Host, infoDirectory = dpkgInfoDirectory): ScriptCopies {
  /** Paths of the maintainer scripts by size, as of the last listing. */
  let bySize = new Map<bigint, string[]>();
  /** Change time of the directory at the last listing; undefined: it may have changed since without a new time. */
  let listedNs: bigint | undefined;
  let listing: Promise<void> | undefined;
  /** Digests by `contentIdentity`. */
  const digests = new Map<string, string>();

  /**
   * Whether the listing is current. dpkg adds and removes scripts by renames, which change the time of the directory.
   */
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

  /** Digest of a maintainer script. Undefined: it cannot be read, or has another size by now. */
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

  /** Searches the scripts of the last listing, and blocks meanwhile. */
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

  // One file at a time: a file system that does not answer then blocks only one of Node's few threads.
  let pendingCount = 0;
  let last: Promise<unknown> = Promise.resolve();
  const findInTurn = (file: RegularFile): Promise<string | undefined> => {
    pendingCount++;
    const found = last.then(() => find(file)).finally(() => pendingCount--);
    last = found.catch(() => {});
    return found;
  };

  // A flood of scripts is compared with the last listing: make one now.
  void refresh().catch(reportOwnFault);

  return {
    originalOf(file) {
      if (isInDpkgDirectory(file) || (systemDirectory.test(file) && !scriptName.test(file))) return noOriginal;
      let opened: RegularFile;
      try {
        const stat = host.stat(file);
        if (stat === undefined || !hasScriptSize(stat) || (isListed() && !bySize.has(stat.size))) return noOriginal;
        opened = host.open(file);
        if (pendingCount >= maxAsked) return known(findNow(opened));
      } catch (error) {
        reportOwnFault(error);
        return noOriginal;
      }
      return ask(findInTurn(opened));
    },
  };
}

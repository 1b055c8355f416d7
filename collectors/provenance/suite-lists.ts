// apt's package lists with the Release files of their suites, and which of them bring security updates.

import { setImmediate } from 'node:timers/promises';
import type { UnobservedReason } from '../event/reasons.ts';
import { reportOwnFault } from '../host/read-faults.ts';
import { type ListName, packageLists } from './list-names.ts';
import { type ListFiles, maxLists, readList, readListNames, readReleaseBytes } from './read-lists.ts';
import { parseInRelease, type ReleaseFile } from './release-file.ts';

/** A package list. */
export interface SuiteList {
  list: ListName;
  /** Undefined: it has none that can be read. */
  release: ReleaseFile | undefined;
  /** Whether the suite brings security updates. */
  isSecurity: boolean;
}

/** Reads files in apt's directory of lists. */
interface SuiteReader {
  /** All lists, at most `maxLists`. Never rejects. */
  lists(): Promise<SuiteList[]>;
  /** The stanzas of a list, in pieces of some thousand. */
  read(list: ListName, onStanza: (stanza: string) => void): Promise<void>;
  /** Why something is not known, by what was read so far. */
  readonly unobserved: UnobservedReason | undefined;
}

const maxSecurityLists = 64;
/** The lists of a distribution have some 60 megabytes. */
const maxListBytes = 256 * 1024 * 1024;
/** A longer stanza is of no real package. */
const maxStanzaChars = 1024 * 1024;

/** `directory`: that of apt's lists. */
export function openSuites(directory: string, files: ListFiles): SuiteReader {
  let unobserved: UnobservedReason | undefined;
  const attempt = async <T>(read: () => Promise<T>): Promise<T | undefined> => {
    try {
      return await read();
    } catch (error) {
      reportOwnFault(error);
      unobserved = 'lists_unreadable';
      return undefined;
    }
  };
  return {
    async lists() {
      const names = (await attempt(() => readListNames(files, directory))) ?? [];
      const all = packageLists(names);
      const lists = all.slice(0, maxLists);
      const releases = new Map<string, ReleaseFile | undefined>();
      for (const prefix of new Set(lists.map(({ releasePrefix }) => releasePrefix))) {
        const name = ['InRelease', 'Release'].map((end) => prefix + end).find((one) => names.includes(one));
        if (name === undefined) continue;
        const text = await attempt(() => readReleaseBytes(files, `${directory}/${name}`));
        releases.set(prefix, text && parseInRelease(text.toString()));
      }
      let securityLists = 0;
      const found = lists.map((list): SuiteList => {
        const release = releases.get(list.releasePrefix);
        const isSecurity = hasUpdates(list.releasePrefix, release) && securityLists++ < maxSecurityLists;
        return { list, release, isSecurity };
      });
      if (all.length > maxLists || securityLists > maxSecurityLists) unobserved ??= 'lists_unreadable';
      if (securityLists === 0) unobserved ??= lists.length === 0 ? 'no_package_lists' : 'no_security_lists';
      return found;
    },
    async read(list, onStanza) {
      await attempt(async () => {
        for await (const stanzas of stanzasOf(readList(files, directory, list, maxListBytes))) {
          for (const stanza of stanzas) onStanza(stanza);
        }
      });
    },
    get unobserved() {
      return unobserved;
    },
  };
}

/** `bookworm-security`, `jammy-apps-security` and, before Debian 11, `buster/updates`, as the address has it. */
const securitySuite = /_dists_(?:.*-security|[^_]+_updates)_$/;

const hasUpdates = (prefix: string, release: ReleaseFile | undefined): boolean =>
  securitySuite.test(prefix) || release?.label === 'Debian-Security' || release?.suite?.endsWith('-security') === true;

/** The stanzas of each piece. Throws if one is too long. */
async function* stanzasOf(pieces: AsyncIterable<Buffer>): AsyncGenerator<string[]> {
  let rest = '';
  for await (const piece of pieces) {
    const stanzas = `${rest}${piece.toString('latin1')}`.split('\n\n');
    rest = stanzas.pop() ?? '';
    if (rest.length > maxStanzaChars) throw new Error('it is no package list');
    yield stanzas;
    await setImmediate();
  }
  yield [rest];
}

/** A field of a stanza; '' if it does not have it. */
export const fieldOf = (stanza: string, name: keyof typeof patterns): string => patterns[name].exec(stanza)?.[1] ?? '';
const patterns = {
  Package: /^Package:[ \t]*(\S+)/im,
  Version: /^Version:[ \t]*(\S+)/im,
  Architecture: /^Architecture:[ \t]*(\S+)/im,
  Source: /^Source:[ \t]*(\S+)/im,
} as const;

/** A package can change between one for all architectures and one for each. */
export const isSameArchitecture = (own: string | undefined, listed: string): boolean =>
  own === undefined || own === listed || own === 'all' || listed === 'all';

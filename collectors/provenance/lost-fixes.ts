// Finds packages that went below a version that a security source offers, or are kept below it, by apt's package lists.

import { setImmediate } from 'node:timers/promises';
import type { UnobservedReason } from '../event/reasons.ts';
import { reportOwnFault } from '../host/read-faults.ts';
import { compareVersions } from '../packages/compare-versions.ts';
import { packageLists } from './list-names.ts';
import { type ListFiles, maxLists, readList, readListNames, readReleaseBytes } from './read-lists.ts';
import { parseInRelease, type ReleaseFile } from './release-file.ts';

/** A package that went from one version to another, or, without a former version, that is kept at one. */
export interface VersionChange {
  name: string;
  architecture: string | undefined;
  version: string;
  formerVersion: string | undefined;
}

/** A package that has lost a security update, or is kept from one. */
interface LostFix {
  name: string;
  version: string;
  /** The highest version of a security source; if the package had a former version, of those that it contained. */
  securityVersion: string;
  /** Suite of that source, by its Release file. */
  suite: string | undefined;
}

/** The packages that have lost a security update; `unobserved`: why others may have lost one too. */
export interface LostFixes {
  fixes: readonly LostFix[];
  unobserved: UnobservedReason | undefined;
}

const maxSecurityLists = 64;
/** The security lists of a distribution have some megabytes, those of long support 30 MB. */
const maxListBytes = 256 * 1024 * 1024;
/** A longer stanza is of no real package. */
const maxStanzaChars = 1024 * 1024;

/** `directory`: that of apt's lists. Never rejects. */
export async function findLostFixes(
  changes: readonly VersionChange[],
  directory: string,
  files: ListFiles,
): Promise<LostFixes> {
  const best = new Map<VersionChange, LostFix>();
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
  const names = await attempt(() => readListNames(files, directory));
  if (names === undefined) return { fixes: [], unobserved };
  const all = packageLists(names);
  const lists = all.slice(0, maxLists);
  const releases = new Map<string, ReleaseFile | undefined>();
  for (const prefix of new Set(lists.map(({ releasePrefix }) => releasePrefix))) {
    const name = ['InRelease', 'Release'].map((end) => prefix + end).find((one) => names.includes(one));
    if (name === undefined) continue;
    const text = await attempt(() => readReleaseBytes(files, `${directory}/${name}`));
    releases.set(prefix, text && parseInRelease(text.toString()));
  }
  const security = lists.filter(({ releasePrefix }) => isSecurity(releasePrefix, releases.get(releasePrefix)));
  if (all.length > maxLists || security.length > maxSecurityLists) unobserved ??= 'lists_unreadable';
  if (security.length === 0) unobserved ??= lists.length === 0 ? 'no_package_lists' : 'no_security_lists';
  for (const list of security.slice(0, maxSecurityLists)) {
    const suite = releases.get(list.releasePrefix)?.suite;
    await attempt(async () => {
      for await (const stanzas of stanzasOf(readList(files, directory, list, maxListBytes))) {
        for (const stanza of stanzas) addFix(stanza, suite, changes, best);
      }
    });
  }
  return { fixes: [...best.values()], unobserved };
}

/** `bookworm-security`, `jammy-apps-security` and, before Debian 11, `buster/updates`, as the address has it. */
const securitySuite = /_dists_(?:.*-security|[^_]+_updates)_$/;

const isSecurity = (prefix: string, release: ReleaseFile | undefined): boolean =>
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

const fieldOf = (stanza: string, name: 'Package' | 'Version' | 'Architecture'): string =>
  patterns[name].exec(stanza)?.[1] ?? '';
const patterns = {
  Package: /^Package:[ \t]*(\S+)/im,
  Version: /^Version:[ \t]*(\S+)/im,
  Architecture: /^Architecture:[ \t]*(\S+)/im,
} as const;

/** Keeps the version of the stanza if a change has lost it and no higher one. */
function addFix(
  stanza: string,
  suite: string | undefined,
  changes: readonly VersionChange[],
  best: Map<VersionChange, LostFix>,
): void {
  const name = fieldOf(stanza, 'Package');
  for (const change of changes) {
    if (change.name !== name || !isSameArchitecture(change.architecture, fieldOf(stanza, 'Architecture'))) continue;
    const securityVersion = fieldOf(stanza, 'Version');
    const isLost =
      compareVersions(change.version, securityVersion) < 0 &&
      (change.formerVersion === undefined || compareVersions(securityVersion, change.formerVersion) <= 0);
    const known = best.get(change)?.securityVersion;
    if (!isLost || (known !== undefined && compareVersions(securityVersion, known) <= 0)) continue;
    best.set(change, { name, version: change.version, securityVersion, suite });
  }
}

/** A package can change between one for all architectures and one for each. */
const isSameArchitecture = (own: string | undefined, listed: string): boolean =>
  own === undefined || own === listed || own === 'all' || listed === 'all';

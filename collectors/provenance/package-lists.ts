// Keeps the digests of apt's package lists, by which the content of an archive shows where it came from. Lists are read
// again when they have changed, in the background and in pieces.

import { setImmediate, setTimeout } from 'node:timers/promises';
import type { UnobservedReason } from '../event/reasons.ts';
import { contentIdentity, isAtRest } from '../host/file-identity.ts';
import type { FileStat } from '../host/file-stat.ts';
import type { Host } from '../host/host.ts';
import { digestBytes, type ListContent, openListReader } from './list-digests.ts';
import { type ListName, packageLists } from './list-names.ts';
import { type ListFiles, maxLists, readList, readListNames, readReleaseBytes } from './read-lists.ts';
import { parseInRelease, parseRelease, type ReleaseFile } from './release-file.ts';

/** One package list as it was read. */
export interface PackageList {
  /** File name of the list. */
  name: string;
  /** Identity of the content that was read; empty: not all digests are stored yet. */
  identity: string;
  /** Identity of the Release file and its signature. */
  releaseIdentity: string;
  /** SHA-256 of the list itself; empty: it could not be read. */
  sha256: string;
  site: string;
  suite: string | undefined;
  component: string | undefined;
  origin: string | undefined;
  label: string | undefined;
  /** Whether a signed Release file has the digest of the list. Undefined: it has only those of compressed forms. */
  isSigned: boolean | undefined;
  keys: readonly string[];
  /** Number of digests in force. */
  digestsCount: number;
  /** Why the list may have packages whose digests are not known. */
  fault: UnobservedReason | undefined;
}

/** A list in the store. */
export interface StoredList extends PackageList {
  id: number;
  /** The list was not there any more. */
  isGone: boolean;
}

/** A digest, and the list that has it. */
export interface FoundDigest {
  list: PackageList;
  /** Only a former state of the list had the digest. */
  isSuperseded: boolean;
  /** Whether that state was signed; of a digest in force, `list.isSigned`. */
  isSigned: boolean | undefined;
}

/** What changes of the digests of a list. */
export interface DigestChange {
  added: Buffer[];
  /** Digests that the list has again. */
  revived: Buffer[];
  superseded: Buffer[];
}

/** Where the digests are kept. Methods throw the errors of the database. */
export interface DigestStore {
  /** Maximum number of digests in force; those of former lists are kept as far as this leaves room. */
  readonly maxDigests: number;
  packageLists(): StoredList[];
  /** Creates or replaces a list by its name; returns its id. */
  savePackageList(list: PackageList): number;
  /** Notes that the list is gone: its digests count as superseded. */
  endPackageList(id: number, nowMs: number): void;
  /** The digests of a list that begin with the byte. */
  digestsOf(id: number, first: number): { digest: Buffer; isSuperseded: boolean }[];
  /** In one transaction. Throws if there is no such list. */
  changeDigests(id: number, change: DigestChange, nowMs: number): void;
  /** Of several lists with the digest, one that has it now and is signed comes first. */
  findDigest(digest: Buffer): FoundDigest | undefined;
}

/** The host, the store and the clock. */
export interface PackageListsDeps {
  host: ListFiles['host'] & Pick<Host, 'statLater'> & { clock: Pick<Host['clock'], 'nowMs'> };
  unpack: ListFiles['unpack'];
  store: DigestStore;
  onFault(fault: string, error: unknown): void;
  /** Called when lists were read, which takes some megabytes meanwhile. */
  onRead?(): void;
}

/** The index of the lists; times are ISO 8601. */
export interface PackageListsReport {
  /** Number of lists in apt's directory. */
  lists: number;
  /** Number of those that a signed Release file has. */
  signed: number;
  /** Number of digests in force. */
  digests: number;
  /** When the files were last compared with what was read. Absent: not since the start. */
  checked?: string;
  /** When a list was last read. Absent: none has changed since the start. */
  read?: string;
  /** The lists whose packages are not all known: their number by the reason. */
  incomplete: Partial<Record<UnobservedReason, number>>;
  /** Why a file that no list has may be in one nevertheless. Absent: all lists are known. */
  doubt?: UnobservedReason;
}

/** The lists of one host. */
export interface PackageLists {
  /**
   * Reads the lists in the directory that have changed. Resolves when the store has the digests of all lists as they
   * were at the call or later. Never rejects.
   */
  refresh(directory: string): Promise<void>;
  find(digest: string): FoundDigest | undefined;
  /** Why a digest that was not found may be in a list nevertheless. Undefined: it is in none. */
  doubt(): UnobservedReason | undefined;
  report(): PackageListsReport;
  /** Ends what is being read; no method may be called afterwards. */
  stop(): Promise<void>;
}

/** A list of Debian's whole archive has 60 MB. */
const maxListBytes = 1024 * 1024 * 1024;
/** apt renames new lists into place. A file that has changed a moment ago could change again in the same clock step. */
const restMs = 60;
/** Digests that are stored before other tasks of the event loop run: some 2 ms. */
const digestsAtATime = 1000;

/** Opens the lists without reading any. */
export function openPackageLists({ host, store, unpack, onFault, onRead }: PackageListsDeps): PackageLists {
  const files: ListFiles = { host, unpack };
  let doubt: UnobservedReason | undefined = 'not_indexed_yet';
  let indexed: Omit<PackageListsReport, 'doubt'> = { lists: 0, signed: 0, digests: 0, incomplete: {} };
  let isStopped = false;
  let wasRead = false;
  let underway: Promise<void> | undefined;
  let next: Promise<void> | undefined;

  const throwIfStopped = (): void => {
    if (isStopped) throw new Stopped();
  };
  const statOf = async (file: string): Promise<FileStat | undefined> => {
    const stat = await host.statLater(file);
    if (stat === undefined || isAtRest(stat, host.clock.nowMs())) return stat;
    await setTimeout(restMs);
    return host.statLater(file);
  };
  const identityOf = async (file: string): Promise<string> => {
    const stat = await statOf(file);
    return stat?.isFile() ? contentIdentity(stat) : '';
  };
  /** The Release file of lists that begin with the same prefix, as apt chooses it. */
  const releaseAt = async (prefix: string) => {
    const inRelease = await identityOf(`${prefix}InRelease`);
    const release = await identityOf(`${prefix}Release`);
    const signature = await identityOf(`${prefix}Release.gpg`);
    const read = async (): Promise<ReleaseFile | undefined> => {
      if (inRelease !== '') return parseInRelease((await readReleaseBytes(files, `${prefix}InRelease`)).toString());
      if (release === '') return undefined;
      const text = (await readReleaseBytes(files, `${prefix}Release`)).toString();
      return parseRelease(text, signature === '' ? undefined : await readReleaseBytes(files, `${prefix}Release.gpg`));
    };
    return { identity: inRelease === '' ? `${release} ${signature}` : inRelease, read };
  };

  const readContent = async (directory: string, list: ListName, room: number): Promise<ListContent> => {
    const reader = openListReader(room);
    for await (const piece of readList(files, directory, list, maxListBytes)) {
      throwIfStopped();
      reader.add(piece);
    }
    return reader.end();
  };

  /** Stores the digests of a list in place of those that it had. */
  const saveDigests = async (id: number, content: ListContent, isNew: boolean): Promise<void> => {
    let change: DigestChange = { added: [], revived: [], superseded: [] };
    let count = 0;
    const save = async (): Promise<void> => {
      if (count > 0) store.changeDigests(id, change, host.clock.nowMs());
      change = { added: [], revived: [], superseded: [] };
      count = 0;
      await setImmediate();
      throwIfStopped();
    };
    let passed = 0;
    for (let first = 0; first < 256; first++) {
      const fresh = new Map<string, Buffer>();
      const part = content.digests.part(first);
      for (let at = 0; at < part.length; at += digestBytes) {
        const digest = part.subarray(at, at + digestBytes);
        fresh.set(digest.toString('latin1'), digest);
      }
      passed += fresh.size;
      for (const { digest, isSuperseded } of isNew ? [] : store.digestsOf(id, first)) {
        passed++;
        const stays = fresh.delete(digest.toString('latin1'));
        if (stays === isSuperseded) count++;
        if (stays && isSuperseded) change.revived.push(digest);
        if (!stays && !isSuperseded) change.superseded.push(digest);
      }
      count += fresh.size;
      change.added.push(...fresh.values());
      if (passed >= digestsAtATime || first === 255) {
        await save();
        passed = 0;
      }
    }
  };

  const update = async (
    directory: string,
    list: ListName,
    release: Awaited<ReturnType<typeof releaseAt>>,
    { before, room }: { before: StoredList | undefined; room: number },
  ): Promise<void> => {
    const file = `${directory}/${list.name}`;
    const identity = await identityOf(file);
    const isRead = before !== undefined && before.identity === identity && identity !== '' && before.sha256 !== '';
    if (isRead && !before.isGone && before.releaseIdentity === release.identity) return;
    let released: ReleaseFile | undefined;
    let isReleaseRead = true;
    try {
      released = await release.read();
    } catch (error) {
      onFault('a Release file of apt could not be read', error);
      isReleaseRead = false;
    }
    const signedState = (sha256: string): boolean | undefined =>
      isReleaseRead ? signedBy(released, list.path, sha256) : undefined;
    const about = {
      name: list.name,
      releaseIdentity: isReleaseRead ? release.identity : '',
      site: list.site,
      suite: released?.suite,
      component: list.component,
      origin: released?.origin,
      label: released?.label,
      keys: released?.keys ?? [],
    };
    if (isRead && !before.isGone) {
      const { sha256, digestsCount, fault } = before;
      const isSigned = signedState(sha256);
      store.savePackageList({ ...about, identity, sha256, isSigned, digestsCount, fault });
      return;
    }
    let content: ListContent;
    try {
      content = await readContent(directory, list, room);
    } catch (error) {
      if (error instanceof Stopped) throw error;
      onFault('a package list of apt could not be read', error);
      const digestsCount = before?.digestsCount ?? 0;
      const unread = { identity, sha256: '', isSigned: false, digestsCount, fault: 'lists_unreadable' } as const;
      store.savePackageList({ ...about, ...unread });
      return;
    }
    const { sha256, digests, isComplete, isCut } = content;
    const fault = isCut ? 'too_many_digests' : isComplete ? undefined : 'digests_missing';
    const saved = { ...about, sha256, digestsCount: digests.size, fault } as const;
    const isSigned = signedState(sha256);
    // Until all digests are stored, a look-up must not take those of the former state for signed ones, or the reverse.
    const isSignedMeanwhile = before === undefined || before.isSigned === isSigned ? isSigned : false;
    wasRead = true;
    const id = store.savePackageList({ ...saved, identity: '', isSigned: isSignedMeanwhile });
    await saveDigests(id, content, before === undefined);
    const isUnchanged = (await identityOf(file)) === identity;
    store.savePackageList({ ...saved, identity: isUnchanged ? identity : '', isSigned });
  };

  const refresh = async (directory: string): Promise<void> => {
    throwIfStopped();
    const lists = packageLists(await readListNames(files, directory));
    const present = new Set(lists.map(({ name }) => name));
    const stored = new Map(store.packageLists().map((list) => [list.name, list]));
    for (const { id, name, isGone } of stored.values()) {
      if (!isGone && !present.has(name)) store.endPackageList(id, host.clock.nowMs());
    }
    const inForce = [...stored.values()].filter(({ name }) => present.has(name));
    const releases = new Map<string, ReturnType<typeof releaseAt>>();
    for (const list of lists.slice(0, maxLists)) {
      const prefix = `${directory}/${list.releasePrefix}`;
      const release = releases.get(prefix) ?? releaseAt(prefix);
      releases.set(prefix, release);
      const others = inForce.filter(({ name }) => name !== list.name);
      const used = others.reduce((sum, { digestsCount }) => sum + digestsCount, 0);
      const room = Math.max(0, store.maxDigests - used);
      await update(directory, list, await release, { before: stored.get(list.name), room });
    }
    const after = store.packageLists();
    indexed = summaryOf(after, new Date(host.clock.nowMs()).toISOString(), wasRead, indexed.read);
    if (wasRead) onRead?.();
    wasRead = false;
    const isCut = lists.length > maxLists;
    const fault = after.find((list) => !list.isGone && list.fault !== undefined)?.fault;
    doubt = after.length === 0 ? 'no_package_lists' : (fault ?? (isCut ? 'too_many_digests' : undefined));
  };

  const begin = (directory: string): Promise<void> => {
    underway = refresh(directory)
      .catch((error: unknown) => {
        doubt = 'lists_unreadable';
        if (!(error instanceof Stopped)) onFault('the package lists of apt could not be read', error);
      })
      .finally(() => {
        underway = undefined;
      });
    return underway;
  };

  return {
    refresh(directory) {
      if (underway === undefined) return begin(directory);
      // A refresh that has begun may have passed a list before it changed.
      next ??= underway.then(() => {
        next = undefined;
        return begin(directory);
      });
      return next;
    },
    find: (digest) => store.findDigest(Buffer.from(digest, 'hex')),
    doubt: () => doubt,
    report: () => ({ ...indexed, ...(doubt !== undefined && { doubt }) }),
    async stop() {
      isStopped = true;
      await underway;
    },
  };
}

class Stopped extends Error {}

function summaryOf(
  stored: readonly StoredList[],
  checked: string,
  wasRead: boolean,
  lastRead: string | undefined,
): Omit<PackageListsReport, 'doubt'> {
  const lists = stored.filter(({ isGone }) => !isGone);
  const incomplete: PackageListsReport['incomplete'] = {};
  for (const { fault } of lists) if (fault !== undefined) incomplete[fault] = (incomplete[fault] ?? 0) + 1;
  const read = wasRead ? checked : lastRead;
  return {
    lists: lists.length,
    signed: lists.filter(({ isSigned }) => isSigned === true).length,
    digests: lists.reduce((sum, { digestsCount }) => sum + digestsCount, 0),
    checked,
    ...(read !== undefined && { read }),
    incomplete,
  };
}

/** Whether the Release file is signed and has the digest of the list. Undefined: it has only those of compressed forms. */
function signedBy(release: ReleaseFile | undefined, path: string, sha256: string): boolean | undefined {
  const listed = release?.indexes.get(path);
  if (release === undefined || !release.isSigned) return false;
  if (listed !== undefined) return listed.sha256 === sha256;
  return [...release.indexes.keys()].some((one) => one.startsWith(`${path}.`)) ? undefined : false;
}

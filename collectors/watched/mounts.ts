// The mounts of the agent's namespace, so that no path is looked at on a file system that may not answer: one of the
// network or of a user's program (FUSE).

import fs from 'node:fs';
import type { Clock } from '../host/clock.ts';
import { followLinks } from '../host/follow-links.ts';
import { tryRead } from '../host/read-faults.ts';
import type { DirectoryLocation } from '../packagedb/directory-to-watch.ts';
import { decodeName } from '../packagedb/file-name.ts';

/** The file systems whose files are on this host. Any other one is not entered. */
const localTypes: ReadonlySet<string> = new Set([
  ...['ext2', 'ext3', 'ext4', 'xfs', 'btrfs', 'bcachefs', 'zfs', 'f2fs', 'jfs', 'reiserfs', 'nilfs2', 'ubifs'],
  ...['overlay', 'tmpfs', 'ramfs', 'rootfs', 'squashfs', 'erofs', 'iso9660', 'vfat', 'exfat', 'ntfs3'],
]);

/** A mount point without its escapes, and the type of its file system. */
export interface Mount {
  path: string;
  type: string;
}

/**
 * Parses /proc/PID/mountinfo (proc_pid_mountinfo(5)), whose bytes are `text` in latin1. Of several mounts at one place
 * the last counts.
 */
export function parseMounts(text: string): Mount[] {
  const mounts = new Map<string, Mount>();
  for (const line of text.split('\n')) {
    const words = line.split(' ');
    const separator = words.indexOf('-', 6);
    const [path, type] = [words[4], words[separator + 1]];
    if (path === undefined || separator < 0 || type === undefined) continue;
    const bytes = path.replaceAll(/\\([0-7]{3})/g, (_, digits: string) => String.fromCharCode(parseInt(digits, 8)));
    const plain = decodeName(Buffer.from(bytes, 'latin1'));
    // Deleted first, so that the map is in the order of the last mounts.
    mounts.delete(plain);
    mounts.set(plain, { path: plain, type });
  }
  return [...mounts.values()];
}

/** The mounts as they were within the last second. */
export interface Mounts {
  /** A number that changes with the mounts. */
  version(): number;
  /** Whether the file system that is mounted at the path is not of this host. Below such a path nothing is looked at. */
  isForeign(path: string): boolean;
  /** The mount points of such file systems. */
  foreign(): Mount[];
  /**
   * Finds a directory without looking at a foreign file system. `isNamed`: links are followed. Otherwise the path must
   * have none, and no file system may be mounted there. Undefined: there is no such directory.
   */
  locate(path: string, isNamed: boolean): DirectoryLocation | undefined;
}

const rereadAfterMs = 1000;
const mountsFile = '/proc/self/mountinfo';

/** `read`: the text of mountinfo; tests pass another one. */
export function openMounts(
  clock: Pick<Clock, 'monotonicMs'>,
  read: () => string = () => fs.readFileSync(mountsFile, 'latin1'),
): Mounts {
  let types = new Map<string, string>();
  let last = '';
  let version = 0;
  let readMs = Number.NEGATIVE_INFINITY;
  const typesNow = (): ReadonlyMap<string, string> => {
    const nowMs = clock.monotonicMs();
    if (nowMs - readMs >= rereadAfterMs) {
      const text = tryRead(read);
      if (text !== undefined && text !== last) {
        last = text;
        version++;
        types = new Map(parseMounts(text).map(({ path, type }) => [path, type]));
      }
      readMs = nowMs;
    }
    return types;
  };
  const isForeign = (path: string): boolean => {
    const type = typesNow().get(path);
    return type !== undefined && !localTypes.has(type);
  };
  /** Called for each directory on the way, the outer one first. */
  const readLink = (path: string): string | undefined => {
    if (isForeign(path)) throw new Error(`${path} is not a file system of this host`);
    return fs.lstatSync(path, { throwIfNoEntry: false })?.isSymbolicLink() ? fs.readlinkSync(path) : undefined;
  };
  return {
    version() {
      typesNow();
      return version;
    },
    isForeign,
    foreign: () => [...typesNow()].flatMap(([path, type]) => (localTypes.has(type) ? [] : [{ path, type }])),
    locate: (path, isNamed) =>
      tryRead(() => {
        if (isForeign('/') || (!isNamed && typesNow().has(path))) return undefined;
        const found = followLinks(path, readLink);
        if (!isNamed && found !== path) return undefined;
        const stat = fs.lstatSync(found, { bigint: true, throwIfNoEntry: false });
        return stat?.isDirectory() ? { path: found, identity: `${stat.dev}:${stat.ino}` } : undefined;
      }),
  };
}

// A mount namespace for a test: its mounts are visible only to the test and to processes that it starts.

import koffi from 'koffi';
import { linuxInTests } from './linux-abi.ts';

const { CLONE_NEWNS, MNT_DETACH, MS_BIND, MS_PRIVATE, MS_RDONLY, MS_REC, MS_REMOUNT } = linuxInTests;

type Mount = (from: string, at: string, type: string | null, flags: number, data: string | null) => number;
let mount: Mount | undefined;

/**
 * Moves the calling thread into a mount namespace of its own, once. Promises of `node:fs` run on other threads and
 * still see the host's.
 */
function enter(): Mount {
  if (mount) return mount;
  const libc = koffi.load('libc.so.6');
  const unshare = libc.func('int unshare(int flags)');
  const call: Mount = libc.func(
    'int mount(const char *from, const char *at, const char *type, ulong flags, const char *data)',
  );
  if (unshare(CLONE_NEWNS) !== 0) throw new Error('cannot make a mount namespace (unshare failed)');
  if (call('none', '/', null, MS_REC | MS_PRIVATE, null) !== 0) throw new Error('mounts cannot be made private');
  mount = call;
  return call;
}

/** Mounts an empty tmpfs over `directory`, of `sizeBytes` (default: half of the memory). */
export function mountEmpty(directory: string, sizeBytes?: number): void {
  const options = sizeBytes === undefined ? null : `size=${sizeBytes}`;
  if (enter()('tmpfs', directory, 'tmpfs', 0, options) !== 0)
    throw new Error(`tmpfs cannot be mounted at ${directory}`);
}

/** Mounts `source`, a file or a directory, over `target`. */
export function bindMount(source: string, target: string): void {
  if (enter()(source, target, null, MS_BIND, null) !== 0) throw new Error(`${source} cannot be mounted at ${target}`);
}

/** Makes a mount of `mountEmpty` read-only; fails while a file in it is open for writing. */
export function makeReadOnly(directory: string): void {
  if (enter()('tmpfs', directory, 'tmpfs', MS_REMOUNT | MS_RDONLY, null) !== 0) {
    throw new Error(`${directory} cannot be made read-only`);
  }
}

/** Removes the last mount at `directory`, even if it is in use. */
export function unmount(directory: string): void {
  enter();
  const umount = koffi.load('libc.so.6').func('int umount2(const char *at, int flags)');
  if (umount(directory, MNT_DETACH) !== 0) throw new Error(`${directory} cannot be unmounted`);
}

/** Mounts an overlay over `directory`, so that writes to it go to `upper`. */
export function mountOverlay(directory: string, upper: string, work: string): void {
  const options = `lowerdir=${directory},upperdir=${upper},workdir=${work}`;
  if (enter()('overlay', directory, 'overlay', 0, options) !== 0)
    throw new Error(`no overlay can be mounted at ${directory}`);
}

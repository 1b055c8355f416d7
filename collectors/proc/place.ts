// Decides whether a process is on the host, in a chroot or in a container, by the files and namespaces that it sees.

import { dpkgDirectory, rpmDirectories } from '../packages/tools.ts';

/**
 * `chroot`: the process has another root directory, among the namespaces of the host. `container`: it also has another
 * mount or pid namespace.
 */
export type PlaceKind = 'host' | 'chroot' | 'container';

/** Where a process runs. */
export interface Place {
  kind: PlaceKind;
  /**
   * Path of its root directory, as its mount namespace names it. Undefined on the host: that of the host, so that its
   * paths lead to the same files as for the agent. Undefined elsewhere: not observed.
   */
  root: string | undefined;
  /** Id of the container; only of a container. */
  containerId: string | undefined;
}

/** The place of a process with the root directory of the host; most processes share this object. */
export const onHost: Place = { kind: 'host', root: undefined, containerId: undefined };

/** The place of a process with another root directory, which was not observed. */
export const inUnknownRoot: Place = { kind: 'chroot', root: undefined, containerId: undefined };

/** Whether the place is known, and has the root directory of the host. */
export const hasHostRoot = (place: Place | undefined): boolean => place?.kind === 'host' && place.root === undefined;

/** The namespaces and directories of the host. */
export interface HostNamespaces {
  pid: string;
  /** Mount namespaces, see `readHostMounts`. */
  mounts: readonly string[];
  /** Device and inode of each of `placeDirectories` that the host has, by path. */
  directories: ReadonlyMap<string, string>;
}

/** The view of one process: its namespaces, and device and inode of a directory as it sees it. */
export interface ProcessView {
  pid: string;
  mnt: string;
  identityOf(directory: string): string | undefined;
}

/**
 * A process that sees one of these directories of the host at its path changes the host, whatever else it sees: an
 * attacker can create every namespace, and build a root directory from bind mounts.
 */
export const placeDirectories: readonly string[] = ['/', '/usr', '/etc', dpkgDirectory, ...rpmDirectories];

/** The kind of place of a process, by its view. */
export function placeKind(view: ProcessView, host: HostNamespaces): PlaceKind {
  if (seesHost(view, host)) return 'host';
  return view.pid === host.pid && host.mounts.includes(view.mnt) ? 'chroot' : 'container';
}

/** Whether a view has at least one of the host's directories. Reads no more of them than needed. */
export const seesHost = ({ identityOf }: Pick<ProcessView, 'identityOf'>, { directories }: HostNamespaces): boolean =>
  [...directories].some(([directory, identity]) => identityOf(directory) === identity);

// Decides on which file systems probes may be set: a probe keeps the file system of its file mounted, so that an
// administrator could not unmount the image of a chroot or a disk with a probed file.

/** Mount points that stay mounted as long as the host runs. systemd also mounts some of them for a service of its own. */
const lastingMounts: ReadonlySet<string> = new Set(
  '/ /usr /usr/bin /usr/lib /usr/lib64 /usr/local /opt /var /var/tmp /srv /home /root /tmp /dev/shm'.split(' '),
);

/**
 * The mount point of a file. `mountinfo`: the text of /proc/self/mountinfo (proc_pid_mountinfo(5)); `file`: an absolute
 * path without symlinks.
 */
export function mountPointOf(mountinfo: string, file: string): string {
  let found = '/';
  for (const line of mountinfo.split('\n')) {
    const [, , , , escaped] = line.split(' ', 5);
    if (escaped === undefined) continue;
    const point = escaped.replaceAll(/\\(\d{3})/g, (_, code: string) => String.fromCharCode(Number.parseInt(code, 8)));
    const contains = point === '/' || file === point || file.startsWith(`${point}/`);
    // A later mount on the same mount point covers the earlier one.
    if (contains && point.length >= found.length) found = point;
  }
  return found;
}

/** Whether the file is on a file system that stays mounted as long as the host runs. */
export const isOnLastingMount = (mountinfo: string, file: string): boolean =>
  lastingMounts.has(mountPointOf(mountinfo, file));

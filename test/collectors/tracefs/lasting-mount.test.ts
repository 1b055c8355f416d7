// Mount points of files, from the lines of /proc/self/mountinfo.

import { expect, test } from 'vitest';
import { isOnLastingMount, mountPointOf } from '../../../collectors/tracefs/lasting-mount.ts';

const mountinfo = [
  '22 28 0:21 / /proc rw,nosuid - proc proc rw',
  '28 1 259:2 / / rw,relatime shared:1 - ext4 /dev/nvme0n1p2 rw',
  '40 28 0:35 / /tmp rw,nosuid shared:20 - tmpfs tmpfs rw',
  '90 28 7:0 / /mnt/image rw - ext4 /dev/loop0 rw',
  '91 28 7:1 / /srv/a\\040disk rw - ext4 /dev/loop1 rw',
  '92 28 0:60 / /var/lib/docker/overlay2/abc/merged rw - overlay overlay rw',
  '93 40 7:2 / /tmp/chroot rw - ext4 /dev/loop2 rw',
].join('\n');

test.each([
  ['/usr/lib/x86_64-linux-gnu/ld-linux-x86-64.so.2', '/', true],
  ['/opt/vendor/bin/agent', '/', true],
  ['/tmp/static', '/tmp', true],
  ['/tmpfile', '/', true],
  ['/mnt/image/lib/ld.so', '/mnt/image', false],
  ['/mnt/images/lib/ld.so', '/', true],
  ['/srv/a disk/tool', '/srv/a disk', false],
  ['/var/lib/docker/overlay2/abc/merged/lib/ld.so', '/var/lib/docker/overlay2/abc/merged', false],
  ['/tmp/chroot/lib/ld.so', '/tmp/chroot', false],
])('%s is on %s: probed %j', (file, point, lasting) => {
  expect(mountPointOf(mountinfo, file)).toBe(point);
  expect(isOnLastingMount(mountinfo, file)).toBe(lasting);
});

// The package on a machine of its own: Debian's kernel, systemd, tracing, fanotify.

import { afterAll, beforeAll, describe, test } from 'vitest';
import { type Booted, booted, checks, makeFiles } from '../booted/checks.ts';
import { builtPackage } from '../booted/debian.ts';
import { bootVirtualMachine } from '../booted/virtual-machine.ts';
import { scratchFolder } from '../e2e/private-host.ts';
import { missingTools, noRoot, titled, unmet } from '../needs.ts';

const missing = unmet(
  noRoot,
  missingTools('qemu-system-x86_64', 'mke2fs', 'debootstrap', 'systemctl', 'dpkg-deb', 'rpmbuild', 'apt-get'),
);

describe.skipIf(missing)(titled('qemu', missing), () => {
  const scratch = scratchFolder();
  let on: Booted;
  let stop: (() => Promise<string>) | undefined;

  beforeAll(async () => {
    const files = makeFiles(scratch, builtPackage());
    const machine = await bootVirtualMachine(scratch, files);
    stop = machine.stop;
    on = booted(machine, { traced: true, patienceMs: 300_000 });
  });
  afterAll(() => stop?.());

  test.each(checks.filter(({ quick }) => !quick))('$name', ({ run }) => run(on));
});

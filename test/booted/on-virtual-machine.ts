// The checks of the package on an emulated machine, which has Debian's kernel, systemd, kernel tracing and fanotify.

import { afterAll, beforeAll, describe, test } from 'vitest';
import type { Architecture } from '../../packaging/files.ts';
import { scratchDirectory } from '../e2e/private-host.ts';
import { missingTools, noRoot, titled, unmet } from '../needs.ts';
import { type Booted, booted, checks, makeFiles } from './checks.ts';
import { builtPackage } from './debian.ts';
import { emulators } from './emulators.ts';
import { bootVirtualMachine } from './virtual-machine.ts';

export function describeOnVirtualMachine(architecture: Architecture, cpus: number): void {
  const { deb, compilers } = architecture;
  const { program } = emulators[deb];
  const tools = ['mke2fs', 'debootstrap', 'systemctl', 'dpkg-deb', 'rpmbuild', 'apt-get'];
  const missing = unmet(noRoot, missingTools(program, `${compilers}strip`, ...tools));

  describe.skipIf(missing)(titled(`${deb} in qemu`, missing), () => {
    const scratch = scratchDirectory();
    let on: Booted;
    let stop: (() => Promise<string>) | undefined;

    beforeAll(async () => {
      const files = makeFiles(scratch, builtPackage(architecture));
      const machine = await bootVirtualMachine(scratch, files, architecture, cpus);
      stop = machine.stop;
      on = booted(machine, { traced: true, patienceMs: 300_000, deb });
    });
    afterAll(() => stop?.());

    test.each(checks.filter(({ quick }) => !quick))('$name', ({ run }) => run(on));
  });
}

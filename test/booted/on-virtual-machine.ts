// The checks of the package on an emulated machine, which has Debian's kernel, systemd, kernel tracing and fanotify.

import { afterAll, beforeAll, describe, test } from 'vitest';
import type { Architecture } from '../../packaging/files.ts';
import { scratchDirectory } from '../e2e/private-host.ts';
import { missingTools, noRoot, titled, unmet } from '../needs.ts';
import { type Booted, booted, checks, makeFiles } from './checks.ts';
import { builtPackage } from './debian.ts';
import { emulators } from './emulators.ts';
import { bootVirtualMachine, type VirtualMachineOptions } from './virtual-machine.ts';

/** Why no machine of that architecture can be made and emulated here. */
export function emulationMissing({ deb, compilers }: Architecture): string | undefined {
  const tools = ['mke2fs', 'debootstrap', 'systemctl', 'dpkg-deb', 'rpmbuild', 'apt-get'];
  return unmet(noRoot, missingTools(emulators[deb].program, `${compilers}strip`, ...tools));
}

/** Boots a machine that has `files` in `given`, as `bootVirtualMachine` does. */
export async function bootForChecks(
  scratch: string,
  files: readonly string[],
  options: VirtualMachineOptions,
): Promise<Booted> {
  const machine = await bootVirtualMachine(scratch, files, options);
  return booted(machine, { traced: true, patienceMs: 300_000, deb: options.architecture.deb });
}

export function describeOnVirtualMachine(architecture: Architecture, cpus: number): void {
  const missing = emulationMissing(architecture);

  describe.skipIf(missing)(titled(`${architecture.deb} in qemu`, missing), () => {
    const scratch = scratchDirectory();
    let on: Booted | undefined;

    beforeAll(async () => {
      const files = makeFiles(scratch, builtPackage(architecture));
      on = await bootForChecks(scratch, files, { architecture, cpus });
    });
    afterAll(() => on?.machine.stop());

    test.each(checks.filter(({ quick }) => !quick))('$name', ({ run }) => run(on as Booted));
  });
}

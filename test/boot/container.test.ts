// The checks of the package on a system booted by systemd-nspawn, without those that need kernel tracing.

import { afterAll, beforeAll, describe, test } from 'vitest';
import { type Booted, booted, checks, makeFiles } from '../booted/checks.ts';
import { builtPackage } from '../booted/debian.ts';
import { bootContainer } from '../booted/nspawn.ts';
import { scratchDirectory } from '../e2e/private-host.ts';
import { missingTools, noRoot, titled, unmet } from '../needs.ts';
import { architecture } from '../packages/built.ts';

const missing = unmet(noRoot, missingTools('systemd-nspawn', 'debootstrap', 'systemctl', 'dpkg-deb', 'rpmbuild'));

describe.skipIf(missing)(titled('systemd-nspawn', missing), () => {
  const scratch = scratchDirectory();
  let on: Booted;
  let stop: (() => Promise<string>) | undefined;

  beforeAll(async () => {
    const files = makeFiles(scratch, builtPackage());
    const machine = await bootContainer(scratch, files);
    stop = machine.stop;
    on = booted(machine, { traced: false, patienceMs: 30_000, deb: architecture.deb });
  });
  afterAll(() => stop?.());

  test.each(checks.filter(({ traced }) => !traced))('$name', ({ run }) => run(on));
});

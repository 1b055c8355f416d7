// A real debootstrap on a host with an agent: an image builder must not cause an alert for each maintainer script.

import { execFileSync } from 'node:child_process';
import { mkdtempSync } from 'node:fs';
import { join } from 'node:path';
import { cached } from '../booted/debian.ts';
import { testCases } from '../e2e/case-tests.ts';
import { scenariosMissing } from '../e2e/scenario-host.ts';
import { archive, chrootMissing } from '../packages/chroot.ts';
import { debootstrapCase } from '../scenarios/cases.ts';

const release = 'bookworm';

testCases({
  title: 'image builders',
  cases: [debootstrapCase],
  missing: scenariosMissing ?? chrootMissing,
  more: (scratch) => {
    const from = archive();
    const directory = cached(scratch, `${release}-tarball`, (made) => {
      const args = ['--variant=minbase', `--make-tarball=${join(made, 'system.tar')}`, release];
      execFileSync('debootstrap', [...args, mkdtempSync(join(scratch, 'tarball-')), from], { stdio: 'pipe' });
    });
    return { ARCHIVE: from, TARBALL: join(directory, 'system.tar') };
  },
});

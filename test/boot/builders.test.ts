// Real image builders and containers on a host with an agent: they raise an alert or two, and only once.

import { execFileSync } from 'node:child_process';
import { mkdtempSync } from 'node:fs';
import { join } from 'node:path';
import { cached } from '../booted/debian.ts';
import { testCases } from '../e2e/case-tests.ts';
import { scenariosMissing } from '../e2e/scenario-host.ts';
import { missingTools, unmet } from '../needs.ts';
import { archive, chrootMissing } from '../packages/chroot.ts';
import { builderCases } from '../scenarios/cases.ts';

const release = 'bookworm';
const missing =
  scenariosMissing ?? chrootMissing ?? unmet(missingTools('mmdebstrap', 'schroot', 'systemd-nspawn', 'bwrap'));

testCases({
  title: 'image builders',
  cases: builderCases,
  missing,
  more: (scratch) => {
    const from = archive();
    const directory = cached(scratch, `${release}-tarball`, (made) => {
      const args = ['--variant=minbase', `--make-tarball=${join(made, 'system.tar')}`, release];
      execFileSync('debootstrap', [...args, mkdtempSync(join(scratch, 'tarball-')), from], { stdio: 'pipe' });
    });
    const TARBALL = join(directory, 'system.tar');
    const SYSTEM = join(scratch, 'system');
    const args = ['--variant=minbase', `--unpack-tarball=${TARBALL}`, release, SYSTEM, from];
    execFileSync('debootstrap', args, { stdio: 'pipe' });
    return { ARCHIVE: from, TARBALL, SYSTEM };
  },
});

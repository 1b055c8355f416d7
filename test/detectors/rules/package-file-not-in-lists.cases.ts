// Files in apt's directory of archives that no list has, and files that only are in no list, or only in that directory.

import type { StepparentEvent } from '../../../collectors/event/event.ts';
import { findUnlisted } from '../../../detectors/facts/unlisted.ts';
import { type CaseEvent, changed, type RuleCases } from './rule-cases.ts';

const exchanged = {
  name: 'tool',
  version: '1.0-1',
  architecture: 'amd64',
  action: 'install',
  applied: true,
  state: 'unpacked',
  archive: '/var/cache/apt/archives/tool_1.0-1_amd64.deb',
  sha256: 'a'.repeat(64),
  source: 'unlisted',
  cached_before: false,
};
const listed = { ...exchanged, name: 'other', source: 'repository', repository: { signed: true }, superseded: false };
const local = { ...exchanged, archive: '/root/vendor_1_amd64.deb', source: 'local_file', cached_before: undefined };

const withPackages = (...packages: object[]): CaseEvent => {
  const transaction = { id: 'x', manager: 'dpkg', test: false, packages_count: packages.length, packages };
  const unlisted = findUnlisted({ stepparent: { transaction } } as unknown as StepparentEvent);
  return {
    host: { os: { type: 'linux' } },
    event: { kind: 'event', category: ['package'], type: ['installation'], action: 'install', outcome: 'success' },
    process: { name: 'dpkg', executable: '/usr/bin/dpkg' },
    stepparent: { transaction, ...(unlisted && { unlisted }) },
  };
};
const hit = withPackages(exchanged);

export const cases: RuleCases = {
  hits: {
    'a file that was exchanged after the download': hit,
    'an upgrade': withPackages({ ...exchanged, action: 'upgrade', former_version: '0.9-1' }),
    'a downgrade': withPackages({ ...exchanged, action: 'downgrade', former_version: '2.0-1' }),
    'a reinstallation of the same version': withPackages({ ...exchanged, action: 'reinstall' }),
    'one that failed, whose scripts may have run': withPackages({ ...exchanged, applied: false }),
    'a file whose change was not observed': withPackages({ ...exchanged, action: undefined, applied: undefined }),
    'one file among others': withPackages(listed, local, exchanged),
    'beside one from before the first start': withPackages({ ...exchanged, cached_before: true }, exchanged),
    'in the directory of another configuration': withPackages({ ...exchanged, archive: '/srv/apt/archives/tool.deb' }),
    'a download that was not complete': withPackages({
      ...exchanged,
      archive: '/var/cache/apt/archives/partial/tool_1.0-1_amd64.deb',
    }),
  },
  misses: {
    'a package of a repository': withPackages(listed),
    'of an unsigned repository': withPackages({ ...listed, repository: { signed: false } }),
    'a version of a former list, from the cache': withPackages({ ...listed, superseded: true }),
    'a snapshot of a repository': withPackages({
      ...listed,
      repository: { site: 'snapshot.example.org', signed: true },
    }),
    'an offline mirror': withPackages({ ...listed, archive: '/media/cdrom/pool/tool_1.0-1_amd64.deb' }),
    'a file of apt-get download': withPackages({ ...listed, archive: '/root/tool_1.0-1_amd64.deb' }),
    'a vendor’s file, by an administrator': withPackages(local),
    'a file from before the first start': withPackages({ ...exchanged, cached_before: true }),
    'lists that could not be read': withPackages({ ...exchanged, source: undefined }),
    'a removal': withPackages({ ...exchanged, action: 'remove' }),
    'without packages': withPackages(),
    'another manager': changed(hit, { 'stepparent.transaction.manager': 'rpm' }),
    'another category': changed(hit, { 'event.category': ['process'] }),
    'not Linux': changed(hit, { 'host.os.type': 'macos' }),
  },
};

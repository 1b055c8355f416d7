// Changes of dnf's and zypper's configuration with and without a new lock. What is a new lock is decided by package-sources.test.ts.

import { type CaseEvent, changed, type RuleCases } from './rule-cases.ts';

const field = 'stepparent.sources.locked';
const locked: CaseEvent = {
  host: { os: { type: 'linux' } },
  event: { kind: 'event', category: ['file'], type: ['change'], action: 'modification' },
  file: { path: '/etc/dnf/plugins/versionlock.list', name: 'versionlock.list' },
  process: { name: 'dnf', executable: '/usr/bin/dnf-3' },
  stepparent: {
    initiator: { executable: '/usr/sbin/sshd', origin: 'ssh as alice' },
    file: { watched: 'dnf' },
    sources: { locked: ['versionlock openssl-1:3.0.7-1.*'] },
  },
};

export const cases: RuleCases = {
  hits: {
    'dnf versionlock add': locked,
    'an exclude in dnf.conf': changed(locked, { 'file.path': '/etc/dnf/dnf.conf', [field]: ['exclude openssl*'] }),
    'an exclude in a repository': changed(locked, {
      'file.path': '/etc/yum.repos.d/updates.repo',
      [field]: ['exclude openssl* of updates'],
    }),
    'zypper addlock': changed(locked, {
      'process.name': 'zypper',
      'file.path': '/etc/zypp/locks',
      'stepparent.file.watched': 'zypp',
      [field]: ['zypper lock openssl'],
    }),
    'by a writer that was not observed': changed(locked, {
      process: undefined,
      'stepparent.initiator': undefined,
      'stepparent.found': 'offline_diff',
    }),
  },
  misses: {
    'a change that locks nothing new, as the removal of a lock': changed(locked, { [field]: undefined }),
    'a file that a package brings': changed(locked, { 'stepparent.sources.packaged': true }),
    'a pin of apt': changed(locked, { [field]: undefined, 'stepparent.sources.blocked': ['a 1, s-security has 2'] }),
    'a new repository, with excludes of its own': changed(locked, {
      [field]: undefined,
      'stepparent.sources.added': ['a.example extra'],
    }),
    'another kind of file': changed(locked, { 'stepparent.file.watched': 'cron', 'file.path': '/etc/cron.d/x' }),
    'another system': changed(locked, { 'host.os.type': 'macos' }),
  },
};

// Changes of package sources with and without a lost security source. What is lost is decided by package-sources.test.ts.

import { type CaseEvent, changed, type RuleCases } from './rule-cases.ts';

const field = 'stepparent.sources.lost_security';
const removed: CaseEvent = {
  host: { os: { type: 'linux' } },
  event: { kind: 'event', category: ['file'], type: ['deletion'], action: 'deletion' },
  file: { path: '/etc/apt/sources.list.d/security.list', name: 'security.list' },
  process: { name: 'rm', executable: '/usr/bin/rm' },
  stepparent: {
    initiator: { executable: '/usr/sbin/sshd', origin: 'ssh as alice' },
    file: { watched: 'apt' },
    sources: { lost_security: ['security.example.org/debian-security stable-security'] },
  },
};
const dnf: Readonly<Record<string, unknown>> = {
  'process.name': 'dnf',
  'process.executable': '/usr/bin/dnf',
  'file.path': '/etc/yum.repos.d/extra.repo',
  'stepparent.file.watched': 'dnf',
};

export const cases: RuleCases = {
  hits: {
    'a file of sources is deleted': removed,
    'a source is commented out': changed(removed, { 'event.action': 'modification', 'event.type': ['change'] }),
    'the whole directory is moved away': changed(removed, {
      'file.path': '/etc/apt/sources.list.d',
      'stepparent.file.watched': 'parent',
    }),
    'a file is moved into another watched directory': changed(removed, {
      'event.action': 'rename',
      'event.type': ['change'],
      'file.path': '/etc/cron.d/security.list',
      'stepparent.file.watched': 'cron',
      'stepparent.file.original_path': '/etc/apt/sources.list.d/security.list',
    }),
    'by a writer that was not observed': changed(removed, {
      process: undefined,
      'stepparent.initiator': undefined,
      'stepparent.found': 'offline_diff',
    }),
    'dnf disables a repository': changed(removed, { ...dnf, 'event.action': 'modification', 'event.type': ['change'] }),
    'zypper removes a repository': changed(removed, {
      'process.name': 'zypper',
      'process.executable': '/usr/bin/zypper',
      'file.path': '/etc/zypp/repos.d/update.repo',
      'stepparent.file.watched': 'zypp',
    }),
  },
  misses: {
    'a change that loses no source': changed(removed, { [field]: undefined }),
    'a change that only adds one': changed(removed, {
      [field]: undefined,
      'stepparent.sources.added': ['a.example stable'],
    }),
    'dpkg removes the package of the source': changed(removed, { 'stepparent.sources.packaged': true }),
    'another kind of file': changed(removed, { 'stepparent.file.watched': 'cron', 'file.path': '/etc/cron.d/x' }),
    'another system': changed(removed, { 'host.os.type': 'macos' }),
  },
};

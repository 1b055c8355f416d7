// New package sources and keys. What is new is decided by package-sources.test.ts.

import { type CaseEvent, changed, type RuleCases } from './rule-cases.ts';

const field = 'stepparent.sources.added';
const added: CaseEvent = {
  host: { os: { type: 'linux' } },
  event: { kind: 'event', category: ['file'], type: ['creation'], action: 'creation' },
  file: { path: '/etc/apt/sources.list.d/vendor.list', name: 'vendor.list' },
  process: { name: 'tee', executable: '/usr/bin/tee' },
  stepparent: {
    initiator: { executable: '/usr/sbin/sshd', origin: 'ssh as alice' },
    file: { watched: 'apt' },
    sources: { added: ['vendor.example.org/apt stable'] },
  },
};
const byDnf = {
  'process.name': 'dnf5',
  'process.executable': '/usr/bin/dnf5',
  'file.path': '/etc/yum.repos.d/extra.repo',
  'stepparent.file.watched': 'dnf',
};

export const cases: RuleCases = {
  hits: {
    'a new file of sources': added,
    'a line in a known file': changed(added, { 'event.action': 'modification', 'event.type': ['change'] }),
    'a source that is not verified': changed(added, {
      [field]: ['vendor.example.org/apt stable [trusted=yes]'],
      'stepparent.sources.unverified': ['vendor.example.org/apt stable [trusted=yes]'],
    }),
    'a key': changed(added, { 'file.path': '/etc/apt/trusted.gpg.d/vendor.gpg', [field]: ['key 0123456789ABCDEF'] }),
    'a key of a known source': changed(added, {
      'file.path': '/usr/share/keyrings/vendor.gpg',
      [field]: ['key 0123456789ABCDEF'],
    }),
    'by the script of a package': changed(added, {
      'process.name': 'dash',
      'process.executable': '/usr/bin/dash',
      'stepparent.lifecycle_script': { package: 'vendor', phase: 'postinst' },
    }),
    'dnf adds a repository': changed(added, byDnf),
    'while the agent was not running': changed(added, {
      process: undefined,
      'stepparent.initiator': undefined,
      'stepparent.found': 'offline_diff',
    }),
  },
  misses: {
    'a change that adds nothing': changed(added, { [field]: undefined }),
    'a file of a package': changed(added, { 'stepparent.sources.packaged': true }),
    'another kind of file': changed(added, { 'stepparent.file.watched': 'cron', 'file.path': '/etc/cron.d/x' }),
    'another system': changed(added, { 'host.os.type': 'macos' }),
  },
};

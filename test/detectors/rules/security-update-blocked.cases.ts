// Changes of apt's preferences with and without a security update that is blocked. What is blocked is decided by apt-pins.test.ts.

import { type CaseEvent, changed, type RuleCases } from './rule-cases.ts';

const field = 'stepparent.sources.blocked';
const pinned: CaseEvent = {
  host: { os: { type: 'linux' } },
  event: { kind: 'event', category: ['file'], type: ['creation'], action: 'creation' },
  file: { path: '/etc/apt/preferences.d/no-openssl', name: 'no-openssl' },
  process: { name: 'tee', executable: '/usr/bin/tee' },
  stepparent: {
    initiator: { executable: '/usr/sbin/sshd', origin: 'ssh as alice' },
    file: { watched: 'apt' },
    sources: {
      blocked: ['openssl 1-1, stable-security has 1-2'],
      pins: ['openssl release l=Debian-Security -1'],
    },
  },
};

export const cases: RuleCases = {
  hits: {
    'a pin of a package below its security update': pinned,
    'a pin of a whole suite': changed(pinned, { [field]: ['security.example.org/debian-security stable-security'] }),
    'in the main file': changed(pinned, { 'file.path': '/etc/apt/preferences', 'event.action': 'modification' }),
    'beside a source, in one session': changed(pinned, { 'file.path': '/etc/apt/sources.list.d/x.list' }),
    'a whole directory is moved there': changed(pinned, {
      'file.path': '/etc/apt',
      'stepparent.file.watched': 'parent',
    }),
    'by a writer that was not observed': changed(pinned, {
      process: undefined,
      'stepparent.initiator': undefined,
      'stepparent.found': 'offline_diff',
    }),
  },
  misses: {
    'a pin that blocks nothing, as of backports or testing': changed(pinned, { 'stepparent.sources': undefined }),
    'a file that a package brings': changed(pinned, { 'stepparent.sources.packaged': true }),
    'a lock of dnf': changed(pinned, { [field]: undefined, 'stepparent.sources.locked': ['exclude openssl'] }),
    'a new source': changed(pinned, { [field]: undefined, 'stepparent.sources.added': ['a.example stable'] }),
    'another kind of file': changed(pinned, { 'stepparent.file.watched': 'cron', 'file.path': '/etc/cron.d/x' }),
    'another system': changed(pinned, { 'host.os.type': 'macos' }),
  },
};

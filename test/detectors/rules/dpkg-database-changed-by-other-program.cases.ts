// dpkg's records changed by something else, and what only looks like it.

import { type CaseEvent, changed, type RuleCases } from './rule-cases.ts';

const status: CaseEvent = {
  host: { os: { type: 'linux' } },
  event: { kind: 'event', category: ['file'], type: ['change'], action: 'rename' },
  file: { path: '/var/lib/dpkg/status', name: 'status' },
  process: { name: 'x', executable: '/tmp/x' },
  stepparent: {},
};

export const cases: RuleCases = {
  hits: {
    'a copy of dpkg under another name': status,
    'a list of files, by an editor': changed(status, {
      'file.path': '/var/lib/dpkg/info/bash.list',
      'event.action': 'modification',
      'process.executable': '/usr/bin/vim.basic',
    }),
    'checksums, by a script': changed(status, {
      'file.path': '/var/lib/dpkg/info/openssh-server.md5sums',
      'event.action': 'creation',
      'process.executable': '/usr/bin/sed',
    }),
    'a list that goes': changed(status, { 'file.path': '/var/lib/dpkg/info/x.list', 'event.action': 'deletion' }),
    'a line in the file triggers': changed(status, {
      'file.path': '/var/lib/dpkg/triggers/File',
      'event.action': 'modification',
      'process.executable': '/usr/bin/dash',
    }),
    'a package that waits for a trigger': changed(status, { 'file.path': '/var/lib/dpkg/triggers/Unincorp' }),
    'the interests of a package': changed(status, { 'file.path': '/var/lib/dpkg/info/man-db.triggers' }),
    'a list, by dpkg-trigger': changed(status, {
      'file.path': '/var/lib/dpkg/info/bash.list',
      'process.executable': '/usr/bin/dpkg-trigger',
    }),
    'a program called dpkg elsewhere': changed(status, { 'process.executable': '/tmp/dpkg', 'process.name': 'dpkg' }),
  },
  misses: {
    'by dpkg': changed(status, { 'process.executable': '/usr/bin/dpkg' }),
    'by dpkg-divert': changed(status, { 'process.executable': '/usr/bin/dpkg-divert' }),
    'by dpkg-statoverride': changed(status, { 'process.executable': '/usr/bin/dpkg-statoverride' }),
    'a trigger, by dpkg-trigger': changed(status, {
      'file.path': '/var/lib/dpkg/triggers/Unincorp',
      'process.executable': '/usr/bin/dpkg-trigger',
    }),
    'a trigger, by dpkg': changed(status, {
      'file.path': '/var/lib/dpkg/triggers/File',
      'process.executable': '/usr/bin/dpkg',
    }),
    'nobody seen': changed(status, { process: undefined }),
    'a lock': changed(status, { 'file.path': '/var/lib/dpkg/lock' }),
    'a maintainer script: other rules': changed(status, { 'file.path': '/var/lib/dpkg/info/x.postinst' }),
    'attributes alone': changed(status, { 'event.action': 'attribute-change' }),
    'of another root': changed(status, { 'file.path': '/srv/chroot/var/lib/dpkg/status' }),
    'not Linux': changed(status, { 'host.os.type': 'macos' }),
  },
};

// Scripts of packages that are not installed, and what only looks like one.

import { type CaseEvent, changed, type RuleCases } from './rule-cases.ts';

const planted: CaseEvent = {
  host: { os: { type: 'linux' } },
  event: { kind: 'event', category: ['file'], type: ['creation'], action: 'creation' },
  file: { path: '/var/lib/dpkg/info/libsystem-core.postinst', name: 'libsystem-core.postinst' },
  process: { name: 'cp', executable: '/usr/bin/cp' },
  stepparent: {
    script: {
      path: '/var/lib/dpkg/info/libsystem-core.postinst',
      package: 'libsystem-core',
      phase: 'postinst',
      state: 'unowned',
    },
  },
};

export const cases: RuleCases = {
  hits: {
    'a copy': planted,
    'moved there': changed(planted, { 'event.action': 'rename', 'event.type': ['change'] }),
    'found after the agent was off, nobody seen': changed(planted, { process: undefined }),
    'by a dpkg from elsewhere': changed(planted, { 'process.executable': '/tmp/dpkg' }),
  },
  misses: {
    'by dpkg': changed(planted, { process: { name: 'dpkg', executable: '/usr/bin/dpkg' } }),
    'of a package that is installed': changed(planted, { 'stepparent.script.state': 'first' }),
    'which it is could not be told': changed(planted, { 'stepparent.script.state': undefined }),
    'a list': changed(planted, { 'stepparent.script': undefined, 'file.path': '/var/lib/dpkg/info/x.list' }),
    'one that runs': changed(planted, { 'event.category': ['process'], 'event.action': 'exec' }),
    'not Linux': changed(planted, { 'host.os.type': 'macos' }),
  },
};

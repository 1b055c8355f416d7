// Hooks that a changed file gives a package tool, and changes that only look like one.

import { type CaseEvent, changed, type RuleCases } from './rule-cases.ts';

const written: CaseEvent = {
  host: { os: { type: 'linux' } },
  event: { kind: 'event', category: ['file'], type: ['creation'], action: 'creation' },
  file: { path: '/etc/apt/apt.conf.d/01x', name: '01x', type: 'file' },
  process: { name: 'bash', executable: '/usr/bin/bash' },
  stepparent: {
    file: { watched: 'apt', syntax: 'apt_conf', package: { state: 'none' } },
    hook: { commands: ['DPkg::Post-Invoke:: /opt/x'] },
  },
};

export const cases: RuleCases = {
  hits: {
    'a new file': written,
    'a file that is moved there': changed(written, { 'event.action': 'rename', 'event.type': ['change'] }),
    'a changed file of a package': changed(written, {
      'event.action': 'modification',
      'stepparent.file.package': { manager: 'dpkg', name: 'apt', state: 'changed' },
    }),
    'a program that is made executable': changed(written, {
      'event.action': 'attribute-change',
      'file.path': '/usr/lib/apt/methods/x',
      'stepparent.file.syntax': 'program',
      'stepparent.hook.commands': ['/usr/lib/apt/methods/x'],
    }),
    'one whose writer was not observed': changed(written, { process: undefined, 'stepparent.found': 'offline_diff' }),
  },
  misses: {
    'a setting that runs nothing, or nothing more than before': changed(written, { 'stepparent.hook': undefined }),
    'a file that is removed': changed(written, { 'event.action': 'deletion', 'event.type': ['deletion'] }),
    'a file of other programs': changed(written, { 'stepparent.file.syntax': undefined }),
    'a process': changed(written, { 'event.category': ['process'], 'event.action': 'exec' }),
    'not Linux': changed(written, { 'host.os.type': 'macos' }),
  },
};

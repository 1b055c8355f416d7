// Two contents under one version, installed by dpkg or run; and contents that are new with their version.

import { type CaseEvent, changed, type RuleCases } from './rule-cases.ts';

const installed: CaseEvent = {
  host: { os: { type: 'linux' } },
  event: { kind: 'event', category: ['file'], type: ['change'], action: 'rename' },
  file: { path: '/var/lib/dpkg/info/tool.postinst', name: 'tool.postinst' },
  process: { name: 'dpkg', executable: '/usr/bin/dpkg' },
  stepparent: {
    script: {
      path: '/var/lib/dpkg/info/tool.postinst',
      package: 'tool',
      version: '1',
      phase: 'postinst',
      state: 'changed',
    },
  },
};
const runs = changed(installed, {
  event: { kind: 'event', category: ['process'], type: ['start'], action: 'exec' },
  file: undefined,
  process: { name: 'tool.postinst', executable: '/var/lib/dpkg/info/tool.postinst', parent: { name: 'dpkg' } },
});

export const cases: RuleCases = {
  hits: {
    'installed by dpkg': installed,
    'one that runs': runs,
    'another phase': changed(installed, {
      'stepparent.script.phase': 'prerm',
      'stepparent.script.path': '/var/lib/dpkg/info/tool.prerm',
    }),
  },
  misses: {
    'the first of its version': changed(installed, { 'stepparent.script.state': 'first' }),
    'installed again': changed(installed, { 'stepparent.script.state': 'known' }),
    'known, and runs': changed(runs, { 'stepparent.script.state': 'known' }),
    'runs, and could not be judged': changed(runs, { 'stepparent.script': undefined }),
    'of no installed package': changed(installed, { 'stepparent.script.state': 'unowned' }),
    'by another program: another rule': changed(installed, { 'process.executable': '/usr/bin/sed' }),
    'nobody seen: another rule': changed(installed, { process: undefined }),
    'not Linux': changed(installed, { 'host.os.type': 'macos' }),
  },
};

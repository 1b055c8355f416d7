// Scripts of installed packages that something else than dpkg wrote, and what dpkg does all day.

import { type CaseEvent, changed, type RuleCases } from './rule-cases.ts';

const tampered: CaseEvent = {
  host: { os: { type: 'linux' } },
  event: { kind: 'event', category: ['file'], type: ['change'], action: 'modification' },
  file: { path: '/var/lib/dpkg/info/cron.postinst', name: 'cron.postinst' },
  process: { name: 'bash', executable: '/usr/bin/bash' },
  stepparent: {
    script: {
      path: '/var/lib/dpkg/info/cron.postinst',
      package: 'cron',
      version: '3.0',
      phase: 'postinst',
      state: 'changed',
    },
  },
};
const byDpkg = { name: 'dpkg', executable: '/usr/bin/dpkg' };

export const cases: RuleCases = {
  hits: {
    'written by a shell': tampered,
    'one that was not there': changed(tampered, { 'event.action': 'creation' }),
    'put in place by a rename': changed(tampered, { 'event.action': 'rename' }),
    'put back as it was': changed(tampered, { 'stepparent.script.state': 'known' }),
    'found changed, nobody seen': changed(tampered, {
      process: undefined,
      'stepparent.found': 'offline_diff',
    }),
    'written, and its time set back': changed(tampered, { 'event.action': 'attribute-change', process: undefined }),
    'by a dpkg from elsewhere': changed(tampered, { process: { name: 'dpkg', executable: '/tmp/dpkg' } }),
    "by a dpkg that is not the distribution's": changed(tampered, {
      process: byDpkg,
      'stepparent.genuine': { process: false },
    }),
  },
  misses: {
    'by dpkg: another rule says what differs': changed(tampered, { process: byDpkg }),
    'by dpkg, an installation': changed(tampered, {
      process: byDpkg,
      'event.action': 'rename',
      'stepparent.script.state': 'first',
      'stepparent.genuine': { process: true },
    }),
    'an upgrade while the agent was off': changed(tampered, {
      process: undefined,
      'event.action': 'modification',
      'stepparent.script.state': 'first',
    }),
    'what was put back while the agent was off': changed(tampered, {
      process: undefined,
      'stepparent.script.state': 'known',
    }),
    'attributes alone': changed(tampered, { 'event.action': 'attribute-change', 'stepparent.script.state': 'known' }),
    'of a package that is not installed': changed(tampered, { 'stepparent.script.state': 'unowned' }),
    'what dpkg unpacks': changed(tampered, { 'stepparent.script.state': undefined }),
    'a deletion': changed(tampered, { 'event.action': 'deletion', 'stepparent.script': undefined }),
    'one that runs': changed(tampered, { 'event.category': ['process'], 'event.action': 'exec' }),
    'not Linux': changed(tampered, { 'host.os.type': 'macos' }),
  },
};

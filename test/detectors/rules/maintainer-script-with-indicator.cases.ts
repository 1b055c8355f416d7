// New scripts with a strong indicator, however they are seen first; and weaker indicators, known and other scripts.

import { type CaseEvent, changed, type RuleCases } from './rule-cases.ts';

const finding = (id: string) => ({ id, technique: 'T1564.011', line: 3, text: '( setsid nohup /opt/x & )' });
const installed: CaseEvent = {
  host: { os: { type: 'linux' } },
  event: { kind: 'event', category: ['file'], type: ['change'], action: 'rename' },
  file: { path: '/var/lib/dpkg/info/tool.postinst', name: 'tool.postinst' },
  process: { name: 'dpkg', executable: '/usr/bin/dpkg' },
  stepparent: {
    script: {
      path: '/var/lib/dpkg/info/tool.postinst',
      package: 'tool',
      version: '3',
      phase: 'postinst',
      state: 'first',
      findings: [finding('setuid'), finding('detached-process')],
    },
  },
};
const runs = changed(installed, {
  event: { kind: 'event', category: ['process'], type: ['start'], action: 'exec' },
  file: undefined,
  process: { name: 'tool.postinst', executable: '/var/lib/dpkg/info/tool.postinst', parent: { name: 'dpkg' } },
});
const strong = [
  ...['network-device', 'network-shell', 'download-into-interpreter', 'decoded-into-interpreter'],
  ...['systemd-unit', 'cron-entry', 'at-job', 'authorized-keys', 'ld-preload'],
];
const weak = ['setuid', 'setcap', 'pam', 'kernel-module', 'package-source', 'history-wiping'];

export const cases: RuleCases = {
  hits: {
    'installed by dpkg': installed,
    'one that runs': runs,
    ...Object.fromEntries(strong.map((id) => [id, changed(runs, { 'stepparent.script.findings': [finding(id)] })])),
  },
  misses: {
    ...Object.fromEntries(weak.map((id) => [id, changed(runs, { 'stepparent.script.findings': [finding(id)] })])),
    'a script without indicators': changed(installed, { 'stepparent.script.findings': undefined }),
    'one that ran before': changed(runs, { 'stepparent.script.state': 'known' }),
    'another content under the same version: another rule': changed(installed, {
      'stepparent.script.state': 'changed',
    }),
    'of no installed package: another rule': changed(installed, { 'stepparent.script.state': 'unowned' }),
    'not Linux': changed(installed, { 'host.os.type': 'macos' }),
  },
};

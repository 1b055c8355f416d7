// Starts of the agent after an earlier run.

import { type CaseEvent, changed, type RuleCases } from './rule-cases.ts';

const killed: CaseEvent = {
  host: { os: { type: 'linux' } },
  event: { kind: 'event', category: ['process'], type: ['info'], action: 'agent-started' },
  process: { name: 'node', executable: '/usr/lib/stepparent/bin/node', pid: 900 },
  stepparent: { gap: { reason: 'killed', seconds: 5 } },
};

export const cases: RuleCases = {
  hits: {
    'killed, and started again by systemd': killed,
    'killed an hour ago': changed(killed, { 'stepparent.gap.seconds': 3600 }),
    'stopped for a minute': changed(killed, { 'stepparent.gap': { reason: 'stopped', seconds: 60 } }),
  },
  misses: {
    'a restart of the service': changed(killed, { 'stepparent.gap': { reason: 'stopped', seconds: 59 } }),
    'a reboot': changed(killed, { 'stepparent.gap': { reason: 'rebooted', seconds: 86_400 } }),
    'another action': changed(killed, { 'event.action': 'exec', 'event.type': ['start'] }),
    'not Linux': changed(killed, { 'host.os.type': 'macos' }),
  },
};

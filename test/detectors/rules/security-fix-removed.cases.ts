// Downgrades with and without a security update that they removed. Which of them removed one is decided by lost-fixes.test.ts.

import { type CaseEvent, changed, type RuleCases } from './rule-cases.ts';

const field = 'stepparent.transaction.lost_fixes';
const removed: CaseEvent = {
  host: { os: { type: 'linux' } },
  event: { kind: 'event', category: ['package'], type: ['change'], action: 'downgrade', outcome: 'success' },
  process: { name: 'dpkg', executable: '/usr/bin/dpkg', args: ['dpkg', '-i', 'tool_1_all.deb'] },
  stepparent: {
    initiator: { executable: '/usr/sbin/sshd', origin: 'ssh as alice' },
    transaction: {
      manager: 'dpkg',
      downgrades: ['tool 2 -> 1'],
      lost_fixes: ['tool 1, stable-security has 2'],
    },
  },
};

export const cases: RuleCases = {
  hits: {
    'a downgrade below a security update': removed,
    'of several packages': changed(removed, { [field]: ['a 1, stable-security has 2', 'b 1, stable-security has 2'] }),
    'beside an upgrade, which names the action': changed(removed, { 'event.action': 'upgrade' }),
    'by an initiator that was not observed': changed(removed, { 'stepparent.initiator': undefined }),
  },
  misses: {
    'a downgrade that no security source has a version above': changed(removed, { [field]: undefined }),
    'one of which that is not known': changed(removed, {
      [field]: undefined,
      'stepparent.unobserved': { [field]: 'no_security_lists' },
    }),
    'no downgrade': changed(removed, { [field]: undefined, 'stepparent.transaction.downgrades': undefined }),
    'another system': changed(removed, { 'host.os.type': 'macos' }),
  },
};

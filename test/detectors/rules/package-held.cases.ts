// Holds with and without a security update above the installed version. Which of them have one is decided by lost-fixes.test.ts.

import { type CaseEvent, changed, type RuleCases } from './rule-cases.ts';

const hold: CaseEvent = {
  host: { os: { type: 'linux' } },
  event: { kind: 'event', category: ['package'], type: ['change'], action: 'hold', outcome: 'success' },
  process: { name: 'dpkg', executable: '/usr/bin/dpkg', args: ['dpkg', '--set-selections'] },
  stepparent: {
    initiator: { executable: '/usr/sbin/sshd', origin: 'ssh as alice' },
    transaction: {
      manager: 'dpkg',
      root: '/',
      held: ['tool 1-1'],
      blocked_fixes: ['tool 1-1, stable-security has 1-2'],
    },
  },
};
const without = (changes: Readonly<Record<string, unknown>> = {}): CaseEvent =>
  changed(hold, { 'stepparent.transaction.blocked_fixes': undefined, ...changes });

export const cases: RuleCases = {
  hits: {
    'apt-mark hold below a security update': hold,
    'several packages': changed(hold, {
      'stepparent.transaction.held': ['a 1', 'b 1'],
      'stepparent.transaction.blocked_fixes': ['a 1, stable-security has 2', 'b 1, stable-security has 2'],
    }),
    'beside an upgrade, which names the action': changed(hold, { 'event.action': 'upgrade' }),
    'by an initiator that was not observed': changed(hold, { 'stepparent.initiator': undefined }),
  },
  misses: {
    'a hold without a security update': without(),
    'a release from hold': without({
      'event.action': 'unhold',
      'stepparent.transaction.held': undefined,
      'stepparent.transaction.released': ['tool 1-1'],
    }),
    'an upgrade': without({ 'event.action': 'upgrade', 'stepparent.transaction.held': undefined }),
    'the exec of dpkg, whose result is not known yet': without({
      'event.category': ['process'],
      'event.type': ['start'],
      'event.action': 'exec',
    }),
    'another system': changed(hold, { 'host.os.type': 'macos' }),
  },
};

// Package transactions with and without packages that went to a lower version. Which of them count as such is decided by
// transaction-event.test.ts.

import { type CaseEvent, changed, type RuleCases } from './rule-cases.ts';

const downgrade: CaseEvent = {
  host: { os: { type: 'linux' } },
  event: { kind: 'event', category: ['package'], type: ['change'], action: 'downgrade', outcome: 'success' },
  process: { name: 'dpkg', executable: '/usr/bin/dpkg', args: ['dpkg', '-i', 'tool_1_all.deb'] },
  stepparent: {
    initiator: { executable: '/usr/sbin/sshd', origin: 'ssh as alice' },
    transaction: {
      manager: 'dpkg',
      root: '/',
      packages: [{ name: 'tool', version: '1', former_version: '2', action: 'downgrade', applied: true }],
      downgrades: ['tool 2 -> 1'],
    },
  },
};
const without = (changes: Readonly<Record<string, unknown>>): CaseEvent =>
  changed(downgrade, { 'stepparent.transaction.downgrades': undefined, ...changes });

export const cases: RuleCases = {
  hits: {
    'dpkg -i of a lower version': downgrade,
    'by rpm': changed(downgrade, { 'stepparent.transaction.manager': 'rpm' }),
    'beside an upgrade, which names the action': changed(downgrade, { 'event.action': 'upgrade' }),
    'several packages': changed(downgrade, { 'stepparent.transaction.downgrades': ['a 2 -> 1', 'b 2 -> 1'] }),
    'in a run that failed later': changed(downgrade, { 'event.outcome': 'failure' }),
    'by an initiator that was not observed': changed(downgrade, { 'stepparent.initiator': undefined }),
  },
  misses: {
    'below another root': without({ 'stepparent.transaction.root': '/mnt' }),
    'that failed': without({ 'event.type': ['info'], 'event.outcome': 'failure' }),
    'a test': without({ 'event.type': ['info'], 'stepparent.transaction.test': true }),
    'a reinstallation': without({ 'event.action': 'reinstall' }),
    'an upgrade': without({ 'event.action': 'upgrade' }),
    'a removal': without({ 'event.type': ['deletion'], 'event.action': 'remove' }),
    'the exec of dpkg, whose result is not known yet': without({
      'event.category': ['process'],
      'event.type': ['start'],
      'event.action': 'exec',
    }),
    'another system': changed(downgrade, { 'host.os.type': 'macos' }),
  },
};

// Installations whose command lines turn verification off, and what only looks like one. Which arguments do so is decided by
// front-end-options.test.ts, package-operation.test.ts and verification-off.test.ts.

import { type CaseEvent, changed, type RuleCases } from './rule-cases.ts';

const installation: CaseEvent = {
  host: { os: { type: 'linux' } },
  event: { kind: 'event', category: ['package'], type: ['installation'], action: 'install', outcome: 'success' },
  process: { name: 'dpkg', executable: '/usr/bin/dpkg', args: ['/usr/bin/dpkg', '--unpack', 'tool_1_all.deb'] },
  stepparent: {
    initiator: { executable: '/usr/sbin/sshd', origin: 'ssh as alice' },
    transaction: { manager: 'dpkg', root: '/', packages: [{ name: 'tool', version: '1', action: 'install' }] },
    verification: { off: ['allow_unauthenticated'] },
  },
};
const byRpm = changed(installation, {
  'stepparent.transaction.manager': 'rpm',
  'stepparent.transaction.test': false,
  'stepparent.verification.off': ['nosignature', 'nodigest'],
});

export const cases: RuleCases = {
  hits: {
    'apt-get install --allow-unauthenticated': installation,
    'rpm -i --nosignature --nodigest': byRpm,
    'dnf upgrade --nogpgcheck': changed(byRpm, {
      'event.type': ['change'],
      'event.action': 'upgrade',
      'stepparent.verification.off': ['nogpgcheck'],
    }),
    'a downgrade': changed(installation, { 'event.type': ['change'], 'event.action': 'downgrade' }),
    'a reinstallation': changed(installation, { 'event.type': ['change'], 'event.action': 'reinstall' }),
    'in a run that failed later': changed(installation, { 'event.outcome': 'failure' }),
    'by an initiator that was not observed': changed(installation, { 'stepparent.initiator': undefined }),
  },
  misses: {
    'an option that turns no verification off': changed(installation, { 'stepparent.verification': undefined }),
    'a test': changed(byRpm, { 'stepparent.transaction.test': true }),
    'an installation that failed': changed(installation, { 'event.type': ['info'] }),
    'a removal': changed(installation, { 'event.type': ['deletion'], 'event.action': 'remove' }),
    'a configuration of unpacked packages': changed(installation, {
      'event.type': ['change'],
      'event.action': undefined,
    }),
    'the exec of dpkg, whose result is not known yet': changed(installation, {
      'event.category': ['process'],
      'event.type': ['start'],
      'event.action': 'exec',
    }),
    'another system': changed(installation, { 'host.os.type': 'macos' }),
  },
};

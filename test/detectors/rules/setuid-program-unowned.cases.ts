// Set-user-ID programs of root that no package brought, and executions that only look like them.

import { type CaseEvent, changed, type RuleCases } from './rule-cases.ts';

const run: CaseEvent = {
  host: { os: { type: 'linux' } },
  event: { kind: 'event', category: ['process'], type: ['start'], action: 'exec' },
  process: {
    name: 'x',
    executable: '/opt/.cache/x',
    args: ['/opt/.cache/x', '-p'],
    user: { id: '0' },
    real_user: { id: '1000' },
  },
  stepparent: { setuid_program: { path: '/opt/.cache/x', owned: false } },
};

export const cases: RuleCases = {
  hits: {
    'a program of no package': run,
    'a program in a temporary directory': changed(run, {
      'process.executable': '/tmp/x',
      'stepparent.setuid_program': { path: '/tmp/x', owned: false, sha256: 'a'.repeat(64) },
    }),
    'one whose user was not observed': changed(run, { 'process.real_user': undefined }),
    'a shell of a package': changed(run, {
      'process.executable': '/usr/bin/bash',
      'stepparent.setuid_program': { path: '/usr/bin/bash', owned: true },
    }),
  },
  misses: {
    'sudo, which a package brought': changed(run, {
      'process.executable': '/usr/bin/sudo',
      'stepparent.setuid_program': undefined,
    }),
    'a program whose owner is not known': changed(run, {
      'stepparent.setuid_program': undefined,
      'stepparent.unobserved': { 'stepparent.setuid_program': 'database_unreadable' },
    }),
    'a program of no package below a package tool': changed(run, {
      'stepparent.setuid_program': undefined,
      'stepparent.unowned_program': { path: '/opt/.cache/x' },
    }),
    'another action': changed(run, { 'event.action': 'end', 'event.type': ['end'] }),
  },
};

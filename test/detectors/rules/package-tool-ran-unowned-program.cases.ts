// Programs of no package below package tools, and executions that only look like them.

import { type CaseEvent, changed, type RuleCases } from './rule-cases.ts';

const hook: CaseEvent = {
  host: { os: { type: 'linux' } },
  event: { kind: 'event', category: ['process'], type: ['start'], action: 'exec' },
  process: { name: 'hook.sh', executable: '/opt/hook.sh', args: ['/bin/sh', '/opt/hook.sh'] },
  stepparent: {
    unowned_program: { path: '/opt/hook.sh' },
    transaction: { id: 'x', executable: '/usr/bin/apt-get' },
    lineage: [
      { pid: 3, executable: '/usr/bin/dash' },
      { pid: 2, executable: '/usr/bin/apt-get' },
    ],
  },
};
const lineage = (...programs: string[]) => ({
  'stepparent.lineage': programs.map((executable, index) => ({ pid: 9 - index, executable })),
});

export const cases: RuleCases = {
  hits: {
    'a script of a hook': hook,
    'a program in a temporary directory': changed(hook, {
      'process.executable': '/tmp/x',
      'stepparent.unowned_program': { path: '/tmp/x', sha256: 'a'.repeat(64) },
    }),
    'a file without a name': changed(hook, { 'stepparent.unowned_program.path': '/memfd:x (deleted)' }),
    'an interpreter with a script': changed(hook, { 'process.executable': '/usr/bin/python3.11' }),
    'below dpkg': changed(hook, {
      'stepparent.transaction.executable': '/usr/bin/dpkg',
      ...lineage('/usr/bin/dash', '/usr/bin/dpkg'),
    }),
    'a builder with another path': changed(hook, lineage('/tmp/dpkg-buildpackage', '/usr/bin/apt-get')),
  },
  misses: {
    'a program of a package': changed(hook, { 'stepparent.unowned_program': undefined }),
    'a program whose owner is not known': changed(hook, {
      'stepparent.unowned_program': undefined,
      'stepparent.unobserved': { 'stepparent.unowned_program': 'database_unreadable' },
    }),
    'another action': changed(hook, { 'event.action': 'end', 'event.type': ['end'] }),
    'the rules of a source package, which apt-get source --build runs': changed(
      hook,
      lineage('/usr/bin/perl', '/usr/bin/dpkg-buildpackage', '/usr/bin/apt-get'),
    ),
  },
};

// What other processes do to the agent's tracing instance.

import { type CaseEvent, changed, type RuleCases } from './rule-cases.ts';

const off: CaseEvent = {
  host: { os: { type: 'linux' } },
  event: { kind: 'event', category: ['file'], type: ['change'], action: 'tracing-changed' },
  file: { path: '/sys/kernel/tracing/instances/stepparent_1_2/tracing_on', name: 'tracing_on' },
  process: { name: 'bash', executable: '/usr/bin/bash', args: ['bash'] },
  stepparent: { tampering: { before: '1', after: '0', restored: true } },
};

export const cases: RuleCases = {
  hits: {
    'recording switched off': off,
    'a write that left the content as it was': changed(off, { 'stepparent.tampering': undefined }),
    'a change that a comparison found': changed(off, { process: undefined, 'stepparent.found': 'comparison' }),
    'records read by another process': changed(off, {
      'event.type': ['access'],
      'event.action': 'tracing-read',
      'file.path': '/sys/kernel/tracing/instances/stepparent_1_2/trace_pipe',
      'stepparent.tampering': undefined,
    }),
  },
  misses: {
    'a change of another file': changed(off, { 'event.action': 'modification' }),
    'a script that an interpreter read': changed(off, { 'event.action': 'script-read', 'event.type': ['access'] }),
    'another category': changed(off, { 'event.category': ['host'] }),
    'not Linux': changed(off, { 'host.os.type': 'macos' }),
  },
};

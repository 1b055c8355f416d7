// An alert as the store returns it, for the tests of sinks and commands.

import type { StepparentEvent } from '../../../collectors/event/event.ts';

/** A complete alert about a maintainer script; `changes` override its top-level keys. */
export function alertDocument(changes: Partial<StepparentEvent> = {}): StepparentEvent {
  return {
    '@timestamp': '2026-04-10T12:00:00.000Z',
    ecs: { version: '9.4.0' },
    message: '/usr/bin/python3 (pid 70) ran "dpkg -i x.deb" as root; not seen to run dpkg within 5 days',
    event: { id: 'e1', kind: 'alert', severity: 47, risk_score: 47, action: 'exec' },
    host: { name: 'h' },
    agent: { type: 'stepparent' },
    process: {
      entity_id: 'p71',
      pid: 71,
      executable: '/usr/bin/dpkg',
      args: ['dpkg', '-i', 'x.deb'],
      command_line: 'dpkg -i x.deb',
      parent: { entity_id: 'p70', pid: 70, executable: '/usr/bin/python3', command_line: 'python3 -c pass' },
    },
    user: { id: '0', name: 'root' },
    rule: { id: 'dpkg-unusual-parent', name: 'Unusual DPKG Execution' },
    threat: [
      {
        framework: 'MITRE ATT&CK',
        tactic: { id: ['TA0003'], name: ['Persistence'], reference: [''] },
        technique: {
          id: ['T1546'],
          name: ['Event Triggered Execution'],
          reference: [''],
          subtechnique: { id: ['T1546.016'], name: ['Installer Packages'], reference: [''] },
        },
      },
    ],
    stepparent: {
      package: {
        manager: 'dpkg',
        operation: 'install',
        packages: ['x.deb'],
        packages_count: 1,
        dry_run: false,
      },
      login_user: { id: '1000', name: 'mallory' },
      systemd: { unit: 'cron.service' },
      transaction: { id: '01234567-71-100', executable: '/usr/bin/dpkg' },
      unobserved: { 'process.hash.sha256': 'process_exited' },
      alert: { id: 'a1', terms: ['/usr/bin/python3'], reason: 'not seen to run dpkg within 5 days', state: 'open' },
    },
    ...changes,
  };
}

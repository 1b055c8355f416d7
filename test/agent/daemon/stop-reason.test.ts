// Why the agent stops: the command of the service manager that waits for it.

import { expect, test } from 'vitest';
import { stopReason } from '../../../agent/daemon/stop-reason.ts';
import { createProcessTable } from '../../../collectors/process/process-table.ts';
import { detailsOf, procDouble } from '../../collectors/proc-double.ts';

const userName = (id: number): string | undefined => (id === 1000 ? 'alice' : undefined);
const systemctl = { exe: '/usr/bin/systemctl', loginUserId: 1000 };

test.each<[string, Parameters<typeof detailsOf>[1], string]>([
  [
    'systemctl stop',
    { ...systemctl, args: ['systemctl', 'stop', 'stepparent'] },
    'SIGTERM; systemctl stop stepparent (pid 30, login alice)',
  ],
  [
    'the full name of the unit, and a user without a name',
    { ...systemctl, loginUserId: 7, args: ['systemctl', 'restart', 'stepparent.service'] },
    'SIGTERM; systemctl restart stepparent.service (pid 30, login uid 7)',
  ],
  [
    'no login',
    { ...systemctl, loginUserId: undefined, args: ['systemctl', 'stop', 'stepparent'] },
    'SIGTERM; systemctl stop stepparent (pid 30)',
  ],
  ['another unit', { ...systemctl, args: ['systemctl', 'stop', 'stepparent-alert.socket'] }, 'SIGTERM'],
  ['another program', { exe: '/usr/bin/vi', args: ['vi', 'stepparent'] }, 'SIGTERM'],
])('%s', (_, details, reason) => {
  const table = createProcessTable(procDouble(detailsOf(1), detailsOf(30, details)));
  table.seed();
  expect(stopReason('SIGTERM', table, userName)).toBe(reason);
});

test('arguments are bounded', () => {
  const args = ['systemctl', 'stop', 'stepparent', 'x'.repeat(10_000)];
  const table = createProcessTable(procDouble(detailsOf(30, { ...systemctl, args })));
  table.seed();
  expect(stopReason('SIGTERM', table, userName).length).toBeLessThan(300);
});

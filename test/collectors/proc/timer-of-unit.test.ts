// The timer of a systemd unit, by the name of its unit file.

import { expect, test } from 'vitest';
import { withTimer } from '../../../collectors/proc/timer-of-unit.ts';

const files = new Set([
  '/usr/lib/systemd/system/apt-daily.timer',
  '/etc/systemd/system/backup@.timer',
  '/run/systemd/transient/run-u7.timer',
  '/etc/systemd/system/../x.timer',
]);
const host = { exists: (file: string) => files.has(file) };

test.each([
  ['apt-daily.service', 'apt-daily.timer'],
  ['backup@home.service', 'backup@home.timer'],
  ['run-u7.service', 'run-u7.timer'],
  ['apt-daily-upgrade.service', undefined],
  ['apt-daily.scope', undefined],
  ['apt-daily.timer', undefined],
  ['../x.service', undefined],
  ['', undefined],
])('of %o is %s', (unit, timer) => {
  expect(withTimer({ unit }, host)).toEqual(timer === undefined ? { unit } : { unit, timer });
});

test('of a user’s unit is not searched in the system’s', () => {
  const ofUser = { unit: 'apt-daily.service', user: { id: '1000' } };
  expect(withTimer(ofUser, host)).toBe(ofUser);
});

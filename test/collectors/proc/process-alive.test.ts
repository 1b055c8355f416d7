// Whether a process still runs, by pid, start and boot together.

import { expect, test } from 'vitest';
import { openHost } from '../../../collectors/host/host.ts';
import { processesAlive } from '../../../collectors/proc/process-alive.ts';

const { proc } = openHost();
const boot = proc.readBootId().slice(0, 8);
const { startTicks } = proc.readStat(process.pid) ?? { startTicks: 0 };

test.each<[string, string, boolean]>([
  ['this process', `${boot}-${process.pid}-${startTicks}`, true],
  ['a start that differs by a tick', `${boot}-${process.pid}-${startTicks - 1}`, true],
  ['another one that had the pid before', `${boot}-${process.pid}-${startTicks - 500}`, false],
  ['one of another boot', `${boot === '00000000' ? '1' : '0'}0000000-${process.pid}-${startTicks}`, false],
  ['no such pid', `${boot}-999999999-${startTicks}`, false],
  ['nothing of the kind', 'x', false],
])('%s', (_, entityId, alive) => {
  expect(processesAlive(proc)(entityId)).toBe(alive);
});

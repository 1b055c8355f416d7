// The notifications to systemd, message by message.

import { afterEach, beforeEach, expect, test, vi } from 'vitest';
import { environmentOfChild, openServiceManager } from '../../../agent/daemon/service-manager.ts';

beforeEach(() => void vi.useFakeTimers());
afterEach(() => void vi.useRealTimers());

function opened(environment: Record<string, string>) {
  const sent: [string, string][] = [];
  const env: Record<string, string | undefined> = { ...environment };
  const manager = openServiceManager(env, (socket, bytes) => {
    sent.push([socket, Buffer.from(bytes).toString()]);
    return undefined;
  });
  return { manager, env, messages: () => sent.splice(0).map(([, text]) => text), sent };
}

test('ready, what it does, and the end; the environment stays as it is', () => {
  const { manager, env, sent } = opened({ NOTIFY_SOCKET: '@run', WATCHDOG_USEC: '4000000', PATH: '/bin' });
  manager.ready('running');
  manager.status(() => 'degraded: x\nREADY=1\x1b[2J');
  manager.stopping();
  expect(sent).toEqual([
    ['@run', 'READY=1\nSTATUS=running'],
    ['@run', 'STATUS=degraded: x\\nREADY=1\\x1b[2J'],
    ['@run', 'STOPPING=1'],
  ]);
  expect(Object.keys(env)).toEqual(['NOTIFY_SOCKET', 'WATCHDOG_USEC', 'PATH']);
});

test('a child does not speak for the agent, and looks programs up in the directories of the system', () => {
  const own = {
    NOTIFY_SOCKET: '@run',
    WATCHDOG_USEC: '1',
    WATCHDOG_PID: '1',
    PATH: '/tmp',
    LANG: 'C',
    STATE_DIRECTORY: '/s',
  };
  expect(environmentOfChild(own)).toEqual({
    PATH: '/usr/sbin:/usr/bin:/sbin:/bin',
    LANG: 'C',
    STATE_DIRECTORY: '/s',
  });
});

test('a watchdog that waits for ever is not fed all the time', () => {
  const timers = vi.spyOn(globalThis, 'setInterval');
  // UINT64_MAX: what systemd calls infinity.
  opened({ NOTIFY_SOCKET: '/s', WATCHDOG_USEC: '18446744073709551615' }).manager.watch(() => 1);
  expect(timers.mock.calls.map(([, ms]) => ms)).toEqual([2 ** 31 - 1]);
  timers.mockRestore();
});

test('without systemd no status is worked out', () => {
  const text = vi.fn(() => 'running');
  opened({}).manager.status(text);
  expect(text).not.toHaveBeenCalled();
});

test('the watchdog is fed as long as there is progress, and only then', () => {
  const { manager, messages } = opened({ NOTIFY_SOCKET: '/s', WATCHDOG_USEC: '4000000' });
  let progress = 1;
  const end = manager.watch(() => progress);
  expect(messages()).toEqual(['WATCHDOG=1']);
  vi.advanceTimersByTime(3000);
  expect(messages()).toEqual([]);
  progress++;
  vi.advanceTimersByTime(1000);
  expect(messages()).toEqual(['WATCHDOG=1']);
  end();
  progress++;
  vi.advanceTimersByTime(60_000);
  expect(messages()).toEqual([]);
});

test.each([
  ['no systemd', {}],
  ['no watchdog', { NOTIFY_SOCKET: '/s' }],
  ["another process's watchdog", { NOTIFY_SOCKET: '/s', WATCHDOG_USEC: '1000000', WATCHDOG_PID: '1' }],
])('%s: nothing is fed', (_, environment) => {
  const { manager, messages } = opened(environment);
  let progress = 0;
  manager.watch(() => progress++);
  vi.advanceTimersByTime(60_000);
  expect(messages()).toEqual([]);
});

test('a status of any length is one datagram of bounded size', () => {
  const { manager, messages } = opened({ NOTIFY_SOCKET: '/s' });
  manager.status(() => 'x'.repeat(100_000));
  expect(messages()[0]?.length).toBeLessThan(1000);
});

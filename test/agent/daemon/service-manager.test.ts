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

test('sends ready, status and stopping, and leaves the environment unchanged', () => {
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

test('a child cannot notify systemd, and searches programs in the system’s directories', () => {
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

test('an infinite watchdog interval becomes the longest timer', () => {
  const timers = vi.spyOn(globalThis, 'setInterval');
  // UINT64_MAX: what systemd calls infinity.
  opened({ NOTIFY_SOCKET: '/s', WATCHDOG_USEC: '18446744073709551615' }).manager.watch(() => 1);
  expect(timers.mock.calls.map(([, ms]) => ms)).toEqual([2 ** 31 - 1]);
  timers.mockRestore();
});

test('does not compute the status without systemd', () => {
  const text = vi.fn(() => 'running');
  opened({}).manager.status(text);
  expect(text).not.toHaveBeenCalled();
});

test('notifies the watchdog only while there is progress', () => {
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
])('%s: does not notify the watchdog', (_, environment) => {
  const { manager, messages } = opened(environment);
  let progress = 0;
  manager.watch(() => progress++);
  vi.advanceTimersByTime(60_000);
  expect(messages()).toEqual([]);
});

test('sends a status of any length as one datagram of bounded size', () => {
  const { manager, messages } = opened({ NOTIFY_SOCKET: '/s' });
  manager.status(() => 'x'.repeat(100_000));
  expect(messages()[0]?.length).toBeLessThan(1000);
});

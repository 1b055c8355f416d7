// The names of users, and the host's fields of every event.

import fs from 'node:fs';
import os from 'node:os';
import path from 'node:path';
import { afterEach, expect, test, vi } from 'vitest';
import { openHost } from '../../../collectors/host/host.ts';
import { openIdNames, readHostContext } from '../../../collectors/host/host-context.ts';
import { temporaryDirectory } from '../../storage/temporary-store.ts';

afterEach(() => {
  vi.useRealTimers();
});

const host = openHost();

const passwdWith = (text: string): string => {
  const file = path.join(temporaryDirectory(), 'passwd');
  fs.writeFileSync(file, text);
  return file;
};

test.each<[id: number, name: string | undefined]>([
  [0, 'root'],
  [1000, 'alice'],
  [65534, 'nobody'],
  [1, undefined],
  [Number.NaN, undefined],
])('user %d', (id, name) => {
  const file = passwdWith(
    'root:x:0:0:root:/root:/bin/bash\n\n# comment\ntoor:x:0:0::/:/bin/sh\nalice:x:1000:1000::/home/alice:\n' +
      '+::::::\n:x:1:1::/:\nbroken\nnobody:*:65534:65534:nobody:/:/sbin/nologin',
  );
  expect(openIdNames(host, file)(id)).toBe(name);
});

test('names follow a file that appears, changes and disappears', () => {
  vi.useFakeTimers({ toFake: ['Date'] });
  const file = passwdWith('alice:x:1000:1000:::\n');
  const nameOf = openIdNames(host, file);
  const later = (): void => void vi.setSystemTime(Date.now() + 1001);
  expect(nameOf(1000)).toBe('alice');
  fs.writeFileSync(file, 'bob-the-second:x:1000:1000:::\n');
  // The file is checked once a second.
  expect(nameOf(1000)).toBe('alice');
  later();
  expect(nameOf(1000)).toBe('bob-the-second');
  fs.rmSync(file);
  later();
  expect(nameOf(1000)).toBe(undefined);
  fs.writeFileSync(file, 'carol:x:1000:1000:::\n');
  later();
  expect(nameOf(1000)).toBe('carol');
  expect(openIdNames(host, path.join(file, 'x'))(0)).toBe(undefined);
});

test('the context of this host has its fields', () => {
  const context = readHostContext(host, { id: 'the-id', version: '1.2.3' }, 'procfs');
  expect(context).toMatchObject({
    hostFields: {
      hostname: os.hostname(),
      boot: { id: expect.stringMatching(/^[0-9a-f-]{36}$/) },
      os: { type: 'linux', kernel: os.release(), platform: expect.stringMatching(/^[a-z0-9._-]+$/) },
    },
    agent: { id: 'the-id', type: 'stepparent', version: '1.2.3' },
    sensor: 'procfs',
  });
  expect(context.bootId).toBe(context.hostFields.boot?.id);
  expect(context.userName(0)).toBe('root');
  expect(context.host.clock.bootEpochMs()).toBeLessThan(Date.now());
});

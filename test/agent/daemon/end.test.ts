// The steps of the shutdown: each runs once, in their order, even if another fails.

import { expect, test } from 'vitest';
import { openEnd } from '../../../agent/daemon/end.ts';

test('runs steps in the order of the list, not of their addition, and logs one that fails', async () => {
  const taken: string[] = [];
  const log: unknown[] = [];
  const end = openEnd({ error: (message, values) => log.push([message, values?.step]) }, () => taken.push('begin'));
  end.add('control socket', () => taken.push('control socket'));
  end.add('delivery', () => {
    throw new Error('no');
  });
  end.add('process sensor', () => taken.push('process sensor'));
  await end.run();
  expect(taken).toEqual(['begin', 'process sensor', 'control socket']);
  expect(log).toEqual([['a step of the shutdown failed, continuing with the others', 'delivery']]);
});

test('a second call returns the same promise', async () => {
  let count = 0;
  const end = openEnd({ error() {} }, () => {});
  end.add('timers', () => count++);
  await Promise.all([end.run(), end.run()]);
  await end.run();
  expect(count).toBe(1);
});

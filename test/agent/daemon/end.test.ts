// The steps of the end: each once, in their order, whatever another throws.

import { expect, test } from 'vitest';
import { openEnd } from '../../../agent/daemon/end.ts';

test('steps run in the order of the list, not of their adding; one that fails is logged', async () => {
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
  expect(log).toEqual([['a step of the end failed; the others are taken', 'delivery']]);
});

test('called again it is the same end', async () => {
  let count = 0;
  const end = openEnd({ error() {} }, () => {});
  end.add('timers', () => count++);
  await Promise.all([end.run(), end.run()]);
  await end.run();
  expect(count).toBe(1);
});

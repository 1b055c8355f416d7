// The steps of a shutdown: each one runs, even if an earlier one fails.

import { expect, test } from 'vitest';
import { takeEvery, takeSteps } from '../../collectors/take-steps.ts';

const hangs = () => new Promise<void>(() => {});
const fails = (message: string) => () => {
  throw new Error(message);
};

test('all steps run even if one throws, rejects or hangs', async () => {
  const taken: string[] = [];
  const failures: string[] = [];
  const step = (name: string, run: () => unknown = () => {}) => {
    const takeIt = (): unknown => {
      taken.push(name);
      return run();
    };
    return [name, takeIt] as const;
  };
  await takeSteps(
    [
      step('throws', fails('EBUSY')),
      step('rejects', () => Promise.reject(new Error('broken'))),
      step('hangs', hangs),
      step('waits', () => new Promise((resolve) => setImmediate(resolve))),
      step('last'),
    ],
    (name, error) => failures.push(`${name}: ${error}`),
    { stepMs: 20, allMs: 60_000 },
  );
  expect(taken).toEqual(['throws', 'rejects', 'hangs', 'waits', 'last']);
  expect(failures).toEqual(['throws: Error: EBUSY', 'rejects: Error: broken', 'hangs: Error: not done after 20 ms']);
});

test('steps run one after the other', async () => {
  const order: string[] = [];
  await takeSteps(
    [
      ['slow', () => new Promise<void>((resolve) => setTimeout(resolve, 20)).then(() => order.push('slow'))],
      ['fast', () => order.push('fast')],
    ],
    (name) => expect.unreachable(name),
  );
  expect(order).toEqual(['slow', 'fast']);
});

test('steps that hang share one limit, and each still runs', async () => {
  const failures: string[] = [];
  await takeSteps(
    Array.from({ length: 100 }, (_, i) => [`${i}`, hangs] as const),
    (name) => failures.push(name),
    { stepMs: 60_000, allMs: 50 },
  );
  expect(failures).toHaveLength(100);
});

test('the later result or failure of a step is ignored after its limit', async () => {
  const late = Promise.withResolvers<void>();
  await takeSteps([['late', () => late.promise]], () => {}, { stepMs: 1, allMs: 1 });
  late.reject(new Error('nothing handles this'));
  await new Promise((resolve) => setImmediate(resolve));
});

test('takeEvery rejects with one error for all failed steps after all have run', async () => {
  let isTaken = false;
  const steps = takeEvery([
    ['a', fails('first')],
    ['b', fails('second')],
    ['c', () => (isTaken = true)],
  ]);
  await expect(steps).rejects.toThrow('a: first; b: second');
  expect(isTaken).toBe(true);
  await expect(takeEvery([['a', () => {}]])).resolves.toBeUndefined();
});

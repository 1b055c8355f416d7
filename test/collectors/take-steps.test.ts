// Steps of an end: each is taken, whatever becomes of those before it.

import { expect, test } from 'vitest';
import { takeEvery, takeSteps } from '../../collectors/take-steps.ts';

const hangs = () => new Promise<void>(() => {});
const fails = (message: string) => () => {
  throw new Error(message);
};

test('a step that throws, rejects or hangs keeps none of the others from being taken', async () => {
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

test('one step is taken after the other', async () => {
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

test('many steps that hang share one limit, and each is still taken', async () => {
  const failures: string[] = [];
  await takeSteps(
    Array.from({ length: 100 }, (_, i) => [`${i}`, hangs] as const),
    (name) => failures.push(name),
    { stepMs: 60_000, allMs: 50 },
  );
  expect(failures).toHaveLength(100);
});

test('what a step does after its time is up, a failure included, is passed over', async () => {
  const late = Promise.withResolvers<void>();
  await takeSteps([['late', () => late.promise]], () => {}, { stepMs: 1, allMs: 1 });
  late.reject(new Error('nothing handles this'));
  await new Promise((resolve) => setImmediate(resolve));
});

test('as one step of something larger: one error for all that failed, once all were taken', async () => {
  let isTaken = false;
  const steps = takeEvery([
    ['a', fails('first')],
    ['b', fails('second')],
    ['c', () => (isTaken = true)],
  ]);
  await expect(steps).rejects.toThrow('first; second');
  expect(isTaken).toBe(true);
  await expect(takeEvery([['a', () => {}]])).resolves.toBeUndefined();
});

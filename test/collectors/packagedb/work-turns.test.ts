// Turns of work, on a clock that the test advances.

import { expect, test } from 'vitest';
import { createWorkTurns } from '../../../collectors/packagedb/work-turns.ts';

/** Turns on a clock that stands still unless a part of work advances it; `log` gets every wait. */
function turnsOnClock() {
  let nowMs = 1000;
  const log: string[] = [];
  const turns = createWorkTurns({
    nowMs: () => nowMs,
    async nextLoop() {
      log.push('loop');
      await new Promise(setImmediate);
    },
    async rest(ms) {
      log.push(`rest ${ms}`);
      nowMs += ms;
    },
  });
  const work = async (name: string, ms: number): Promise<void> => {
    await turns.next();
    log.push(name);
    nowMs += ms;
  };
  const settled = async (): Promise<void> => {
    for (let i = 0; i < 5; i++) await new Promise(setImmediate);
  };
  const idle = (ms: number): void => {
    nowMs += ms;
  };
  return { turns, log, work, settled, idle };
}

test('a single part begins at once', async () => {
  const { work, log } = turnsOnClock();
  await work('a', 100);
  expect(log.filter((entry) => entry !== 'loop')).toEqual(['a']);
});

test('each part has a turn of its own, in the order in which they were asked for', async () => {
  const { work, log } = turnsOnClock();
  await Promise.all([work('a', 0), work('b', 0), work('c', 0)]);
  expect(log).toEqual(['loop', 'a', 'loop', 'b', 'loop', 'c']);
});

test('work rests for as long as it has taken', async () => {
  const { work, log, settled } = turnsOnClock();
  await Promise.all([work('a', 1), work('b', 1), work('c', 9), work('d', 0)]);
  await settled();
  expect(log.filter((entry) => entry !== 'loop')).toEqual(['a', 'b', 'c', 'rest 11', 'd']);
});

test.each([
  { between: 'work that follows at once', idleMs: 0, expected: ['a', 'b', 'rest 4'] },
  { between: 'time without work', idleMs: 2, expected: ['a', 'b'] },
])('$between counts', async ({ idleMs, expected }) => {
  const { work, log, settled, idle } = turnsOnClock();
  await work('a', 2);
  await settled();
  idle(idleMs);
  await work('b', 2);
  await settled();
  expect(log.filter((entry) => entry !== 'loop')).toEqual(expected);
});

test('work does not rest while the agent ends, and rests again after that', async () => {
  const { turns, work, log, settled } = turnsOnClock();
  await turns.withoutRest(async () => {
    await Promise.all([work('a', 5), work('b', 5)]);
    await settled();
  });
  await expect(turns.withoutRest(() => Promise.reject(new Error('failed')))).rejects.toThrow('failed');
  await work('c', 5);
  await settled();
  expect(log.filter((entry) => entry !== 'loop')).toEqual(['a', 'b', 'c', 'rest 15']);
});

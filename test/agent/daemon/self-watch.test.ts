// The agent's watch over itself: pauses of its event loop, and files that cannot be opened.

import { expect, test } from 'vitest';
import { watchSelf } from '../../../agent/daemon/self-watch.ts';

function watched(openFile = () => {}) {
  const faults: string[] = [];
  let nowMs = 1000;
  let turn = () => {};
  watchSelf({
    every: (_, run) => {
      turn = run;
    },
    onFault: (what, error) => faults.push(`${what}: ${error}`),
    monotonicMs: () => nowMs,
    openFile,
  });
  const pass = (ms: number): void => {
    nowMs += ms;
    turn();
  };
  return { faults, pass };
}

test.each([
  [250, []],
  [2000, []],
  [2001, ['the agent was stopped, or had no CPU time, for more than two seconds: 2.0 s']],
  [8250, ['the agent was stopped, or had no CPU time, for more than two seconds: 8.3 s']],
])('a pause of %d ms', (ms, expected) => {
  const { faults, pass } = watched();
  pass(250);
  pass(ms);
  pass(250);
  expect(faults.map((fault) => fault.split(';')[0])).toEqual(expected);
});

test('reports that files cannot be opened about once a second', () => {
  let code: string | undefined = 'EMFILE';
  const { faults, pass } = watched(() => {
    if (code !== undefined) throw new Error(code);
  });
  for (let i = 0; i < 4; i++) pass(500);
  expect(faults).toEqual(Array(2).fill('the agent cannot open files: Error: EMFILE'));
  code = undefined;
  for (let i = 0; i < 4; i++) pass(500);
  expect(faults).toHaveLength(2);
});

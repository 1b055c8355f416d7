// The files of results.

import fs from 'node:fs';
import os from 'node:os';
import path from 'node:path';
import { expect, onTestFinished, test } from 'vitest';
import { type Result, readResults, resultText, writeResult } from '../../bench/results.ts';
import { growthOf, idleOf, latencyOf, ratesOf, resultOf, workloadOf } from './results.ts';

function scratch(): string {
  const directory = fs.mkdtempSync(path.join(os.tmpdir(), 'bench-results-'));
  onTestFinished(() => fs.rmSync(directory, { recursive: true }));
  return directory;
}

const all: Result[] = [
  resultOf('apt', workloadOf('apt-get install'), { rounds: 2, missing: ['laurel, as it is not installed'] }),
  resultOf('dpkg', workloadOf('10 runs of dpkg -i', { seen: [10, 9] }, 10), { rounds: 2 }),
  resultOf('latency', latencyOf([1.5, 2], 1), { rounds: 1 }),
  resultOf('idle', idleOf(10, 20), { rounds: 2 }),
  resultOf('rates-4k', ratesOf(4096)),
  resultOf('growth', growthOf(10_000, 3)),
];

test('results are read back in the order of the parts', () => {
  const directory = scratch();
  for (const result of all.toReversed()) writeResult(result, directory);
  expect(readResults(directory)).toEqual(all);
});

test('writes the values of the rounds on one line, with four digits', () => {
  const text = resultText(resultOf('latency', latencyOf([1.23456, 0.000123456, 123_456.7])));
  expect(text).toContain('"ms": [1.235, 0.0001235, 123457]');
});

test('there are no results before a measurement', () => expect(readResults('/nonexistent')).toEqual([]));

test.each([
  ['another name', 'dnf.json', resultText(resultOf('apt', workloadOf('apt'))), /dnf\.json has the results of apt/],
  ['an unknown key', 'idle.json', JSON.stringify({ ...resultOf('idle', idleOf(1)), host: 'a' }), /host/],
  ['a missing key', 'idle.json', JSON.stringify({ ...resultOf('idle', idleOf(1)), date: undefined }), /date/],
  ['an unknown part', 'all.json', JSON.stringify({ ...resultOf('idle', idleOf(1)), part: 'all' }), /part/],
])('a file with %s is refused', (_, name, text, fault) => {
  const directory = scratch();
  fs.writeFileSync(path.join(directory, name), text);
  expect(() => readResults(directory)).toThrow(fault);
});

// Which matches a pattern in the baseline covers.

import { expect, test } from 'vitest';
import { coversAlert, coversValues } from '../../detectors/baseline-pattern.ts';
import { exampleEvent, start } from '../storage/examples.ts';

test.each<[patterns: string[], values: (string | null)[], marks: string, covers: boolean]>([
  [['/tmp/script_*.sh'], ['/tmp/script_4711.sh'], '', true],
  [['/tmp/script_*.sh'], ['/tmp/script_4711.py'], '', false],
  [['/tmp/script_?.sh'], ['/tmp/script_4.sh'], '', true],
  [['/tmp/script_?.sh'], ['/tmp/script_42.sh'], '', false],
  [['/opt/build-*/x'], ['/opt/build-1/sub/x'], '', true],
  [['/opt/x'], ['/opt/x'], '', true],
  [['/opt/x'], ['/opt/xy'], '', false],
  [['/opt/x-*'], ['/OPT/X-1'], '', false],
  // Each term has its pattern.
  [['/opt/x-*', 'ssh as *'], ['/opt/x-1', 'ssh as alice'], '', true],
  [['/opt/x-*', 'ssh as *'], ['/opt/x-1', 'cron'], '', false],
  [['/opt/x-*'], ['/opt/x-1', 'cron'], '', false],
  [['/opt/x-*', 'cron'], ['/opt/x-1'], '', false],
  [['/opt/x-*', 'unit run-*.service'], ['/opt/x-1', 'unit run-*.service'], '', true],
  // What was not observed may be anything.
  [['/opt/x-*'], [null], '', false],
  [['/opt/x-*', '*'], ['/opt/x-1', null], '', false],
  // Of another user, or a program that is not verified, only if the pattern says so.
  [['/opt/x-*'], ['/opt/x-1'], ' (not root)', false],
  [['/opt/x-* (not root)'], ['/opt/x-1'], ' (not root)', true],
  [['/opt/x-* (not root)'], ['/opt/x-1'], '', false],
  [['/opt/x-* (not root)'], ['/opt/x-1 (not root)'], '', false],
  [['/opt/x-* (not root)'], ['/opt/x-1'], ' (unverified) (not root)', false],
])('%j for %j%s: %s', (patterns, values, marks, covers) => {
  expect(coversValues(patterns, { values, marks })).toBe(covers);
});

test.each<[patterns: string[], terms: (string | null)[], covers: boolean]>([
  // The alert's own value counts, whatever its term is.
  [['/usr/bin/python*'], ['/tmp/* (sha256 0123456789abcdef)'], true],
  [['/usr/bin/python*'], ['/usr/bin/python3 (not root)'], false],
  [['/usr/bin/python* (not root)'], ['/usr/bin/python3 (not root)'], true],
  [['/usr/bin/perl*'], ['/usr/bin/python3'], false],
])('%j for an alert with the terms %j: %s', (patterns, terms, covers) => {
  const document = exampleEvent('e', start);
  expect(coversAlert(patterns, { document, terms }, ['process.parent.executable'])).toBe(covers);
});

test('a value and a pattern of the greatest length are compared in bounded steps', () => {
  const pattern = '*a'.repeat(256);
  expect(coversValues([`/${pattern}b`], { values: [`/${'a'.repeat(100_000)}`], marks: '' })).toBe(false);
});

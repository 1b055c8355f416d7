// The reporter lists skipped tests by reason and the tiers that did not run.

import { expect, test } from 'vitest';
import { leftOut } from './left-out.ts';
import { titled } from './needs.ts';
import { tiers } from './tiers.ts';

test('lists skipped tests by reason, and tiers that did not run with their commands', () => {
  const skipped = [
    `${titled('a', 'it needs root')} > one`,
    `${titled('a', 'it needs root')} > two`,
    `a > ${titled('b', 'missing: rpm, gcc')}`,
    'c',
  ];
  const lines = leftOut(skipped, new Set(['unit', 'vm']));
  expect(lines.slice(0, 4)).toEqual([
    'Skipped:',
    '  1 test: missing: rpm, gcc',
    '  1 test: no reason given',
    '  2 tests: it needs root',
  ]);
  for (const { name, command } of tiers) {
    expect({ name, listed: lines.some((line) => line.includes(`${command} `)) }).toEqual({
      name,
      listed: !['unit', 'vm'].includes(name),
    });
  }
});

test('does not list tests that the pattern of -t excludes', () => {
  const skipped = [
    'a > dry run',
    `a > dry ${titled('run', 'it needs root')}`,
    'a > other',
    titled('b', 'it needs root'),
  ];
  expect(leftOut(skipped, new Set(tiers.map(({ name }) => name)), /a dry/)).toEqual([
    'Skipped:',
    '  1 test: it needs root',
    '  1 test: no reason given',
  ]);
});

test('prints no line when every test ran', () => {
  expect(leftOut([], new Set(tiers.map(({ name }) => name)))).toEqual([]);
});

test('the command of each tier is a script of package.json', async () => {
  const { scripts } = (await import('../package.json', { with: { type: 'json' } })).default;
  for (const { name, command } of tiers) {
    const script = /^(?:sudo )?npm (?:run )?(\S+)$/.exec(command)?.[1] ?? '';
    expect({ name, script: (scripts as Record<string, string>)[script] }).toEqual({
      name,
      script: expect.stringMatching(new RegExp(`--project ${name}\\b`)),
    });
  }
});

// The status as text: its content, and that no value in it can start a line.

import { expect, test } from 'vitest';
import { type AgentStatus, formatStatus } from '../../../agent/daemon/agent-status.ts';
import { localTime } from '../../../agent/output/local-time.ts';
import { running, store, time } from './example-status.ts';

const local = localTime(time);

/**
 * Each status as text, with <time> for the local time of the example. To accept a change: npm test --
 * test/agent/daemon/agent-status.test.ts -u
 */
test('formats a running agent, a stopped one with its store, and one that has never run', async () => {
  const shown = [
    formatStatus(running),
    formatStatus({ state: 'stopped', store: { ...store, outbox: {}, terms: {} } }),
    formatStatus({ state: 'stopped' }),
  ];
  await expect(shown.join('\n').replaceAll(local, '<time>')).toMatchFileSnapshot('status.golden.txt');
});

test.each<[string, AgentStatus['package_lists'], string[]]>([
  [
    'before the first list',
    { lists: 0, signed: 0, digests: 0, incomplete: {}, doubt: 'not_indexed_yet' },
    ['not read yet'],
  ],
  [
    'of lists that cannot be read',
    { lists: 0, signed: 0, digests: 0, incomplete: {}, doubt: 'lists_unreadable' },
    ['not read: lists_unreadable'],
  ],
  [
    'of a host without lists',
    { lists: 0, signed: 0, digests: 0, checked: time, incomplete: {}, doubt: 'no_package_lists' },
    ['apt has no package lists'],
  ],
  [
    'of lists that have not changed since the start',
    { lists: 1, signed: 1, digests: 5, checked: time, incomplete: {} },
    ['1 lists of apt, 1 signed, with 5 packages', `compared ${local}`],
  ],
  [
    'of lists that cannot be read any more',
    { lists: 1, signed: 1, digests: 5, checked: time, incomplete: {}, doubt: 'lists_unreadable' },
    ['1 lists of apt, 1 signed, with 5 packages', `compared ${local}`, 'the last comparison failed: lists_unreadable'],
  ],
])('the index of package lists %s', (_what, package_lists, lines) => {
  const shown = formatStatus({ ...running, package_lists }).split('\n');
  const first = shown.findIndex((line) => line.startsWith('  package lists'));
  const next = shown.findIndex((line, index) => index > first && /^ {2}\S/.test(line));
  expect(shown.slice(first, next).map((line) => line.slice(17))).toEqual(lines);
});

test('escapes line breaks and control characters', () => {
  const text = formatStatus(running);
  expect(text).not.toMatch(/^(?: missing|forged)/m);
  expect(text).not.toContain('\x1b');
});

// Lines of the package ledger fit a terminal, whatever the names are.

import { expect, test } from 'vitest';
import { changeCells, historyCells, historyHeading, scriptLine } from '../../../agent/output/package-lines.ts';
import { historiesOf, type PackageRow } from '../../../agent/query/package-history.ts';

const row = (more: Partial<PackageRow> = {}): PackageRow => ({
  '@timestamp': '2026-03-03T10:00:00.000Z',
  time_ms: Date.parse('2026-03-03T10:00:00Z'),
  time_source: null,
  'host.id': null,
  'host.name': null,
  'stepparent.transaction.manager': 'dpkg',
  'package.name': 'xz-utils',
  'package.architecture': 'amd64',
  'package.version': '5.6.1-1',
  former_version: null,
  'event.action': 'install',
  'event.outcome': 'success',
  applied: 1,
  state: 'installed',
  installed: 1,
  requested_by: 'alice over ssh',
  archive: null,
  sha256: null,
  source: null,
  repository: null,
  found_by: 'transaction',
  ...more,
});

const long = 'x'.repeat(300);
const longest = row({
  'host.name': long,
  'package.name': long,
  'package.version': long,
  former_version: long,
  'event.action': 'reinstall',
  'event.outcome': 'failure',
  requested_by: long,
});
const widthOf = (cells: readonly string[]): number => cells.join('  ').length;

test.each([40, 80, 132])('on a terminal of %i columns', (columns) => {
  const width = Math.max(columns, 80);
  const rows = [row(), longest];
  const [history] = historiesOf([longest]);
  if (history === undefined) throw new Error('no history');
  for (const cells of changeCells(rows, true, columns)) expect(widthOf(cells)).toBeLessThanOrEqual(width);
  expect(widthOf(changeCells([longest], false, columns)[0] ?? [])).toBeGreaterThan(width - 2);
  expect(widthOf(historyCells([longest], columns)[0] ?? [])).toBeLessThanOrEqual(width);
  expect(historyHeading(history, true, columns)).toHaveLength(width);
  const script = { phase: 'postinst', sha256: 'ab'.repeat(32), state: 'changed', findings: [long] };
  expect(scriptLine(longest, script, columns)).toHaveLength(width);
});

test('into a file nothing is cut to a width', () => {
  const name = 'a-package-with-a-name-that-is-longer-than-its-column-on-a-terminal';
  expect(changeCells([row({ 'package.name': name })], false, undefined)[0]?.[2]).toBe(`${name} 5.6.1-1`);
});

test.each<[Partial<PackageRow>, string]>([
  [{}, 'alice over ssh'],
  [{ requested_by: null, found_by: 'first_listing', time_source: 'listing' }, '(in the first list)'],
  [{ requested_by: null, found_by: 'listing', time_source: 'listing' }, '(not observed; found then)'],
  [{ requested_by: null, found_by: 'listing', time_source: 'dpkg_log' }, '(not observed; time of dpkg.log)'],
  [{ requested_by: null, found_by: 'listing', time_source: 'install_time' }, '(not observed; time of rpm)'],
  [{ requested_by: null, found_by: 'installed' }, '(before the ledger)'],
])('who asked: %o', (more, expected) => {
  expect(changeCells([row(more)], false, undefined)[0]?.at(-1)).toBe(expected);
});

test('a history begins where the installed version came, not where it was only configured or installed again', () => {
  const at = (action: PackageRow['event.action'], hour: number) =>
    row({ 'event.action': action, time_ms: Date.parse(`2026-03-03T${hour}:00:00Z`) });
  const [history] = historiesOf([at('reinstall', 15), at('configure', 14), at('upgrade', 13), at('install', 11)]);
  expect(history?.installed.map(({ time_ms }) => new Date(time_ms).getUTCHours())).toEqual([13]);
  const [others] = historiesOf([at('reinstall', 15), at('reinstall', 14)]);
  expect(others?.installed.map(({ time_ms }) => new Date(time_ms).getUTCHours())).toEqual([14]);
});

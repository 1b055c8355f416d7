// The scenarios are consistent, the literal conditions match their descriptions, and docs/scoring.md agrees with the data.

import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { describe, expect, test } from 'vitest';
import type { StepparentEvent } from '../../collectors/event/event.ts';
import { readRules } from '../../detectors/rules/load-rules.ts';
import { attacks, kinds } from './attacks.ts';
import { cases } from './cases.ts';
import { literalConditions } from './literal-conditions.ts';
import { debs, repository, rpms } from './packages.ts';
import { benign, firstWeek } from './scenarios.ts';
import { scoreTable } from './scoring.ts';

const all = [...firstWeek, ...benign, ...attacks];

describe('the scenarios', () => {
  test('have unique ids', () => {
    const ids = [...all, ...cases].map(({ id }) => id);
    expect(new Set(ids).size).toBe(ids.length);
  });

  test('give a reason for each missed attack and each known false alarm', () => {
    expect(attacks.filter(({ rules, because }) => (rules.length === 0) !== (because !== undefined))).toEqual([]);
    expect(benign.filter(({ rules, because }) => rules.length > 0 !== (because !== undefined))).toEqual([]);
  });

  test('name rules that come with stepparent', () => {
    const ids = new Set(readRules([join(import.meta.dirname, '../../detectors/rules')]).rules.map(({ id }) => id));
    expect([...attacks, ...benign].flatMap(({ rules }) => rules).filter((rule) => !ids.has(rule))).toEqual([]);
  });

  test('have at least 60 attacks of 20 kinds, at most five of each', () => {
    expect(attacks.length).toBeGreaterThanOrEqual(60);
    expect(kinds.length).toBeGreaterThanOrEqual(20);
    expect(new Set(kinds.map(({ name }) => name)).size).toBe(kinds.length);
    const sizes = kinds.map(({ attacks: ofKind }) => ofKind.length);
    expect([Math.min(...sizes), Math.max(...sizes)]).toEqual([1, 5]);
  });

  test('have an ordinary operation that looks like each attack, and raises no alert', () => {
    const quiet = new Set(benign.filter(({ rules }) => rules.length === 0).map(({ id }) => id));
    expect(attacks.filter(({ twin }) => !quiet.has(twin)).map(({ id }) => id)).toEqual([]);
  });

  test('have each twin for one kind of attack', () => {
    const kindsOf = Map.groupBy(attacks, ({ twin }) => twin);
    const shared = [...kindsOf].filter(([, ofTwin]) => new Set(ofTwin.map(({ kind }) => kind)).size > 1);
    expect(shared.map(([twin]) => twin)).toEqual([]);
  });

  test('name packages that are built', () => {
    const named = [...all, ...cases].flatMap(({ script }) => [
      ...script.matchAll(/\$(DEBS|RPMS)\/([\w-]+)\.(?:deb|rpm)/g),
    ]);
    for (const [, kind, name = ''] of named) expect((kind === 'DEBS' ? debs : rpms).has(name)).toBe(true);
    for (const name of Object.values(repository).flat()) expect(debs.has(name)).toBe(true);
  });
});

describe('the cases', () => {
  test('prove that their payload ran, and have answers', () => {
    const unproved = cases.filter(
      ({ script, answers }) => !/\b(?:proof|PROOF|evil)\b/.test(script) || answers.length === 0,
    );
    expect(unproved.map(({ id }) => id)).toEqual([]);
  });

  test('come last if they need a new agent', () => {
    const fresh = cases.map((each) => each.fresh === true);
    expect(fresh).toEqual(fresh.toSorted());
  });
});

describe('docs/scoring.md', () => {
  const page = readFileSync(join(import.meta.dirname, '../../docs/scoring.md'), 'utf8');
  /** The cells of the rows below a heading; `|` in a cell is escaped. */
  const rowsBelow = (heading: string): string[][] =>
    (page.split(`### ${heading}\n`)[1]?.split('\n### ')[0] ?? '')
      .split('\n')
      .filter((line) => line.startsWith('| '))
      .slice(1)
      .map((line) => line.slice(2, -2).split(' | '));
  const rows = { attacks: rowsBelow('Attacks'), benign: rowsBelow('The second week') };
  const escaped = (cell: string): string => cell.replaceAll('|', '\\|');

  test('has the kinds in the order of their names, each with its line and its scenarios', () => {
    expect(rowsBelow('Kinds of attack').map(([name, what]) => [name, what])).toEqual(
      kinds.map(({ name, what }) => [name, what]).toSorted(([a = ''], [b = '']) => (a < b ? -1 : 1)),
    );
    const numbers = rowsBelow('Kinds of attack').map(([name, , ...counts]) => [
      name,
      ...counts.slice(0, 2).map(Number),
    ]);
    const counted = kinds.map(({ name }) => {
      const run = rows.attacks.filter(([kind, , , , result = '']) => kind === name && !result.startsWith('not run'));
      return [name, run.length, run.filter(([, , , , result = '']) => !result.startsWith('-')).length];
    });
    expect(numbers.toSorted()).toEqual(counted.toSorted());
  });

  test('has a row for every attack and no other, by kind', () => {
    const expected = kinds
      .toSorted((a, b) => (a.name < b.name ? -1 : 1))
      .flatMap(({ name, attacks: ofKind }) => ofKind.map(({ id, title, twin }) => [name, id, escaped(title), twin]));
    expect(rows.attacks.map((cells) => cells.slice(0, 4))).toEqual(expected);
  });

  test('has a row for every scenario of the second week and no other', () => {
    expect(rows.benign.map((cells) => cells.slice(0, 2))).toEqual(benign.map(({ id, title }) => [id, escaped(title)]));
  });

  test.each([...attacks, ...benign])('has the expected result of $id', (scenario) => {
    const cells = [...rows.attacks.map((cells) => cells.slice(1)), ...rows.benign].find(([id]) => id === scenario.id);
    const stepparent = cells?.at(-2) ?? '';
    if (stepparent.startsWith('not run')) expect(scenario.needs).toBeDefined();
    else expect(!stepparent.startsWith('-')).toBe(scenario.rules.length > 0);
  });
});

const exec = (over: Record<string, unknown>): StepparentEvent =>
  ({ event: { action: 'exec' }, stepparent: {}, ...over }) as unknown as StepparentEvent;
const install = (name: string, args: string[], executable: string | undefined) =>
  exec({ process: { name, executable: `/usr/bin/${name}`, args, parent: { executable } } });
const script = (over: Record<string, unknown> = {}) =>
  exec({
    process: {
      executable: '/var/lib/dpkg/info/x.postinst',
      parent: { name: 'bash', executable: '/usr/bin/bash' },
      session_leader: { name: 'bash' },
      group_leader: { name: 'bash' },
      ...over,
    },
  });

describe('the literal conditions', () => {
  test('are met by the first installation of a parent with each tool', () => {
    const events = [
      install('dpkg', ['dpkg', '-i', 'x.deb'], '/usr/bin/bash'),
      install('dpkg', ['dpkg', '--install', 'x.deb'], '/usr/bin/bash'),
      install('rpm', ['rpm', '-i', 'x.rpm'], '/usr/bin/bash'),
      install('dpkg', ['dpkg', '--install', 'x.deb'], '/opt/x'),
    ];
    expect(literalConditions(events)).toEqual([['dpkg'], [], ['rpm'], ['dpkg']]);
  });

  test.each([
    ['a bundle of options', install('dpkg', ['dpkg', '-iE', 'x.deb'], '/a')],
    ["apt's unpacking", install('dpkg', ['dpkg', '--unpack', 'x.deb'], '/a')],
    ['an upgrade', install('rpm', ['rpm', '-U', 'x.rpm'], '/a')],
    ['another name', install('x', ['x', '-i', 'x.deb'], '/a')],
    ['a parent that was not observed', install('dpkg', ['dpkg', '-i', 'x.deb'], undefined)],
    [
      'another event than a start',
      { ...install('dpkg', ['dpkg', '-i', 'x.deb'], '/a'), event: { action: 'end' } as never },
    ],
    ['a leader that was not observed', script({ session_leader: {} })],
    ['a session of dpkg', script({ session_leader: { name: 'dpkg' } })],
    ['a group of dpkg', script({ group_leader: { name: 'dpkg' } })],
    ['a parent named dpkg', script({ parent: { name: 'dpkg', executable: '/tmp/dpkg' } })],
    ['a script run by debconf', script({ parent: { name: 'perl', executable: '/usr/share/debconf/frontend' } })],
    ['a script in another directory', script({ executable: '/var/lib/dpkg/tmp.ci/preinst' })],
    ['a shell that reads the script', script({ executable: '/usr/bin/dash' })],
  ])('are not met by %s', (_, event) => {
    expect(literalConditions([event])).toEqual([[]]);
  });

  test('are met by a query and by a dry run', () => {
    const query = install('rpm', ['rpm', '-q', '-i', 'bash'], '/a');
    const dryRun = install('dpkg', ['dpkg', '--simulate', '-i', 'x.deb'], '/a');
    expect(literalConditions([query, dryRun])).toEqual([['rpm'], ['dpkg']]);
  });

  test('are met by each run of a script by hand', () => {
    expect(literalConditions([script(), script()])).toEqual([['script'], ['script']]);
  });
});

test('scoreTable makes a row for each kind and each scenario, and the totals', () => {
  const scenario = { id: 'one', title: 'a | b', actor: 'a', shell: 'sh', script: '', rules: [] } as const;
  const attack = { ...scenario, kind: 'z', twin: 'three' };
  const table = scoreTable(
    [
      { name: 'z', what: 'Last', attacks: [] },
      { name: 'a', what: 'First', attacks: [] },
    ],
    [
      { scenario: attack, fired: ['r', 's'], literal: ['dpkg'] },
      { scenario: { ...attack, id: 'two', because: 'a reason' }, fired: [], literal: [] },
      { scenario: { ...attack, id: 'five', kind: 'a', needs: ['/y'] }, fired: undefined, literal: [] },
    ],
    [
      { scenario: { ...scenario, id: 'three', needs: ['/x'] }, fired: undefined, literal: [] },
      { scenario: { ...scenario, id: 'four' }, fired: [], literal: ['rpm'] },
    ],
  );
  expect(table.split('\n').filter((line) => line.startsWith('| ') && !/^\| (?:Kind|Scenario) \|/.test(line))).toEqual([
    '| a | First | 0 | 0 | 0 |',
    '| z | Last | 2 | 1 | 1 |',
    '| a | five | a \\| b | three | not run: it needs /y |  |',
    '| z | one | a \\| b | three | r, s | dpkg |',
    '| z | two | a \\| b | three | - (a reason) | - |',
    '| three | a \\| b | not run: it needs /x |  |',
    '| four | a \\| b | - | rpm |',
    '|  | Hits of 2 | Misses | False alarms of 1 |',
    '| stepparent | 1 | 1 | 0 |',
    '| Literal conditions | 1 | 1 | 1 |',
  ]);
});

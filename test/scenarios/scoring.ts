// The results of the scenarios as Markdown tables.

import type { LiteralCondition } from './literal-conditions.ts';
import type { Scenario } from './scenarios.ts';

export interface Outcome {
  scenario: Scenario;
  /** Rules that fired; undefined: the scenario was not run. */
  fired: readonly string[] | undefined;
  literal: readonly LiteralCondition[];
}

const row = (cells: readonly string[]): string => `| ${cells.map((cell) => cell.replaceAll('|', '\\|')).join(' | ')} |`;

const joined = (names: readonly string[]): string => (names.length === 0 ? '-' : names.join(', '));

function rowOf({ scenario, fired, literal }: Outcome): string {
  const { id, title, because, needs = [] } = scenario;
  if (fired === undefined) return row([id, title, `not run: it needs ${needs.join(' and ')}`, '']);
  const reason = because === undefined ? '' : ` (${because})`;
  return row([id, title, `${joined(fired)}${reason}`, joined(literal)]);
}

const count = (outcomes: readonly Outcome[], is: (outcome: Outcome) => boolean): number => outcomes.filter(is).length;

/** Markdown with the table of attacks, the table of the second week and the totals. */
export function scoreTable(attacks: readonly Outcome[], benign: readonly Outcome[]): string {
  const head = [row(['Scenario', 'What happens', 'stepparent', 'Literal conditions']), '|---|---|---|---|'];
  const ran = (outcomes: readonly Outcome[]) => outcomes.filter(({ fired }) => fired !== undefined);
  const totals = (name: string, fires: (outcome: Outcome) => boolean): string => {
    const hits = count(ran(attacks), fires);
    return row([name, `${hits}`, `${ran(attacks).length - hits}`, `${count(ran(benign), fires)}`]);
  };
  return [
    '### Attacks',
    [...head, ...attacks.map(rowOf)].join('\n'),
    '### The second week',
    [...head, ...benign.map(rowOf)].join('\n'),
    '### Together',
    [
      row(['', `Hits of ${ran(attacks).length}`, 'Misses', `False alarms of ${ran(benign).length}`]),
      '|---|---|---|---|',
      totals('stepparent', ({ fired = [] }) => fired.length > 0),
      totals('Literal conditions', ({ literal }) => literal.length > 0),
    ].join('\n'),
  ].join('\n\n');
}

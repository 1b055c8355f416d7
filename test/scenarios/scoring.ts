// The results of the scenarios as Markdown tables.

import type { Attack, Kind } from './attacks.ts';
import type { LiteralCondition } from './literal-conditions.ts';
import type { Scenario } from './scenarios.ts';

export interface Outcome<Of extends Scenario = Scenario> {
  scenario: Of;
  /** Rules that fired; undefined: the scenario was not run. */
  fired: readonly string[] | undefined;
  literal: readonly LiteralCondition[];
}

const row = (cells: readonly (string | number)[]): string =>
  `| ${cells.map((cell) => `${cell}`.replaceAll('|', '\\|')).join(' | ')} |`;

const head = (...cells: readonly string[]): string => `${row(cells)}\n|${'---|'.repeat(cells.length)}`;

const joined = (names: readonly string[]): string => (names.length === 0 ? '-' : names.join(', '));

/** The last two cells of a scenario's row. */
function resultOf({ scenario: { because, needs = [] }, fired, literal }: Outcome): string[] {
  if (fired === undefined) return [`not run: it needs ${needs.join(' and ')}`, ''];
  const reason = because === undefined ? '' : ` (${because})`;
  return [`${joined(fired)}${reason}`, joined(literal)];
}

const count = <Of extends Outcome>(outcomes: readonly Of[], is: (outcome: Of) => boolean): number =>
  outcomes.filter(is).length;
const isRun = ({ fired }: Outcome): boolean => fired !== undefined;
const isDetected = ({ fired = [] }: Outcome): boolean => fired.length > 0;
const meetsLiteral = ({ literal }: Outcome): boolean => literal.length > 0;

/** Markdown with the table of kinds, those of attacks and of the second week, and the totals. */
export function scoreTable(
  kinds: readonly Kind[],
  attacks: readonly Outcome<Attack>[],
  benign: readonly Outcome[],
): string {
  const sorted = kinds.toSorted((a, b) => (a.name < b.name ? -1 : 1));
  const ofKind = ({ name }: Kind) => attacks.filter(({ scenario: { kind } }) => kind === name);
  const ran = attacks.filter(isRun);
  const totals = (name: string, fires: (outcome: Outcome) => boolean): string => {
    const hits = count(ran, fires);
    return row([name, hits, ran.length - hits, count(benign.filter(isRun), fires)]);
  };
  return [
    '### Kinds of attack',
    [
      head('Kind', 'What the attacker does', 'Scenarios', 'stepparent', 'Literal conditions'),
      ...sorted.map((kind) => {
        const run = ofKind(kind).filter(isRun);
        return row([kind.name, kind.what, run.length, count(run, isDetected), count(run, meetsLiteral)]);
      }),
    ].join('\n'),
    '### Attacks',
    [
      head('Kind', 'Scenario', 'What happens', 'Twin', 'stepparent', 'Literal conditions'),
      ...sorted.flatMap(ofKind).map((outcome) => {
        const { kind, id, title, twin } = outcome.scenario;
        return row([kind, id, title, twin, ...resultOf(outcome)]);
      }),
    ].join('\n'),
    '### The second week',
    [
      head('Scenario', 'What happens', 'stepparent', 'Literal conditions'),
      ...benign.map((outcome) => row([outcome.scenario.id, outcome.scenario.title, ...resultOf(outcome)])),
    ].join('\n'),
    '### Together',
    [
      head('', `Hits of ${ran.length}`, 'Misses', `False alarms of ${count(benign, isRun)}`),
      totals('stepparent', isDetected),
      totals('Literal conditions', meetsLiteral),
    ].join('\n'),
  ].join('\n\n');
}

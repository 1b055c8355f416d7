// The score: a week of learning, a week of benign use, and attacks one at a time, under the real agent with the shipped rules.
//
// SCORING_PAGE=1 writes the tables into docs/scoring.md. SCORING_ONLY=week-su,week-vendor enacts only these scenarios after
// the first week; SCORING_TIMES=40 does everything 40 times, each time with a new agent on an empty host.

import { readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { readRules } from '../../detectors/rules/load-rules.ts';
import { titled } from '../needs.ts';
import { rulesOf } from '../rules-of.ts';
import { attacks, kinds } from '../scenarios/attacks.ts';
import { literalConditions } from '../scenarios/literal-conditions.ts';
import { benign, firstWeek, type Scenario } from '../scenarios/scenarios.ts';
import { type Outcome, scoreTable } from '../scenarios/scoring.ts';
import { isOurs, lacks, type Run, scenarioHost, scenariosMissing } from './scenario-host.ts';

const rules = join(import.meta.dirname, '../../detectors/rules');
const page = join(import.meta.dirname, '../../docs/scoring.md');
const mark = { start: '<!-- tables -->', end: '<!-- end of tables -->' };

const only = process.env.SCORING_ONLY?.split(',');
const times = Number(process.env.SCORING_TIMES ?? 1);
const isWanted = ({ id }: Scenario): boolean => only === undefined || only.includes(id);

/** The first week and the scenarios after it, under one agent. */
interface Round {
  runs: ReadonlyMap<Scenario, Run>;
  outcomes: ReadonlyMap<Scenario, Outcome>;
}

describe.skipIf(scenariosMissing)(titled('the score', scenariosMissing), () => {
  const host = scenarioHost();
  const rounds: Round[] = [];

  const judge = async (runs: Round['runs']): Promise<Round['outcomes']> => {
    const { agent } = host;
    const events = (await agent.events()).filter(isOurs);
    const alerts = (await agent.alerts()).filter(isOurs);
    const literal = literalConditions(events);
    const timeOf = (event: { '@timestamp': string }): number => Date.parse(event['@timestamp']);
    const starts = [...runs.values()].map(({ startMs }) => startMs);
    return new Map(
      [...firstWeek, ...benign, ...attacks].map((scenario): [Scenario, Outcome] => {
        const run = runs.get(scenario);
        if (run === undefined) return [scenario, { scenario, fired: undefined, literal: [] }];
        const endMs = starts.find((ms) => ms > run.startMs) ?? Number.POSITIVE_INFINITY;
        const within = (event: { '@timestamp': string }) => timeOf(event) >= run.startMs && timeOf(event) < endMs;
        return [
          scenario,
          {
            scenario,
            fired: [...new Set(alerts.filter(within).flatMap(rulesOf))].sort(),
            literal: [...new Set(events.flatMap((event, at) => (within(event) ? (literal[at] ?? []) : [])))],
          },
        ];
      }),
    );
  };

  const playRound = async (): Promise<Round> => {
    const runs = new Map<Scenario, Run>();
    const play = async (scenario: Scenario): Promise<void> => {
      if (!lacks(scenario)) runs.set(scenario, await host.play(scenario));
    };
    // The first week is not judged, so its alerts need not be assigned to a scenario.
    for (const scenario of firstWeek) await play(scenario);
    await host.watchFiles();
    await host.settled();
    for (const scenario of [...benign, ...attacks].filter(isWanted)) {
      await play(scenario);
      await host.settled();
    }
    return { runs, outcomes: await judge(runs) };
  };

  beforeAll(async () => {
    await host.prepare();
    for (let round = 1; round <= times; round++) {
      if (round > 1) await host.beginAgain();
      rounds.push(await playRound());
    }
    const outcomes = rounds.at(-1)?.outcomes;
    const outcomesOf = <Of extends Scenario>(scenarios: readonly Of[]): Outcome<Of>[] =>
      scenarios.filter(isWanted).flatMap((scenario) => {
        const outcome = outcomes?.get(scenario);
        return outcome === undefined ? [] : { ...outcome, scenario };
      });
    const table = scoreTable(kinds, outcomesOf(attacks), outcomesOf(benign));
    process.stdout.write(`\n${table}\n\n`);
    if (process.env.SCORING_PAGE) {
      if (only !== undefined) throw new Error('SCORING_PAGE needs every scenario');
      const [before = ''] = readFileSync(page, 'utf8').split(mark.start);
      writeFileSync(page, `${before}${mark.start}\n\n${table}\n\n${mark.end}\n`);
    }
    // Some five minutes on two processors, more on busy ones.
  }, 1_200_000 * times);
  afterAll(() => host.agent.stop());

  const enacted = (scenarios: readonly Scenario[]): Scenario[] =>
    scenarios.filter((scenario) => isWanted(scenario) && !lacks(scenario));
  /** The rules that fired in the scenario, by round. */
  const firedIn = (scenario: Scenario): (readonly string[])[] =>
    rounds.map(({ outcomes }) => outcomes.get(scenario)?.fired ?? []);

  test('has every shipped rule loaded', async () => {
    const ids = readRules([rules]).rules.map(({ id }) => id);
    expect((await host.agent.status()).rules.loaded.toSorted()).toEqual(ids.toSorted());
  });

  test.each([...firstWeek.filter((each) => !lacks(each)), ...enacted([...benign, ...attacks])])(
    'enacts $id without an error',
    (scenario) => {
      for (const { runs } of rounds) {
        const { code, stdout, stderr } = runs.get(scenario)?.ended ?? {};
        expect({ code, output: code === 0 ? '' : `${stdout}${stderr}` }).toEqual({ code: 0, output: '' });
      }
    },
  );

  test.for(enacted(benign))('has no alert of benign use but the known ones: $id, $title', (scenario) => {
    // A new false alarm and a known one that no longer occurs both make docs/scoring.md wrong.
    const { rules } = scenario;
    const isExpected = (fired: readonly string[]): boolean =>
      fired.length > 0 === rules.length > 0 && fired.every((rule) => rules.includes(rule));
    expect(firedIn(scenario).filter((fired) => !isExpected(fired))).toEqual([]);
  });

  test.for(enacted(attacks))('has an alert of each attack that is not known to be missed: $id, $title', (scenario) => {
    const { rules } = scenario;
    const isExpected = (fired: readonly string[]): boolean =>
      rules.length === 0 ? fired.length === 0 : fired.some((rule) => rules.includes(rule));
    expect(firedIn(scenario).filter((fired) => !isExpected(fired))).toEqual([]);
  });
});

// The score: a week to learn, a week in which nothing is wrong, and attacks one at a time, under the real agent with the rules as they come.
//
// SCORING_PAGE=1 writes the tables into docs/scoring.md.

import { readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { readRules } from '../../detectors/rules/load-rules.ts';
import { titled } from '../needs.ts';
import { literalConditions } from '../scenarios/literal-conditions.ts';
import { attacks, benign, firstWeek, type Scenario } from '../scenarios/scenarios.ts';
import { type Outcome, scoreTable } from '../scenarios/scoring.ts';
import { isOurs, lacks, type Run, scenarioHost, scenariosMissing } from './scenario-host.ts';

const rules = join(import.meta.dirname, '../../detectors/rules');
const page = join(import.meta.dirname, '../../docs/scoring.md');
const mark = { start: '<!-- tables -->', end: '<!-- end of tables -->' };

describe.skipIf(scenariosMissing)(titled('the score', scenariosMissing), () => {
  const host = scenarioHost();
  const { agent } = host;
  const runs = new Map<Scenario, Run>();
  let outcomes: ReadonlyMap<Scenario, Outcome> = new Map();

  const enact = async (scenario: Scenario): Promise<void> => {
    if (lacks(scenario)) return;
    runs.set(scenario, await host.play(scenario));
    await host.settled();
  };

  const judge = async (): Promise<ReadonlyMap<Scenario, Outcome>> => {
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
            fired: [...new Set(alerts.filter(within).map(({ rule }) => rule.id))].sort(),
            literal: [...new Set(events.flatMap((event, at) => (within(event) ? (literal[at] ?? []) : [])))],
          },
        ];
      }),
    );
  };

  beforeAll(async () => {
    await host.prepare();
    for (const scenario of [...firstWeek, ...benign, ...attacks]) await enact(scenario);
    outcomes = await judge();
    const of = (scenarios: readonly Scenario[]) => scenarios.flatMap((each) => outcomes.get(each) ?? []);
    const table = scoreTable(of(attacks), of(benign));
    process.stdout.write(`\n${table}\n\n`);
    if (process.env.SCORING_PAGE) {
      const [before = ''] = readFileSync(page, 'utf8').split(mark.start);
      writeFileSync(page, `${before}${mark.start}\n\n${table}\n\n${mark.end}\n`);
    }
  }, 600_000);
  afterAll(() => agent.stop());

  const all = [...firstWeek, ...benign, ...attacks].filter((scenario) => !lacks(scenario));

  test('every rule that comes with stepparent took part', async () => {
    const ids = readRules([rules]).rules.map(({ id }) => id);
    expect((await agent.status()).rules.loaded.toSorted()).toEqual(ids.toSorted());
  });

  test.each(all)('$id happened', (scenario) => {
    const { code, stdout, stderr } = runs.get(scenario)?.ended ?? {};
    expect({ code, said: code === 0 ? '' : `${stdout}${stderr}` }).toEqual({ code: 0, said: '' });
  });

  test.each(benign.filter((each) => !lacks(each)))('told of as it should be: $id, $title', (scenario) => {
    const { fired = [] } = outcomes.get(scenario) ?? {};
    // A false alarm that is not known, or one that is and no longer comes: both make the documents wrong.
    expect(fired.length > 0).toBe(scenario.rules.length > 0);
    expect(fired.filter((rule) => !scenario.rules.includes(rule))).toEqual([]);
  });

  test.each(attacks)('seen as it should be: $id, $title', (scenario) => {
    const { fired = [] } = outcomes.get(scenario) ?? {};
    if (scenario.rules.length === 0) expect(fired).toEqual([]);
    else expect({ fired, hit: fired.some((rule) => scenario.rules.includes(rule)) }).toEqual({ fired, hit: true });
  });
});

// Enacts cases under the real agent and tests the agent's answers. An answer with `fails` must fail: when the agent gives it, its test
// fails.

import { cpSync, mkdirSync, rmSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { lostRecords } from '../../agent/daemon/faults.ts';
import { standstill } from '../../agent/daemon/self-watch.ts';
import type { AlertRecord } from '../../storage/records.ts';
import { mountEmpty } from '../mount-namespace.ts';
import { titled } from '../needs.ts';
import { type Answer, beforeCases, type Case, casePrelude } from '../scenarios/cases.ts';
import { agentRules, firstWeek, prelude } from '../scenarios/scenarios.ts';
import { type Ended, run, watchedFilesFound } from './run-agent.ts';
import { isOurs, lacks, scenarioHost } from './scenario-host.ts';

const checkout = join(import.meta.dirname, '../..');
/** The time that the agent has to notice an attack on itself before the test reverts it. */
const noticeWithinMs = 1000;

/** Reasons in `degraded` that a busy machine causes without an attack. */
const ofBusyMachine = new RegExp(`process records lost|${lostRecords}|${standstill}`);

/** What one rule found, in an alert of its own or in that of another rule, with the number of sightings. */
interface Seen {
  alert: string;
  rule: string;
  terms: string;
  times: number;
}

interface Result {
  ended: Ended;
  alerts: readonly Seen[];
  /** Reasons in `degraded` that were not there before. */
  degraded: readonly string[];
}

const expectsNotice = ({ answers }: Case): boolean => answers.some((answer) => 'noticed' in answer);

/** Whether an alert is about what a case did, and not about what this process wrote. An alert about the agent has no process of ours. */
const isAnswer = ({ ruleId, document }: AlertRecord): boolean =>
  (isOurs(document) && document.process?.pid !== process.pid) || agentRules.includes(ruleId);

function comes(answer: Answer, { ended, alerts, degraded }: Result): boolean {
  if ('prints' in answer) return ended.stdout.split('\n').includes(answer.prints);
  if ('noticed' in answer) {
    const { noticed } = answer;
    const counts = (reason: string) => (noticed === true ? !ofBusyMachine.test(reason) : noticed.test(reason));
    return degraded.some(counts) || alerts.some(({ rule }) => agentRules.includes(rule));
  }
  if ('atMost' in answer) return new Set(alerts.map(({ alert }) => alert)).size <= answer.atMost;
  const { alerts: rules, term = '', times = 1 } = answer;
  return (
    alerts
      .filter(({ rule, terms }) => (rules === 'any' || rules.includes(rule)) && terms.includes(term))
      .reduce((sum, each) => sum + each.times, 0) >= times
  );
}

const describeAnswer = (answer: Answer): string => {
  if ('prints' in answer) return `prints "${answer.prints}"`;
  if ('noticed' in answer) return 'the agent notices';
  if ('atMost' in answer) return `at most ${answer.atMost} alerts`;
  return `${answer.times ?? 1} by ${answer.alerts === 'any' ? 'any rule' : answer.alerts.join(', ')}${answer.term ? ` about ${answer.term}` : ''}`;
};

const expectationsOf = (cases: readonly Case[]) =>
  cases.flatMap((each) =>
    each.answers.map((answer) => ({
      title: `${answer.fails === undefined ? '' : 'known to fail: '}${each.id}: ${describeAnswer(answer)}${answer.fails === undefined ? '' : ` (${answer.fails})`}`,
      case: each,
      answer,
    })),
  );

interface CaseDeps {
  title: string;
  cases: readonly Case[];
  /** Why the cases cannot be enacted here. */
  missing: string | undefined;
  /** Makes what the scripts need, before the host is private; returns their additional environment variables. */
  more?: (scratch: string) => NodeJS.ProcessEnv;
}

/** Enacts the cases and declares their tests, one for each payload and one for each answer. */
export function testCases({ title, cases, missing, more = () => ({}) }: CaseDeps): void {
  describe.skipIf(missing)(titled(title, missing), () => enactAndTest(cases, more));
}

function enactAndTest(cases: readonly Case[], more: (scratch: string) => NodeJS.ProcessEnv): void {
  const expectations = expectationsOf(cases);
  const host = scenarioHost();
  let given: NodeJS.ProcessEnv = {};
  const { agent, scratch } = host;
  const state = join(agent.directory, 'state');
  const learned = join(scratch, 'learned-state');
  const env = (): NodeJS.ProcessEnv => ({
    AGENT: `${agent.pid}`,
    CHECKOUT: checkout,
    CLOCK_OFFSET: join(scratch, 'clock-offset'),
    CONFIG: agent.config,
    LOGS: join(agent.directory, 'logs'),
    NOBODY: '/opt/nobody',
    NODE: process.execPath,
    STATE: state,
    ...given,
  });
  const results = new Map<Case, Result | Error>();
  const resultOf = (each: Case): Result => {
    const result = results.get(each);
    if (result === undefined || result instanceof Error) throw result ?? new Error(`${each.id} was not enacted`);
    return result;
  };
  /** The ids of the alerts that the agent raised before the case. */
  let known: ReadonlySet<string> = new Set();

  const startFresh = async ({ shiftedClock }: Case): Promise<void> => {
    await agent.stop(Number.POSITIVE_INFINITY);
    rmSync(state, { recursive: true });
    cpSync(learned, state, { recursive: true });
    const offset = env().CLOCK_OFFSET ?? '';
    writeFileSync(offset, '0');
    const clock = join(import.meta.dirname, 'programs/shifted-clock.ts');
    const main = join(checkout, 'agent/main.ts');
    if (shiftedClock) await agent.start(['env', `CLOCK_OFFSET=${offset}`, process.execPath, '--import', clock, main]);
    else await agent.start();
    known = new Set(host.alerts().map(({ id }) => id));
  };

  /** The reasons in `degraded`; none while the agent does not answer. */
  const degraded = async (): Promise<string[]> => {
    try {
      return (await agent.status()).degraded;
    } catch {
      return [];
    }
  };

  const enact = async (each: Case): Promise<Result> => {
    if (each.fresh) await startFresh(each);
    const noticing = expectsNotice(each);
    const before = noticing ? await degraded() : [];
    const reasons = async () => (noticing ? (await degraded()).filter((reason) => !before.includes(reason)) : []);
    rmSync('/opt/nobody', { recursive: true, force: true });
    mkdirSync('/opt/nobody');
    await run('chmod', ['777', '/opt/nobody']);
    const { ended, work } = await host.play({ ...each, script: casePrelude + each.script }, env());
    const meanwhile = new Set<string>();
    if (noticing) {
      const endMs = Date.now() + noticeWithinMs;
      do for (const reason of await reasons()) meanwhile.add(reason);
      while (meanwhile.size === 0 && Date.now() < endMs);
    }
    if (each.undo !== undefined) {
      const undone = await run('bash', ['-c', `${prelude}${casePrelude}${each.undo}`], {
        env: { ...host.env, ...env(), WORK: work },
      });
      if (undone.code !== 0) throw new Error(`${each.id} was not undone: ${undone.stderr}`);
    }
    await host.settled();
    for (const reason of await reasons()) meanwhile.add(reason);
    const listed = host.alerts();
    const alerts = listed
      .filter((alert) => isAnswer(alert) && !known.has(alert.id) && alert.state !== 'rate_limited')
      .flatMap(({ id, ruleId, terms, count, document }): Seen[] => [
        { alert: id, rule: ruleId, terms: JSON.stringify(terms), times: count },
        ...(document.stepparent.alert?.findings ?? []).map((finding) => ({
          alert: id,
          rule: finding.rule.id,
          terms: JSON.stringify(finding.terms),
          times: 1,
        })),
      ]);
    known = new Set(listed.map(({ id }) => id));
    return { ended, alerts, degraded: [...meanwhile] };
  };

  beforeAll(async () => {
    given = more(scratch);
    await host.prepare();
    mountEmpty('/var/tmp');
    for (const act of [...firstWeek, beforeCases]) if (!lacks(act)) await host.play(act, env());
    await host.settled();
    known = new Set(host.alerts().map(({ id }) => id));
    await agent.stop();
    cpSync(state, learned, { recursive: true });
    await agent.start();
    await watchedFilesFound(agent);
    for (const each of cases) results.set(each, await enact(each).catch((error: Error) => error));
    await agent.stop(Number.POSITIVE_INFINITY);
  }, 600_000);

  afterAll(() => {
    const failing = expectations.filter(({ answer }) => answer.fails !== undefined).length;
    process.stdout.write(`known to fail: ${failing} of ${expectations.length} answers of ${cases.length} cases\n`);
  });

  // `test.each` would shorten the titles, and with them the reasons.
  for (const each of cases) {
    test(`the payload ran: ${each.id}`, () => {
      const { code, stdout, stderr } = resultOf(each).ended;
      const output = code === 0 ? '' : `${stdout}${stderr}`;
      expect({ code, output, proof: /^PROOF \S/m.test(stdout) }).toEqual({ code: 0, output: '', proof: true });
    });
  }

  for (const { title, case: each, answer } of expectations) {
    test(title, () => {
      const result = resultOf(each);
      const came = { alerts: result.alerts, degraded: result.degraded, printed: result.ended.stdout };
      const answered = comes(answer, result);
      if (answer.fails === undefined) expect({ came, answered }).toEqual({ came, answered: true });
      else if (answered)
        throw new Error(
          `passes by surprise: remove \`fails\` from this answer of the case ${each.id}: ${JSON.stringify(came)}`,
        );
    });
  }
}

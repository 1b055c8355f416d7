// Installations by users other than root raise alerts, do not change root's baseline and do not use up root's rate limit, however short they are.

import { execFileSync } from 'node:child_process';
import { chmodSync, linkSync, mkdirSync } from 'node:fs';
import { join } from 'node:path';
import { beforeAll, describe, expect, test } from 'vitest';
import type { StepparentEvent } from '../../collectors/event/event.ts';
import { limits } from '../../storage/limits.ts';
import { missingTools, titled, unmet } from '../needs.ts';
import { copyOf, makeParent, runBy } from './launchers.ts';
import { endToEndMissing, enterPrivateHost, scratchDirectory } from './private-host.ts';
import { type AlertDocument, run, type TestAgent, testAgent, until, withAllRules } from './run-agent.ts';

const nobody = '65534';
const programs = join(import.meta.dirname, 'programs');
const missing = endToEndMissing ?? unmet(missingTools('gcc', 'su'));

/** The program's own alerts, once that of `term`, the last one, is there. */
const alertsUpTo = (agent: TestAgent, term: string): Promise<AlertDocument[]> =>
  until('the last alert', async () => {
    const listed = await agent.alerts();
    return listed.some(({ stepparent }) => stepparent.alert.terms[0] === term) && listed;
  });

const statesOf = (alerts: readonly AlertDocument[], term: string): string[] =>
  alerts.flatMap(({ stepparent: { alert } }) => (alert.terms[0] === term ? [alert.state] : []));

const termsOf = async (agent: TestAgent): Promise<(string | null | undefined)[]> =>
  (await agent.baseline()).map(({ terms }) => terms[0]);

describe.skipIf(missing)(titled('another user', missing), () => {
  const scratch = scratchDirectory();
  beforeAll(() => {
    enterPrivateHost(scratch);
    // The user nobody must be able to execute the programs.
    chmodSync(scratch, 0o755);
  });

  /** Makes programs that nobody can execute. */
  const makePrograms = async (name: string, program: string, count: number): Promise<string[]> => {
    const directory = join(scratch, name);
    mkdirSync(directory);
    const made = Array.from({ length: count }, (_, i) => copyOf(directory, program, `${name}${i}`));
    await run('chmod', ['-R', 'a+rX', directory]);
    return made;
  };

  test("floods the rate limit, and root's installations still raise alerts", async () => {
    const parents = await makePrograms('flood', '/bin/dash', limits.rateLimitAlerts + 5);
    const agent = testAgent(scratch);
    await agent.start();

    const asNobody = [`--reuid=${nobody}`, `--regid=${nobody}`, '--clear-groups', '--no-new-privs'];
    const flood = 'for parent; do "$parent" -c "dpkg -i /none.deb; :"; done 2>/dev/null';
    await run('setpriv', [...asNobody, 'sh', '-c', flood, 'flood', ...parents]);
    const own = makeParent(scratch, 'own');
    await runBy(own, ['dpkg', '-i', '/none.deb']);
    const [shared = ''] = parents;
    await runBy(shared, ['dpkg', '-i', '/none.deb']);

    const alerts = await alertsUpTo(agent, shared);
    expect(statesOf(alerts, own)).toEqual(['open']);
    expect(statesOf(alerts, `${shared} (not root)`)).toEqual(['open']);
    expect(statesOf(alerts, shared)).toEqual(['open']);
    const rateLimited = alerts.filter(({ stepparent }) => stepparent.alert.state === 'rate_limited');
    expect(rateLimited).toHaveLength(5);
    const known = await termsOf(agent);
    expect(rateLimited.filter(({ stepparent }) => known.includes(stepparent.alert.terms[0]))).toEqual([]);
    await agent.stop();
  });

  test("runs dpkg on a root of its own 2,000 times, and root's alert is sent meanwhile", async () => {
    const runs = 2000;
    const directory = join(scratch, 'many');
    mkdirSync(directory);
    const first = copyOf(directory, '/bin/dash', 'many');
    for (let i = 1; i < runs / 2; i++) linkSync(first, `${first}${i}`);
    const box = join(directory, 'box');
    mkdirSync(join(box, 'var/lib/dpkg'), { recursive: true });
    await run('chmod', ['-R', 'a+rwX', directory]);
    const agent = testAgent(scratch, withAllRules);
    await agent.start();

    const asNobody = [`--reuid=${nobody}`, `--regid=${nobody}`, '--clear-groups', '--no-new-privs'];
    const two = `dpkg --root=${box} -r y; dpkg --root=${box} -i /none.deb; :`;
    const flood = `"$0" -c "${two}"; i=1; while [ $i -lt ${runs / 2} ]; do "$0$i" -c "${two}"; i=$((i + 1)); done 2>/dev/null`;
    let isOver = false;
    // A checkout in /tmp would put directories of /tmp into PATH, which is a finding of its own.
    const env = { PATH: '/usr/sbin:/usr/bin:/sbin:/bin', LC_ALL: 'C' };
    const flooding = run('setpriv', [...asNobody, 'sh', '-c', flood, first], { env }).then(() => {
      isOver = true;
    });
    const limited = `${first}${limits.rateLimitAlerts + 50}`;
    await until('the limit', async () =>
      (await agent.alerts()).some(({ process }) => process?.parent?.executable === limited),
    );
    const own = makeParent(scratch, 'meanwhile');
    await runBy(own, ['dpkg', '-i', '/none.deb']);
    const ofRoot = await until(
      "root's alert",
      () => agent.delivered().filter(({ process }) => process?.parent?.executable === own)[0],
    );
    expect({ isOver, state: ofRoot.stepparent.alert.state }).toEqual({ isOver: false, state: 'open' });
    await flooding;
    const last = makeParent(scratch, 'after');
    await runBy(last, ['dpkg', '-i', '/none.deb']);
    await alertsUpTo(agent, last);

    const isFlood = ({ process }: StepparentEvent): boolean => process?.args?.includes(`--root=${box}`) === true;
    const floodRuns = (await agent.execs()).filter(isFlood);
    expect(floodRuns).toHaveLength(runs);
    const perRule = Map.groupBy(agent.delivered().filter(isFlood), ({ rule }) => rule.id);
    expect([...perRule].map(([rule, sent]) => [rule, sent.length])).toEqual(
      [
        'package-code-run-by-unusual-initiator',
        'dpkg-package-installed-by-unusual-parent',
        // Above the limit of the rule for the parent, which takes in its findings before.
        'package-installed-by-unusual-initiator',
      ].map((rule) => [rule, limits.rateLimitAlerts]),
    );
    expect(agent.stderr.split('\n').length).toBeLessThan(20);
    const states = (await agent.alerts()).filter(({ process }) => process?.parent?.executable === own);
    expect(new Set(states.map(({ stepparent }) => stepparent.alert.state))).toEqual(new Set(['open']));
    const { sensor, uncommitted } = await agent.status();
    expect({ lost: sensor.lost_events, dropped: uncommitted.dropped }).toEqual({ lost: 0, dropped: 0 });
    await agent.stop();
    // A busy machine needs some 70 ms for each run.
  }, 360_000);

  test.each<[string, string, (string | undefined)[]]>([
    ['is that user', 'exec dpkg', [nobody]],
    // The kernel tells the program that it is user 0: in the namespace it is.
    ['is not root in a user namespace of its own', 'exec unshare -r dpkg', [nobody, undefined]],
  ])('in a program that su starts and that ends at once %s', async (_, command, possible) => {
    const agent = testAgent(scratch);
    await agent.start();
    const runs = 40;
    const file = '/nowhere/x.deb';
    const loop = `for i in $(seq ${runs}); do su -s /bin/sh nobody -c '${command} -i ${file}' 2>/dev/null; done`;
    await run('sh', ['-c', loop]);
    const last = makeParent(scratch, 'last');
    await runBy(last, ['dpkg', '-i', '/none.deb']);
    await alertsUpTo(agent, last);

    const own = (await agent.execs()).filter(({ process }) => process?.name === 'dpkg' && process.args?.includes(file));
    expect(own).toHaveLength(runs);
    const idOf = ({ user }: StepparentEvent): string | undefined => user?.id;
    expect(own.map(idOf).filter((id) => !possible.includes(id))).toEqual([]);
    const term = String(own[0]?.process?.parent?.executable);
    expect(term).toMatch(/\/su$/);
    const ofParent = (await termsOf(agent)).filter((each) => each?.startsWith(term));
    const marks = possible.map((id) => (id === undefined ? 'user not observed' : 'not root'));
    expect(ofParent.filter((each) => !marks.some((mark) => each === `${term} (${mark})`))).toEqual([]);
    expect(ofParent).not.toEqual([]);
    await agent.stop();
  });

  test("has programs that su starts and that end at once, which do not use up root's rate limit", async () => {
    const launch = join(scratch, 'launch');
    execFileSync('gcc', ['-O', '-o', launch, join(programs, 'launch.c')]);
    const parents = await makePrograms('short', launch, limits.rateLimitAlerts + 10);
    const agent = testAgent(scratch);
    await agent.start();
    const flood = `for parent; do su -s /bin/sh nobody -c "exec $parent fork dpkg -i /nowhere/x.deb" 2>/dev/null; done`;
    await run('sh', ['-c', flood, 'flood', ...parents]);
    const own = makeParent(scratch, 'real');
    await runBy(own, ['dpkg', '-i', '/none.deb']);

    const alerts = await alertsUpTo(agent, own);
    expect(statesOf(alerts, own)).toEqual(['open']);
    expect(parents.filter((parent) => statesOf(alerts, parent).length > 0)).toEqual([]);
    const ofOthers = parents.flatMap((parent) => statesOf(alerts, `${parent} (not root)`));
    expect(ofOthers.filter((state) => state === 'open')).toHaveLength(limits.rateLimitAlerts);
    expect(ofOthers).toHaveLength(parents.length);
    const known = await termsOf(agent);
    expect(parents.filter((parent) => known.includes(parent))).toEqual([]);
    await agent.stop();
  });
});

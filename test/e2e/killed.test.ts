// The agent is killed at any moment. The next agent reports what happened meanwhile, and no value is learned without an alert.

import { beforeAll, describe, expect, test } from 'vitest';
import { journaldMissing, startJournald } from '../journald.ts';
import { titled } from '../needs.ts';
import { makeParent, runBy } from './launchers.ts';
import { endToEndMissing, enterPrivateHost, scratchDirectory } from './private-host.ts';
import { testAgent, tracesOf, until, withAllRules } from './run-agent.ts';

const missing = endToEndMissing ?? journaldMissing;
const kills = 12;
/** The pause between two attempts of delivery doubles each time, up to a minute, and each document has a pause of its own. */
const patienceMs = 150_000;

describe.skipIf(missing)(titled('kill -9', missing), () => {
  const scratch = scratchDirectory();
  beforeAll(() => enterPrivateHost(scratch));

  test('the next agent reports what was installed while no agent ran', async () => {
    const agent = testAgent(scratch);
    await agent.start();
    const killed = agent.pid;
    const before = makeParent(scratch, 'before');
    await runBy(before, ['dpkg', '-i', '/none-before.deb']);
    await until('the event before', async () =>
      (await agent.execs()).some(({ process }) => process?.parent?.executable === before),
    );
    await agent.kill();
    expect(tracesOf(killed)).not.toEqual([]);

    const meanwhile = Array.from({ length: 5 }, (_, i) => makeParent(scratch, `meanwhile${i}`));
    const pids = new Map<string, number>();
    for (const parent of meanwhile) pids.set(parent, (await runBy(parent, ['dpkg', '-i', '/none-meanwhile.deb'])).pid);
    await agent.start();
    const after = makeParent(scratch, 'after');
    await runBy(after, ['dpkg', '-i', '/none-after.deb']);

    const alerts = await until('the alert of the last', async () => {
      const listed = await agent.alerts();
      return listed.some(({ stepparent }) => stepparent.alert.terms[0] === after) && listed;
    });
    for (const parent of [before, ...meanwhile, after]) {
      const own = alerts.filter(({ stepparent }) => stepparent.alert.terms[0] === parent);
      expect(own.map(({ stepparent }) => stepparent.alert.count)).toEqual([1]);
    }
    for (const parent of meanwhile) {
      const alert = alerts.find(({ stepparent }) => stepparent.alert.terms[0] === parent);
      expect(alert?.process).toMatchObject({
        args: ['dpkg', '-i', '/none-meanwhile.deb'],
        parent: { pid: pids.get(parent) },
      });
    }
    expect((await agent.status()).sensor.recovered_records).toBeGreaterThan(0);
    expect(tracesOf(killed)).toEqual([]);
    await agent.stop();
  });

  test('a kill is an alert of the next agent; a restart is an event, and so is the stop', async () => {
    const agent = testAgent(scratch, withAllRules);
    const gaps = async () =>
      (await agent.events()).flatMap(({ stepparent: { gap } }) => (gap === undefined ? [] : [gap]));
    await agent.start();
    expect(await gaps()).toEqual([]);
    await agent.stop();
    await agent.start();
    await until('the event of the restart', async () => (await gaps()).length === 1);
    expect((await gaps())[0]?.reason).toBe('stopped');
    const stops = (await agent.events()).filter(({ event }) => event.action === 'agent-stopped');
    expect(stops.map(({ message }) => message)).toEqual(['SIGTERM']);
    await agent.kill();
    await agent.start();
    const alerts = await until('the alert of the kill', async () => {
      const listed = await agent.alerts();
      return listed.some(({ rule }) => rule.id === 'agent-not-running') && listed;
    });
    const own = alerts.filter(({ rule }) => rule.id === 'agent-not-running');
    expect(own.map(({ stepparent }) => stepparent.gap?.reason)).toEqual(['killed']);
    expect(own[0]?.message).toMatch(/started the agent, which had not run for \d+ \w+ since it was killed/);
    await agent.stop();
  });

  test('many times, without journald, loses no alert of a learned term', {
    timeout: 400_000,
  }, async () => {
    const agent = testAgent(scratch, '[alerts]\njournald = true\n');
    const parents = Array.from({ length: kills }, (_, i) => makeParent(scratch, `parent${i}`));
    for (const [i, parent] of parents.entries()) {
      await agent.start();
      await runBy(parent, ['dpkg', '-i', `/none${i}.deb`]);
      await new Promise((resolve) => setTimeout(resolve, i * 250));
      await agent.kill();
    }
    const own = ([term]: readonly (string | null)[]) => (term != null && parents.includes(term) ? [term] : []);
    const terms = (await agent.baseline()).flatMap((term) => own(term.terms));
    const reported = (await agent.alerts()).flatMap(({ stepparent }) => own(stepparent.alert.terms));
    expect([...terms].sort()).toEqual([...reported].sort());
    expect(new Set(reported).size).toBe(reported.length);
    // Events of the last milliseconds, which are read and not stored yet, are lost with the process.
    expect(reported.length).toBeGreaterThan(kills / 3);

    await agent.start();
    const journald = await startJournald();
    try {
      const alerts = (await agent.alerts()).filter(({ stepparent }) => own(stepparent.alert.terms).length > 0);
      expect(alerts.length).toBeGreaterThanOrEqual(reported.length);
      const ids = alerts.map(({ stepparent }) => stepparent.alert.id);
      await until(
        'all alerts in the journal',
        () => {
          const entries = new Set(
            journald.read('SYSLOG_IDENTIFIER=stepparent').map((entry) => entry.STEPPARENT_ALERT_ID),
          );
          return ids.every((id) => entries.has(id));
        },
        patienceMs,
      );
      await until('all alerts in the file', () => {
        const lines = new Set(agent.delivered().map(({ stepparent }) => stepparent.alert.id));
        return ids.every((id) => lines.has(id));
      });
      await until(
        'an empty outbox',
        async () => Object.keys((await agent.status()).store.outbox).length === 0,
        patienceMs,
      );
      await agent.stop();
    } finally {
      await journald.stop();
    }
  });
});

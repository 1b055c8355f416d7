// Learning mode: alerts are stored and not delivered, once in the life of a database.

import { beforeAll, describe, expect, test } from 'vitest';
import { titled } from '../needs.ts';
import { makeParent, runBy } from './launchers.ts';
import { endToEndMissing, enterPrivateHost, scratchDirectory } from './private-host.ts';
import { type TestAgent, testAgent, until } from './run-agent.ts';

describe.skipIf(endToEndMissing)(titled('learning mode', endToEndMissing), () => {
  const scratch = scratchDirectory();
  beforeAll(() => enterPrivateHost(scratch));

  const alertOf = (agent: TestAgent, parent: string) =>
    until('the alert', async () =>
      (await agent.alerts()).find(({ stepparent }) => stepparent.alert.terms[0] === parent),
    );

  test('stores alerts without delivering them, and continues after a restart', async () => {
    const agent = testAgent(scratch, 'learning = "1h"\n');
    await agent.start();
    const first = makeParent(scratch, 'first');
    await runBy(first, ['dpkg', '-i', '/none.deb']);
    expect((await alertOf(agent, first)).stepparent.alert).toMatchObject({ state: 'learning', count: 1 });
    const { learning, outbox } = (await agent.status()).store;
    expect(learning?.active).toBe(true);
    expect(Date.parse(learning?.until ?? '') - Date.parse(learning?.started ?? '')).toBe(3_600_000);
    expect(outbox).toEqual({});
    expect((await agent.status()).state).toBe('learning');
    expect((await agent.cli('status')).stdout).toMatch(/learning +.*\d\d\d\d-\d\d-\d\d \d\d:\d\d/);
    expect(agent.stdout).toContain(`learning until ${learning?.until}: alerts are stored, not delivered`);

    await agent.stop();
    await agent.start();
    expect((await agent.status()).store.learning).toEqual(learning);
    const second = makeParent(scratch, 'second');
    await runBy(second, ['dpkg', '-i', '/none.deb']);
    expect((await alertOf(agent, second)).stepparent.alert.state).toBe('learning');
    // A learned value is known: the alert is counted.
    await runBy(first, ['dpkg', '-i', '/none.deb']);
    await until('the counter', async () => (await alertOf(agent, first)).stepparent.alert.count === 2);
    await agent.stop();
    expect(agent.delivered()).toEqual([]);
    const { stdout } = await agent.cli('alerts', '--state', 'learning');
    expect(stdout).toContain('(learning)');
  });

  test('ends after its time, alerts are then delivered, and the next start does not learn again', async () => {
    const agent = testAgent(scratch, 'learning = "2s"\n');
    await agent.start();
    const { learning } = (await agent.status()).store;
    await until('the end of learning', () => Date.now() > Date.parse(learning?.until ?? '') + 50);
    const first = makeParent(scratch, 'first');
    await runBy(first, ['dpkg', '-i', '/none.deb']);
    const { id, state } = (await alertOf(agent, first)).stepparent.alert;
    expect(state).toBe('open');
    await until('the line', () => agent.delivered().some(({ stepparent }) => stepparent.alert.id === id));
    await agent.stop();
    await agent.start();
    const status = await agent.status();
    expect(status.store.learning).toEqual({ ...learning, active: false });
    expect(status.state).not.toBe('learning');
    const second = makeParent(scratch, 'second');
    await runBy(second, ['dpkg', '-i', '/none.deb']);
    expect((await alertOf(agent, second)).stepparent.alert.state).toBe('open');
    await agent.stop();
  });

  test('does not apply to a database that was created without it', async () => {
    const agent = testAgent(scratch);
    await agent.start();
    await agent.stop();
    agent.configure('learning = "1h"\n');
    await agent.start();
    const first = makeParent(scratch, 'first');
    await runBy(first, ['dpkg', '-i', '/none.deb']);
    expect((await alertOf(agent, first)).stepparent.alert.state).toBe('open');
    expect((await agent.status()).store.learning).toBeUndefined();
    await agent.stop();
  });
});

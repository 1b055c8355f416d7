// Without journald the agent prints alerts on standard output and keeps them in the outbox until journald runs.

import { beforeAll, describe, expect, test } from 'vitest';
import { journaldMissing, startJournald } from '../journald.ts';
import { titled } from '../needs.ts';
import { makeParent, runBy } from './launchers.ts';
import { endToEndMissing, enterPrivateHost, scratchDirectory } from './private-host.ts';
import { degradedWithoutPauses, testAgent, until } from './run-agent.ts';

const missing = endToEndMissing ?? journaldMissing;

/** The pause between two attempts of delivery doubles each time, up to a minute, and each document has a pause of its own. */
const patienceMs = 150_000;

describe.skipIf(missing)(titled('without journald', missing), () => {
  const scratch = scratchDirectory();
  beforeAll(() => enterPrivateHost(scratch));

  test('alerts are printed and wait for journald', { timeout: 400_000 }, async () => {
    const agent = testAgent(scratch, '[alerts]\njournald = true\n');
    await agent.start();
    const linesOf = (parent: string) => agent.stdout.split('\n').filter((line) => line.includes(parent));
    const idOf = (parent: string) =>
      until('the alert', async () => {
        const listed = await agent.alerts();
        return listed.find(({ stepparent }) => stepparent.alert.terms[0] === parent)?.stepparent.alert.id;
      });

    const first = makeParent(scratch, 'first');
    await runBy(first, ['dpkg', '-i', '/none.deb']);
    await until('the line', () => linesOf(first).length > 0);
    expect(linesOf(first)).toEqual([expect.stringMatching(/^<5>dpkg-package-installed-by-unusual-parent: /)]);
    const status = await agent.status();
    expect(status.state).toBe('degraded');
    expect(status.store.outbox.journald?.waiting).toBeGreaterThan(0);
    const sink = status.sinks.find(({ name }) => name === 'journald');
    expect(sink?.error?.message).toMatch(/\/socket \(\w+\)$/);
    expect(agent.stderr).toContain('alerts cannot be delivered and wait in the outbox sink=journald');

    let journald = await startJournald();
    const inJournal = (id: string) => journald.read(`STEPPARENT_ALERT_ID=${id}`);
    const firstId = await idOf(first);
    await until('the entry', () => inJournal(firstId).length > 0, patienceMs);
    await until('an empty outbox', async () => !(await agent.status()).store.outbox.journald, patienceMs);
    expect(degradedWithoutPauses(await agent.status())).toEqual([]);

    // While journald runs the agent prints no alert.
    const second = makeParent(scratch, 'second');
    await runBy(second, ['dpkg', '-i', '/none.deb']);
    const secondId = await idOf(second);
    await until('the entry', () => inJournal(secondId).length === 1);
    await until('all delivered', async () => Object.keys((await agent.status()).store.outbox).length === 0, patienceMs);
    expect([linesOf(first).length, linesOf(second).length]).toEqual([1, 0]);

    // journald ends and starts again.
    await journald.stop();
    const third = makeParent(scratch, 'third');
    await runBy(third, ['dpkg', '-i', '/none.deb']);
    await until('the line', () => linesOf(third).length === 1);
    journald = await startJournald();
    const thirdId = await idOf(third);
    await until('the entry', () => inJournal(thirdId).length > 0, patienceMs);
    expect(inJournal(firstId)).toHaveLength(1);
    await agent.stop();
    await journald.stop();
  });
});

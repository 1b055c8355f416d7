// The initiator is a term of its own, so a usual shell does not hide it.

import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { titled } from '../needs.ts';
import { makeParent, runBy } from './launchers.ts';
import { endToEndMissing, enterPrivateHost, scratchDirectory } from './private-host.ts';
import { testAgent, until, withAllRules } from './run-agent.ts';

const rule = 'package-installed-by-unusual-initiator';

describe.skipIf(endToEndMissing)(titled('initiators', endToEndMissing), () => {
  const scratch = scratchDirectory();
  const agent = testAgent(scratch, withAllRules);
  beforeAll(async () => {
    enterPrivateHost(scratch);
    await agent.start();
  });
  afterAll(() => agent.stop());

  /** Waits until the run of dpkg with `deb` is stored; returns its alerts. */
  const alertsOf = async (deb: string) => {
    await until('the event', async () => (await agent.execs()).some(({ process }) => process?.args?.includes(deb)));
    return (await agent.alerts()).filter(({ process }) => process?.args?.includes(deb));
  };
  const rulesOf = async (deb: string) => (await alertsOf(deb)).map((alert) => alert.rule.id);
  const inShell = (deb: string) => ['env', 'sh', '-c', `dpkg -i ${deb}; :`];

  test('raise one alert each, whatever wrappers and shells they use', async () => {
    const [first, second] = [makeParent(scratch, 'first'), makeParent(scratch, 'second')];
    await runBy(first, inShell('/none-1.deb'));
    const alert = (await alertsOf('/none-1.deb')).find((each) => each.rule.id === rule);
    expect(alert?.stepparent.alert.terms[0]).toBe(first);
    expect(alert?.stepparent.initiator).toMatchObject({ executable: first, wrappers: ['dash'] });
    expect(alert?.stepparent.initiator?.origin).toBe(alert?.stepparent.alert.terms[1]);

    await runBy(first, ['timeout', '60', ...inShell('/none-2.deb')]);
    expect(await rulesOf('/none-2.deb')).toEqual([]);

    // dash is a usual parent by now.
    await runBy(second, inShell('/none-3.deb'));
    expect(await rulesOf('/none-3.deb')).toEqual([rule]);
    await runBy('/bin/bash', [second, '-c', 'dpkg -i "$0"; :', '/none-4.deb']);
    expect(await rulesOf('/none-4.deb')).toEqual(['dpkg-package-installed-by-unusual-parent']);
  });
});

// The initiator is a term of its own, so a usual shell does not hide it.

import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import type { StepparentEvent } from '../../collectors/event/event.ts';
import { missingTools, titled, unmet } from '../needs.ts';
import { rulesOf } from '../rules-of.ts';
import { makeParent, runBy } from './launchers.ts';
import { endToEndMissing, enterPrivateHost, scratchDirectory } from './private-host.ts';
import { testAgent, until, withAllRules } from './run-agent.ts';

const rule = 'package-installed-by-unusual-initiator';
const ofParent = 'dpkg-package-installed-by-unusual-parent';
const ofOthers = 'package-code-run-by-unusual-initiator';

const missing = endToEndMissing ?? unmet(missingTools('dpkg-reconfigure'));

describe.skipIf(missing)(titled('initiators', missing), () => {
  const scratch = scratchDirectory();
  const agent = testAgent(scratch, withAllRules);
  const [first = '', second = '', third = '', fourth = ''] = ['first', 'second', 'third', 'fourth'].map((name) =>
    makeParent(scratch, name),
  );
  beforeAll(async () => {
    enterPrivateHost(scratch);
    await agent.start();
  });
  afterAll(() => agent.stop());

  /** Waits until the run with that argument is stored; returns its alerts. */
  const alertsOf = async (argument: string) => {
    const isOf = ({ process }: StepparentEvent) =>
      process?.name?.startsWith('dpkg') && process.args?.includes(argument);
    await until('the event', async () => (await agent.execs()).some(isOf));
    return (await agent.alerts()).filter(isOf);
  };
  /** The rules of each alert. */
  const rulesOn = async (argument: string) => (await alertsOf(argument)).map(rulesOf);
  const inShell = (command: string) => ['env', 'sh', '-c', `${command}; :`];

  test('raise one alert each, whatever wrappers and shells they use', async () => {
    await runBy(first, inShell('dpkg -i /none-1.deb'));
    const [alert, ...others] = await alertsOf('/none-1.deb');
    expect(others).toEqual([]);
    expect(alert && rulesOf(alert)).toEqual([ofParent, rule]);
    const { initiator, alert: details } = alert?.stepparent ?? {};
    expect(initiator).toMatchObject({ executable: first, wrappers: ['dash'] });
    expect(details?.findings?.[0]?.terms).toEqual([first, initiator?.origin]);
    expect(alert?.message).toMatch(
      / - first dpkg installation started by \S+, and first installation by .* in 90 days$/,
    );

    await runBy(first, ['timeout', '60', ...inShell('dpkg -i /none-2.deb')]);
    expect(await rulesOn('/none-2.deb')).toEqual([]);

    // dash is a usual parent by now.
    await runBy(second, inShell('dpkg -i /none-3.deb'));
    expect(await rulesOn('/none-3.deb')).toEqual([[rule]]);
    await runBy('/bin/bash', [second, '-c', 'dpkg -i "$0"; :', '/none-4.deb']);
    expect(await rulesOn('/none-4.deb')).toEqual([[ofParent]]);
    for (const id of [ofParent, rule]) {
      const { stdout } = await agent.cli('alerts', '--json', '--rule', id);
      expect(stdout).toContain('/none-1.deb');
    }
  });

  test('a first installation is an incident of low severity, which show names', async () => {
    const [alert] = await alertsOf('/none-1.deb');
    const { id = '' } = alert?.stepparent.transaction ?? {};
    const { stdout } = await agent.cli('incidents', '--json', id);
    expect(JSON.parse(stdout)).toMatchObject({
      event: { risk_score: 21 },
      stepparent: { incident: { severity: 'low', alerts_count: 1, contributions: [{ 'rule.id': ofParent }] } },
    });
    const shown = (await agent.cli('show', String(alert?.stepparent.alert.id))).stdout.replaceAll(/\s+/g, ' ');
    expect(shown).toContain(`incident ${id} low 21`);
    expect(shown).toContain(` also ${rule} (low): ${first}`);
  });

  test('that run scripts of packages and install nothing raise one alert, unless they have installed before', async () => {
    await runBy(first, inShell('dpkg --configure e2e-none-1'));
    expect(await rulesOn('e2e-none-1')).toEqual([]);
    await runBy(third, inShell('dpkg --dry-run --purge e2e-none-2'));
    expect(await rulesOn('e2e-none-2')).toEqual([]);
    await runBy(third, inShell('dpkg --remove e2e-none-3'));
    const [alert, ...others] = await alertsOf('e2e-none-3');
    expect(others).toEqual([]);
    expect(alert).toMatchObject({
      rule: { id: ofOthers },
      event: { severity: 21 },
      stepparent: { alert: { terms: [third, alert?.stepparent.initiator?.origin] } },
    });
    await runBy(third, inShell('dpkg --configure e2e-none-4'));
    expect(await rulesOn('e2e-none-4')).toEqual([]);
    await runBy(third, inShell('dpkg -i /none-5.deb'));
    expect(await rulesOn('/none-5.deb')).toEqual([[rule]]);
    await runBy(fourth, inShell('dpkg-reconfigure e2e-none-6'));
    expect(await rulesOn('e2e-none-6')).toEqual([[ofOthers]]);
  });
});

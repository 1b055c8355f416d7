// A reload (SIGHUP) changes rules, exceptions and settings between two events; an invalid configuration changes nothing.

import { readFileSync, rmSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { beforeAll, describe, expect, test } from 'vitest';
import { titled } from '../needs.ts';
import { makeParent, runBy } from './launchers.ts';
import { endToEndMissing, enterPrivateHost, scratchDirectory } from './private-host.ts';
import { degradedWithoutPauses, run, type TestAgent, testAgent, until } from './run-agent.ts';

/** Sends SIGHUP and waits until the agent has reloaded; returns the reason if the configuration was rejected. */
async function reload(agent: TestAgent): Promise<string | undefined> {
  const before = (await agent.status()).reloaded?.last;
  process.kill(agent.pid, 'SIGHUP');
  const { reloaded } = await until('the reload', async () => {
    const status = await agent.status();
    return status.reloaded !== undefined && status.reloaded.last !== before && status;
  });
  return reloaded?.rejected;
}

const ruleFile = join(import.meta.dirname, '../../detectors/rules/dpkg-package-installed-by-unusual-parent.toml');
/** The text of the shipped rule under another id. */
const renamed = (id: string): string =>
  readFileSync(ruleFile, 'utf8').replace('dpkg-package-installed-by-unusual-parent', id);

describe.skipIf(endToEndMissing)(titled('a reload', endToEndMissing), () => {
  const scratch = scratchDirectory();
  beforeAll(() => enterPrivateHost(scratch));

  const rulesWithAlerts = async (agent: TestAgent, parent: string): Promise<string[]> => {
    await until('the exec', async () =>
      (await agent.execs()).some(({ process }) => process?.parent?.executable === parent),
    );
    const alerts = await agent.alerts();
    return alerts.filter(({ stepparent }) => stepparent.alert.terms[0] === parent).map(({ rule }) => rule.id);
  };
  const installBy = async (agent: TestAgent, name: string): Promise<string[]> => {
    const parent = makeParent(scratch, name);
    await runBy(parent, ['dpkg', '-i', '/none.deb']);
    return rulesWithAlerts(agent, parent);
  };
  const shipped = 'dpkg-package-installed-by-unusual-parent';

  test('adds and removes rules, exceptions and settings', async () => {
    const agent = testAgent(scratch);
    await agent.start();
    expect(await installBy(agent, 'before')).toEqual([shipped]);

    const added = join(agent.directory, 'rules/local-copy.toml');
    writeFileSync(added, renamed('local-copy'));
    expect(await reload(agent)).toBeUndefined();
    expect((await agent.status()).rules.loaded).toContain('local-copy');
    expect((await installBy(agent, 'with')).sort()).toEqual([shipped, 'local-copy'].sort());

    rmSync(added);
    agent.configure(`
[hunts]
interval = "off"
[sensor]
buffer_total_mib = 8
[[exceptions]]
rule = "${shipped}"
reason = "this test"
owner = "test"
expires = "never"
when = [{ field = "process.parent.name", operator = "is", values = ["suppressed"] }]
`);
    expect((await agent.status()).hunts.scheduled.length).toBeGreaterThan(0);
    expect(await reload(agent)).toBeUndefined();
    const status = await agent.status();
    expect(status.hunts.scheduled).toEqual([]);
    expect(status.exceptions.in_force).toBe(1);
    expect(status.restart_needed).toEqual(['sensor']);
    expect(agent.stderr).toMatch(/ warn .* keys=sensor$/m);
    expect(await installBy(agent, 'suppressed')).toEqual([]);
    expect(await installBy(agent, 'unsuppressed')).toEqual([shipped]);

    agent.configure(`[[rules]]\nid = "${shipped}"\nenabled = false\n`);
    expect(await reload(agent)).toBeUndefined();
    expect((await agent.status()).rules).toMatchObject({ disabled: [shipped] });
    expect(await installBy(agent, 'off')).toEqual([]);
    agent.configure(`[[rules]]\nid = "${shipped}"\nseverity = "high"\n`);
    expect(await reload(agent)).toBeUndefined();
    expect((await agent.status()).rules).toMatchObject({ disabled: [] });
    expect(await installBy(agent, 'on')).toEqual([shipped]);
    const raised = (await agent.alerts()).filter(({ stepparent }) => stepparent.alert.terms[0]?.endsWith('/on'));
    expect(raised.map(({ event, rule }) => [rule.id, event.severity, event.risk_score])).toEqual([[shipped, 73, 73]]);

    // Each reload is an event that names the rules in force.
    const reported = (await agent.events()).filter(({ event }) => event.action === 'configuration-reloaded');
    expect(reported.map(({ message }) => message?.includes('local-copy'))).toEqual([true, false, false, false]);
    await agent.stop();
  });

  test.each([
    [
      'an invalid configuration',
      'conf.d/test.toml',
      'container_alerts = 7\n',
      /conf\.d\/test\.toml.*container_alerts/s,
    ],
    ['an invalid rule', 'rules/broken.toml', '[rule]\nrule_id = "broken"\n', /broken\.toml:/],
    ['a rule in force that became invalid', `rules/${shipped}.toml`, 'nothing', /unusual-parent\.toml:1/],
  ])('rejects %s and keeps everything in force', async (_, file, text, reason) => {
    const agent = testAgent(scratch);
    await agent.start();
    const target = join(agent.directory, file);
    rmSync(target, { force: true });
    writeFileSync(target, text);
    writeFileSync(join(agent.directory, 'rules/local-copy.toml'), renamed('local-copy'));
    expect(await reload(agent)).toMatch(reason);
    const { state, degraded, rules } = await agent.status();
    expect(state).toBe('degraded');
    expect(degraded.join()).toMatch(reason);
    expect(rules.loaded).not.toContain('local-copy');
    const parent = makeParent(scratch, 'unusual');
    await runBy(parent, ['dpkg', '-i', '/none.deb']);
    await until('the alert', () => agent.delivered().some(({ stepparent }) => stepparent.alert.terms[0] === parent));

    rmSync(target);
    if (file.startsWith('rules/') && file.includes(shipped)) writeFileSync(target, readFileSync(ruleFile));
    expect(await reload(agent)).toBeUndefined();
    expect(degradedWithoutPauses(await agent.status())).toEqual([]);
    expect(await rulesWithAlerts(agent, parent)).toEqual([shipped]);
    await agent.stop(1);
  });

  test('by command reports what the agent did', async () => {
    const agent = testAgent(scratch);
    await agent.start();
    const asked = () => agent.cli('reload');
    const { loaded } = (await agent.status()).rules;
    const whole = await asked();
    expect({ ...whole, stdout: whole.stdout.match(/\d+/g) }).toMatchObject({
      code: 0,
      stdout: [String(loaded.length), '0'],
    });
    const broken = join(agent.directory, 'rules/broken.toml');
    writeFileSync(broken, '[rule]\nrule_id = "broken"\n');
    writeFileSync(join(agent.directory, 'rules/local-copy.toml'), renamed('local-copy'));
    expect(await asked()).toMatchObject({
      code: 1,
      stdout: '',
      stderr: expect.stringMatching(/^stepparent: .*broken\.toml:1:1: /),
    });
    expect((await agent.status()).rules.loaded).toEqual(loaded);
    agent.configure('container_alerts = 7');
    expect(await asked()).toMatchObject({
      code: 1,
      stdout: '',
      stderr: expect.stringMatching(/^stepparent: .*container_alerts/),
    });
    agent.configure('');
    await agent.stop(2);

    // A rule that was rejected at the start is still rejected, and everything else comes into force.
    await agent.start();
    writeFileSync(join(agent.directory, 'rules/second-copy.toml'), renamed('second-copy'));
    expect(await asked()).toMatchObject({
      code: 1,
      stdout: expect.stringMatching(/\b1\b/),
      stderr: expect.stringMatching(/^stepparent: .*broken\.toml/),
    });
    expect((await agent.status()).rules.loaded).toContain('second-copy');
    rmSync(broken);
    expect(await asked()).toMatchObject({ code: 0 });
    await agent.stop(2);
  });

  test('loses no run when it is repeated while packages are installed', async () => {
    const agent = testAgent(scratch);
    await agent.start();
    const parent = makeParent(scratch, 'burst');
    const runs = 200;
    const loop = 'i=0; while [ $i -lt $1 ]; do dpkg -i "/none/$i.deb" 2>/dev/null; i=$((i + 1)); done';
    const again = setInterval(() => process.kill(agent.pid, 'SIGHUP'), 30);
    await run(parent, ['-c', loop, 'loop', String(runs)]);
    clearInterval(again);
    expect(await reload(agent)).toBeUndefined();
    const reloads = (await agent.events()).filter(({ event }) => event.action === 'configuration-reloaded');
    expect(reloads.length).toBeGreaterThan(2);
    await installBy(agent, 'last');
    const own = (await agent.execs()).filter(({ process }) => process?.parent?.executable === parent);
    expect(own.map(({ process }) => process?.args)).toEqual(
      Array.from({ length: runs }, (_, i) => ['dpkg', '-i', `/none/${i}.deb`]),
    );
    const alerts = (await agent.alerts()).filter(({ stepparent }) => stepparent.alert.terms[0] === parent);
    expect(alerts.map(({ rule, stepparent }) => [rule.id, stepparent.alert.count])).toEqual([[shipped, runs]]);
    expect((await agent.status()).sensor.lost_events).toBe(0);
    await agent.stop();
  });
});

// The agent on the command line: how it starts, fails to start and ends.

import { execFileSync } from 'node:child_process';
import { mkdirSync, readFileSync, writeFileSync } from 'node:fs';
import { getPriority } from 'node:os';
import { join } from 'node:path';
import { beforeAll, describe, expect, test } from 'vitest';
import { agentPriority } from '../../agent/daemon/run-agent.ts';
import { readRules } from '../../detectors/rules/load-rules.ts';
import { titled } from '../needs.ts';
import { rulesOf } from '../rules-of.ts';
import { makeParent, runBy } from './launchers.ts';
import { endToEndMissing, enterPrivateHost, scratchDirectory } from './private-host.ts';
import { run, runCli, testAgent, tracesOf, until } from './run-agent.ts';

const top = join(import.meta.dirname, '../..');

test('npm runs stepparent from the checkout', () => {
  const output = execFileSync('npm', ['run', '-s', 'stepparent', '--', '--version'], { cwd: top, encoding: 'utf8' });
  expect(output).toBe(`${JSON.parse(readFileSync(join(top, 'package.json'), 'utf8')).version}\n`);
});

test('the agent gives itself the priority of its unit', () => {
  const unit = readFileSync(join(top, 'systemd/stepparent.service'), 'utf8');
  expect(/^Nice=(.*)$/m.exec(unit)?.[1]).toBe(`${agentPriority}`);
});

describe.skipIf(endToEndMissing)(titled('the command line', endToEndMissing), () => {
  const scratch = scratchDirectory();
  beforeAll(() => enterPrivateHost(scratch));

  test('SIGTERM ends the agent cleanly while packages are installed', async () => {
    const agent = testAgent(scratch);
    await agent.start();
    expect(tracesOf(agent.pid)).not.toEqual([]);
    // A priority that was given to the test run is inherited.
    expect(getPriority(agent.pid)).toBe(getPriority() === 0 ? agentPriority : getPriority());
    const parent = makeParent(scratch, 'parent');
    const busy = run(parent, ['-c', 'i=0; while [ $i -lt 150 ]; do dpkg -i /none.deb 2>/dev/null; i=$((i + 1)); done']);
    await until('an event', async () =>
      (await agent.execs()).some(({ process }) => process?.parent?.executable === parent),
    );
    await agent.stop();
    await busy;
    expect(await agent.statusStopped()).toMatchObject({ state: 'stopped', store: { path: expect.any(String) } });
    expect((await agent.cli('status')).code).toBe(1);
  });

  test('run without root prints one line and exits with 4', async () => {
    const agent = testAgent(scratch);
    // The capability lets it read every file: only the user id can be the reason.
    const reading = ['--inh-caps', '+dac_read_search', '--ambient-caps', '+dac_read_search'];
    const { code, stdout, stderr } = await run('setpriv', [
      ...['--reuid', '65534', '--clear-groups', ...reading, process.execPath, join(top, 'agent/main.ts')],
      ...['run', '--config', agent.config],
    ]);
    expect({ code, stdout, stderr }).toEqual({
      code: 4,
      stdout: '',
      stderr: 'stepparent: run needs root, to trace processes and to read /proc: sudo stepparent run\n',
    });
  });

  test.each([
    ['[sensor]\nmode = "best"\n', 2, 'sensor.mode'],
    ['trust_package_managers = "no"\n', 1, 'trust_package_managers'],
    ['learning = "1 fortnight"\n', 1, 'learning'],
    ['[events]\nstore = "process.name:("\n', 2, 'events.store'],
    ['directories.rules = ["/nowhere"]\n', 1, 'directories.rules'],
    ['learning = \n', 1, ''],
  ])('run exits with 78 and names file, line and key of an invalid configuration: %j', async (toml, line, key) => {
    const agent = testAgent(scratch, toml);
    const { code, stdout, stderr } = await runCli(['run', '--config', agent.config]);
    expect({ code, stdout }).toEqual({ code: 78, stdout: '' });
    expect(stderr).toContain(`stepparent: ${join(agent.directory, 'conf.d/test.toml')}:${line}:`);
    expect(stderr).toContain(key);
    expect(stderr).not.toMatch(/^ +at /m);
  });

  test('the agent rejects an invalid rule by its file and runs the others', async () => {
    const rules = join(scratch, 'rules');
    mkdirSync(rules);
    const rule = (id: string, query: string) =>
      `[rule]\nrule_id = "${id}"\nname = "n"\ndescription = "d"\nseverity = "high"\nrisk_score = 73\ntype = "eql"\nquery = '''\n${query}\n'''\n`;
    writeFileSync(join(rules, 'bad.toml'), rule('e2e-bad', 'process where process.name =='));
    const parent = makeParent(scratch, 'parent');
    writeFileSync(join(rules, 'good.toml'), rule('e2e-good', `process where process.parent.executable == "${parent}"`));
    const agent = testAgent(scratch, `directories.rules = ${JSON.stringify([join(top, 'detectors/rules'), rules])}\n`);
    await agent.start();
    expect(agent.stdout).toMatch(new RegExp(`^rule rejected: ${rules}/bad.toml:\\d+: `, 'm'));
    expect(agent.stdout).toMatch(/^rules: .*e2e-good/m);
    const status = await agent.status();
    expect(status.rules.rejected).toMatchObject([{ file: join(rules, 'bad.toml'), line: expect.any(Number) }]);
    expect(status.rules.loaded).toContain('e2e-good');
    expect(status.rules.loaded.length).toBe(1 + readRules([join(top, 'detectors/rules')]).rules.length);
    expect(status.state).toBe('degraded');
    expect((await agent.cli('status')).stdout).toContain(`${rules}/bad.toml`);

    await runBy(parent, ['dpkg', '-i', '/none.deb']);
    const fired = await until('all alerts', async () => {
      const alerts = (await agent.alerts()).filter(({ process }) => process?.parent?.executable === parent);
      return alerts.length > 1 && alerts.flatMap(rulesOf);
    });
    expect(fired.sort()).toEqual([
      'dpkg-package-installed-by-unusual-parent',
      'e2e-good',
      'package-installed-by-unusual-initiator',
    ]);
    await agent.stop(1);
  });

  test('a second agent does not start', async () => {
    const agent = testAgent(scratch);
    await agent.start();
    const { code, stdout, stderr } = await runCli(['run', '--config', agent.config]);
    expect({ code, stdout, stderr }).toEqual({
      code: 1,
      stdout: '',
      stderr: expect.stringMatching(`^stepparent: .*\\b${agent.pid}\\b.*\n$`),
    });
    expect((await agent.status()).pid).toBe(agent.pid);
    const parent = makeParent(scratch, 'parent');
    await runBy(parent, ['dpkg', '-i', '/none.deb']);
    await until('an alert of the first', async () =>
      (await agent.alerts()).some(({ stepparent }) => stepparent.alert.terms[0] === parent),
    );
    await agent.stop();
  });

  test('--help and --version exit with 0, an unknown command with 2', async () => {
    expect(await runCli(['--version'])).toMatchObject({ code: 0, stderr: '' });
    const help = await runCli(['--help']);
    expect(help).toMatchObject({ code: 0, stderr: '' });
    expect(help.stdout).toContain('Usage: stepparent');
    expect(await runCli(['nonsense'])).toMatchObject({ code: 2, stdout: '' });
  });
});

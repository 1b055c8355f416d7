// Transactions of rpm in any process: rpm itself, rpm's Python module, a C program with librpm, and dnf.

import { execFileSync } from 'node:child_process';
import { mkdirSync } from 'node:fs';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import type { StepparentEvent } from '../../collectors/event/event.ts';
import { missingTools, titled, unmet } from '../needs.ts';
import { rulesOf } from '../rules-of.ts';
import { copyOf } from './launchers.ts';
import { buildRpm } from './packages.ts';
import { endToEndMissing, enterPrivateHost, scratchDirectory } from './private-host.ts';
import { degradedWithoutPauses, run, testAgent, until, withAllRules } from './run-agent.ts';

const programs = join(import.meta.dirname, 'programs');
const rule = 'package-installed-by-unusual-initiator';

function pythonRpmMissing(): string | undefined {
  try {
    execFileSync('/usr/bin/python3', ['-c', 'import rpm'], { stdio: 'pipe' });
    return undefined;
  } catch {
    return "needs rpm's Python module";
  }
}
const missing = endToEndMissing ?? unmet(missingTools('rpm', 'rpmbuild', 'gcc'), pythonRpmMissing());

describe.skipIf(missing)(titled('rpm transactions', missing), () => {
  const scratch = scratchDirectory();
  const agent = testAgent(scratch, withAllRules);
  const database = join(scratch, 'rpmdb');
  const program = join(scratch, 'installer');

  beforeAll(async () => {
    enterPrivateHost(scratch);
    mkdirSync(database);
    execFileSync('rpm', ['--dbpath', database, '--initdb']);
    const libraries = ['-l:librpm.so.9', '-l:librpmio.so.9'];
    execFileSync('gcc', ['-o', program, join(programs, 'librpm.c'), ...libraries]);
    await agent.start();
  });
  afterAll(() => agent.stop());

  const transactions = async (name: string): Promise<StepparentEvent[]> =>
    (await agent.events()).filter(
      ({ event, package: packages }) => event.category?.includes('package') && packages?.name?.includes(name),
    );
  const transactionOf = (name: string): Promise<StepparentEvent> =>
    until(`the transaction of ${name}`, async () => (await transactions(name))[0]);
  const alertsOf = async (name: string) =>
    (await agent.alerts()).filter(
      (alert) =>
        rulesOf(alert).includes(rule) &&
        (alert.package?.name?.includes(name) || alert.process?.args?.some((arg) => arg.endsWith(`${name}.rpm`))),
    );
  const rpm = (...args: string[]) => run('rpm', ['--dbpath', database, '--nodeps', ...args]);

  test('an installation by rpm is one event of its process and one of its transaction, and one alert', async () => {
    const file = buildRpm(scratch, 'e2e-by-rpm');
    expect((await rpm('-i', file)).code).toBe(0);
    expect(await transactionOf('e2e-by-rpm')).toMatchObject({
      event: { type: ['installation'], action: 'install', outcome: 'success' },
      package: { type: 'rpm', name: ['e2e-by-rpm'], version: ['1-1'], architecture: ['noarch'] },
      process: { name: 'rpm', executable: '/usr/bin/rpm' },
      stepparent: {
        transaction: {
          manager: 'rpm',
          test: false,
          root: '/',
          database,
          packages: [{ name: 'e2e-by-rpm', action: 'install', applied: true }],
        },
      },
    });
    expect(await alertsOf('e2e-by-rpm')).toMatchObject([{ event: { category: ['process'] } }]);
  });

  const byPython = (file: string, actor: string, environment = {}) =>
    run(
      copyOf(scratch, '/bin/dash', actor),
      ['-c', `/usr/bin/python3 ${join(programs, 'librpm.py')} ${database} ${file}; :`],
      {
        env: { ...process.env, ...environment },
      },
    );

  test("rpm's Python module raises an alert the first time, and none the second time", async () => {
    await byPython(buildRpm(scratch, 'e2e-python-1'), 'webapp');
    expect(await transactionOf('e2e-python-1')).toMatchObject({
      event: { outcome: 'success', type: ['installation'] },
      stepparent: {
        transaction: { database, packages: [{ name: 'e2e-python-1', action: 'install', applied: true }] },
        unobserved: { 'stepparent.transaction.verified': 'other_database' },
      },
    });
    expect(await alertsOf('e2e-python-1')).toMatchObject([
      { event: { category: ['package'] }, stepparent: { alert: { state: 'open' } } },
    ]);
    await byPython(buildRpm(scratch, 'e2e-python-2'), 'webapp');
    await transactionOf('e2e-python-2');
    expect(await alertsOf('e2e-python-2')).toEqual([]);
  });

  test('what a scriptlet below the Python module runs, and leaves running, belongs to the transaction', async () => {
    const post = 'env true e2e-scriptlet\nsetsid sleep 60 >/dev/null 2>&1 </dev/null &';
    await byPython(buildRpm(scratch, 'e2e-scriptlet', { post }), 'leaver');
    const event = await until('the program of the scriptlet', async () =>
      (await agent.execs()).find(({ process }) => process?.args?.at(-1) === 'e2e-scriptlet'),
    );
    expect(event.stepparent).toMatchObject({
      lifecycle_script: { manager: 'rpm' },
      transaction: { executable: expect.stringMatching(/python3/) },
    });
    const left = await until('the processes that are left', async () =>
      (await agent.events()).find(({ event: { action } }) => action === 'processes-left-running'),
    );
    expect(left.stepparent.transaction?.id).toBe(event.stepparent.transaction?.id);
    for (const { pid } of left.stepparent.transaction?.survivors ?? []) process.kill(pid, 'SIGKILL');
  });

  test('a child that goes on with the transaction installs for the process that began it', async () => {
    await byPython(buildRpm(scratch, 'e2e-forked'), 'forking', { FORK: '1' });
    expect(await transactionOf('e2e-forked')).toMatchObject({
      event: { outcome: 'unknown', type: ['installation'] },
      stepparent: { transaction: { database, packages: [{ name: 'e2e-forked', action: 'install', applied: true }] } },
    });
  });

  test('a C program with librpm raises an alert with its own name', async () => {
    const files = [buildRpm(scratch, 'e2e-c-1'), buildRpm(scratch, 'e2e-c-2')];
    expect(await run(program, [database, '0', ...files])).toMatchObject({ code: 0 });
    const event = await transactionOf('e2e-c-1');
    expect(event.process?.executable).toBe(program);
    expect(event.package?.name?.toSorted()).toEqual(['e2e-c-1', 'e2e-c-2']);
    expect(await alertsOf('e2e-c-1')).toMatchObject([
      { stepparent: { initiator: { executable: program }, alert: { terms: [program, expect.anything()] } } },
    ]);
  });

  test('a test changes nothing and raises no alert', async () => {
    const file = buildRpm(scratch, 'e2e-tested');
    expect(await run(copyOf(scratch, program, 'tester'), [database, '1', file])).toMatchObject({ code: 0 });
    expect(await transactionOf('e2e-tested')).toMatchObject({
      event: { type: ['info'], action: 'install', outcome: 'success' },
      stepparent: { transaction: { test: true, packages: [{ name: 'e2e-tested', applied: false }] } },
    });
    expect(await alertsOf('e2e-tested')).toEqual([]);
  });

  test('an upgrade, a reinstallation and a removal', async () => {
    const first = buildRpm(scratch, 'e2e-again');
    const second = buildRpm(scratch, 'e2e-again', { version: '2', file: 'e2e-again-2' });
    await rpm('-i', first);
    await rpm('-U', second);
    await rpm('-i', '--replacepkgs', second);
    await rpm('-U', '--oldpackage', first);
    await rpm('-e', 'e2e-again');
    const events = await until('five transactions', async () => {
      const found = await transactions('e2e-again');
      return found.length === 5 && found;
    });
    const inOrder = events.toSorted((a, b) => (a['@timestamp'] < b['@timestamp'] ? -1 : 1));
    expect(inOrder.map(({ event, stepparent }) => [event.action, stepparent.transaction?.packages])).toMatchObject([
      ['install', [{ version: '1-1', applied: true }]],
      ['upgrade', [{ version: '2-1', former_version: '1-1', applied: true }]],
      ['reinstall', [{ version: '2-1', applied: true }]],
      ['downgrade', [{ version: '1-1', former_version: '2-1', applied: true }]],
      ['remove', [{ version: '1-1', applied: true }]],
    ]);
  });

  test('a scriptlet that fails, and a process that is killed', async () => {
    const failing = buildRpm(scratch, 'e2e-fails', { pre: 'exit 1' });
    await rpm('-i', failing);
    expect(await transactionOf('e2e-fails')).toMatchObject({
      event: { outcome: 'failure', type: ['info'] },
      stepparent: { transaction: { packages: [{ name: 'e2e-fails', applied: false }] } },
    });
    const killing = buildRpm(scratch, 'e2e-killed', { pre: 'kill -9 $PPID; sleep 0.2' });
    await run(program, [database, '0', killing]);
    expect(await transactionOf('e2e-killed')).toMatchObject({
      event: { outcome: 'unknown' },
      stepparent: {
        transaction: { packages: [{ name: 'e2e-killed', applied: false }] },
        unobserved: { 'event.outcome': 'transaction_unfinished' },
      },
    });
  });

  test('a transaction that librpm rejects has the packages that were checked before', async () => {
    await byPython(buildRpm(scratch, 'e2e-rejected'), 'checker', { CHECK: '1' });
    expect(await transactionOf('e2e-rejected')).toMatchObject({
      event: { outcome: 'failure', type: ['info'], action: 'install' },
      stepparent: { transaction: { packages: [{ name: 'e2e-rejected', applied: false }] } },
    });
  });

  test('queries, verifications and the creation of a database are no transaction', async () => {
    const before = (await agent.events()).filter(({ event }) => event.category?.includes('package')).length;
    for (const args of [['-qa'], ['-Va'], ['--initdb']]) await rpm(...args);
    await rpm('-i', buildRpm(scratch, 'e2e-last'));
    await transactionOf('e2e-last');
    const after = (await agent.events()).filter(({ event }) => event.category?.includes('package')).length;
    expect(after).toBe(before + 1);
  });

  test('the status names the library', async () => {
    const status = await agent.status();
    const { sensor } = status;
    expect(sensor.transactions).toEqual([expect.stringMatching(/\/librpm\.so\.9/)]);
    expect(sensor.unseen_transactions).toEqual([]);
    expect(degradedWithoutPauses(status)).toEqual([]);
  });
});

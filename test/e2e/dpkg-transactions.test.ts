// Runs of dpkg as package transactions: what real dpkg did, from which archives, and with which result.

import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { copyFileSync, readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import type { StepparentEvent, TransactionFields } from '../../collectors/event/event.ts';
import { titled } from '../needs.ts';
import { rulesOf } from '../rules-of.ts';
import { makeOwnSystem } from './own-system.ts';
import { buildDeb, type DebScripts } from './packages.ts';
import { endToEndMissing, enterPrivateHost, makeDatabase, scratchDirectory } from './private-host.ts';
import { run, testAgent, until, withAllRules } from './run-agent.ts';

describe.skipIf(endToEndMissing)(titled('runs of dpkg', endToEndMissing), () => {
  const scratch = scratchDirectory();
  const agent = testAgent(scratch, withAllRules);

  const deb = (name: string, version = '1', scripts: DebScripts = {}): string =>
    buildDeb(scratch, name, { version, scripts, file: `renamed-${name}-${version}.deb` });
  /** The transactions of processes with this argument, oldest first. */
  const transactionsWith = async (argument: string): Promise<StepparentEvent[]> =>
    (await agent.events()).filter(
      ({ event, process }) => event.category?.includes('package') === true && process?.args?.includes(argument),
    );
  /** Runs a command with an argument that no other one has, and waits for its transaction. */
  const transactionOf = async (argument: string, command: readonly string[]): Promise<StepparentEvent> => {
    const { length } = await transactionsWith(argument);
    await run(command[0] ?? '', command.slice(1));
    return until(`the transaction of ${argument}`, async () => (await transactionsWith(argument))[length]);
  };
  const dpkg = (...args: string[]): Promise<StepparentEvent> => transactionOf(args.at(-1) ?? '', ['dpkg', ...args]);
  const packagesOf = ({ stepparent }: StepparentEvent): TransactionFields['packages'] =>
    stepparent.transaction?.packages;

  beforeAll(async () => {
    enterPrivateHost(scratch);
    await agent.start();
  });
  afterAll(() => agent.stop());

  test('an installation, an upgrade and a downgrade', async () => {
    const [one, two] = [deb('e2e-steps', '1'), deb('e2e-steps', '1:0-2')];
    const installed = await dpkg('-i', one);
    expect(installed).toMatchObject({
      event: { category: ['package'], type: ['installation'], action: 'install', outcome: 'success' },
      package: { type: 'deb', name: ['e2e-steps'], version: ['1'], architecture: ['all'] },
      process: { executable: '/usr/bin/dpkg', args: ['dpkg', '-i', one] },
      user: { name: 'root' },
    });
    expect(installed.stepparent.transaction).toMatchObject({
      manager: 'dpkg',
      test: false,
      root: '/',
      database: '/var/lib/dpkg',
      packages_count: 1,
      packages: [
        {
          name: 'e2e-steps',
          version: '1',
          architecture: 'all',
          action: 'install',
          applied: true,
          state: 'installed',
          archive: one,
        },
      ],
    });
    const { start = '', end = '', duration = 0 } = installed.event;
    expect(Date.parse(String(end)) - Date.parse(String(start))).toBeCloseTo(Number(duration) / 1e6, -1);

    const common = { name: 'e2e-steps', applied: true, state: 'installed' };
    expect(packagesOf(await dpkg('-i', two))).toMatchObject([
      { ...common, action: 'upgrade', version: '1:0-2', former_version: '1', archive: two },
    ]);
    expect(packagesOf(await dpkg('-i', one))).toMatchObject([
      { ...common, action: 'downgrade', version: '1', former_version: '1:0-2', archive: one },
    ]);
  });

  test('a reinstallation, a removal and a purge', async () => {
    const [one, again] = [deb('e2e-ends', '1'), join(scratch, 'again.deb')];
    copyFileSync(one, again);
    await dpkg('-i', one);
    const reinstalled = await dpkg('-i', again);
    expect(reinstalled.event).toMatchObject({ type: ['change'], action: 'reinstall', outcome: 'success' });
    expect(packagesOf(reinstalled)).toMatchObject([{ name: 'e2e-ends', version: '1', archive: again, applied: true }]);

    const conffiles = { '/etc/e2e-kept.conf': 'x\n' };
    await dpkg('-i', buildDeb(scratch, 'e2e-kept', { conffiles }));
    const removed = await transactionOf('-r', ['dpkg', '-r', 'e2e-kept']);
    expect(removed.event).toMatchObject({ type: ['deletion'], action: 'remove', outcome: 'success' });
    expect(packagesOf(removed)).toMatchObject([
      { name: 'e2e-kept', version: '1', action: 'remove', applied: true, state: 'config-files' },
    ]);
    const purged = await transactionOf('-P', ['dpkg', '-P', 'e2e-kept', 'e2e-ends']);
    expect(purged.event).toMatchObject({ type: ['deletion'], action: 'remove', outcome: 'success' });
    expect(packagesOf(purged)).toMatchObject(
      ['e2e-kept', 'e2e-ends'].map((name) => ({ name, action: 'remove', applied: true, state: 'not-installed' })),
    );
  });

  test('two packages in one run, and a run that only configures', async () => {
    const [first, second] = [deb('e2e-first'), deb('e2e-second')];
    const unpacked = await dpkg('--unpack', first, second);
    expect(unpacked.event.outcome).toBe('success');
    expect(packagesOf(unpacked)).toMatchObject([
      { name: 'e2e-first', action: 'install', state: 'unpacked', archive: first },
      { name: 'e2e-second', action: 'install', state: 'unpacked', archive: second },
    ]);
    const configured = await transactionOf('--configure', ['dpkg', '--configure', 'e2e-first', 'e2e-second']);
    expect(configured.event).toMatchObject({ type: ['change'], outcome: 'success' });
    expect(configured.event.action).toBe(undefined);
    expect(packagesOf(configured)).toMatchObject([
      { name: 'e2e-first', state: 'installed', applied: true },
      { name: 'e2e-second', state: 'installed', applied: true },
    ]);
  });

  const fails = '#!/bin/sh\nexit 1\n';
  test.each<[string, DebScripts, object]>([
    ['postinst', { postinst: fails }, { action: 'install', applied: true, state: 'half-configured' }],
    ['preinst', { preinst: fails }, { action: 'install', applied: false, state: 'not-installed', version: '1' }],
  ])('a failing %s', async (script, scripts, expected) => {
    const name = `e2e-fails-${script}`;
    const archive = deb(name, '1', scripts);
    const failed = await dpkg('-i', archive);
    expect(failed.event).toMatchObject({ action: 'install', outcome: 'failure' });
    expect(packagesOf(failed)).toMatchObject([{ name, archive, ...expected }]);
  });

  test('an upgrade that fails leaves the former version', async () => {
    await dpkg('-i', deb('e2e-returns', '1'));
    const archive = deb('e2e-returns', '2', { preinst: fails });
    const failed = await dpkg('-i', archive);
    expect(failed.event).toMatchObject({ type: ['info'], action: 'upgrade', outcome: 'failure' });
    expect(packagesOf(failed)).toMatchObject([
      { version: '2', former_version: '1', applied: false, state: 'installed', archive },
    ]);
  });

  test('a reinstallation whose postinst fails', async () => {
    await dpkg('-i', deb('e2e-again', '1'));
    const archive = buildDeb(scratch, 'e2e-again', { scripts: { postinst: fails }, file: 'again-fails.deb' });
    const failed = await dpkg('-i', archive);
    expect(failed.event).toMatchObject({ action: 'reinstall', outcome: 'failure' });
    expect(packagesOf(failed)).toMatchObject([
      { name: 'e2e-again', version: '1', applied: true, state: 'half-configured', archive },
    ]);
  });

  test.each(['installed', 'unpacked'])('a reinstallation over %s whose archive cannot be unpacked', async (state) => {
    const name = `e2e-corrupt-${state}`;
    const whole = buildDeb(scratch, name, { conffiles: { [`/etc/${name}`]: 'x'.repeat(50_000) } });
    await dpkg(state === 'installed' ? '-i' : '--unpack', whole);
    const archive = join(scratch, `${name}-cut.deb`);
    writeFileSync(archive, readFileSync(whole).subarray(0, -40_000));
    const failed = await dpkg('-i', archive);
    expect(failed.event).toMatchObject({ type: ['info'], action: 'reinstall', outcome: 'failure' });
    expect(packagesOf(failed)).toMatchObject([{ name, version: '1', applied: false, state, archive }]);
  });

  test('a removal that fails', async () => {
    await dpkg('-i', deb('e2e-stays', '1', { prerm: fails }));
    const failed = await dpkg('--remove', 'e2e-stays');
    expect(failed.event).toMatchObject({ action: 'remove', outcome: 'failure' });
    expect(packagesOf(failed)).toMatchObject([{ name: 'e2e-stays', version: '1', applied: false }]);
  });

  test('a file that is no archive', async () => {
    const archive = join(scratch, 'e2e-none_1_all.deb');
    writeFileSync(archive, 'no archive');
    const failed = await dpkg('-i', archive);
    expect(failed.event).toMatchObject({ type: ['info'], outcome: 'failure' });
    expect(packagesOf(failed)).toMatchObject([{ name: 'e2e-none', archive, applied: false }]);
    expect(failed.stepparent.inferred).toMatchObject({ 'stepparent.transaction.packages': 'package_file_name' });
  });

  test('a dpkg that is killed', async () => {
    const archive = deb('e2e-killed', '1', { postinst: '#!/bin/sh\nexec sleep 1000\n' });
    const child = spawn('dpkg', ['-i', archive], { stdio: 'ignore', detached: true });
    const ended = once(child, 'exit');
    await until('the postinst', async () =>
      (await agent.execs()).some(
        ({ process }) => process?.executable === '/usr/bin/sleep' && process.args?.[1] === '1000',
      ),
    );
    process.kill(-(child.pid ?? 0), 'SIGKILL');
    await ended;
    const killed = await until('the transaction', async () => (await transactionsWith(archive))[0]);
    expect(killed.event).toMatchObject({ action: 'install', outcome: 'failure' });
    expect(packagesOf(killed)).toMatchObject([{ name: 'e2e-killed', state: 'half-configured', archive }]);
    // dpkg then completes what it finds in its journal.
    await dpkg('--purge', '--force-remove-reinstreq', 'e2e-killed');
  });

  describe('of another database', () => {
    // What such a dpkg sees is read from /proc: it must live until a busy agent comes to it.
    const lasting = { postinst: '#!/bin/sh\nsleep 1\n' };
    test.each(['--root', 'chroot'])('%s', async (how) => {
      const root = join(scratch, `own${how}`);
      makeOwnSystem(root);
      const name = `e2e-elsewhere${how}`.replace(/--/, '-');
      const archive = deb(name, '1', lasting);
      copyFileSync(archive, join(root, `${name}.deb`));
      const isChroot = how === 'chroot';
      const own = isChroot ? `/${name}.deb` : archive;
      const elsewhere = await transactionOf(
        own,
        isChroot
          ? ['chroot', root, 'dpkg', '--log=/dev/null', '-i', own]
          : ['dpkg', `--root=${root}`, '--log=/dev/null', '--force-not-root', '-i', own],
      );
      expect(elsewhere.event.outcome).toBe('unknown');
      expect(elsewhere.stepparent.transaction).toMatchObject({ manager: 'dpkg', root });
      expect(elsewhere.stepparent.unobserved).toMatchObject({ 'stepparent.transaction.packages': 'other_database' });
      // The arguments of dpkg-deb in a chroot are read from /proc, if it lives long enough.
      expect((packagesOf(elsewhere) ?? []).filter(({ applied }) => applied !== undefined)).toEqual([]);
      if (isChroot) expect(elsewhere.stepparent.place).toMatchObject({ kind: 'chroot' });
      else expect(elsewhere.stepparent.transaction?.database).toBe(join(root, 'var/lib/dpkg'));
    });

    test('mounted over that of the host', async () => {
      const database = join(scratch, 'mounted');
      makeDatabase(database);
      const archive = deb('e2e-mounted', '1', lasting);
      const script = 'mount --bind "$1" /var/lib/dpkg && dpkg --log=/dev/null -i "$2"';
      const elsewhere = await transactionOf(archive, [
        ...['unshare', '--mount', '--propagation', 'private', 'sh', '-c'],
        ...[script, 'sh', database, archive],
      ]);
      expect(elsewhere.event.outcome).toBe('unknown');
      expect(elsewhere.stepparent.transaction).not.toHaveProperty('database');
    });
  });

  test('runs that change nothing are no transactions', async () => {
    const archive = deb('e2e-nothing');
    const quiet = [
      ['--no-act', '-i', archive],
      ['--info', archive],
      ['--status', 'e2e-steps'],
      ['--install', '--e2e-wrong', archive],
    ];
    for (const args of quiet) await run('dpkg', args);
    await dpkg('-i', deb('e2e-marker'));
    expect(await transactionsWith(archive)).toEqual([]);
    expect(await transactionsWith('--status')).toEqual([]);
  });

  test('no rule over the execution of dpkg raises a second alert for its transaction', async () => {
    const alerts = await agent.alerts();
    const ofTransactions = alerts.filter(({ event }) => event.category?.includes('package'));
    // The tests' packages are local files. Whether a person at a terminal runs the tests depends on the machine.
    const ids = new Set(ofTransactions.map(({ rule }) => rule.id));
    ids.delete('local-package-installed-by-service');
    expect(ids).toEqual(new Set(['package-downgraded']));
    expect(alerts.flatMap(rulesOf)).toContain('package-installed-by-unusual-initiator');
  });
});

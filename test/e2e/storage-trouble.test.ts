// A file system that is full or read-only, a damaged and a locked database: the agent reports the fault, logs matches and keeps what it
// can hold.

import { chmodSync, mkdirSync, readdirSync, rmSync, writeFileSync } from 'node:fs';
import { dirname, join } from 'node:path';
import Database from 'better-sqlite3';
import { beforeAll, describe, expect, test } from 'vitest';
import { recently } from '../../agent/daemon/faults.ts';
import { makeReadOnly, mountEmpty, unmount } from '../mount-namespace.ts';
import { titled } from '../needs.ts';
import { spoilSchema } from '../storage/spoil-schema.ts';
import { makeParent, runBy } from './launchers.ts';
import { endToEndMissing, enterPrivateHost, scratchDirectory } from './private-host.ts';
import { degradedWithoutPauses, type TestAgent, testAgent, until } from './run-agent.ts';

const stateBytes = 8 * 1024 * 1024;

describe.skipIf(endToEndMissing)(titled('faults of the storage', endToEndMissing), () => {
  const scratch = scratchDirectory();
  beforeAll(() => enterPrivateHost(scratch));

  /** An agent whose state directory is a file system of its own. */
  const agentWithDisk = (): { agent: TestAgent; disk: string } => {
    const agent = testAgent(scratch);
    const disk = join(agent.directory, 'state');
    mkdirSync(disk);
    mountEmpty(disk, stateBytes);
    chmodSync(disk, 0o700);
    return { agent, disk };
  };
  const fill = (disk: string): void => {
    try {
      for (let n = 0; ; n++) writeFileSync(join(disk, `ballast-${n}`), Buffer.alloc(4096));
    } catch {
      // The disk is full.
    }
  };
  const empty = (disk: string): void => {
    for (let n = 0; n <= stateBytes / 4096; n++) rmSync(join(disk, `ballast-${n}`), { force: true });
  };
  const alertOf = async (agent: TestAgent, parent: string) =>
    (await agent.alerts()).filter(({ stepparent }) => stepparent.alert.terms[0] === parent);

  // A file system with files open for writing cannot be made read-only: only a start on one is tested.
  test('a state directory that becomes full is reported, and matches are logged and stored later', async () => {
    const { agent, disk } = agentWithDisk();
    await agent.start();
    const usual = makeParent(scratch, 'usual');
    await runBy(usual, ['dpkg', '-i', '/none.deb']);
    await until('the alert', async () => (await alertOf(agent, usual)).length > 0);

    fill(disk);
    const parent = makeParent(scratch, 'meanwhile');
    await runBy(parent, ['dpkg', '-i', '/none.deb']);
    await until('the line', () => agent.stderr.includes(parent));
    expect(agent.stderr).toMatch(/ error .* reason=.*stepparent\.db/);
    expect(agent.stderr.split('\n').filter((line) => line.includes(parent))).toEqual([
      expect.stringMatching(/error a rule matched, but the baseline cannot be read .*unusual-parent/),
    ]);
    const { state, degraded, uncommitted } = await agent.status();
    expect(state).toBe('degraded');
    expect(degraded.join()).toMatch(/stepparent\.db: .*\(.*(?:full|ENOSPC)/);
    expect(uncommitted).toMatchObject({ dropped: 0 });
    expect(await alertOf(agent, parent)).toEqual([]);

    empty(disk);
    await until('the alert', async () => (await alertOf(agent, parent)).length > 0);
    // The fault itself stays in `degraded` for an hour.
    await until('health', async () => (await agent.status()).degraded.every((clause) => clause.startsWith(recently)));
    await until('delivery', () => agent.delivered().some(({ stepparent }) => stepparent.alert.terms[0] === parent));
    expect(agent.stderr).toMatch(/ info .* matches=1$/m);
    const ids = agent.delivered().map(({ stepparent }) => stepparent.alert.id);
    expect(new Set(ids).size).toBe(ids.length);
    await agent.stop(2);
    unmount(disk);
  });

  test('a database that is damaged while the agent runs is set aside, and the next alert is in a new one', async () => {
    const agent = testAgent(scratch);
    await agent.start();
    const usual = makeParent(scratch, 'before');
    await runBy(usual, ['dpkg', '-i', '/none.deb']);
    await until('the alert', async () => (await alertOf(agent, usual)).length > 0);
    const state = join(agent.directory, 'state');
    spoilSchema(join(state, 'stepparent.db'));

    const parent = makeParent(scratch, 'after');
    await runBy(parent, ['dpkg', '-i', '/none.deb']);
    await until('the alert', async () => (await alertOf(agent, parent)).length > 0);
    await until('delivery', () => agent.delivered().some(({ stepparent }) => stepparent.alert.terms[0] === parent));
    expect(agent.stderr).toMatch(
      / error the database cannot be used: it was set aside and .*path=\S*\.aside-\S+ reason=/,
    );
    expect(readdirSync(state).filter((name) => /^stepparent\.db\.aside-\w+$/.test(name))).toHaveLength(1);
    expect((await agent.cli('events', '--json')).stdout).toContain('"store-set-aside"');
    expect(await alertOf(agent, usual)).toEqual([]);
    const { store } = await agent.status();
    expect(store.outbox).toEqual({});
    expect(store.learning).toBe(undefined);
    await agent.stop(3);
  });

  test('a database that another process locks is reported, and no event is lost', async () => {
    const agent = testAgent(scratch);
    await agent.start();
    const other = new Database(join(agent.directory, 'state/stepparent.db')).exec('BEGIN EXCLUSIVE');
    const parents = Array.from({ length: 3 }, (_, i) => makeParent(scratch, `locked${i}`));
    for (const parent of parents) await runBy(parent, ['dpkg', '-i', '/none.deb']);
    await until('the reason in degraded', async () => {
      const { degraded } = await agent.status();
      return degraded.some((clause) => /stepparent\.db: another process has locked the database/.test(clause));
    });
    other.exec('ROLLBACK').close();
    for (const parent of parents) {
      const alerts = await until('the alert', async () => {
        const listed = await alertOf(agent, parent);
        return listed.length > 0 && listed;
      });
      expect(alerts.map(({ stepparent }) => stepparent.alert.count)).toEqual([1]);
    }
    const { uncommitted } = await agent.status();
    expect(uncommitted).toMatchObject({ dropped: 0 });
    await agent.stop(1 + parents.length);
  });

  test('a full log directory is reported, and alerts wait for delivery', async () => {
    const agent = testAgent(scratch);
    const logs = dirname(agent.ndjson);
    mkdirSync(logs, { recursive: true });
    mountEmpty(logs, stateBytes);
    await agent.start();
    fill(logs);
    const parent = makeParent(scratch, 'unwritten');
    await runBy(parent, ['dpkg', '-i', '/none.deb']);
    const degraded = await until('the reason in degraded', async () => {
      const status = await agent.status();
      const degraded = degradedWithoutPauses(status);
      return degraded.length > 0 && degraded;
    });
    expect(degraded).toEqual([expect.stringMatching(/^alerts are not written: .*alerts\.ndjson: .*(ENOSPC|a part)/)]);
    empty(logs);
    await until('delivery', () => agent.delivered().some(({ stepparent }) => stepparent.alert.terms[0] === parent));
    await until('health', async () => degradedWithoutPauses(await agent.status()).length === 0);
    await agent.stop();
    unmount(logs);
  });

  test('a read-only log directory is reported from the start on', async () => {
    const agent = testAgent(scratch);
    const logs = dirname(agent.ndjson);
    mkdirSync(logs, { recursive: true });
    mountEmpty(logs);
    makeReadOnly(logs);
    await agent.start();
    expect(await agent.status()).toMatchObject({
      state: 'degraded',
      degraded: [`alerts are not written: ${logs} (EROFS)`],
    });
    await agent.stop();
    unmount(logs);
  });

  test.each([
    ['full', fill, /\(.*(?:full|ENOSPC)/],
    ['read-only', makeReadOnly, /\(.*(?:read-?only)/],
  ])('a state directory that is %s at the start ends it with one line', async (_, spoil, reason) => {
    const { agent, disk } = agentWithDisk();
    spoil(disk);
    const { code, stdout, stderr } = await agent.cli('run');
    expect(code).toBe(1);
    expect(stdout).toBe('');
    expect(stderr).toMatch(new RegExp(`^stepparent: ${disk}/stepparent\\.db: .*\n$`));
    expect(stderr).toMatch(reason);
    unmount(disk);
  });
});

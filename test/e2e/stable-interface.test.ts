// The interface that users' scripts depend on and later versions keep, with a running agent: how it starts, where it writes, and the
// output of its commands.

import { spawn } from 'node:child_process';
import { existsSync, mkdirSync, readdirSync, readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { beforeAll, describe, expect, test } from 'vitest';
import type { AgentStatus } from '../../agent/daemon/agent-status.ts';
import { healthChecks } from '../../agent/daemon/health.ts';
import { titled } from '../needs.ts';
import { makeParent, runBy } from './launchers.ts';
import { endToEndMissing, enterPrivateHost, scratchDirectory } from './private-host.ts';
import { type AlertDocument, degradedWithoutPauses, documents, runCli, type TermDocument, until } from './run-agent.ts';

const top = join(import.meta.dirname, '../..');

describe.skipIf(endToEndMissing)(titled('the stable interface', endToEndMissing), () => {
  const scratch = scratchDirectory();
  const config = join(scratch, 'config.toml');
  const directories = {
    STATE_DIRECTORY: join(scratch, 'state'),
    LOGS_DIRECTORY: join(scratch, 'logs'),
    RUNTIME_DIRECTORY: join(scratch, 'runtime'),
    CACHE_DIRECTORY: join(scratch, 'cache'),
  };
  const env = { ...process.env, ...directories };
  const json = async (...args: string[]): Promise<Record<string, unknown>[]> => {
    const { code, stdout, stderr } = await runCli([...args, '--json', '--config', config], env);
    expect({ args, code, stderr: code === 0 ? '' : stderr }).toEqual({ args, code: 0, stderr: '' });
    return documents(stdout);
  };
  const times = (listed: readonly Record<string, unknown>[]) => listed.map((each) => String(each['@timestamp']));

  beforeAll(() => {
    enterPrivateHost(scratch);
    for (const directory of Object.values(directories)) mkdirSync(directory, { mode: 0o700 });
    writeFileSync(config, '[alerts]\njournald = false\n');
  });

  test('npm start -- --config FILE uses the directories from systemd, and the commands print JSON', async () => {
    const agent = spawn('npm', ['start', '--', '--config', config], { cwd: top, env, detached: true });
    let out = '';
    for (const stream of [agent.stdout, agent.stderr]) {
      stream.setEncoding('utf8').on('data', (text: string) => {
        out += text;
      });
    }
    const ended = new Promise((resolve) => agent.once('close', resolve));
    try {
      const pid = Number(
        await until('the line of a ready agent', () => {
          if (agent.exitCode !== null) throw new Error(out);
          return /^ready \(pid (\d+)/m.exec(out)?.[1];
        }),
      );
      const instances = readdirSync('/sys/kernel/tracing/instances');
      expect(instances.filter((name) => name.startsWith(`stepparent_${pid}_`))).toHaveLength(1);
      const [status] = await json('status');
      // A busy machine makes the agent pause, which is a fault for an hour.
      expect(status).toMatchObject({ pid, state: expect.stringMatching(/^(?:running|degraded)$/) });
      const { health, ...rest } = status as unknown as AgentStatus;
      expect(degradedWithoutPauses(rest)).toEqual([]);
      expect(new Set(health.map(({ check }) => check))).toEqual(new Set(healthChecks.map(({ check }) => check)));

      const first = makeParent(scratch, 'first');
      const second = makeParent(scratch, 'second');
      await runBy(first, ['dpkg', '-i', '/none-1.deb']);
      await runBy(second, ['dpkg', '-i', '/none-2.deb']);
      const parents = [first, second];
      const rule = 'dpkg-package-installed-by-unusual-parent';
      const ours = (listed: readonly unknown[]) =>
        (listed as AlertDocument[]).filter(
          (each) => each.rule?.id === rule && parents.includes(String(each.stepparent.alert.terms[0])),
        );
      await until('both alerts', async () => ours(await json('alerts')).length === 2);

      const alerts = await json('alerts');
      expect(ours(alerts).map(({ stepparent }) => stepparent.alert.terms[0])).toEqual(parents);
      for (const command of ['alerts', 'events']) {
        const listed = await json(command);
        expect(listed.length).toBeGreaterThan(1);
        expect(times(listed)).toEqual(times(listed).toSorted());
        // --limit prints the newest ones, oldest first; newer ones may have been added meanwhile.
        const newest = times(await json(command, '--limit', '2'));
        expect(newest).toEqual(newest.toSorted());
        expect(newest).toHaveLength(2);
        expect(newest[0]?.localeCompare(times(listed).at(-2) ?? '')).toBeGreaterThanOrEqual(0);
        expect(await json(command, '--since', '2099-01-01')).toEqual([]);
      }
      const rows = 'SELECT column1 AS n FROM (VALUES (1), (2), (3))';
      expect(await json('query', rows)).toEqual([{ n: 1 }, { n: 2 }, { n: 3 }]);
      expect(await json('query', rows, '--limit', '2')).toEqual([{ n: 1 }, { n: 2 }]);
      expect(await json('query', 'SELECT :since AS s', '--since', '1h')).toHaveLength(1);
      expect((await json('hunt')).length).toBeGreaterThan(0);
      expect(await json('hunt', 'package-database-files', '--since', '1h', '--limit', '1')).toBeInstanceOf(Array);
      // The agent sees every process of the machine, so other terms may exist.
      const terms = ((await json('baseline', 'list')) as unknown as TermDocument[]).filter(
        (each) => each.rule === rule && parents.includes(String(each.terms[0])),
      );
      expect(terms).toMatchObject(parents.map((parent) => ({ rule, terms: [parent] })));

      const file = join(directories.LOGS_DIRECTORY, 'alerts.ndjson');
      await until('alerts.ndjson', () => existsSync(file) && ours(documents(readFileSync(file, 'utf8'))).length === 2);
      expect(existsSync(directories.STATE_DIRECTORY) && readdirSync(directories.STATE_DIRECTORY)).toContain(
        'stepparent.db',
      );
    } finally {
      process.kill(-(agent.pid ?? 0), 'SIGTERM');
      await ended;
    }
  });
});

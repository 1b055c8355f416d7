// A real upgrade of fifty packages raises no alert. With one hostile package among them it is one complete incident.

import { createHash } from 'node:crypto';
import { mkdirSync, readFileSync, statSync, writeFileSync } from 'node:fs';
import { basename, join } from 'node:path';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import type { StepparentEvent } from '../../collectors/event/event.ts';
import type { Incident } from '../../detectors/incident.ts';
import { missingTools, titled, unmet } from '../needs.ts';
import { copyOf } from './launchers.ts';
import { buildDeb } from './packages.ts';
import { endToEndMissing, enterPrivateHost, scratchDirectory } from './private-host.ts';
import { type AlertDocument, collectEvents, documents, run, testAgent, until, withAllRules } from './run-agent.ts';

const missing = endToEndMissing ?? unmet(missingTools('apt-get'));
const info = '/var/lib/dpkg/info';
const names = Array.from({ length: 50 }, (_, i) => `e2e-upgrade-${String(i).padStart(2, '0')}`);
const hostile = 'e2e-upgrade-23';

describe.skipIf(missing)(titled('an upgrade', missing), () => {
  const scratch = scratchDirectory();
  const agent = testAgent(scratch, withAllRules);
  const repository = join(scratch, 'repository');

  /** Fills a flat repository (sources.list(5)) with that version of each package; `postinst` replaces the script of some, by name. */
  const offer = (version: string, postinst: Readonly<Record<string, string>> = {}): void => {
    const entries = names.map((name) => {
      const ordinary = `#!/bin/sh\nset -e\nmkdir -p ${scratch}/etc\necho ${version} > ${scratch}/etc/${name}\n`;
      const scripts = { postinst: postinst[name] ?? ordinary, prerm: '#!/bin/sh\nset -e\ntrue\n' };
      const deb = buildDeb(repository, name, { version, scripts, file: `${name}_${version}_all.deb` });
      return [
        `Package: ${name}\nVersion: ${version}\nArchitecture: all\nMaintainer: Nobody <nobody@example.org>`,
        `Filename: ./${basename(deb)}\nSize: ${statSync(deb).size}`,
        `SHA256: ${createHash('sha256').update(readFileSync(deb)).digest('hex')}\nDescription: harmless\n`,
      ].join('\n');
    });
    writeFileSync(join(repository, 'Packages'), entries.join('\n'));
  };

  const aptGet = async (...command: string[]) => {
    const sources = join(scratch, 'sources.list');
    writeFileSync(sources, `deb [trusted=yes] file:${repository} ./\n`);
    const settings = [`Dir::Etc::sourcelist=${sources}`, 'Dir::Etc::sourceparts=/dev/null', 'APT::Sandbox::User=root'];
    const options = ['-q', '-y', '--no-install-recommends', ...settings.flatMap((setting) => ['-o', setting])];
    const { code, stdout, stderr, pid } = await run('apt-get', [...options, ...command], {
      env: { ...process.env, DEBIAN_FRONTEND: 'noninteractive', LC_ALL: 'C' },
    });
    expect({ code, output: code === 0 ? '' : stdout + stderr }).toEqual({ code: 0, output: '' });
    return { pid, stdout };
  };

  /** Waits until the agent has reported everything that was done before the call. */
  const caughtUp = collectEvents(agent, info);
  const incidents = async (...args: string[]) => {
    const { code, stdout } = await agent.cli('incidents', '--json', ...args);
    return { code, found: documents<Incident>(stdout) };
  };
  /** Whether an event is about what this test started, and not about another program on the machine. */
  const isOurs = ({ stepparent }: StepparentEvent) => stepparent.lineage?.some(({ pid }) => pid === process.pid);
  const alerts = async () => (await agent.alerts()).filter(isOurs);
  const idOf = ({ stepparent }: AlertDocument) => stepparent.alert.id;

  let before: string[] = [];

  beforeAll(async () => {
    enterPrivateHost(scratch);
    mkdirSync(repository);
    await agent.start();
    await until('the first listing', async () => ((await agent.status()).packages.directories[0]?.files ?? 0) > 0);
    // The agent learns from the first installation of the packages.
    offer('1');
    await aptGet('update');
    await aptGet('install', ...names);
    await caughtUp();
    before = (await alerts()).map(idOf);
  });
  afterAll(async () => {
    await agent.stop();
  });

  test('of fifty packages by apt-get raises no alert and makes no incident', async () => {
    const earlier = (await agent.events()).length;
    offer('2');
    await aptGet('update');
    const { stdout } = await aptGet('upgrade');
    expect(stdout).toContain('50 upgraded');
    await caughtUp();
    expect((await alerts()).filter((alert) => !before.includes(idOf(alert)))).toEqual([]);
    // The upgrade was recorded, and each event has its package and its transaction.
    const events = (await agent.events()).slice(earlier);
    const scripts = events.filter((event) => isOurs(event) && event.stepparent.lifecycle_script?.depth === 0);
    expect(new Set(scripts.map(({ stepparent }) => stepparent.lifecycle_script?.package))).toEqual(new Set(names));
    expect(new Set(scripts.map(({ stepparent }) => stepparent.transaction?.executable))).toEqual(
      new Set(['/usr/bin/apt-get']),
    );
    expect(new Set(scripts.map(({ stepparent }) => stepparent.transaction?.id)).size).toBe(1);
    const lists = events.filter(({ file }) => file?.name?.endsWith('.list') && !file.name.startsWith('marker'));
    expect(lists.length).toBeGreaterThanOrEqual(50);
    expect((await incidents(scripts[0]?.stepparent.transaction?.id ?? '')).code).toBe(1);
    for (const { stepparent } of lists) expect(stepparent.transaction).toEqual(scripts[0]?.stepparent.transaction);
  });

  test('with a hostile package among them makes one complete incident', async () => {
    const payload = copyOf(scratch, '/bin/dash', 'payload');
    const sleep = copyOf(scratch, '/bin/sleep', 'waits');
    const other = buildDeb(scratch, 'e2e-other', { scripts: { postinst: '#!/bin/sh\ntrue\n' } });
    const log = join(scratch, 'payload.log');
    // apt-get holds dpkg's lock: the payload repeats its installation until the lock is free.
    const waiting = `until dpkg -i ${other}; do ${sleep} 0.1; done; ${sleep} 600; :`;
    offer('3', {
      [hostile]: `#!/bin/sh\n( setsid ${payload} -c '${waiting}' </dev/null >${log} 2>&1 & )\ndpkg -i ${other} || :\n`,
    });
    await aptGet('update');
    const { pid } = await aptGet('upgrade');
    const left = await until('what the script left running', async () =>
      (await agent.execs()).find(({ process: ran }) => ran?.executable === sleep && ran.args?.[1] === '600'),
    );
    try {
      await caughtUp();
      const added = (await alerts()).filter((alert) => !before.includes(idOf(alert)));
      expect(added.length).toBeGreaterThan(0);
      const ids = new Set(added.map(({ stepparent }) => stepparent.transaction?.id));
      expect(ids.size).toBe(1);
      const [id = ''] = ids;
      const { found } = await incidents(id);
      expect(found).toHaveLength(1);
      const [incident] = found as [Incident];
      expect(incident).toMatchObject({
        process: { pid, executable: '/usr/bin/apt-get', args: expect.arrayContaining(['upgrade']) },
        user: { name: 'root' },
        stepparent: {
          transaction: { id, executable: '/usr/bin/apt-get' },
          lineage: expect.arrayContaining([expect.objectContaining({ pid: process.pid })]),
        },
      });
      const reported = incident.stepparent.incident;
      expect(reported.alerts_count).toBe(added.length);
      expect(new Set(reported.contributions.flatMap((each) => (each.alerts > 0 ? [each['rule.id']] : [])))).toEqual(
        new Set(added.map(({ rule }) => rule.id)),
      );
      expect(reported.packages.map(({ name }) => name)).toEqual(expect.arrayContaining([...names, 'e2e-other']));
      expect(reported.survivors.map((each) => each.pid)).toContain(left.process?.pid);
      const programs = reported.steps.filter(({ kind }) => kind !== 'file').map(({ what }) => what);
      const inOrder = [`${info}/${hostile}.postinst`, `dpkg -i ${other}`, `${sleep} 600`];
      const positions = inOrder.map((what) => programs.findIndex((each) => each.includes(what)));
      expect({ places: positions, programs: positions.includes(-1) ? programs : [] }).toEqual({
        places: [...positions].sort((a, b) => a - b),
        programs: [],
      });
      expect(reported.steps.find(({ what }) => what === `${sleep} 600`)).toMatchObject({ alive: true });
      // The payload has installed the package, within the same transaction.
      expect(readFileSync('/var/lib/dpkg/status', 'utf8')).toContain(
        'Package: e2e-other\nStatus: install ok installed',
      );

      const { code, stdout } = await agent.cli('show', id);
      expect(code).toBe(0);
      expect(stdout).toMatch(/ dpkg -i .* {2}<- ALERT$/m);
      expect(stdout).toContain('STILL RUNNING');
      for (const line of stdout.split('\n')) expect(line.length).toBeLessThanOrEqual(80);
    } finally {
      const running = left.process?.pid;
      if (running !== undefined) process.kill(running);
    }
  });
});

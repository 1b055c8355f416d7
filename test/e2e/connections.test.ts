// Connections and background processes of real packages' scripts, in a network namespace of their own.

import { existsSync, mkdirSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import type { StepparentEvent } from '../../collectors/event/event.ts';
import { missingTools, titled, unmet } from '../needs.ts';
import { buildDeb, buildRpm } from './packages.ts';
import { endToEndMissing, enterPrivateHost, scratchDirectory } from './private-host.ts';
import { type AlertDocument, run, testAgent, until, withAllRules } from './run-agent.ts';

const missing = endToEndMissing ?? unmet(missingTools('ip', 'bash', 'timeout', 'setsid'));
const rpmMissing = unmet(missingTools('rpm', 'rpmbuild'));

/** All of 192.0.2.0/24 and 2001:db8::10 are addresses of the interface; no port is open. */
const network = [
  'ip link set lo up',
  '(ip link add dummy0 type dummy || ip link add dummy0 type veth peer name dummy1) 2>/dev/null',
  'ip addr add 192.0.2.10/24 dev lo',
  'ip addr add 2001:db8::10/128 dev lo nodad',
  'ip addr add 198.51.100.10/24 dev dummy0',
  'ip link set dummy0 up',
].join('\n');

/** Runs the commands in a network namespace that has the addresses. */
const inNetwork = (...commands: readonly string[]) =>
  run('unshare', ['--net', 'bash', '-c', `set -e\n${network}\nset +e\n${commands.join('\n')}`], {
    env: { ...process.env, DEBIAN_FRONTEND: 'noninteractive', LC_ALL: 'C' },
  });

const tcp = (ip: string, port: number): string => `(exec 3<>/dev/tcp/${ip}/${port}) 2>/dev/null`;
const quietly = '</dev/null >/dev/null 2>&1';

const connecting = `#!/bin/bash
${tcp('192.0.2.10', 4001)}
${tcp('192.0.2.10', 4001)}
${tcp('2001:db8::10', 4002)}
${tcp('127.0.0.1', 4003)}
(exec 3<>/dev/udp/192.0.2.10/4004) 2>/dev/null
timeout 0.2 bash -c 'exec 3<>/dev/tcp/198.51.100.1/4005' 2>/dev/null
${tcp('203.0.113.1', 4006)}
exit 0
`;
const leaving = `#!/bin/bash
sleep 1001 ${quietly} &
setsid sleep 1002 ${quietly} &
(sleep 1003 ${quietly} &)
sleep 0.5 ${quietly} &
timeout 0.1 sleep 1004
exit 0
`;

const endOf = ({ destination }: StepparentEvent): string => `${destination?.ip} ${destination?.port}`;
const secondsOf = (event: StepparentEvent | undefined): string[] =>
  (event?.stepparent.transaction?.survivors ?? []).map(({ args }) => args?.join(' ') ?? '').sort();

describe.skipIf(missing)(titled('scripts that connect and leave processes', missing), () => {
  const scratch = scratchDirectory();
  const agent = testAgent(scratch, withAllRules);
  let events: StepparentEvent[] = [];
  let alerts: AlertDocument[] = [];
  const pids = new Set<number>();

  const inTransaction = (executable: string) =>
    events.filter(({ stepparent }) => stepparent.transaction?.executable === executable);
  const connectionsOf = (executable: string) =>
    inTransaction(executable).filter(({ event }) => event.category?.includes('network'));

  beforeAll(async () => {
    enterPrivateHost(scratch);
    const connects = buildDeb(scratch, 'e2e-connects', { scripts: { preinst: connecting } });
    const leaves = buildDeb(scratch, 'e2e-leaves', { scripts: { postinst: leaving } });
    await agent.start();
    // A connection beside a package tool.
    const first = await inNetwork(tcp('192.0.2.10', 4000), `dpkg -i ${connects} || exit 1`, tcp('192.0.2.10', 4000));
    expect(first).toMatchObject({ stderr: expect.not.stringContaining('error') });
    expect(await run('dpkg', ['-i', leaves])).toMatchObject({ code: 0 });

    // apt's own methods.
    const sources = join(scratch, 'sources.list');
    writeFileSync(sources, 'deb [trusted=yes] http://192.0.2.10:4080 stable main\n');
    const options = [
      `Dir::Etc::sourcelist=${sources}`,
      'Dir::Etc::sourceparts=-',
      'APT::Sandbox::User=root',
      'Acquire::Retries=0',
    ];
    await inNetwork(`apt-get ${options.map((option) => `-o ${option}`).join(' ')} update`);

    const left = await until('the list of what is left running', async () => {
      events = await agent.events();
      return events.find(({ event }) => event.action === 'processes-left-running');
    });
    for (const { pid } of left.stepparent.transaction?.survivors ?? []) pids.add(pid);
    await until('the connection of apt', async () => {
      events = await agent.events();
      return connectionsOf('/usr/bin/apt-get').length > 0;
    });
    alerts = agent.delivered();
  });
  afterAll(async () => {
    for (const pid of pids) if (existsSync(`/proc/${pid}`)) process.kill(pid, 'SIGKILL');
    await agent.stop();
  });

  test('each TCP destination of a script is one event with process, script and transaction', () => {
    const found = connectionsOf('/usr/bin/dpkg');
    expect(found.map(endOf)).toEqual(['192.0.2.10 4001', '2001:db8::10 4002', '127.0.0.1 4003', '198.51.100.1 4005']);
    for (const event of found) {
      expect(event).toMatchObject({
        event: { action: 'connection_attempted', type: ['connection', 'start'], provider: 'tracefs' },
        network: { transport: 'tcp' },
        stepparent: {
          lifecycle_script: {
            manager: 'dpkg',
            path: '/var/lib/dpkg/tmp.ci/preinst',
            phase: 'preinst',
            package: 'e2e-connects',
          },
          unobserved: { 'source.port': 'port_not_chosen' },
        },
      });
      expect(event.stepparent.lineage?.some(({ name }) => name === 'dpkg')).toBe(true);
      // The shell that connects has ended; its user is not observed unless every program above it is known.
      expect(['0', undefined]).toContain(event.user?.id);
    }
    const sources = found.map(({ source }) => source);
    expect(sources).toEqual([
      { ip: '192.0.2.10' },
      { ip: '2001:db8::10' },
      { ip: '127.0.0.1' },
      { ip: '198.51.100.10' },
    ]);
    expect(found[3]?.process).toMatchObject({ executable: '/usr/bin/bash' });
  });

  test('UDP, an address without a route, and connections of other processes are no events', () => {
    const ports = new Set(events.map(({ destination }) => destination?.port));
    for (const port of [4000, 4004, 4006]) expect(ports).not.toContain(port);
  });

  test("apt's method has an event without a script", () => {
    const found = connectionsOf('/usr/bin/apt-get');
    expect(found.map(endOf)).toEqual(['192.0.2.10 4080']);
    expect(found[0]).toMatchObject({ process: { executable: '/usr/lib/apt/methods/http' } });
    expect(found[0]?.stepparent.lifecycle_script).toBeUndefined();
  });

  test('what a script left running is listed once, with the script', () => {
    const lists = events.filter(({ event }) => event.action === 'processes-left-running');
    expect(lists).toHaveLength(1);
    expect(secondsOf(lists[0])).toEqual(['sleep 1001', 'sleep 1002', 'sleep 1003']);
    expect(lists[0]).toMatchObject({
      process: { executable: '/usr/bin/dpkg' },
      stepparent: { transaction: { survivors_count: 3 } },
    });
    for (const { executable, script } of lists[0]?.stepparent.transaction?.survivors ?? []) {
      expect(executable).toBe('/usr/bin/sleep');
      expect(script).toEqual({
        manager: 'dpkg',
        path: '/var/lib/dpkg/info/e2e-leaves.postinst',
        package: 'e2e-leaves',
        phase: 'postinst',
      });
    }
  });

  test('no rule raises an alert about them', () => {
    const ids = new Set(
      events.flatMap(({ event }) => (/network|left/.test(`${event.category} ${event.action}`) ? event.id : [])),
    );
    expect(alerts.filter(({ event }) => ids.has(event.id))).toEqual([]);
  });

  test('the hunts list them', async () => {
    const rowsOf = async (hunt: string) =>
      JSON.parse((await agent.cli('hunt', hunt, '--json')).stdout.split('\n')[0] ?? '');
    expect(await rowsOf('package-script-connections')).toMatchObject({ script: '/var/lib/dpkg/tmp.ci/preinst' });
    expect(await rowsOf('processes-left-by-package-scripts')).toMatchObject({ package: 'e2e-leaves', count: 3 });
  });

  test.skipIf(rpmMissing)(titled('a scriptlet of rpm connects and leaves a process', rpmMissing), async () => {
    const post = `exec ${quietly}\nbash -c 'exec 3<>/dev/tcp/192.0.2.10/4011'\nsleep 1011 &`;
    const file = buildRpm(scratch, 'e2e-rpm-connects', { post });
    const database = join(scratch, 'rpmdb');
    mkdirSync(database);
    await inNetwork(`rpm --dbpath ${database} --nodeps -i ${file}`);
    const left = await until('the list of rpm', async () => {
      events = await agent.events();
      return inTransaction('/usr/bin/rpm').find(({ event }) => event.action === 'processes-left-running');
    });
    for (const { pid } of left.stepparent.transaction?.survivors ?? []) pids.add(pid);
    expect(secondsOf(left)).toEqual(['sleep 1011']);
    expect(left.stepparent.transaction?.survivors?.[0]?.script).toMatchObject({ manager: 'rpm' });
    const found = connectionsOf('/usr/bin/rpm');
    expect(found.map(endOf)).toEqual(['192.0.2.10 4011']);
    expect(found[0]?.stepparent.lifecycle_script).toMatchObject({ manager: 'rpm' });
  });

  const pythonMissing = unmet(missingTools('python3'));
  test.skipIf(pythonMissing)(
    titled(
      'without records, connections that are open at the end of the transaction are found in /proc',
      pythonMissing,
    ),
    async () => {
      const polling = testAgent(scratch, '[sensor]\nmode = "procfs"\n');
      await polling.start();
      const lost = /^only connections that are still open at the end of a package transaction are seen/;
      expect((await polling.status()).sensor.reasons).toContainEqual(expect.stringMatching(lost));
      const holding = `#!/bin/bash\n${tcp('192.0.2.10', 4021)}\nbash -c 'exec 3<>/dev/tcp/192.0.2.10/4022; exec sleep 4' ${quietly} &\nsleep 2\n`;
      const file = buildDeb(scratch, 'e2e-holds', { scripts: { postinst: holding } });
      const listen = 'import socket, time; s = socket.create_server(("192.0.2.10", 4022)); time.sleep(8)';
      await inNetwork(`python3 -c '${listen}' ${quietly} &`, 'sleep 1', `dpkg -i ${file}`);
      const ofNetwork = async () => (await polling.events()).filter(({ event }) => event.category?.includes('network'));
      await until('the connection', async () => (await ofNetwork()).length > 0);
      // The other one was closed.
      expect(await ofNetwork()).toMatchObject([
        {
          event: { provider: 'procfs' },
          source: { ip: '192.0.2.10', port: expect.any(Number) },
          destination: { ip: '192.0.2.10', port: 4022 },
          process: { executable: '/usr/bin/sleep' },
          stepparent: { inferred: { 'event.action': 'open_socket' } },
        },
      ]);
      await polling.stop();
    },
  );
});

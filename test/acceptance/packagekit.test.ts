// The real packagekitd with its backend for apt, which several users ask to install packages over a bus of its own. It needs
// the packages packagekit, packagekit-tools, polkitd and dbus.

import { spawn, spawnSync } from 'node:child_process';
import { once } from 'node:events';
import {
  appendFileSync,
  chmodSync,
  copyFileSync,
  existsSync,
  mkdirSync,
  readFileSync,
  rmdirSync,
  symlinkSync,
  writeFileSync,
} from 'node:fs';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { callersUntil } from '../../collectors/packages/daemon-journal.ts';
import { daemonOfPath } from '../../collectors/packages/origins.ts';
import { makeKey, type SigningKey, writeRepository } from '../e2e/apt-repository.ts';
import { buildDeb } from '../e2e/packages.ts';
import { endToEndMissing, enterPrivateHost, scratchDirectory } from '../e2e/private-host.ts';
import { run, testAgent, until, withAllRules } from '../e2e/run-agent.ts';
import { type Journald, journaldMissing, startJournald } from '../journald.ts';
import { bindMount, mountEmpty, mountOverlay, unmount } from '../mount-namespace.ts';
import { missingTools, titled, unmet } from '../needs.ts';
import {
  alertsOfRequests,
  callerIds,
  expectCallers,
  installationsOf,
  isOf,
  listed,
  packagekitd,
  polkitRule,
  requests,
} from './requests.ts';

const polkitd = '/usr/lib/polkit-1/polkitd';
/** The hierarchy in which systemd puts sessions. */
const hierarchy = ['/sys/fs/cgroup/unified', '/sys/fs/cgroup'].find((one) => existsSync(join(one, 'cgroup.procs')));
const missing =
  endToEndMissing ??
  journaldMissing ??
  unmet(
    missingTools('apt-get', 'dbus-daemon', 'dbus-send', 'gpg', 'gpgconf', 'pkcon'),
    ...[packagekitd, polkitd].map((file) => (existsSync(file) ? undefined : `missing: ${file}`)),
    hierarchy === undefined ? 'no cgroup2 is mounted' : undefined,
    hasRoute() ? undefined : 'without a default route PackageKit downloads nothing, also from a directory',
  );

/** Whether the host has a default route for IPv4. */
function hasRoute(): boolean {
  return /^\S+\t0{8}\t/m.test(readFileSync('/proc/net/route', 'utf8'));
}

const env = { PATH: '/usr/sbin:/usr/bin:/sbin:/bin', LC_ALL: 'C.UTF-8', HOME: '/' };
const uids = { root: 0, ...callerIds };
type User = keyof typeof uids;

/** Where a client runs, as systemd names cgroups: PackageKit passes on the user of the first two. */
const places = {
  session: 'session-e2e.scope',
  desktop: `user-${uids.bob}.slice/app-e2e.scope`,
  service: 'e2e.service',
} as const;

describe.skipIf(missing)(titled('PackageKit', missing), () => {
  const scratch = scratchDirectory();
  const agent = testAgent(scratch, withAllRules);
  const slice = join(hierarchy ?? '', `stepparent-${process.pid}.slice`);
  const ends: (() => Promise<void>)[] = [];
  let journald: Journald;
  let key: SigningKey;

  /** Starts a daemon that takes a name on the bus; returns a function that ends it. */
  async function startDaemon(name: string, program: string, ...args: string[]): Promise<() => Promise<void>> {
    const child = spawn(program, args, { env, stdio: 'ignore' });
    const ended = once(child, 'exit');
    const kill = () => void child.kill('SIGKILL');
    process.once('exit', kill);
    const message = ['--dest=org.freedesktop.DBus', '/org/freedesktop/DBus', 'org.freedesktop.DBus.GetNameOwner'];
    await until(
      `${name} on the bus`,
      () => spawnSync('dbus-send', ['--system', '--print-reply', ...message, `string:${name}`]).status === 0,
    );
    const end = async () => {
      child.kill('SIGTERM');
      await ended;
      process.off('exit', kill);
    };
    ends.push(end);
    return end;
  }
  const startPackageKit = () => startDaemon('org.freedesktop.PackageKit', packagekitd);

  /** Mounts a directory of this file over one of the system. */
  const replace = (directory: string): void => {
    const own = join(scratch, directory.replaceAll('/', '-'));
    mkdirSync(own);
    bindMount(own, directory);
  };

  beforeAll(async () => {
    const lists = ['list', 'md5sums'].map((kind) => `/var/lib/dpkg/info/packagekit.${kind}`);
    const contents = lists.map((file) => readFileSync(file));
    enterPrivateHost(scratch);
    for (const [index, file] of lists.entries()) writeFileSync(file, contents[index] ?? '');
    journald = await startJournald();
    chmodSync(scratch, 0o755);
    if (!existsSync('/dev/log')) {
      const [terminals, upper, work] = ['terminals', 'upper', 'work'].map((name) => join(scratch, name));
      for (const made of [terminals, upper, work]) mkdirSync(made as string);
      bindMount('/dev/pts', terminals as string);
      mountOverlay('/dev', upper as string, work as string);
      bindMount(terminals as string, '/dev/pts');
      // What removes the scratch directory must not find it.
      unmount(terminals as string);
      symlinkSync('/run/systemd/journal/dev-log', '/dev/log');
    }
    const passwd = join(scratch, 'passwd');
    copyFileSync('/etc/passwd', passwd);
    for (const [name, id] of Object.entries(callerIds)) appendFileSync(passwd, `${name}:x:${id}:${id}::/:/bin/sh\n`);
    bindMount(passwd, '/etc/passwd');

    key = makeKey(join(scratch, 'gpg'));
    const repository = join(scratch, 'repository');
    mkdirSync(repository);
    const names = requests.filter(({ isLocal }) => !isLocal).map(({ name }) => name);
    writeRepository(
      repository,
      [...names, ...['a', 'b', 'c'].map(listed)].map((name) => buildDeb(scratch, name)),
      key,
    );
    for (const directory of ['/etc/apt', '/etc/polkit-1/rules.d', '/var/lib/PackageKit', '/var/cache/PackageKit']) {
      replace(directory);
    }
    for (const part of ['apt.conf.d', 'preferences.d', 'sources.list.d', 'trusted.gpg.d']) {
      mkdirSync(join('/etc/apt', part));
    }
    writeFileSync('/etc/apt/sources.list', `deb [signed-by=${key.file} arch=amd64] copy:${repository} stable main\n`);
    writeFileSync('/etc/apt/apt.conf', 'Acquire::Languages "none";\nAPT::Sandbox::User "root";\n');
    writeFileSync('/etc/polkit-1/rules.d/10-e2e.rules', polkitRule);
    expect(await run('apt-get', ['update'], { env })).toMatchObject({ code: 0 });

    for (const place of Object.values(places)) mkdirSync(join(slice, place), { recursive: true });
    mkdirSync('/run/systemd/users');
    writeFileSync(`/run/systemd/users/${uids.bob}`, 'DISPLAY=e2e\n');
    mkdirSync('/run/dbus', { recursive: true });
    mountEmpty('/run/dbus');
    // The bus must not start a second packagekitd.
    mountEmpty('/usr/share/dbus-1/system-services');
    await startDaemon('org.freedesktop.DBus', 'dbus-daemon', '--system', '--nofork', '--nopidfile', '--nosyslog');
    await startDaemon('org.freedesktop.PolicyKit1', polkitd, '--no-debug');
    await agent.start();
  });
  afterAll(async () => {
    for (const end of ends.reverse()) await end();
    await agent.stop();
    await journald.stop();
    key.close();
    for (const place of Object.values(places)) rmdirSync(join(slice, place));
    rmdirSync(join(slice, `user-${uids.bob}.slice`));
    rmdirSync(slice);
  });

  /** Asks PackageKit as this user to install a package by its name or file. */
  const install = async (user: User, place: keyof typeof places, what: string, variables = {}): Promise<void> => {
    const command = what.startsWith('/') ? 'install-local' : 'install';
    const ids = [`--reuid=${uids[user]}`, `--regid=${uids[user]}`, '--clear-groups'];
    const { code, stdout, stderr } = await run(
      'sh',
      [
        ...['-c', 'echo $$ >"$0" && exec "$@"', join(slice, places[place], 'cgroup.procs'), 'setpriv', ...ids],
        ...['pkcon', '--plain', '--noninteractive', '--allow-untrusted', command, what],
      ],
      { env: { ...env, ...variables }, cwd: '/', detached: true },
    );
    expect({ code, output: code === 0 ? '' : stdout + stderr }).toEqual({ code: 0, output: '' });
  };
  const eventsOf = (names: readonly string[]) => installationsOf(names, agent.events);

  test('names the caller of 20 of 20 installations, and each caller is new once', async () => {
    const end = await startPackageKit();
    for (const { user, name, isLocal } of requests) {
      await install(user, user === 'alice' ? 'session' : 'desktop', isLocal ? buildDeb(scratch, name) : name);
    }
    expectCallers(await eventsOf(requests.map(({ name }) => name)));
    await end();
    const alerts = await agent.alerts();
    const found = requests.flatMap(({ name }) =>
      alerts.filter((alert) => isOf(name, alert)).map(({ rule }) => [rule.id, name]),
    );
    expect(found).toEqual(alertsOfRequests);
  });

  test('names a user outside of a session, and root, in its journal only', async () => {
    const end = await startPackageKit();
    await install('alice', 'service', listed('a'), { PACKAGEKIT_CALLER_UID: `${uids.bob}` });
    await install('root', 'session', listed('b'));
    await install('bob', 'session', listed('c'));
    await end();
    const execs = (await eventsOf(['a', 'b', 'c'].map(listed))).map(({ exec }) => exec);
    const variables = execs.map(({ process }) => (process?.env_vars as string[] | undefined) ?? []);
    expect(variables.map((all) => all.filter((one) => one.startsWith('PACKAGEKIT_CALLER_UID=')))).toEqual([
      [],
      [],
      [`PACKAGEKIT_CALLER_UID=${uids.bob}`],
    ]);

    const lines = journald.read(`_EXE=${packagekitd}`).map(({ MESSAGE, __REALTIME_TIMESTAMP }) => ({
      timeMs: Number(__REALTIME_TIMESTAMP) / 1000,
      message: String(MESSAGE),
    }));
    const ofDaemon = lines.slice(lines.findLastIndex(({ message }) => message === 'daemon start'));
    const callerLines = daemonOfPath(packagekitd)?.callerLines ?? { started: /^$/, callers: [] };
    const callers = execs.map((exec) => callersUntil(ofDaemon, callerLines, Date.parse(String(exec['@timestamp']))));
    expect(callers).toEqual([[uids.alice], [uids.alice, uids.root], [uids.alice, uids.root, uids.bob]]);

    const [, byRoot, byBob] = execs.map(({ stepparent }) => stepparent.initiator);
    expect([byRoot?.executable, byRoot?.origin, byBob?.origin]).toEqual([packagekitd, undefined, 'PackageKit for bob']);
    const messages = (await agent.alerts()).map(({ message }) => String(message));
    expect(messages).toContainEqual(expect.stringMatching(/^an unobserved user through PackageKit ran dpkg/));
  });
});

// Where installations come from, over real process trees: small programs at the paths of daemons, runners and agents, and a daemon of
// PackageKit's shape with several callers. What a process could make up by itself is a claim.

import { execFileSync } from 'node:child_process';
import { appendFileSync, chmodSync, copyFileSync, existsSync, mkdirSync, writeFileSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import type { StepparentEvent } from '../../collectors/event/event.ts';
import { type Journald, journaldMissing, startJournald } from '../journald.ts';
import { mountOverlay } from '../mount-namespace.ts';
import { missingTools, titled, unmet } from '../needs.ts';
import { rulesOf } from '../rules-of.ts';
import { endToEndMissing, enterPrivateHost, scratchDirectory } from './private-host.ts';
import { run, testAgent, until, withAllRules } from './run-agent.ts';

// One outside of the system's directories may be closed to other users.
const python = '/usr/bin/python3';
const missing =
  endToEndMissing ??
  journaldMissing ??
  unmet(missingTools('gcc', 'logger'), existsSync(python) ? undefined : `missing: ${python}`);
const rule = 'package-installed-by-unusual-initiator';
const path = '/usr/sbin:/usr/bin:/sbin:/bin';
const packagekitd = '/usr/libexec/packagekitd';

/** Programs at these paths, each in the list of a package; a package without a name owns nothing. */
const owned: Readonly<Record<string, string>> = {
  [packagekitd]: 'packagekit',
  '/usr/libexec/pk-offline-update': 'packagekit',
  '/usr/sbin/sshd': 'openssh-server',
  '/usr/sbin/cron': 'cron',
  '/usr/sbin/anacron': 'anacron',
  '/usr/sbin/atd': 'at',
  '/usr/sbin/agetty': 'util-linux',
  '/usr/sbin/aptd': 'aptdaemon',
  '/usr/sbin/dnf5daemon-server': 'dnf5daemon-server',
  '/usr/libexec/snapd/snapd': 'snapd',
  '/usr/sbin/cf-agent': 'cfengine3',
};
const unowned = [
  '/usr/libexec/openssh/sshd-session',
  '/opt/actions-runner/bin.2.311.0/Runner.Worker',
  '/opt/buildkite-agent',
  '/opt/gitlab-runner',
  '/opt/jdk/bin/java',
  '/opt/node_modules/@anthropic-ai/claude-code/cli',
  '/opt/bin/codex',
  '/opt/bin/ansible-playbook',
  '/opt/fake/packagekitd',
  '/opt/fake/sudo',
  '/opt/plain',
];

describe.skipIf(missing)(titled('origins', missing), () => {
  const scratch = scratchDirectory();
  const agent = testAgent(scratch, withAllRules);
  let journald: Journald;

  beforeAll(async () => {
    enterPrivateHost(scratch);
    journald = await startJournald();
    for (const directory of ['/usr/libexec', '/usr/sbin', '/opt', '/etc']) {
      const [upper, work] = ['upper', 'work'].map((part) => join(scratch, `${part}${directory.replaceAll('/', '-')}`));
      for (const made of [upper, work]) mkdirSync(made as string);
      mountOverlay(directory, upper as string, work as string);
    }
    writeFileSync(
      '/etc/passwd',
      'root:x:0:0::/root:/bin/sh\nalice:x:7001:7001::/:/bin/sh\nbob:x:7002:7002::/:/bin/sh\n',
    );
    chmodSync(scratch, 0o755);
    const program = join(scratch, 'program');
    execFileSync('gcc', ['-O', '-Wl,--build-id=none', '-o', program, join(import.meta.dirname, 'programs/daemon.c')]);
    const files = new Map<string, string[]>();
    for (const file of [...Object.keys(owned), ...unowned]) {
      mkdirSync(dirname(file), { recursive: true });
      if (existsSync(file)) execFileSync('rm', [file]);
      copyFileSync(program, file);
      // With the same content, they would be copies of one of them.
      appendFileSync(file, file);
      const owner = owned[file];
      if (owner !== undefined) files.set(owner, [...(files.get(owner) ?? []), file]);
    }
    for (const [owner, list] of files) writeFileSync(`/var/lib/dpkg/info/${owner}.list`, `${list.join('\n')}\n`);
    await agent.start();
  });
  afterAll(async () => {
    await agent.stop();
    await journald.stop();
  });

  let number = 0;
  /** Runs dpkg below the programs, the last of which is its parent; returns the name of the package file. */
  async function install(chain: readonly (readonly string[])[], env: Record<string, string> = {}): Promise<string> {
    const deb = `/none-${++number}.deb`;
    const variables = Object.entries(env).map(([name, value]) => `${name}=${value}`);
    const command = [...chain.flat(), 'env', '-i', `PATH=${path}`, ...variables, 'dpkg', '-i', deb];
    const [program = '', ...args] = command;
    await run(program, args, { detached: true });
    return deb;
  }
  const eventOf = (deb: string): Promise<StepparentEvent> =>
    until('the event', async () =>
      (await agent.execs()).find(({ process }) => process?.name === 'dpkg' && process.args?.includes(deb)),
    );
  const alertOf = async (deb: string) =>
    (await agent.alerts()).find((alert) => rulesOf(alert).includes(rule) && alert.process?.args?.includes(deb));
  const below = (file: string, ...lines: string[]): string[] => [file, ...lines, '--'];
  const as = (user: string): string[] => ['setpriv', `--reuid=${user}`, '--clear-groups'];
  const inShell = ['sh', '-c', '"$@"; exit $?', 'sh'];

  const origins: readonly [origin: string | undefined, kind: string, chain: string[][], claimed?: true][] = [
    ['ssh as alice', 'ssh', [below('/usr/sbin/sshd'), as('7001'), inShell]],
    ['ssh as alice', 'ssh', [below('/usr/libexec/openssh/sshd-session'), as('7001'), inShell]],
    ['console as bob', 'console', [below('/usr/sbin/agetty'), as('7002'), inShell]],
    ['cron', 'cron', [below('/usr/sbin/cron'), inShell]],
    ['cron', 'anacron', [below('/usr/sbin/anacron'), inShell]],
    ['cron', 'at', [below('/usr/sbin/atd'), inShell]],
    ['aptdaemon for an unobserved user', 'package_daemon', [below('/usr/sbin/aptd')]],
    ['dnf5daemon for an unobserved user', 'package_daemon', [below('/usr/sbin/dnf5daemon-server')]],
    ['snapd for an unobserved user', 'package_daemon', [below('/usr/libexec/snapd/snapd'), inShell]],
    ['cfengine from cron', 'configuration_management', [below('/usr/sbin/cron'), below('/usr/sbin/cf-agent'), inShell]],
    [
      'github-runner (claimed) from ssh as alice',
      'ci_runner',
      [below('/usr/sbin/sshd'), as('7001'), below('/opt/actions-runner/bin.2.311.0/Runner.Worker'), inShell],
      true,
    ],
    ['buildkite (claimed) from cron', 'ci_runner', [below('/usr/sbin/cron'), below('/opt/buildkite-agent')], true],
    ['gitlab-runner (claimed) from cron', 'ci_runner', [below('/usr/sbin/cron'), below('/opt/gitlab-runner')], true],
    [
      'claude (claimed) from ssh as alice',
      'ai_agent',
      [below('/usr/sbin/sshd'), as('7001'), below('/opt/node_modules/@anthropic-ai/claude-code/cli'), inShell],
      true,
    ],
    ['codex (claimed) from ssh as root', 'ai_agent', [below('/usr/sbin/sshd'), below('/opt/bin/codex')], true],
    [
      'ansible (claimed) from cron',
      'configuration_management',
      [below('/usr/sbin/cron'), below('/opt/bin/ansible-playbook'), inShell],
      true,
    ],
    ['cron', 'cron', [below('/usr/sbin/cron'), below('/opt/jdk/bin/java')]],
  ];

  test('are distinguished by the programs above, and what is claimed says so', async () => {
    const debs = [];
    for (const [, , chain] of origins) debs.push(await install(chain));
    const found = [];
    for (const deb of debs) {
      const { initiator } = (await eventOf(deb)).stepparent;
      found.push([initiator?.origin, initiator?.origin_kind, initiator?.origin_claimed]);
    }
    expect(found).toEqual(origins.map(([origin, kind, , claimed]) => [origin, kind, claimed]));
  });

  test('a script of an interpreter is a claim, whatever it is called', async () => {
    for (const [interpreter, file, text, name] of [
      [
        'node',
        '/opt/node_modules/@openai/codex/x.js',
        'require("child_process").spawnSync(process.argv[2], process.argv.slice(3))',
        'codex',
      ],
      [python, '/opt/venv/bin/aider', 'import subprocess, sys; subprocess.call(sys.argv[1:])', 'aider'],
    ] as const) {
      mkdirSync(dirname(file), { recursive: true });
      writeFileSync(file, text);
      const deb = await install([below('/usr/sbin/sshd'), as('7001'), [interpreter, file]]);
      expect((await eventOf(deb)).stepparent.initiator).toMatchObject({
        origin: `${name} (claimed) from ssh as alice`,
        origin_claimed: true,
        requester: { user: { id: '7001', name: 'alice' }, executable: file, claimed: false, source: 'lineage' },
      });
    }
  });

  const callers = { '7001': 'alice', '7002': 'bob' } as const;

  test('PackageKit’s caller in the environment: 20 of 20 are right, and each is an alert once', async () => {
    // One daemon for all of them.
    const debs = Array.from(
      { length: 20 },
      (_, i) => [`/none-shared-${i}.deb`, i % 2 === 0 ? 'alice' : 'bob'] as const,
    );
    const requests = debs.map(([deb, name]) => [
      ...['env', '-i', `PATH=${path}`, `PACKAGEKIT_CALLER_UID=${name === 'alice' ? '7001' : '7002'}`],
      ...['dpkg', '-i', deb, '++'],
    ]);
    await run(packagekitd, ['--', ...requests.flat().slice(0, -1)], { detached: true });
    const alerts: string[] = [];
    for (const [deb, name] of debs) {
      const { initiator } = (await eventOf(deb)).stepparent;
      expect(initiator).toMatchObject({
        executable: packagekitd,
        origin: `PackageKit for ${name}`,
        requester: { user: { name }, claimed: false, source: 'environment' },
      });
      const alert = await alertOf(deb);
      if (alert !== undefined) alerts.push(String(alert.message));
    }
    expect(alerts.map((text) => text.replace(/none-shared-\d+/, 'none'))).toEqual(
      ['alice', 'bob'].map(
        (name) =>
          `${name} through PackageKit ran dpkg to install none.deb - first installation by ${name} through PackageKit in 90 days`,
      ),
    );
  });

  const begun = (uid: string): string[] => [
    'daemon start',
    `uid ${uid} is trying to obtain org.freedesktop.packagekit.package-install-untrusted auth (only_trusted:0)`,
    `uid ${uid} obtained auth for org.freedesktop.packagekit.package-install-untrusted`,
  ];

  test('PackageKit’s caller in its journal: 20 of 20 are right', async () => {
    for (let i = 0; i < 20; i++) {
      const [uid, name] = Object.entries(callers)[i % 2] as [string, string];
      const deb = await install([below(packagekitd, ...begun(uid))]);
      expect((await eventOf(deb)).stepparent.initiator).toMatchObject({
        origin: `PackageKit for ${name}`,
        requester: { user: { id: uid, name }, claimed: false, source: 'journal' },
      });
    }
  });

  test('the updates that PackageKit installs at a reboot are known', async () => {
    const pending = run('/usr/libexec/pk-offline-update', ['--', 'sleep', '20'], {
      detached: true,
    });
    const deb = await install([below(packagekitd, ...begun('0'))]);
    expect((await eventOf(deb)).stepparent.initiator).toMatchObject({ origin: 'PackageKit for offline update' });
    expect(await alertOf(deb)).toBe(undefined);
    await pending;
    const byRoot = await install([below(packagekitd, ...begun('0'))]);
    expect((await eventOf(byRoot)).stepparent.initiator).toMatchObject({ origin: 'PackageKit for root' });
    expect((await alertOf(byRoot))?.message).toMatch(/^root through PackageKit ran dpkg/);
  });

  test.each<[string, reason: string, lines: string[]]>([
    ['of two users at once', 'several_callers', [...begun('7001'), ...begun('7002')]],
    ['that has no line', 'caller_not_logged', ['daemon start']],
  ])('a caller %s is not named: %s', async (_, reason, lines) => {
    const deb = await install([below(packagekitd, ...lines)]);
    const { initiator, unobserved } = (await eventOf(deb)).stepparent;
    expect([initiator?.executable, initiator?.origin, initiator?.requester]).toEqual([
      packagekitd,
      undefined,
      undefined,
    ]);
    expect(unobserved?.['stepparent.initiator.requester']).toBe(reason);
  });

  test('a caller that is not named raises an alert that says so', async () => {
    const messages = (await agent.alerts()).map(({ message }) => String(message));
    expect(messages).toContainEqual(expect.stringMatching(/^an unobserved user through PackageKit ran dpkg/));
  });

  test.each([
    ['aptdaemon', '/usr/sbin/aptd'],
    ['dnf5daemon', '/usr/sbin/dnf5daemon-server'],
    ['snapd', '/usr/libexec/snapd/snapd'],
  ])('%s names no caller: neither a variable nor a line in its journal counts', async (name, file) => {
    const deb = await install([below(file, ...begun('7001'))], { SUDO_UID: '7001', PKEXEC_UID: '7001' });
    const { initiator, unobserved } = (await eventOf(deb)).stepparent;
    expect(initiator?.origin).toBe(`${name} for an unobserved user`);
    expect(initiator?.requester?.claimed ?? true).toBe(true);
    expect(unobserved?.['stepparent.named_callers']).toBe('caller_not_shown');
  });

  test('lines of another user in the journal do not count', async () => {
    const forge = ['logger', '--socket', '/run/systemd/journal/dev-log', '-t', 'PackageKit'];
    const forged = [...as('7001'), ...forge, begun('7002').at(-1) ?? ''];
    const deb = await install([
      below(packagekitd, 'daemon start'),
      ['sh', '-c', `${forged.map((w) => `'${w}'`).join(' ')}; exec "$@"`, 'sh'],
    ]);
    const { initiator, unobserved } = (await eventOf(deb)).stepparent;
    expect(journald.read('SYSLOG_IDENTIFIER=PackageKit', '_UID=7001')).toHaveLength(1);
    expect([initiator?.executable, initiator?.origin]).toEqual([packagekitd, undefined]);
    expect(unobserved?.['stepparent.initiator.requester']).toBe('caller_not_logged');
  });

  const forgedVariables = { PACKAGEKIT_CALLER_UID: '0', SUDO_UID: '0', PKEXEC_UID: '0', DOAS_USER: 'root' };
  test.each<[string, origin: RegExp, requester: object | undefined, chain: string[][]]>([
    [
      'by alice over ssh',
      /^ssh as alice$/,
      { user: { id: '7001', name: 'alice' }, claimed: false, source: 'lineage' },
      [below('/usr/sbin/sshd'), as('7001'), inShell],
    ],
    ['in a program named packagekitd', /^(?!PackageKit)/, { claimed: true }, [below('/opt/fake/packagekitd')]],
    ['below a program named sudo', /^(?!PackageKit)/, { claimed: true }, [below('/opt/fake/sudo')]],
    [
      'in a mount namespace with another packagekitd',
      /^PackageKit for root \(claimed\)$/,
      { claimed: true },
      [
        ['unshare', '--mount', 'sh', '-c', `mount --bind /opt/plain ${packagekitd}; exec "$@"`, 'sh'],
        below(packagekitd),
      ],
    ],
    [
      'by a script that packagekitd’s dpkg runs',
      /^PackageKit for root \(claimed\)$/,
      { claimed: true },
      [below(packagekitd), below('/opt/plain')],
    ],
  ])('forged variables are never trusted: %s', async (_, origin, requester, chain) => {
    const deb = await install(chain, forgedVariables);
    const { initiator } = (await eventOf(deb)).stepparent;
    expect(initiator?.origin).toMatch(origin);
    expect(initiator?.requester).toMatchObject(requester ?? {});
  });
});

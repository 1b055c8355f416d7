// Where an initiator came from and who asked: lineages as data, nearest ancestor first, and the expected origin and requester.

import path from 'node:path';
import { describe, expect, test } from 'vitest';
import type { LineageStep, NamedCaller } from '../../../collectors/event/event.ts';
import { findInitiator } from '../../../detectors/facts/initiator.ts';
import { type InitiatedEvent, isOrigin, partsOfOrigin, stableOrigin } from '../../../detectors/facts/origin.ts';

const root = { id: '0', name: 'root' };
const alice = { id: '1000', name: 'alice' };
const bob = { id: '1001', name: 'bob' };

/** `EXECUTABLE ARGUMENT...`, run by root; the program with its user, and with the result of its check. */
type Step = string | [line: string, more: Partial<LineageStep>];

const lineageOf = (steps: readonly Step[]): LineageStep[] =>
  steps.map((step, index) => {
    const [line, more] = typeof step === 'string' ? [step, {}] : step;
    const [executable = '', ...args] = line.split(' ');
    const pid = executable === systemd ? 1 : 100 + steps.length - index;
    const name = path.basename(executable);
    return { entity_id: `e${pid}`, pid, name, executable, args: [name, ...args], user: root, ...more };
  });

const systemd = '/usr/lib/systemd/systemd';
const verified = { verified: true };
const other = { verified: false };

function find(steps: readonly Step[], more: Partial<InitiatedEvent['stepparent']> = {}) {
  const found = findInitiator({
    process: { pid: 999, user: root },
    stepparent: { lineage: lineageOf(steps), systemd: { unit: 'x.service' }, ...more },
  });
  const { origin, origin_kind: kind, origin_claimed: claimed, requester } = found?.initiator ?? {};
  return { origin, kind, claimed, requester, unobserved: found?.unobserved, inferred: found?.inferred };
}

const bash = '/usr/bin/bash -c x';
const shellOf = (user: typeof root): Step => ['/usr/bin/bash', { user }];
const sshd = '/usr/sbin/sshd';
const cron = '/usr/sbin/cron';
const claude = '/usr/bin/node /usr/lib/node_modules/@anthropic-ai/claude-code/cli.js';

describe('the origin', () => {
  test.each<[origin: string, kind: string, steps: Step[], more?: Partial<InitiatedEvent['stepparent']>]>([
    ['ssh as alice', 'ssh', ['/usr/bin/sudo x', '/usr/bin/sudo x', shellOf(alice), sshd]],
    ['ssh as alice', 'ssh', [shellOf(alice), [sshd, verified], [sshd, verified]]],
    ['unit x.service', 'unit', [shellOf(alice), [sshd, other], systemd]],
    ['console as alice', 'console', [shellOf(alice), '/usr/bin/login -p']],
    ['session as alice', 'session', ['/opt/x', systemd], { systemd: { unit: 'session-4.scope' }, login_user: alice }],
    ['cron', 'cron', [bash, cron]],
    ['cron', 'anacron', ['/etc/cron.daily/x', '/usr/bin/run-parts x', '/usr/sbin/anacron', systemd]],
    ['cron', 'at', ['/usr/bin/dash', '/usr/sbin/atd']],
    ['unit x.service', 'timer', ['/opt/x', systemd], { systemd: { unit: 'x.service', timer: 'x.timer' } }],
    ['unit run-*.service', 'systemd_run', [bash, systemd], { systemd: { unit: 'run-u12.service' } }],
    ['user unit x.service of alice', 'user_unit', ['/opt/x'], { systemd: { unit: 'x.service', user: alice } }],
    ['init', 'init', ['/opt/x', systemd], { systemd: { unit: 'init.scope' } }],
    [
      'unit apt-daily-upgrade.service',
      'automatic_upgrade',
      ['/usr/bin/unattended-upgrade', ['/usr/lib/apt/apt.systemd.daily x', verified], systemd],
      { systemd: { unit: 'apt-daily-upgrade.service', timer: 'apt-daily-upgrade.timer' } },
    ],
    ['cron', 'automatic_upgrade', [['/usr/lib/apt/apt.systemd.daily x', verified], '/usr/bin/dash', cron]],
    ['unit x.service', 'unit', ['/usr/lib/apt/apt.systemd.daily x', systemd]],
    ['unit x.service', 'unit', [['/usr/lib/apt/apt.systemd.daily x', other], systemd]],
    ['unit x.service', 'cloud_init', [['/usr/bin/cloud-init modules', verified], systemd]],
    ['gitlab-runner from unit x.service', 'ci_runner', [bash, ['/usr/bin/gitlab-runner run', verified], systemd]],
    ['puppet from unit x.service', 'configuration_management', [['/usr/bin/puppet agent', verified], systemd]],
    ['puppet from cron', 'configuration_management', [['/usr/bin/puppet agent', verified], '/usr/bin/dash', cron]],
    ['cfengine from unit x.service', 'configuration_management', [['/usr/sbin/cf-agent', verified], systemd]],
    ['buildah from ssh as alice', 'container_build', [['/usr/bin/buildah run', verified], shellOf(alice), sshd]],
  ])('%s: %s', (origin, kind, steps, more) => {
    expect(find(steps, more)).toMatchObject({ origin, kind, claimed: undefined });
    expect(isOrigin(origin)).toBe(true);
  });

  test.each<[origin: string, kind: string, steps: Step[]]>([
    ['puppet (claimed) from unit x.service', 'configuration_management', ['/usr/bin/puppet agent', systemd]],
    ['puppet (claimed) from unit x.service', 'configuration_management', [['/usr/bin/puppet', other], systemd]],
    ['gitlab-runner (claimed) from unit x.service', 'ci_runner', [bash, '/opt/gitlab-runner run', systemd]],
    [
      'github-runner (claimed) from unit x.service',
      'ci_runner',
      [bash, '/home/ci/actions-runner/bin.2.311.0/Runner.Worker spawnclient 1 2', systemd],
    ],
    [
      'jenkins (claimed) from ssh as alice',
      'ci_runner',
      [bash, '/usr/lib/jvm/java-17/bin/java -jar /home/ci/remoting.jar', shellOf(alice), sshd],
    ],
    ['buildkite (claimed) from unit x.service', 'ci_runner', ['/opt/buildkite-agent start', systemd]],
    [
      'ansible (claimed) from ssh as alice',
      'configuration_management',
      ['/usr/bin/python3.11 /root/.ansible/tmp/ansible-tmp-1.2-3/AnsiballZ_apt.py', bash, shellOf(alice), sshd],
    ],
    ['claude (claimed) from ssh as alice', 'ai_agent', [bash, '/usr/bin/sudo x', claude, shellOf(alice), sshd]],
    [
      'claude (claimed) from ssh as alice',
      'ai_agent',
      [bash, '/home/alice/.local/share/claude/versions/2.0.1 x', shellOf(alice), sshd],
    ],
    [
      'codex (claimed) from ssh as alice',
      'ai_agent',
      [bash, '/opt/node_modules/@openai/codex/bin/codex.js', shellOf(alice), sshd],
    ],
    ['aider (claimed) from ssh as alice', 'ai_agent', ['/usr/bin/python3 /home/alice/bin/aider', shellOf(alice), sshd]],
    [
      'claude (claimed) from ssh as alice',
      'ai_agent',
      [bash, '/home/alice/.nvm/versions/node/v22/bin/node --x /home/alice/.nvm/bin/claude', shellOf(alice), sshd],
    ],
    ['claude (claimed) from cron', 'ai_agent', [claude, '/usr/bin/dash', cron]],
    [
      'ansible (claimed) from jenkins (claimed) from unit x.service',
      'configuration_management',
      ['/usr/bin/python3 /opt/bin/ansible-playbook', '/usr/bin/java -jar agent.jar', systemd],
    ],
  ])('that could be made up: %s', (origin, kind, steps) => {
    expect(find(steps)).toMatchObject({ origin, kind, claimed: true });
    expect(isOrigin(origin)).toBe(true);
  });

  test.each<[string, Step[]]>([
    ['an agent above a login', [shellOf(alice), sshd, claude]],
    ['a java program that is no agent', [['/usr/bin/java -jar app.jar', {}], shellOf(alice), sshd]],
    ['an agent that the initiator has started', ['/usr/bin/sudo x', shellOf(alice), sshd]],
    ['a script that has one as its argument', ['/opt/bin/node /opt/x.js /opt/bin/claude', shellOf(alice), sshd]],
    ['a directory with the name of one', ['/opt/claude/run', shellOf(alice), sshd]],
  ])('does not name %s', (_, steps) => {
    expect(find(steps)).toMatchObject({ origin: 'ssh as alice', kind: steps.length > 0 ? 'ssh' : '' });
  });

  test('that is a timer’s by its name alone is inferred', () => {
    const { inferred } = find(['/opt/x', systemd], { systemd: { unit: 'x.service', timer: 'x.timer' } });
    expect(inferred).toEqual({ 'stepparent.initiator.origin_kind': 'unit_name' });
  });

  test('has at most three agents', () => {
    const chain = ['/a/bin/claude', '/a/bin/codex', '/a/bin/gemini', '/a/bin/copilot', systemd];
    expect(find(chain).origin).toBe('claude (claimed) from codex (claimed) from gemini (claimed) from unit x.service');
  });
});

const packagekitd = '/usr/libexec/packagekitd';
const variable = (user: object, name = 'PACKAGEKIT_CALLER_UID'): NamedCaller => ({
  source: 'environment',
  variable: name,
  user: user as typeof alice,
});
const inJournal = (user: typeof alice, more: object = {}): NamedCaller => ({ source: 'journal', user, ...more });

describe('the caller of a daemon', () => {
  const ofUnit = { systemd: { unit: 'packagekit.service' } };
  const daemon: Step = [packagekitd, verified];
  const requester = (user: object, source: string, claimed = false) => ({ user, claimed, source });

  test.each<[string, origin: string, callers: NamedCaller[], expected: object, steps?: Step[]]>([
    ['in the environment', 'PackageKit for alice', [variable(alice)], requester(alice, 'environment')],
    ['without a name', 'PackageKit for uid 7', [variable({ id: '7' })], requester({ id: '7' }, 'environment')],
    ['in the journal', 'PackageKit for alice', [inJournal(alice)], requester(alice, 'journal')],
    ['root', 'PackageKit for root', [inJournal(root)], requester(root, 'journal')],
    ['below a shell', 'PackageKit for alice', [variable(alice)], requester(alice, 'environment'), [bash, daemon]],
    [
      'the distribution’s own client',
      'PackageKit for offline update',
      [inJournal(root, { executable: '/usr/libexec/pk-offline-update' })],
      { ...requester(root, 'journal'), executable: '/usr/libexec/pk-offline-update' },
    ],
  ])('%s: %s', (_, origin, callers, expected, steps = [daemon]) => {
    const found = find([...steps, systemd], { ...ofUnit, named_callers: callers });
    expect(found).toMatchObject({ origin, kind: 'package_daemon', claimed: undefined, unobserved: {} });
    expect(found.requester).toEqual(expected);
  });

  test.each<[string, origin: string | undefined, reason: string | undefined, callers: NamedCaller[], steps: Step[]]>([
    ['is not named', undefined, 'caller_not_logged', [], [daemon]],
    ['is named by another variable', undefined, 'caller_not_logged', [variable(alice, 'SUDO_UID')], [daemon]],
    ['is named twice', undefined, 'several_callers', [variable(alice), variable(bob)], [daemon]],
    ['differs in the journal', undefined, 'several_callers', [variable(alice), inJournal(bob)], [daemon]],
    [
      'is named below a daemon that is not checked',
      'PackageKit for alice (claimed)',
      undefined,
      [variable(alice)],
      [packagekitd],
    ],
    [
      'is named below another file',
      'PackageKit for alice (claimed)',
      undefined,
      [variable(alice)],
      [[packagekitd, other]],
    ],
    [
      'is named in the journal of another file',
      undefined,
      'caller_not_logged',
      [inJournal(alice)],
      [[packagekitd, other]],
    ],
    [
      'is named below a script of a package',
      'PackageKit for alice (claimed)',
      undefined,
      [variable(alice)],
      ['/var/lib/dpkg/info/x.postinst configure', '/usr/bin/dpkg', daemon],
    ],
  ])('%s', (_, origin, reason, callers, steps) => {
    const found = find([...steps, systemd], {
      ...ofUnit,
      named_callers: callers,
      unobserved: { 'stepparent.named_callers': 'caller_not_logged' },
    });
    expect(found).toMatchObject({ origin, kind: 'package_daemon', claimed: origin === undefined ? undefined : true });
    expect(found.unobserved?.['stepparent.initiator.requester']).toBe(reason);
    expect(found.unobserved?.['stepparent.initiator.origin']).toBe(reason);
    expect(found.requester).toEqual(reason === undefined ? requester(alice, 'environment', true) : undefined);
  });

  test('is not known of a daemon that names none', () => {
    const found = find([['/usr/sbin/aptd', verified], systemd], {
      unobserved: { 'stepparent.named_callers': 'caller_not_shown' },
    });
    expect(found.origin).toBe('aptdaemon for an unobserved user');
    expect(found.unobserved).toEqual({ 'stepparent.initiator.requester': 'caller_not_shown' });
  });

  test.each(['/tmp/packagekitd', '/usr/local/libexec/packagekitd'])('is of no interest if it is %s', (executable) => {
    const found = find([executable, systemd], { named_callers: [variable(alice)] });
    expect(found).toMatchObject({ origin: 'unit x.service', requester: { user: root, claimed: false } });
  });

  test('does not become the admin who has started the daemon by hand', () => {
    const found = find([daemon, shellOf(bob), sshd], { named_callers: [variable(alice)], login_user: bob });
    expect(found).toMatchObject({ origin: 'PackageKit for alice', requester: { user: alice } });
  });

  test('counts for a transaction of the daemon itself', () => {
    const found = findInitiator({
      event: { category: ['package'] },
      process: { pid: 9, executable: packagekitd, name: 'packagekitd', args: [packagekitd] },
      stepparent: {
        lineage: lineageOf([systemd]),
        genuine: { process: true },
        named_callers: [inJournal(alice)],
        ...ofUnit,
      },
    });
    expect(found?.initiator).toMatchObject({ origin: 'PackageKit for alice', requester: { user: alice } });
  });
});

describe('the requester', () => {
  const nginx: Step = ['/usr/sbin/nginx', { user: { id: '33', name: 'www-data' } }];
  const www = { id: '33', name: 'www-data' };
  const sudo: Step = ['/usr/bin/sudo x', verified];
  test.each<[string, expected: object, steps: Step[], more?: Partial<InitiatedEvent['stepparent']>]>([
    ['a login', { user: alice, source: 'login' }, [shellOf(root), sshd], { login_user: alice }],
    [
      'a login through sudo, whatever the environment says',
      { user: alice, source: 'login', elevated_by: 'sudo', session: '4' },
      [sudo, shellOf(alice), sshd],
      { login_user: alice, named_callers: [variable(root, 'SUDO_UID')], systemd: { unit: 'session-4.scope' } },
    ],
    ['the user below sshd', { user: alice, source: 'lineage' }, [shellOf(alice), sshd]],
    ['the user of a job', { user: alice, source: 'lineage' }, [shellOf(alice), cron]],
    ['the user who called sudo', { user: www, source: 'lineage', elevated_by: 'sudo' }, [bash, sudo, sudo, nginx]],
    [
      'the user who called the topmost of several',
      { user: www, source: 'lineage', elevated_by: 'pkexec' },
      [bash, '/usr/bin/su', bash, '/usr/bin/pkexec x', nginx],
    ],
    ['the user of a service', { user: www, source: 'lineage' }, [bash, nginx]],
    [
      'named by a sudo whose caller has ended',
      { user: alice, source: 'environment', elevated_by: 'sudo' },
      [bash, sudo],
      { named_callers: [variable(alice, 'SUDO_UID')] },
    ],
    [
      'named by a doas whose caller has ended',
      { user: { name: 'alice' }, source: 'environment', elevated_by: 'doas' },
      [bash, ['/usr/bin/doas x', verified]],
      { named_callers: [variable({ name: 'alice' }, 'DOAS_USER')] },
    ],
  ])('%s', (_, expected, steps, more) => {
    expect(find(steps, more).requester).toEqual({ claimed: false, ...expected });
  });

  test.each<[string, Step[], NamedCaller[]]>([
    ['without a sudo', [bash, '/opt/x', systemd], [variable(alice, 'SUDO_UID')]],
    ['for root without a sudo', [bash, '/opt/x', systemd], [variable(root, 'SUDO_UID')]],
    ['by a sudo that is not checked', [bash, '/usr/bin/sudo x'], [variable(alice, 'SUDO_UID')]],
    ['by another tool than the one above', [bash, sudo], [variable(alice, 'PKEXEC_UID')]],
    ['twice', [bash, sudo], [variable(alice, 'SUDO_UID'), variable(bob, 'SUDO_UID')]],
    ['by a sudo in another directory', [bash, '/tmp/sudo x', systemd], [variable(alice, 'SUDO_UID')]],
  ])('is a claim if the environment names it %s', (_, steps, named_callers) => {
    const { requester, origin } = find(steps, { named_callers });
    expect(requester).toMatchObject({ claimed: true, source: 'environment' });
    expect(origin).toBe('unit x.service');
  });

  test('has the program that asked on behalf of the user', () => {
    expect(find([bash, claude, shellOf(alice), sshd]).requester).toEqual({
      user: alice,
      executable: '/usr/lib/node_modules/@anthropic-ai/claude-code/cli.js',
      claimed: false,
      source: 'lineage',
    });
  });
});

describe('the text of an origin', () => {
  test.each([
    '',
    'x',
    'ssh',
    'claude from',
    'claude from x',
    'PackageKit for',
    'PackageKit',
    'unit',
    'nginx from cron',
  ])('%o is no origin', (text) => expect(isOrigin(text)).toBe(false));

  test('is taken apart', () => {
    expect(partsOfOrigin('ansible (claimed) from puppet from ssh as alice')).toEqual({
      agents: [
        { name: 'ansible', claimed: true },
        { name: 'puppet', claimed: false },
      ],
      base: 'ssh as alice',
    });
    expect(partsOfOrigin('PackageKit for alice (claimed)')).toEqual({
      agents: [],
      base: '',
      daemon: { name: 'PackageKit', caller: 'alice', claimed: true },
    });
  });

  test('has a stable unit behind agents, too', () => {
    expect(stableOrigin('puppet from unit run-u12.service')).toBe('puppet from unit run-*.service');
    expect(stableOrigin('nginx from unit run-u12.service')).toBe('nginx from unit run-u12.service');
  });
});

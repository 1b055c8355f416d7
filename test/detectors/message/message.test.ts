// Who did what: the subject and the deed of an alert's message, from what was observed and what was not.

import { describe, expect, test } from 'vitest';
import type { StepparentEvent } from '../../../collectors/event/event.ts';
import { actionText } from '../../../detectors/alert.ts';
import { briefWhatText } from '../../../detectors/message/what.ts';
import { whoText } from '../../../detectors/message/who.ts';

type Fields = StepparentEvent['stepparent'];

const dpkg = { pid: 7, name: 'dpkg', executable: '/usr/bin/dpkg', args: ['dpkg', '-i', '/srv/agent_1.1_all.deb'] };
const parent = { pid: 6, executable: '/usr/bin/bash' };
const root = { id: '0', name: 'root' };
const alice = { id: '1000', name: 'alice' };
const install: Fields['package'] = {
  manager: 'dpkg',
  operation: 'install',
  packages: ['/srv/agent_1.1_all.deb'],
  packages_count: 1,
  dry_run: false,
};

const eventOf = (stepparent: Fields, change: Partial<StepparentEvent> = {}): StepparentEvent => ({
  '@timestamp': '2026-03-03T10:00:00.000Z',
  ecs: { version: '9.4.0' },
  event: { id: 'e', kind: 'event', action: 'exec' },
  host: {},
  agent: { type: 'stepparent' },
  process: { ...dpkg, parent },
  user: root,
  stepparent: { package: install, ...stepparent },
  ...change,
});

const initiator = (executable: string, origin: string | undefined, wrappers: string[] = [], pid = 5) => ({
  initiator: {
    entity_id: 'i',
    pid,
    name: executable.slice(executable.lastIndexOf('/') + 1),
    executable,
    ...(origin === undefined ? {} : { origin }),
    wrappers,
  },
});
const overSsh = initiator('/usr/sbin/sshd', 'ssh as alice', ['bash']);
const ran = 'ran dpkg to install agent_1.1_all.deb';

describe('who', () => {
  test.each<[string, Fields, Partial<StepparentEvent>, string]>([
    ['a person over ssh', overSsh, {}, `alice over ssh ${ran}`],
    [
      'through a daemon',
      initiator('/usr/libexec/packagekitd', 'PackageKit for alice'),
      {},
      `alice through PackageKit ${ran}`,
    ],
    [
      'through a daemon that may be another program',
      initiator('/usr/libexec/packagekitd', 'PackageKit for alice (claimed)'),
      {},
      `a process that names alice as its caller, through PackageKit ${ran}`,
    ],
    [
      'through a daemon that does not say for whom',
      initiator('/usr/sbin/aptd', 'aptdaemon for an unobserved user'),
      {},
      `an unobserved user through aptdaemon ${ran}`,
    ],
    [
      'through a daemon whose caller was not observed',
      initiator('/usr/libexec/packagekitd', undefined),
      {},
      `an unobserved user through PackageKit ${ran}`,
    ],
    [
      'through a script of an agent',
      initiator('/opt/deploy.sh', 'ansible (claimed) from jenkins (claimed) from unit ci.service'),
      {},
      `/opt/deploy.sh (ci.service through what claims to be jenkins and what claims to be ansible) ${ran}`,
    ],
    [
      'through the agent of a job',
      initiator('/usr/bin/puppet', 'puppet from cron'),
      {},
      `a cron job through puppet ${ran}`,
    ],
    [
      'through sudo and nested shells',
      initiator('/usr/lib/openssh/sshd-session', 'ssh as alice', ['sudo', 'bash', 'bash']),
      {},
      `alice over ssh ${ran}`,
    ],
    [
      'through su to another user',
      overSsh,
      { user: { id: '33', name: 'www-data' } },
      `alice over ssh as www-data ${ran}`,
    ],
    ['not root', overSsh, { user: alice }, `alice over ssh, not root, ${ran}`],
    ['a user who was not observed', overSsh, { user: {} }, `alice over ssh as an unobserved user ${ran}`],
    [
      'a user who was not observed, of an unobserved process',
      {},
      {
        user: {},
        process: { pid: 7 },
        file: { path: '/srv/x' },
        event: { id: 'e', kind: 'event', action: 'deletion' },
      },
      'an unobserved process deleted /srv/x',
    ],
    [
      'a user who was not observed, of a file change',
      overSsh,
      { user: {}, file: { path: '/srv/x' }, event: { id: 'e', kind: 'event', action: 'deletion' } },
      'alice over ssh as an unobserved user deleted /srv/x with dpkg',
    ],
    ['an id without a name', overSsh, { user: { id: '1001' } }, `alice over ssh as uid 1001 ${ran}`],
    ['on the console', initiator('/usr/bin/login', 'console as alice', ['bash']), {}, `alice on the console ${ran}`],
    ['a script of a person', initiator('/srv/deploy.py', 'ssh as alice'), {}, `/srv/deploy.py (alice over ssh) ${ran}`],
    [
      'a terminal of a desktop session',
      initiator('/usr/bin/konsole', 'session as alice', ['bash']),
      {},
      `konsole (alice in a login session) ${ran}`,
    ],
    ['a service', initiator('/usr/sbin/nginx', 'unit nginx.service', ['dash']), {}, `nginx.service ${ran}`],
    [
      'a service, of another user',
      initiator('/usr/sbin/nginx', 'unit nginx.service'),
      { user: { id: '33', name: 'www-data' } },
      `nginx.service as www-data ${ran}`,
    ],
    [
      'a script of a service',
      initiator('/opt/backup.sh', 'unit backup.service'),
      {},
      `/opt/backup.sh (backup.service) ${ran}`,
    ],
    ['the same name elsewhere', initiator('/tmp/nginx', 'unit nginx.service'), {}, `/tmp/nginx (nginx.service) ${ran}`],
    [
      'a unit that runs the tool itself, as one of a timer does',
      initiator('/usr/lib/systemd/systemd', 'unit apt-sync.service', [], 1),
      {},
      `apt-sync.service ${ran}`,
    ],
    [
      'a unit of a user',
      initiator('/usr/lib/systemd/systemd', 'user unit sync.service of alice'),
      {},
      `sync.service of alice ${ran}`,
    ],
    ['cron', initiator('/usr/sbin/cron', 'cron', ['dash']), {}, `a cron job ${ran}`],
    ['a script of cron', initiator('/etc/cron.daily/sync', 'cron'), {}, `cron job /etc/cron.daily/sync ${ran}`],
    ['init', initiator('/etc/rc.local', 'init'), {}, `/etc/rc.local (init) ${ran}`],
    [
      'a container',
      initiator('/usr/bin/bash', 'container'),
      { container: { id: 'c0ffee'.repeat(10) } },
      `bash (container c0ffeec0ffee) ${ran}`,
    ],
    [
      'inferred',
      { ...overSsh, inferred: { 'stepparent.initiator': 'args_unobserved' } },
      {},
      `probably alice over ssh ${ran}`,
    ],
    ['its user not observed', initiator('/usr/sbin/sshd', undefined), {}, `an unidentified user over ssh ${ran}`],
    [
      'neither its user nor that of the process observed',
      initiator('/usr/sbin/sshd', undefined),
      { user: {} },
      `an unidentified user over ssh ${ran}`,
    ],
    [
      'its user not observed, and the daemon inferred',
      { ...initiator('/usr/sbin/sshd', undefined), inferred: { 'stepparent.initiator': 'args_unobserved' } },
      {},
      `an unidentified user, probably over ssh, ${ran}`,
    ],
    ['its origin not observed', initiator('/opt/x', undefined), {}, `/opt/x ${ran}`],
    ['an unobserved parent', {}, { process: dpkg }, `an unobserved parent ${ran}`],
    [
      'an unobserved parent in a unit',
      { systemd: { unit: 'ssh.service' } },
      { process: dpkg },
      `an unobserved parent in ssh.service ${ran}`,
    ],
    [
      'an unobserved parent in a container',
      {},
      { process: dpkg, container: { id: 'c0ffee' } },
      `an unobserved parent in container c0ffee ${ran}`,
    ],
    ['an unobserved ancestor', {}, {}, `an unobserved ancestor of bash ${ran}`],
    [
      'an unobserved ancestor, after a login',
      { login_user: alice },
      {},
      `alice through an unobserved ancestor of bash ${ran}`,
    ],
  ])('%s', (_, stepparent, change, message) => {
    expect(actionText(eventOf(stepparent, change))).toBe(message);
  });

  test.each<[Fields['place'], string]>([
    [{ kind: 'chroot', root: '/srv/t1' }, ' in the chroot /srv/t1'],
    [{ kind: 'chroot', root: '/srv/t 1' }, ' in the chroot "/srv/t 1"'],
    [{ kind: 'chroot' }, ' in a chroot'],
    [{ kind: 'host', root: '/mnt' }, ' in the root directory /mnt'],
    [{ kind: 'host', root: '/' }, ''],
    [{ kind: 'container', root: '/' }, ''],
  ])('and where: %j', (place, where) => {
    expect(actionText(eventOf({ ...overSsh, ...(place && { place }) }))).toBe(`alice over ssh ${ran}${where}`);
  });

  test('names with spaces cannot pass for words of the message', () => {
    const forged = initiator('/srv/x', 'session as bob over ssh - usual "x"');
    expect(whoText(eventOf(forged))).toBe('/srv/x ("bob over ssh - usual \\"x\\"" in a login session)');
  });
});

describe('what, of a package tool', () => {
  test.each<[string, Partial<NonNullable<Fields['package']>>, string]>([
    [
      'several packages',
      { packages: ['/a/b_1.deb', 'c.deb'], packages_count: 12 },
      'dpkg to install b_1.deb and 11 more',
    ],
    ['a directory', { operation: 'unpack', packages: ['/tmp/apt-x'] }, 'dpkg to unpack packages in /tmp/apt-x'],
    ['no file', { packages: [], packages_count: 0 }, 'dpkg to install packages'],
    ['a name that is no package', { packages: ['/srv/my tool.deb'] }, 'dpkg to install "my tool.deb"'],
    [
      'dpkg --configure -a',
      { operation: 'configure', packages: [], packages_count: 0 },
      'dpkg to configure pending packages',
    ],
    ['removal', { operation: 'purge', packages: ['agent'] }, 'dpkg to purge agent'],
    [
      'rpm -U',
      { operation: 'upgrade', packages: ['https://x/agent-1-1.noarch.rpm'] },
      'dpkg to upgrade to agent-1-1.noarch.rpm',
    ],
    ['another root', { root: '/mnt' }, 'dpkg to install agent_1.1_all.deb in /mnt'],
    ['a dry run', { dry_run: true }, 'dpkg to install agent_1.1_all.deb (dry run)'],
    ['an over-long name', { packages: [`/srv/${'x'.repeat(300)}.deb`] }, `dpkg to install ${'x'.repeat(125)}…`],
    ['a query', { operation: 'query', packages: ['agent'] }, '"dpkg -i /srv/agent_1.1_all.deb"'],
  ])('%s', (_, change, message) => {
    expect(actionText(eventOf({ ...overSsh, package: { ...install, ...change } }))).toBe(
      `alice over ssh ran ${message}`,
    );
  });

  test('a program elsewhere is named by its path', () => {
    const process = { ...dpkg, executable: '/tmp/dpkg', parent };
    expect(actionText(eventOf(overSsh, { process }))).toBe('alice over ssh ran /tmp/dpkg to install agent_1.1_all.deb');
  });

  test.each<[string, executable: string, program: NonNullable<Fields['program']>, text: string]>([
    [
      'a copy',
      '/tmp/updater',
      { path: '/usr/bin/dpkg', name: 'dpkg', recognized_by: 'build_id' },
      '/tmp/updater (a copy of dpkg)',
    ],
    [
      'the same file under another name',
      '/tmp/updater',
      { path: '/usr/bin/dpkg', name: 'dpkg', recognized_by: 'same_file' },
      '/tmp/updater (dpkg)',
    ],
    [
      'a copy behind the dynamic linker',
      '/usr/lib64/ld-linux-x86-64.so.2',
      { path: '/usr/bin/dpkg', name: 'dpkg', recognized_by: 'build_id', argument: '/tmp/a copy' },
      '"/tmp/a copy" (a copy of dpkg)',
    ],
  ])('%s is named with its original', (_, executable, program, text) => {
    const event = eventOf({ ...overSsh, program }, { process: { ...dpkg, executable, name: 'x', parent } });
    expect(actionText(event)).toBe(`alice over ssh ran ${text} to install agent_1.1_all.deb`);
  });

  test.each([
    ['/usr/bin/dpkg', '/usr/bin/dpkg (not genuine)'],
    ['/tmp/dpkg', '/tmp/dpkg'],
  ])('an impostor at %s', (executable, program) => {
    const event = eventOf({ ...overSsh, genuine: { process: false } }, { process: { ...dpkg, executable, parent } });
    expect(actionText(event)).toBe(`alice over ssh ran ${program} to install agent_1.1_all.deb`);
  });
});

describe('what, of a package transaction', () => {
  type Transaction = NonNullable<Fields['transaction']>;
  const dnf = { pid: 7, name: 'dnf-3', executable: '/usr/bin/dnf-3', args: ['dnf', 'install', 'tool'] };
  const tool = { name: 'tool', version: '1.0-1', architecture: 'noarch', action: 'install', applied: true } as const;
  const by = (actor: Fields, change: Partial<Transaction>, event: Partial<StepparentEvent>): string => {
    const described = eventOf({}, { process: dnf, ...event });
    const base: Transaction = { id: 'a', manager: 'rpm', root: '/', packages_count: 1, packages: [tool] };
    const transaction = { ...base, ...change };
    return actionText({ ...described, stepparent: { ...actor, transaction } });
  };
  const of = (change: Partial<Transaction>, event: Partial<StepparentEvent> = {}): string =>
    by(overSsh, change, event).replace('alice over ssh ', '');
  const ended = (outcome: 'failure' | 'unknown'): Partial<StepparentEvent> => ({
    event: { id: 'e', kind: 'event', category: ['package'], outcome },
  });
  const [failed, unknown] = [ended('failure'), ended('unknown')];
  test.each<[string, Partial<Transaction>, Partial<StepparentEvent>, string]>([
    ['an installation', {}, {}, 'installed tool 1.0-1 with dnf-3'],
    ['several', { packages_count: 3 }, {}, 'installed tool 1.0-1 and 2 more with dnf-3'],
    ['an upgrade', { packages: [{ ...tool, action: 'upgrade' }] }, {}, 'upgraded tool to 1.0-1 with dnf-3'],
    ['a removal', { packages: [{ ...tool, action: 'remove' }] }, {}, 'removed tool 1.0-1 with dnf-3'],
    ['another root', { root: '/mnt/my image' }, {}, 'installed tool 1.0-1 in "/mnt/my image" with dnf-3'],
    ['a test', { test: true, packages: [{ ...tool, applied: false }] }, {}, 'tested with dnf-3 to install tool 1.0-1'],
    ['a failure', { packages: [{ ...tool, applied: false }] }, failed, 'failed to install tool 1.0-1 with dnf-3'],
    ['a failure after it was installed', {}, failed, 'installed tool 1.0-1 with dnf-3'],
    ['an unknown end', { packages: [{ ...tool, applied: false }] }, unknown, 'began to install tool 1.0-1 with dnf-3'],
    ['no packages', { packages: [], packages_count: 0 }, {}, 'changed packages with dnf-3'],
    ['holds', { packages: [], held: ['a 1', 'b 2'] }, {}, 'put a 1 and 1 more on hold with dnf-3'],
    ['a release', { packages: [], released: ['a 1'] }, {}, 'released a 1 from hold with dnf-3'],
    ['a release beside an upgrade', { released: ['tool 1.0-1'] }, {}, 'installed tool 1.0-1 with dnf-3'],
    ['a hostile hold', { packages: [], held: ['\u001b[2Jx 1'] }, {}, 'put \\x1b[2Jx 1 on hold with dnf-3'],
    ['a version that was not observed', { packages: [{ name: 'tool', applied: true }] }, {}, 'changed tool with dnf-3'],
    ['a program elsewhere', {}, { process: { ...dnf, executable: '/opt/x' } }, 'installed tool 1.0-1 with /opt/x'],
    ['an impostor', {}, { process: { ...dnf, executable: '/tmp/dnf-3' } }, 'installed tool 1.0-1 with /tmp/dnf-3'],
    [
      'a hostile name',
      { packages: [{ ...tool, name: '\u001b[2Jx - y' }] },
      {},
      'installed "\\x1b[2Jx - y" 1.0-1 with dnf-3',
    ],
  ])('%s', (_what, transaction, event, expected) => expect(of(transaction, event)).toBe(expected));

  test('a program that is its own initiator is named once', () => {
    const text = by(
      initiator('/opt/x', 'ssh as alice'),
      {},
      { process: { ...dnf, entity_id: 'i', executable: '/opt/x' } },
    );
    expect(text).toBe('/opt/x (alice over ssh) installed tool 1.0-1');
  });
});

describe('what, of another program', () => {
  const script = (path: string, copy_of?: string): Fields => ({
    ...overSsh,
    script: { path, ...(copy_of === undefined ? {} : { copy_of }) },
  });
  test.each<[string, Fields, StepparentEvent['process'], string]>([
    ['a script of a package', script('/var/lib/dpkg/info/agent.postinst'), { parent }, 'agent.postinst'],
    [
      'a copy of one',
      script('/tmp/x', '/var/lib/dpkg/info/agent.postinst'),
      { parent },
      '/tmp/x, a copy of agent.postinst',
    ],
    ['words with spaces', overSsh, { args: ['apt', '-o', 'a b', '', "it's"], parent }, `"apt -o 'a b' '' 'it's'"`],
    ['a quote cannot end the command', overSsh, { args: ['apt', 'x" - "'], parent }, `"apt 'x\\" - \\"'"`],
    ['many words', overSsh, { args: [...'abcdefghij'], parent }, '"a b c d e f g h …"'],
    ['arguments not observed', overSsh, { executable: '/usr/bin/apt', parent }, '"/usr/bin/apt"'],
    ['program not observed', overSsh, { parent }, 'an unobserved program'],
  ])('%s', (_, { package: _none, ...stepparent }, process, message) => {
    const event = eventOf({}, { process: process ?? {}, stepparent });
    expect(actionText(event)).toBe(`alice over ssh ran ${message}`);
  });
});

describe('what, of a connection', () => {
  const curl = { pid: 7, name: 'curl', executable: '/usr/bin/curl', args: ['curl', 'https://192.0.2.1'], parent };
  const script = { manager: 'dpkg', path: '/var/lib/dpkg/info/agent.postinst', package: 'agent', depth: 1 } as const;
  test.each<[string, Fields, StepparentEvent['process'], string]>([
    ['below a script', { lifecycle_script: script }, curl, ' with curl from agent.postinst'],
    [
      'of a new package',
      { lifecycle_script: { ...script, path: '/var/lib/dpkg/tmp.ci/preinst' } },
      curl,
      ' with curl from /var/lib/dpkg/tmp.ci/preinst',
    ],
    ['below no script', {}, curl, ' with curl'],
    ['of an unobserved program', {}, { pid: 7 }, ''],
    ['of an impostor', { genuine: { process: false } }, { ...dpkg, parent }, ' with /usr/bin/dpkg (not genuine)'],
  ])('%s', (_, stepparent, process, end) => {
    const change = { process: process ?? {}, destination: { ip: '192.0.2.1', port: 443 } };
    expect(actionText(eventOf({ ...overSsh, ...stepparent }, change))).toBe(
      `alice over ssh opened a connection to 192.0.2.1 port 443${end}`,
    );
  });
});

describe('what, of processes that are left running', () => {
  const sleep = { entity_id: 'e', pid: 40, name: 'sleep', executable: '/usr/bin/sleep' };
  test.each<[string, NonNullable<Fields['transaction']>['survivors'], number, string]>([
    ['one', [sleep], 1, 'left sleep running after dpkg'],
    ['several', [sleep, sleep, sleep], 3, 'left sleep and 2 more running after dpkg'],
    ['more than are listed', [sleep], 40, 'left sleep and 39 more running after dpkg'],
    ['elsewhere', [{ ...sleep, executable: '/tmp/x\n' }], 1, 'left /tmp/x\\n running after dpkg'],
    ['unobserved', [{ entity_id: 'e', pid: 40 }], 1, 'left an unobserved program running after dpkg'],
  ])('%s', (_, survivors = [], count, expected) => {
    const transaction = { id: 't', survivors, survivors_count: count };
    expect(actionText(eventOf({ ...overSsh, transaction }))).toBe(`alice over ssh ${expected}`);
  });
});

describe('what, of a start of the agent', () => {
  test.each<[NonNullable<Fields['gap']>, string, string]>([
    [{ reason: 'stopped', seconds: 723 }, '12 minutes since it was stopped', 'agent stopped, off 12 minutes'],
    [
      { reason: 'killed', seconds: 5 },
      '5 seconds since it was killed or ended by itself',
      'agent killed, off 5 seconds',
    ],
    [
      { reason: 'killed', seconds: 119 },
      '119 seconds since it was killed or ended by itself',
      'agent killed, off 119 seconds',
    ],
    [{ reason: 'rebooted', seconds: 200_000 }, '2 days since before the boot of the host', 'host rebooted, off 2 days'],
    [{ reason: 'stopped', seconds: 0 }, '0 seconds since it was stopped', 'agent stopped, off 0 seconds'],
  ])('%j', (gap, length, brief) => {
    const event = eventOf({ ...overSsh, gap });
    expect(actionText(event)).toBe(`alice over ssh started the agent, which had not run for ${length}`);
    expect(briefWhatText(event)).toBe(brief);
  });
});

describe('what, of a file', () => {
  const fileEvent = (action: string, path: string, process: StepparentEvent['process'], stepparent: Fields = overSsh) =>
    actionText(
      eventOf({}, { process: process ?? {}, stepparent, file: { path }, event: { id: 'e', kind: 'event', action } }),
    );
  const info = '/var/lib/dpkg/info/agent.postinst';
  const vi = { pid: 8, name: 'vi', executable: '/usr/bin/vi' };

  test.each<[string, StepparentEvent['process'], string]>([
    ['creation', vi, `created ${info} with vi`],
    ['deletion', vi, `deleted ${info} with vi`],
    ['rename', vi, `renamed a file to ${info} with vi`],
    ['rename', dpkg, 'installed the script agent.postinst with dpkg'],
    ['rename', { ...dpkg, executable: '/tmp/dpkg' }, 'installed the script agent.postinst with /tmp/dpkg'],
    ['attribute-change', vi, `changed attributes of ${info} with vi`],
    ['attribute\n', vi, `did attribute\\n to ${info} with vi`],
  ])('%s by %j', (action, process, message) => {
    expect(fileEvent(action, info, process)).toBe(`alice over ssh ${message}`);
  });

  test.each<[Fields['found'], string]>([
    [undefined, ''],
    ['comparison', ''],
    ['offline_diff', ' while the agent was not running'],
    ['initial_scan', ' before the agent first ran'],
  ])('found by %s', (found, when) => {
    const stepparent = found === undefined ? {} : { found };
    expect(fileEvent('modification', info, {}, stepparent)).toBe(`an unobserved process changed ${info}${when}`);
  });

  const cat = { pid: 9, name: 'cat', executable: '/usr/bin/cat' };
  const dash = { pid: 9, name: 'dash', executable: '/usr/bin/dash' };
  const into = { entity_id: 'i', pid: 10, executable: '/usr/bin/dash' };
  const inferred = { 'stepparent.read.interpreter': 'started_together' } as const;
  test.each<[StepparentEvent['process'], Fields, string]>([
    [dash, { read: { by: 'interpreter', interpreter: into } }, 'read agent.postinst into dash'],
    [cat, { read: { by: 'pipe', interpreter: into } }, 'read agent.postinst into dash through cat'],
    [cat, { read: { by: 'pipe', interpreter: into }, inferred }, 'read agent.postinst, probably into dash through cat'],
    [
      { pid: 9 },
      { read: { by: 'substitution', interpreter: { entity_id: 'i', pid: 10 } } },
      'read agent.postinst into an unobserved interpreter',
    ],
  ])('script-read by %j', (process, stepparent, message) => {
    expect(fileEvent('script-read', info, process, { ...overSsh, ...stepparent })).toBe(`alice over ssh ${message}`);
  });

  test('a script renamed by an impostor of dpkg is not installed', () => {
    expect(fileEvent('rename', info, dpkg, { ...overSsh, genuine: { process: false } })).toBe(
      `alice over ssh renamed a file to ${info} with /usr/bin/dpkg (not genuine)`,
    );
  });

  test('an unobserved actor with an inferred writer', () => {
    const stepparent: Fields = { systemd: { unit: 'a.service' }, file: { changed: [], writer_source: 'inferred' } };
    expect(fileEvent('creation', info, vi, stepparent)).toBe(
      `probably an unobserved parent in a.service created ${info} with vi`,
    );
  });

  test('an inferred writer', () => {
    const stepparent: Fields = { ...overSsh, file: { changed: [], writer_source: 'inferred' } };
    expect(fileEvent('creation', '/a b', vi, stepparent)).toBe('probably alice over ssh created "/a b" with vi');
  });
});

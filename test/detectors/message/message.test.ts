// Who did what: the subject and the deed of an alert's message, from what was observed and what was not.

import { describe, expect, test } from 'vitest';
import type { StepparentEvent } from '../../../collectors/event/event.ts';
import { actionText } from '../../../detectors/alert.ts';
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

  test.each([
    ['/usr/bin/dpkg', '/usr/bin/dpkg (not genuine)'],
    ['/tmp/dpkg', '/tmp/dpkg'],
  ])('an impostor at %s', (executable, program) => {
    const event = eventOf({ ...overSsh, genuine: { process: false } }, { process: { ...dpkg, executable, parent } });
    expect(actionText(event)).toBe(`alice over ssh ran ${program} to install agent_1.1_all.deb`);
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

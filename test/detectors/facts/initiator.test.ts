// The initiator of an installation: chains of ancestors as data, nearest first, and the expected initiator.

import path from 'node:path';
import { describe, expect, test } from 'vitest';
import type { LineageStep } from '../../../collectors/event/event.ts';
import { findInitiator } from '../../../detectors/facts/initiator.ts';
import type { InitiatedEvent } from '../../../detectors/facts/origin.ts';

/** An ancestor as `EXECUTABLE ARGUMENT...`, with argv[0] left out; or whole. Undefined: nothing of it was observed. */
type Step = string | Partial<LineageStep> | undefined;

function chain(steps: readonly Step[]): LineageStep[] {
  return steps.map((step, index) => {
    const pid = 100 + steps.length - index;
    const basis = { entity_id: `e${pid}`, pid };
    if (step === undefined) return basis;
    if (typeof step !== 'string') return { ...basis, ...step };
    const [executable = '', ...args] = step.split(' ');
    const name = path.basename(executable);
    const user = { id: '0', name: 'root' };
    const known = { name, executable, args: [name, ...args], user, working_directory: '/srv/work' };
    return { ...basis, pid: executable === systemd ? 1 : pid, ...known };
  });
}

const systemd = '/usr/lib/systemd/systemd';

/** `lineage` is cut where it is told so. */
function find(steps: readonly Step[], more: Partial<InitiatedEvent['stepparent']> = {}, container?: string) {
  const found = findInitiator({
    process: { pid: 999, user: { id: '0', name: 'root' } },
    ...(container === undefined ? {} : { container: { id: container } }),
    stepparent: { lineage: chain(steps), systemd: { unit: 'x.service' }, ...more },
  });
  if (found === undefined) throw new Error('no process');
  return found;
}

const executableOf = (steps: readonly Step[]) => find(steps).initiator?.executable;

describe('stops at a package tool that was not asked to install', () => {
  const findFor = (name: string, step: Step) => {
    const steps = ['/usr/bin/dash -c x', step, '/usr/bin/sudo x', '/usr/sbin/nginx'];
    const event = { process: { pid: 999, name }, stepparent: { lineage: chain(steps) } };
    return findInitiator(event)?.initiator?.executable;
  };
  test.each([
    '/usr/bin/apt-get -q update',
    '/usr/bin/apt-get -o Dir::Etc::SourceParts=/none update',
    '/usr/bin/apt list --upgradable',
    '/usr/bin/nala update',
    '/usr/bin/dnf-3 -y makecache',
    '/usr/bin/zypper --non-interactive refresh',
    '/usr/bin/dpkg -l',
    '/usr/bin/rpm -qa',
    '/usr/bin/rpm -V bash',
  ])('%s', (step) => {
    expect(findFor('dpkg', step)).toBe(step.split(' ')[0]);
    // Only an installation needs a reason.
    expect(findFor('hook.sh', step)).toBe('/usr/sbin/nginx');
  });
  test.each<Step>([
    '/usr/bin/apt-get install list',
    '/usr/bin/apt-get -y dist-upgrade',
    '/usr/bin/apt-get -f',
    '/usr/bin/aptitude',
    '/usr/bin/dnf update',
    '/usr/bin/zypper in search',
    '/usr/bin/dpkg -i x.deb',
    '/usr/bin/rpm -U x.rpm',
    '/usr/bin/env update',
    { executable: '/usr/bin/apt-get', name: 'apt-get' },
  ])('and not at %j', (step) => {
    expect(findFor('dpkg', step)).toBe('/usr/sbin/nginx');
  });
});

describe('skips wrappers', () => {
  test.each<[executable: string | undefined, wrappers: string, steps: Step[]]>([
    ['/usr/sbin/nginx', 'dash', ['/usr/bin/dash -c x', '/usr/sbin/nginx', systemd]],
    ['/usr/sbin/nginx', 'dpkg apt-get dash', ['/usr/bin/dpkg', '/usr/bin/apt-get', '/usr/bin/dash', '/usr/sbin/nginx']],
    ['/usr/sbin/nginx', '', ['/usr/sbin/nginx', '/usr/bin/dash']],
    ['/usr/bin/perl', '', ['/usr/bin/perl -e x', '/usr/sbin/nginx']],
    ['/usr/sbin/sshd', 'sudo bash', ['/usr/bin/sudo dpkg -i x', '/usr/bin/bash', '/usr/sbin/sshd', systemd]],
    ['/usr/sbin/cron', 'dash', ['/usr/bin/dash -c x', '/usr/sbin/cron', systemd]],
    [
      '/opt/jenkins/java',
      'nohup timeout xargs',
      ['/bin/nohup', '/bin/timeout 5 x', '/usr/bin/xargs', '/opt/jenkins/java'],
    ],
    ['/opt/x', 'frontend', ['/usr/share/debconf/frontend', '/opt/x']],
    ['/opt/x', 'unattended-upgrade', ['/usr/bin/unattended-upgrade -v', '/opt/x']],
    ['/opt/x', 'busybox', [{ executable: '/bin/busybox', name: 'busybox', args: ['sh', '-c', 'x'] }, '/opt/x']],
    ['/opt/x', 'busybox', ['/usr/bin/busybox sh -c x', '/opt/x']],
    ['/usr/bin/busybox', '', ['/usr/bin/busybox wget x', '/opt/x']],
    ['/opt/x', 'sudo', ['/usr/lib/cargo/bin/sudo', '/opt/x']],
    ['/opt/x', 'tmux', ['/usr/bin/tmux', '/opt/x']],
    ['/opt/x', 'gdebi', ['/usr/bin/gdebi', '/opt/x']],
    ['/opt/x', 'gdebi', ['/usr/share/gdebi/gdebi', '/opt/x']],
    ['/opt/x', 'gdebi-gtk', ['/usr/share/gdebi/gdebi-gtk', '/opt/x']],
    ['/opt/x', 'rpm tdnf', ['/usr/bin/rpm', '/usr/bin/tdnf', '/opt/x']],
    ['/opt/x', 'rpm dnf4', ['/usr/bin/rpm', '/usr/bin/dnf4', '/opt/x']],
    ['/usr/sbin/aptd', '', ['/usr/sbin/aptd', '/opt/x']],
    ['/usr/bin/dnf-automatic-3', '', ['/usr/bin/dnf-automatic-3', '/opt/x']],
    ['/usr/bin/dnf55', '', ['/usr/bin/dnf55', '/opt/x']],
    // A postinst that does so later, detached.
    [
      '/var/lib/dpkg/info/x.postinst',
      'dash',
      ['/usr/bin/dash -c x', '/var/lib/dpkg/info/x.postinst configure', '/usr/bin/dpkg'],
    ],
    // Names that count in a system directory alone.
    ['/tmp/sudo', '', ['/tmp/sudo', '/usr/sbin/nginx']],
    ['/opt/x/bash', '', ['/opt/x/bash -c x', '/usr/sbin/nginx']],
    ['/usr/local/bin/apt-get', '', ['/usr/local/bin/apt-get', '/usr/sbin/nginx']],
    ['/usr/bin/x/sudo', '', ['/usr/bin/x/sudo', '/usr/sbin/nginx']],
    ['/tmp/usr/bin/sudo', '', ['/tmp/usr/bin/sudo', '/usr/sbin/nginx']],
    ['/tmp/frontend', '', ['/tmp/frontend', '/usr/sbin/nginx']],
    ['bash', '', ['bash', '/usr/sbin/nginx']],
    ['/usr/bin/bash\n', '', [{ executable: '/usr/bin/bash\n', args: [] }, '/usr/sbin/nginx']],
    ['/usr/bin/toString', '', ['/usr/bin/toString', '/usr/sbin/nginx']],
    ['/tmp/python3', '', ['/tmp/python3 /opt/deploy.py', '/usr/sbin/nginx']],
  ])('%s, through %s', (executable, wrappers, steps) => {
    const { initiator } = find(steps);
    expect(initiator?.executable).toBe(executable);
    expect(initiator?.wrappers.join(' ')).toBe(wrappers);
    expect(initiator?.name).toBe(path.basename(executable ?? ''));
  });

  test.each<[string, executable: string, step: Partial<LineageStep>]>([
    [
      'a copy of a shell in the place of sudo',
      '/usr/bin/sudo',
      { executable: '/usr/bin/sudo', program: '/usr/bin/dash' },
    ],
    [
      'a copy of a shell in the place of another, with a script',
      '/usr/bin/bash',
      { executable: '/usr/bin/bash', args: ['bash', '/opt/x.sh'], program: '/usr/bin/dash' },
    ],
    ['a copy of apt-get', '/tmp/updater', { executable: '/tmp/updater', program: '/usr/bin/apt-get' }],
    [
      'a copy of a shell behind the dynamic linker',
      '/tmp/x',
      { executable: '/lib64/ld-linux-x86-64.so.2', args: ['ld.so', '/tmp/x', '-c', 'y'], program: '/usr/bin/dash' },
    ],
    [
      'what is above a shell behind the dynamic linker',
      '/usr/sbin/nginx',
      { executable: '/lib64/ld-linux-x86-64.so.2', args: ['ld.so', '/bin/bash', '-c', 'y'], program: '/usr/bin/bash' },
    ],
  ])('but not %s', (_, executable, step) => {
    expect(executableOf([step, '/usr/sbin/nginx'])).toBe(executable);
  });

  const sha256 = '0123456789abcdef'.repeat(4);
  test.each<[string, step: Partial<LineageStep>, hash: string | undefined]>([
    ['a script', { executable: '/tmp/x.sh', temporary_script: { path: '/tmp/x.sh', sha256 } }, sha256],
    [
      'the script of a shell',
      { executable: '/usr/bin/bash', args: ['bash', '/tmp/x.sh'], temporary_script: { path: '/tmp/x.sh', sha256 } },
      sha256,
    ],
    ['a program', { executable: '/tmp/x' }, undefined],
    ['another file', { executable: '/tmp/y.sh', temporary_script: { path: '/tmp/x.sh', sha256 } }, undefined],
  ])('and has the hash of its script: %s', (_, step, hash) => {
    const { initiator } = find([step, '/usr/sbin/nginx']);
    expect(initiator?.hash?.sha256).toBe(hash);
  });

  test('has all fields of the initiator', () => {
    expect(find(['/usr/bin/dash -c x', '/usr/sbin/nginx', systemd])).toEqual({
      initiator: {
        entity_id: 'e102',
        pid: 102,
        name: 'nginx',
        executable: '/usr/sbin/nginx',
        origin: 'unit x.service',
        origin_kind: 'unit',
        requester: { user: { id: '0', name: 'root' }, claimed: false, source: 'lineage' },
        wrappers: ['dash'],
      },
      unobserved: {},
      inferred: {},
    });
  });
});

describe('an interpreter counts as its script', () => {
  test.each<[line: string, executable: string | undefined]>([
    ['/usr/bin/python3.11 /opt/deploy.py --all', '/opt/deploy.py'],
    ['/usr/bin/python3.11 -W ignore -u deploy.py', '/srv/work/deploy.py'],
    ['/usr/bin/python3.11 -Wignore ../deploy.py', '/srv/deploy.py'],
    ['/usr/bin/python3.11 -uc x /opt/x.py', '/usr/bin/python3.11'],
    ['/usr/bin/python3.11 -m ansible', '/usr/bin/python3.11'],
    ['/usr/bin/python3.11 -', '/usr/bin/python3.11'],
    ['/usr/bin/python3.11', '/usr/bin/python3.11'],
    ['/usr/bin/bash /opt/x.sh', '/opt/x.sh'],
    ['/usr/bin/bash -e -o pipefail x.sh', '/srv/work/x.sh'],
    ['/usr/bin/bash -eo pipefail x.sh', '/srv/work/x.sh'],
    ['/usr/bin/bash --norc --rcfile /etc/rc +x - x.sh', '/srv/work/x.sh'],
    ['/usr/bin/bash -- -x.sh', '/srv/work/-x.sh'],
    ['/usr/bin/bash -lc x', undefined],
    ['/usr/bin/bash -s x', undefined],
    ['/usr/bin/bash -i', undefined],
    ['/usr/bin/bash', undefined],
    ['/usr/bin/bash /dev/fd/63', undefined],
    ['/usr/bin/bash /proc/self/fd/3', undefined],
    ['/usr/bin/busybox sh x.sh', '/srv/work/x.sh'],
    ['/usr/bin/perl -w -I /lib x.pl', '/srv/work/x.pl'],
    ['/usr/bin/perl -MCarp /opt/x.pl', '/opt/x.pl'],
    ['/usr/bin/perl5.36-x86_64-linux-gnu -lne x', '/usr/bin/perl5.36-x86_64-linux-gnu'],
    ['/usr/bin/ruby3.1 -r json /opt/x.rb', '/opt/x.rb'],
    ['/usr/bin/node --require x server.js', '/srv/work/server.js'],
    ['/usr/bin/node --eval x', '/usr/bin/node'],
    ['/usr/bin/php8.2 -d a=b -f /opt/x.php', '/opt/x.php'],
    ['/usr/bin/lua5.4 -e x', '/usr/bin/lua5.4'],
    // A front end, run by its interpreter.
    ['/usr/bin/python3.11 /usr/bin/unattended-upgrade', undefined],
    ['/usr/bin/bash /tmp/sudo', '/tmp/sudo'],
    ['/usr/lib/x86_64-linux-gnu/ld-linux-x86-64.so.2 --library-path /lib /tmp/evil', '/tmp/evil'],
    ['/usr/lib64/ld-linux-x86-64.so.2 /bin/bash /opt/x.sh', '/opt/x.sh'],
    ['/lib/ld-linux-aarch64.so.1 /bin/bash -c x', undefined],
    ['/tmp/ld-linux-x86-64.so.2 /bin/bash', '/tmp/ld-linux-x86-64.so.2'],
    // Names that are new each time stay as they are: the term has no random part.
    [
      '/usr/bin/python3.11 /root/.ansible/tmp/ansible-tmp-1670000000.12-34-5678/AnsiballZ_apt.py',
      '/root/.ansible/tmp/ansible-tmp-1670000000.12-34-5678/AnsiballZ_apt.py',
    ],
    ['/usr/bin/dash /var/tmp/rpm-tmp.aB3dE6 1', '/var/tmp/rpm-tmp.aB3dE6'],
    ['/tmp/tmp.aB3dE6gH1j/install.sh', '/tmp/tmp.aB3dE6gH1j/install.sh'],
  ])('%s', (line, executable) => {
    // A shell without a script leads to what is above it.
    expect(executableOf([line, '/usr/sbin/above'])).toBe(executable ?? '/usr/sbin/above');
  });

  test('a script relative to an unknown directory keeps its relative path', () => {
    const step = { executable: '/usr/bin/python3', args: ['python3', './x.py'] };
    const { initiator, inferred } = find([step, '/usr/sbin/nginx']);
    expect(initiator).toMatchObject({ executable: 'x.py', name: 'x.py' });
    expect(inferred).toEqual({ 'stepparent.initiator': 'script_relative' });
  });

  test.each(['/usr/bin/bash', '/usr/bin/python3'])('notes arguments that were not observed: %s', (executable) => {
    const { initiator, inferred } = find([{ executable, pid: 7 }, '/usr/sbin/nginx']);
    expect(initiator?.executable).toBe(executable.endsWith('bash') ? '/usr/sbin/nginx' : executable);
    expect(inferred).toEqual({
      'stepparent.initiator': 'args_unobserved',
    });
  });
});

describe('at the end of the chain', () => {
  test.each<[string | undefined, Step[]]>([
    ['/usr/bin/dash', ['/usr/bin/sudo x', '/usr/bin/dash -c x', systemd]],
    ['/usr/bin/dpkg', ['/usr/bin/dpkg', { pid: 1 }]],
    [systemd, [systemd]],
    ['/usr/bin/dash', ['/usr/bin/dash -c x', { executable: systemd, pid: 700, args: ['systemd', '--user'] }]],
    ['/usr/bin/bash', ['/usr/bin/bash']],
    ['/opt/x', ['/usr/bin/bash', '/opt/x', undefined]],
  ])('%s', (executable, steps) => {
    expect(find(steps)).toMatchObject({ initiator: { executable }, unobserved: {} });
  });

  const reason = (found: ReturnType<typeof find>) => {
    expect(found.initiator).toBe(undefined);
    return found.unobserved['stepparent.initiator'];
  };
  test('was not observed', () => {
    expect(reason(find(['/usr/bin/bash', undefined]))).toBe('ancestor_exited');
    expect(reason(find([undefined]))).toBe('ancestor_exited');
    expect(reason(find([]))).toBe('parent_unobserved');
  });
  test('was truncated', () => {
    const truncated = { 'stepparent.lineage': 2 };
    expect(reason(find(['/usr/bin/sudo', '/usr/bin/bash'], { truncated }))).toBe('only_wrappers');
    expect(find(['/usr/bin/sudo', '/opt/x'], { truncated }).initiator?.executable).toBe('/opt/x');
  });
  test('is undefined for an event without a process', () => {
    expect(findInitiator({ stepparent: {} })).toBe(undefined);
  });
});

describe('the origin', () => {
  const alice = { id: '1000', name: 'alice' };
  const shellOf = (user: { id: string; name?: string }) => ({ executable: '/usr/bin/bash', args: ['-bash'], user });
  const ofUnit = (unit: string) => find(['/usr/sbin/nginx', systemd], { systemd: { unit } }).initiator?.origin;

  test.each<[string | undefined, Step[], Partial<InitiatedEvent['stepparent']>?]>([
    ['ssh as alice', ['/usr/bin/sudo x', shellOf(alice), '/usr/sbin/sshd', systemd], { login_user: alice }],
    ['ssh as alice', ['/usr/bin/sudo x', shellOf(alice), '/usr/sbin/sshd', systemd]],
    ['ssh as uid 1000', [shellOf({ id: '1000' }), '/usr/lib/openssh/sshd-session', '/usr/sbin/sshd']],
    ['ssh as alice', [shellOf({ id: '0' }), '/usr/libexec/openssh/sshd-session'], { login_user: alice }],
    ['ssh as root', ['/usr/sbin/sshd', systemd]],
    ['ssh as alice', ['/usr/bin/bash', '/usr/sbin/nginx', shellOf(alice), '/usr/sbin/sshd']],
    ['unit x.service', [shellOf(alice), '/tmp/sshd', systemd]],
    ['cron', ['/usr/bin/dash -c x', '/usr/sbin/cron', systemd], { systemd: { unit: 'cron.service' } }],
    ['cron', ['/usr/bin/dash', '/usr/sbin/crond'], { systemd: { unit: 'session-12.scope' } }],
    ['cron', ['/etc/cron.daily/x', '/usr/bin/run-parts', '/usr/sbin/anacron']],
    ['cron', ['/usr/bin/dash', '/usr/sbin/atd']],
    ['console as root', [shellOf({ id: '0', name: 'root' }), '/usr/bin/login -p', systemd]],
    ['console as alice', ['/usr/bin/xterm', '/usr/libexec/gdm-session-worker'], { login_user: alice }],
    ['session as alice', ['/opt/x', systemd], { systemd: { unit: 'session-c12.scope' }, login_user: alice }],
    ['session as root', ['/opt/x', systemd], { systemd: { unit: 'session-c12.scope' } }],
    [
      'user unit app.service of alice',
      ['/usr/bin/dash -c x', { executable: systemd, pid: 700 }],
      { systemd: { unit: 'app.service', user: alice } },
    ],
    ['init', ['/usr/sbin/nginx'], { systemd: { unit: 'init.scope' } }],
    ['init', ['/usr/sbin/nginx'], { systemd: { unit: 'system.slice' } }],
  ])('%s', (origin, steps, more) => {
    expect(find(steps, more)).toMatchObject({ initiator: { origin }, unobserved: {} });
  });

  test('in a container is the container', () => {
    const found = find(['/usr/bin/bash', '/usr/sbin/sshd'], {}, 'c0ffee');
    expect(found.initiator).toMatchObject({ executable: '/usr/sbin/sshd', origin: 'container' });
  });

  test.each([
    ['nginx.service', 'unit nginx.service'],
    ['postgresql@15-main.service', 'unit postgresql@15-main.service'],
    ['getty@tty1.service', 'unit getty@tty1.service'],
    ['run-u123.service', 'unit run-*.service'],
    ['run-r0123456789abcdef0123456789abcdef.service', 'unit run-*.service'],
    ['run-p1234-i5678.service', 'unit run-*.service'],
    ['run-backup.service', 'unit run-backup.service'],
    ['sshd@12-10.0.0.1:22-10.0.0.2:51234.service', 'unit sshd@*.service'],
    ['x@3-1234-1000.service', 'unit x@*.service'],
    ['vte-spawn-01234567-89ab-cdef-0123-456789abcdef.scope', 'unit vte-spawn-*.scope'],
    ['app-org.kde.konsole-1234.scope', 'unit app-org.kde.konsole-*.scope'],
  ])('unit %s', (unit, origin) => {
    expect(ofUnit(unit)).toBe(origin);
  });

  test('is noted as not observed', () => {
    const lineage = chain([{ executable: '/opt/x' }]);
    const unread = { 'stepparent.systemd': 'process_exited' } as const;
    const nothing = findInitiator({ process: { pid: 9 }, stepparent: { lineage, unobserved: unread } });
    expect(nothing?.initiator).toMatchObject({ executable: '/opt/x' });
    expect(nothing?.initiator).not.toHaveProperty('origin');
    expect(nothing?.unobserved).toEqual({ 'stepparent.initiator.origin': 'user_and_unit_unobserved' });
    // A user does not replace the unit, and without systemd there is none.
    const user = { id: '0', name: 'root' };
    const ofUser = findInitiator({ process: { pid: 9, user }, stepparent: { lineage, unobserved: unread } });
    expect(ofUser?.unobserved).toEqual(nothing?.unobserved);
    expect(findInitiator({ process: { pid: 9 }, stepparent: { lineage } })?.initiator?.origin).toBe('init');
  });

  test('one admin is one term, whatever the wrappers and the session', () => {
    const ways: Step[][] = [
      [shellOf(alice), '/usr/sbin/sshd'],
      ['/usr/bin/sudo dpkg -i x', shellOf(alice), '/usr/sbin/sshd'],
      ['/usr/bin/bash', '/usr/bin/su', '/usr/bin/sudo su', '/usr/bin/zsh', '/usr/sbin/sshd'],
      ['/usr/bin/dpkg', '/usr/bin/apt-get', '/usr/bin/sudo', '/usr/bin/tmux', shellOf(alice), '/usr/sbin/sshd'],
    ];
    const terms = ways.map((steps, index) => {
      const more = { login_user: alice, terminal: `pts/${index}`, systemd: { unit: `session-${index}.scope` } };
      const { initiator } = find(steps, more);
      return `${initiator?.executable} ${initiator?.origin}`;
    });
    expect(new Set(terms)).toEqual(new Set(['/usr/sbin/sshd ssh as alice']));
    const bob = { id: '1001', name: 'bob' };
    expect(find(ways[0] ?? [], { login_user: bob }).initiator?.origin).toBe('ssh as bob');
  });
});

describe('of a package transaction', () => {
  /** `steps`: the process and its ancestors. */
  const ofTransaction = (steps: readonly Step[], more: Partial<InitiatedEvent['stepparent']> = {}) => {
    const [process, ...lineage] = chain(steps);
    return findInitiator({
      event: { category: ['package'] },
      process: { user: { id: '0', name: 'root' }, ...process },
      stepparent: { lineage, systemd: { unit: 'x.service' }, ...more },
    });
  };
  test.each<[string, string | undefined, string, Step[]]>([
    [
      'dnf by a person',
      '/usr/sbin/sshd',
      'dnf-3 sudo bash',
      ['/usr/bin/dnf-3 install x', '/usr/bin/sudo dnf', '/usr/bin/bash', '/usr/sbin/sshd'],
    ],
    [
      'rpm by a service',
      '/usr/sbin/nginx',
      'rpm dash',
      ['/usr/bin/rpm -i x.rpm', '/usr/bin/dash -c x', '/usr/sbin/nginx', systemd],
    ],
    ['a daemon', '/usr/libexec/packagekitd', '', ['/usr/libexec/packagekitd', systemd]],
    ['an updater', '/usr/bin/dnf-automatic-3', '', ['/usr/bin/dnf-automatic-3', systemd]],
    ['dnf as the command of a unit', '/usr/bin/dnf-3', '', ['/usr/bin/dnf-3 upgrade', systemd]],
    ['a program with librpm', '/opt/installer', '', ['/opt/installer', '/usr/bin/bash', '/usr/sbin/sshd']],
    [
      'a script with Python’s rpm module',
      '/srv/work/li.py',
      '',
      ['/usr/bin/python3.11 li.py', '/usr/bin/bash', '/usr/sbin/sshd'],
    ],
    ['python3 -c', '/usr/bin/python3.11', '', ['/usr/bin/python3.11 -c x', '/usr/bin/bash', '/usr/sbin/sshd']],
    ['a copy of rpm', '/tmp/updater', '', ['/tmp/updater -i x.rpm', '/usr/bin/bash', '/usr/sbin/sshd']],
    ['nothing observed above rpm', undefined, '', ['/usr/bin/rpm -i x.rpm']],
  ])('%s', (_what, executable, wrappers, steps) => {
    const initiator = ofTransaction(steps)?.initiator;
    expect(initiator?.executable).toBe(executable);
    expect(initiator?.wrappers.join(' ') ?? '').toBe(wrappers);
  });
});

describe('hostile arguments', () => {
  const bash = (args: string[]) => ({ executable: '/usr/bin/bash', args, working_directory: '/srv' });
  test.each<[string, Step, string]>([
    ['none', bash([]), '/usr/sbin/nginx'],
    ['an empty one', bash(['bash', '']), '/usr/sbin/nginx'],
    ['a new line', bash(['bash', '/tmp/a\nb']), '/tmp/a\nb'],
    ['a huge one', bash(['bash', `/${'x'.repeat(200_000)}`]), '/usr/sbin/nginx'],
    ['a huge bundle', bash(['bash', `-${'x'.repeat(200_000)}`, '/tmp/x']), '/tmp/x'],
    ['many', bash(['bash', ...Array<string>(100_000).fill('-x')]), '/usr/sbin/nginx'],
    ['an option at the end that wants a value', bash(['bash', '-o']), '/usr/sbin/nginx'],
    ['a way up', bash(['bash', '../../../../etc/x']), '/etc/x'],
    [
      'linkers in linkers',
      { executable: '/lib64/ld-linux-x86-64.so.2', args: Array<string>(1000).fill('/lib64/ld-linux-x86-64.so.2') },
      '/lib64/ld-linux-x86-64.so.2',
    ],
    ['no name for busybox', { executable: '/bin/busybox', args: [''] }, '/bin/busybox'],
  ])('%s', (_, step, executable) => {
    expect(executableOf([step, '/usr/sbin/nginx'])).toBe(executable);
  });
});

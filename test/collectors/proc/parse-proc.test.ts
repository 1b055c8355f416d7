// The files of /proc/PID as the kernel writes them, incomplete ones, and those that a process has overwritten.

import { describe, expect, test } from 'vitest';
import {
  containerOfCgroup,
  deviceNumbers,
  parseCgroupPath,
  parseCmdline,
  parseStat,
  parseStatus,
  systemdUnit,
  terminalName,
  userOfManager,
} from '../../../collectors/proc/parse-proc.ts';

const afterName =
  ' S 41 42 40 34819 42 4194304 1 0 0 0 0 0 0 0 20 0 1 0 123456 2 3 18446744073709551615 1 1 0 0 0 0 0 0 0\n';

describe('parseStat', () => {
  test.each(['bash', '', 'a) S 1 1 1 0 (b', '((sd-pam))', ') ', 'new\nline'])('the name %j', (name) => {
    expect(parseStat(`43 (${name})${afterName}`)).toEqual({
      pid: 43,
      state: 'S',
      parentPid: 41,
      groupId: 42,
      sessionId: 40,
      tty: 34819,
      startTicks: 123456,
    });
  });

  const whole = `43 (bash)${afterName}`;
  test('returns undefined for text that ends before the start time, and never a wrong number', () => {
    const end = whole.indexOf('123456 ') + '123456 '.length;
    for (let length = 0; length < end; length++) expect(parseStat(whole.slice(0, length))).toBe(undefined);
    expect(parseStat(whole.slice(0, end))?.startTicks).toBe(123456);
  });

  test.each(['', '43', '43 bash S', ')(', '43 (bash'])('no stat: %j', (text) => {
    expect(parseStat(text)).toBe(undefined);
  });
});

describe('parseStatus', () => {
  const whole =
    'Name:\tx\nUmask:\t0022\nTgid:\t43\nNgid:\t0\nPid:\t44\nUid:\t1000\t0\t7\t0\nGid:\t100\t5\t6\t5\nGroups:\t \n';

  test('reads real and effective ids', () => {
    expect(parseStatus(whole)).toEqual({
      threadGroupId: 43,
      realUserId: 1000,
      effectiveUserId: 0,
      savedUserId: 7,
      realGroupId: 100,
      effectiveGroupId: 5,
      savedGroupId: 6,
      supplementalGroupIds: [],
    });
    expect(parseStatus(whole.replace('Groups:\t \n', 'Groups:\t4 24 1000 \n'))?.supplementalGroupIds).toEqual([
      4, 24, 1000,
    ]);
  });

  test('is not misled by a name that looks like another line, since the kernel escapes the line feed', () => {
    expect(parseStatus(whole.replace('\tx\n', '\tx\\nUid:\\t5\n'))?.realUserId).toBe(1000);
  });

  test('returns undefined for incomplete text, and never user 0', () => {
    const end = whole.indexOf('Groups');
    for (let length = 0; length < end; length++) expect(parseStatus(whole.slice(0, length))).toBe(undefined);
    expect(parseStatus(whole.slice(0, end))).toBeDefined();
    expect(parseStatus(whole.slice(0, end))?.supplementalGroupIds).toBe(undefined);
    expect(parseStatus(whole.replace('Uid:\t1000\t0', 'Uid:\t\t'))).toBe(undefined);
    expect(parseStatus(whole.replace('Uid:\t1000\t0\t7\t0', 'Uid:\t'))).toBe(undefined);
  });
});

test.each([
  ['dpkg\0-i\0x.deb\0', ['dpkg', '-i', 'x.deb']],
  ['dpkg\0\0x\0\0', ['dpkg', '', 'x', '']],
  ['\0', ['']],
  ['', []],
  // Overwritten (setproctitle): no NUL at the end, or only NULs after the text.
  ['sshd: root@pts/0', ['sshd: root@pts/0']],
  ['postgres: writer\0\0', ['postgres: writer', '']],
  ['a\nb\0c d\0', ['a\nb', 'c d']],
])('parseCmdline(%j)', (text, args) => {
  expect(parseCmdline(text)).toEqual(args);
});

describe('parseCgroupPath', () => {
  test.each([
    ['0::/user.slice/user-0.slice/session-1.scope\n', '/user.slice/user-0.slice/session-1.scope'],
    ['12:pids:/x\n1:name=systemd:/system.slice/cron.service\n', '/system.slice/cron.service'],
    // Hybrid, as on Debian 10 and Ubuntu 20.04: a container of docker, and a service.
    ['2:cpu:/docker/1f\n1:name=systemd:/docker/1f\n0::/system.slice/containerd.service\n', '/docker/1f'],
    ['1:name=systemd:/system.slice/a.service\n0::/system.slice/a.service\n', '/system.slice/a.service'],
    // Legacy: the unified one is mounted somewhere, and has no processes.
    ['1:name=systemd:/system.slice/a.service\n0::/\n', '/system.slice/a.service'],
    ['0::/\n', '/'],
    ['0::/a:b\n', '/a:b'],
    ['12:pids:/x\n', undefined],
    ['', undefined],
  ])('%j', (text, cgroupPath) => {
    expect(parseCgroupPath(text)).toBe(cgroupPath);
  });
});

test.each([
  ['/user.slice/user-1000.slice/user@1000.service/app.slice/x.service', 1000],
  ['/user.slice/user-1000.slice/user@1000.service', 1000],
  ['/user.slice/user-1000.slice/user@1000.service/user@0.service/x.service', 1000],
  ['/user.slice/user-1000.slice/session-1.scope', undefined],
  ['/system.slice/xuser@1000.service', undefined],
  ['/system.slice/user@x.service', undefined],
  ['/', undefined],
])('userOfManager(%j)', (cgroupPath, id) => {
  expect(userOfManager(cgroupPath)).toBe(id);
});

describe('systemdUnit', () => {
  test.each([
    ['/system.slice/ssh.service', 'ssh.service'],
    ['/user.slice/user-1000.slice/session-3.scope', 'session-3.scope'],
    ['/user.slice/user-1000.slice/user@1000.service/app.slice/app-x.scope', 'app-x.scope'],
    ['/system.slice/docker-x.scope/init', 'docker-x.scope'],
    ['/system.slice', 'system.slice'],
    ['/', undefined],
    ['/init.scope', 'init.scope'],
    ['/.service', undefined],
    ['/a.services', undefined],
    ['/service', undefined],
  ])('%s', (cgroupPath, unit) => {
    expect(systemdUnit(cgroupPath)).toBe(unit);
  });
});

describe('containerOfCgroup', () => {
  const id = '0123456789abcdef'.repeat(4);
  test.each([
    [`/docker/${id}`, id],
    [`/system.slice/docker-${id}.scope`, id],
    [`/machine.slice/libpod-${id}.scope/container`, id],
    [`/user.slice/user-1000.slice/user@1000.service/user.slice/libpod-${id}.scope`, id],
    [`/kubepods.slice/kubepods-pod1.slice/cri-containerd-${id}.scope`, id],
    [`/kubepods.slice/kubepods-pod1.slice/crio-${id}.scope`, id],
    [`/system.slice/containerd.service/kubepods-pod1.slice:cri-containerd:${id}`, id],
    [`/kubepods/besteffort/pod1/${id}`, id],
    ['/lxc/web', 'web'],
    ['/lxc.payload.web/system.slice/x.service', 'web'],
    ['/lxc.payload/web', 'web'],
    ['/machine.slice/machine-debian\\x2d12.scope', 'debian-12'],
    ['/machine.slice/systemd-nspawn@web.service/payload', 'web'],
    // Near misses.
    [`/docker/${id.slice(1)}`, undefined],
    [`/docker/${id}0`, undefined],
    [`/docker/${id.toUpperCase()}`, undefined],
    [`/docker/x${id}`, undefined],
    ['/system.slice/lxcfs.service', undefined],
    ['/system.slice/docker.service', undefined],
    ['/machine.slice', undefined],
    ['/', undefined],
  ])('%s', (cgroupPath, container) => {
    expect(containerOfCgroup(cgroupPath)).toBe(container);
  });
});

describe('terminals', () => {
  test.each([
    [34816, { major: 136, minor: 0 }, 'pts/0'],
    [34819, { major: 136, minor: 3 }, 'pts/3'],
    [136 * 256 + 255, { major: 136, minor: 255 }, 'pts/255'],
    // Minor numbers above 255 use the high bits.
    [136 * 256 + (1 << 20), { major: 136, minor: 256 }, 'pts/256'],
    [137 * 256 + 1, { major: 137, minor: 1 }, 'pts/257'],
    [1025, { major: 4, minor: 1 }, 'tty1'],
    [1024 + 63, { major: 4, minor: 63 }, 'tty63'],
    [1024 + 64, { major: 4, minor: 64 }, 'ttyS0'],
    [5 * 256 + 1, { major: 5, minor: 1 }, undefined],
    [144 * 256, { major: 144, minor: 0 }, undefined],
    [0, { major: 0, minor: 0 }, undefined],
    // proc_pid_stat(5) prints it with a sign.
    [-2147448832 + 256 * 0, { major: 136, minor: 0x80000 }, 'pts/524288'],
  ])('%d', (device, numbers, name) => {
    expect(deviceNumbers(device)).toEqual(numbers);
    expect(terminalName(device)).toBe(name);
  });
});

// A story that runs through the whole pipeline over a recorded host, without root and with identical bytes in two runs.

import { describe, expect, test } from 'vitest';
import { exec, exit, fork } from './collectors/proc-double.ts';
import { elfOf } from './elf-double.ts';
import { plainHost, processFiles, type RecordedFile } from './recorded-host.ts';
import { runStory, type Story } from './recorded-story.ts';

const status = '/var/lib/dpkg/status';

/** alice, who is logged in over ssh, becomes root and installs a package from a local file; then she edits dpkg's status file. */
const installation: Story = {
  host: {
    bootNs: 40e9,
    files: {
      ...plainHost,
      '/usr/sbin/sshd': '\x7fELF sshd',
      '/usr/bin/bash': '\x7fELF bash',
      '/usr/bin/sudo': '\x7fELF sudo',
      '/usr/bin/dpkg': '\x7fELF dpkg',
      '/var/lib/dpkg/info/dpkg.list': '/usr/bin/dpkg\n',
      ...processFiles(600, { exe: '/usr/sbin/sshd', startTicks: 300, cgroup: '/system.slice/ssh.service' }),
      ...processFiles(700, {
        exe: '/usr/bin/bash',
        args: ['-bash'],
        parentPid: 600,
        startTicks: 400,
        userId: 1000,
        loginUserId: 1000,
        tty: 136 * 256 + 1,
      }),
    },
  },
  steps: [
    {
      atNs: 50e9,
      files: processFiles(800, {
        exe: '/usr/bin/dpkg',
        args: ['dpkg', '-i', 'web.deb'],
        parentPid: 700,
        startTicks: 5000,
        sessionId: 700,
        loginUserId: 1000,
        tty: 136 * 256 + 1,
      }),
      records: [
        fork(700, 800, { timeNs: 50e9 }),
        exec(800, '/usr/bin/dpkg', { timeNs: 50.001e9 }),
        {
          kind: 'argv',
          timeNs: 50.002e9,
          pid: 800,
          image: '/usr/bin/dpkg',
          role: 'program',
          args: ['dpkg', '-i', 'web.deb'],
          argc: 3,
          truncated: false,
        },
      ],
    },
    {
      atNs: 51e9,
      files: { [status]: 'Package: web\nStatus: install ok installed\nArchitecture: all\nVersion: 1.0\n' },
      changes: [{ action: 'modification', path: status, by: 700 }],
    },
  ],
};

test("an installation by alice over ssh and a write of her shell to dpkg's status file raise their alerts", async () => {
  const alerts = await runStory(installation);
  expect(alerts.map(({ rule, message }) => [rule?.id, message])).toEqual([
    [
      'dpkg-package-installed-by-unusual-parent',
      'alice over ssh ran dpkg to install web.deb - first dpkg installation started by /usr/bin/bash, and first installation by alice over ssh in 90 days',
    ],
    ['dpkg-database-changed-by-other-program', expect.stringContaining('/var/lib/dpkg/status')],
  ]);
  expect(alerts[0]?.stepparent.alert).toMatchObject({
    terms: ['/usr/bin/bash'],
    findings: [
      {
        rule: {
          id: 'package-installed-by-unusual-initiator',
          name: 'Package installed by an unusual person or service',
        },
        terms: ['/usr/sbin/sshd', 'ssh as alice'],
        reason: 'first installation by alice over ssh in 90 days',
        severity: 21,
        risk_score: 21,
      },
    ],
  });
  expect(JSON.stringify(await runStory(structuredClone(installation)))).toBe(JSON.stringify(alerts));
});

/** A builder of root's installs with dpkg in a chroot of `directory`, where dpkg runs a script that ends at once. */
const built = (directory: string, pid: number, atSeconds: number): Story['steps'] => {
  const atNs = atSeconds * 1e9;
  const scriptFile = '/var/lib/dpkg/info/web.postinst';
  return [
    {
      atNs,
      files: {
        [`${directory}/usr/bin/dpkg`]: '\x7fELF another dpkg',
        [`${directory}/var/lib/dpkg/status`]: '',
        [`${directory}${scriptFile}`]: '#!/bin/sh\n',
        ...processFiles(pid, {
          exe: `${directory}/usr/bin/dpkg`,
          args: ['dpkg', '--install', '/web.deb'],
          parentPid: 600,
          startTicks: atSeconds * 100,
          root: directory,
          cgroup: '/system.slice/build.service',
          workingDirectory: directory,
        }),
      },
      records: [
        fork(600, pid, { timeNs: atNs }),
        exec(pid, '/usr/sbin/chroot', { timeNs: atNs + 1e6 }),
        exec(pid, '/bin/dpkg', { timeNs: atNs + 2e6 }),
      ],
    },
    {
      atNs: atNs + 0.5e9,
      records: [
        fork(pid, pid + 1, { timeNs: atNs + 0.2e9 }),
        exec(pid + 1, scriptFile, { timeNs: atNs + 0.21e9 }),
        exit(pid + 1),
      ],
    },
  ];
};

test('an image builder raises its alerts once, whatever its directory is', async () => {
  const builder: Story = {
    host: {
      bootNs: 40e9,
      files: {
        ...plainHost,
        '/usr/sbin/builder': '\x7fELF builder',
        '/usr/sbin/chroot': '\x7fELF chroot',
        '/usr/bin/dpkg': '\x7fELF dpkg',
        ...processFiles(600, { exe: '/usr/sbin/builder', startTicks: 300, cgroup: '/system.slice/build.service' }),
      },
    },
    steps: [...built('/srv/one', 800, 50), ...built('/srv/two', 900, 60)],
  };
  const alerts = await runStory(builder);
  expect(alerts.map(({ rule, message, process }) => [rule?.id, message, process?.executable])).toEqual([
    [
      'dpkg-package-installed-by-unusual-parent',
      'builder (build.service) ran dpkg to install web.deb in the chroot /srv/one - first dpkg installation started by /usr/sbin/builder, and first installation by builder (build.service) in 90 days',
      '/bin/dpkg',
    ],
  ]);
});

const linker = '/lib64/ld-linux-x86-64.so.2';
const dpkg = elfOf({ buildId: 'build-id-of-dpkg', linker });
const dash = elfOf({ buildId: 'build-id-of-dash', linker });
const webServer = {
  ...plainHost,
  '/usr/sbin/nginx': elfOf({ buildId: 'build-id-of-nginx' }),
  '/usr/bin/dash': dash,
  '/usr/bin/dpkg': dpkg,
  '/var/lib/dpkg/info/dpkg.list': '/usr/bin/dpkg\n',
  ...processFiles(700, { exe: '/usr/sbin/nginx', startTicks: 300, cgroup: '/system.slice/nginx.service' }),
};

describe('a web server runs a copy of dpkg', () => {
  const args = ['updater', '--admindir=/tmp/db', '-i', '/tmp/evil_1.deb'];
  const start = {
    probe: linker,
    args,
    argc: args.length,
    truncated: false,
    credentials: { userId: 0, realUserId: 0, groupId: 0, realGroupId: 0, secure: false },
    environment: '',
    environmentTruncated: false,
  };
  const step = (files: Record<string, RecordedFile>): Story => ({
    host: { bootNs: 40e9, files: { ...webServer, '/tmp/updater': dpkg } },
    steps: [
      {
        atNs: 50e9,
        files,
        records: [fork(700, 800, { timeNs: 50e9 }), exec(800, '/tmp/updater', { timeNs: 50.001e9, args, start })],
      },
    ],
  });
  const expected = [
    [
      'dpkg-package-installed-by-unusual-parent',
      'nginx.service ran /tmp/updater (a copy of dpkg) to install evil_1.deb - first dpkg installation started by /usr/sbin/nginx, and first installation by nginx.service in 90 days',
    ],
    [
      'package-installed-outside-database',
      'nginx.service ran /tmp/updater (a copy of dpkg) to install evil_1.deb - the packages are in /tmp/db and in no list of the host',
    ],
    [
      'package-tool-impostor',
      "nginx.service ran /tmp/updater (a copy of dpkg) to install evil_1.deb - /tmp/updater is not the distribution's own file",
    ],
  ];

  test.each<[string, Record<string, RecordedFile>]>([
    [
      'that still runs',
      processFiles(800, {
        exe: '/tmp/updater',
        args,
        parentPid: 700,
        startTicks: 5000,
        cgroup: '/system.slice/nginx.service',
      }),
    ],
    ['that has ended', {}],
  ])('%s', async (_, files) => {
    const alerts = await runStory(step(files));
    expect(alerts.map(({ rule, message }) => [rule?.id, message])).toEqual(expected);
    expect(alerts[0]?.stepparent.program).toEqual({ path: '/usr/bin/dpkg', name: 'dpkg', recognized_by: 'build_id' });
  });

  test('but a file that only has another content raises no alert', async () => {
    const { host, steps } = step({});
    const files = { ...host.files, '/tmp/updater': elfOf({ buildId: 'build-id-of-other', linker }) };
    expect(await runStory({ host: { ...host, files }, steps })).toEqual([]);
  });
});

describe('a deployment script with a new name each time', () => {
  /** Each run is a process of its own, 700 and up, below init; the script is removed behind it. */
  const story = (contents: readonly string[], nameOf: (run: number) => string): Story => ({
    host: { bootNs: 40e9, files: webServer },
    steps: contents.flatMap((content, run) => {
      const [script, ns] = [nameOf(run), 50e9 + run * 10e9];
      const [pid, tool] = [1000 + 10 * run, 1001 + 10 * run];
      const args = ['dpkg', '-i', '/srv/agent.deb'];
      const ticks = Math.floor(ns / 1e7);
      return [
        {
          atNs: ns,
          files: {
            [script]: { content, mode: 0o755 },
            ...processFiles(pid, {
              exe: '/usr/bin/dash',
              args: ['/bin/sh', script],
              startTicks: ticks,
              cgroup: '/system.slice/deploy.service',
            }),
            ...processFiles(tool, {
              exe: '/usr/bin/dpkg',
              args,
              parentPid: pid,
              startTicks: ticks,
              cgroup: '/system.slice/deploy.service',
            }),
          },
          records: [
            fork(1, pid, { timeNs: ns }),
            exec(pid, script, { timeNs: ns + 1e6, args: ['/bin/sh', script] }),
            fork(pid, tool, { timeNs: ns + 2e6 }),
            exec(tool, '/usr/bin/dpkg', { timeNs: ns + 3e6 }),
            {
              kind: 'argv',
              role: 'program',
              timeNs: ns + 4e6,
              pid: tool,
              image: '/usr/bin/dpkg',
              args,
              argc: 3,
              truncated: false,
            },
          ],
        },
        {
          atNs: ns + 1e9,
          files: { [script]: null, [`/proc/${pid}`]: null, [`/proc/${tool}`]: null },
          records: [exit(tool), exit(pid)],
        },
      ];
    }),
  });
  const install = '#!/bin/sh\ndpkg -i /srv/agent.deb\n';
  /** The first terms of each alert: of the parent, and of the initiator. */
  const termsOf = async (one: Story) =>
    (await runStory(one)).map(({ stepparent: { alert } }) => [
      alert?.terms[0],
      ...(alert?.findings ?? []).map(({ terms }) => terms[0]),
    ]);

  test('raises the alert of its first run only', async () => {
    const terms = await termsOf(story([install, install, install], (run) => `/tmp/terraform_${run}1234.sh`));
    const [[parent] = []] = terms;
    expect(parent).toMatch(/^\/tmp\/\* \(sha256 [0-9a-f]{16}\)$/);
    expect(terms).toEqual([[parent, parent]]);
  });

  test('raises an alert again with another content', async () => {
    const terms = await termsOf(story([install, `${install}:\n`], (run) => `/tmp/terraform_${run}1234.sh`));
    expect(terms.map(({ length }) => length)).toEqual([2, 2]);
    expect(new Set(terms.flat()).size).toBe(2);
  });

  test('keeps a stable path as its term, whatever the content', async () => {
    const terms = await termsOf(story([install, `${install}:\n`], () => '/opt/vendor/install.sh'));
    expect(terms).toEqual([['/opt/vendor/install.sh', '/opt/vendor/install.sh']]);
  });
});

test("an installation in a container raises no alert, a change of the host's database from there does", async () => {
  const inContainer = {
    root: '/srv/box',
    workingDirectory: '/srv/box',
    namespaces: { pid: 'pid:[4026532000]', mnt: 'mnt:[4026532001]' },
    cgroup: '/machine.slice/machine-box.scope',
  };
  const alerts = await runStory({
    host: {
      bootNs: 40e9,
      files: {
        ...plainHost,
        '/usr/bin/dpkg': '\x7fELF dpkg',
        '/srv/box/usr/bin/dpkg': '\x7fELF another dpkg',
        '/srv/box/usr/bin/vi': '\x7fELF vi',
        ...processFiles(600, { exe: '/srv/box/usr/bin/vi', startTicks: 300, ...inContainer }),
      },
    },
    steps: [
      {
        atNs: 50e9,
        files: processFiles(800, {
          exe: '/srv/box/usr/bin/dpkg',
          args: ['dpkg', '--install', '/web.deb'],
          parentPid: 600,
          startTicks: 5000,
          ...inContainer,
        }),
        records: [fork(600, 800, { timeNs: 50e9 }), exec(800, '/usr/bin/dpkg', { timeNs: 50.001e9 })],
      },
      {
        atNs: 51e9,
        files: { [status]: 'Package: web\nStatus: install ok installed\nArchitecture: all\nVersion: 1.0\n' },
        changes: [{ action: 'modification', path: status, by: 600 }],
      },
    ],
  });
  expect(alerts.map(({ rule, container, stepparent }) => [rule?.id, container, stepparent.place])).toEqual([
    ['dpkg-database-changed-by-other-program', { id: 'box' }, { kind: 'container', root: '/srv/box' }],
  ]);
});

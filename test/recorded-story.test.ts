// A story that runs through the whole pipeline over a recorded host, without root and with identical bytes in two runs.

import { expect, test } from 'vitest';
import { exec, fork } from './collectors/proc-double.ts';
import { plainHost, processFiles } from './recorded-host.ts';
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
      'alice over ssh ran dpkg to install web.deb - first dpkg installation started by /usr/bin/bash in 90 days',
    ],
    [
      'package-installed-by-unusual-initiator',
      'alice over ssh ran dpkg to install web.deb - first installation by alice over ssh in 90 days',
    ],
    ['dpkg-database-changed-by-other-program', expect.stringContaining('/var/lib/dpkg/status')],
  ]);
  expect(JSON.stringify(await runStory(structuredClone(installation)))).toBe(JSON.stringify(alerts));
});

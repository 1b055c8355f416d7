// Which processes count as a container's: namespaces are not enough, it also has its own root or package databases.

import { cpSync, mkdirSync, symlinkSync } from 'node:fs';
import { basename, join } from 'node:path';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import type { StepparentEvent } from '../../collectors/event/event.ts';
import { titled } from '../needs.ts';
import { makeParent } from './launchers.ts';
import { endToEndMissing, enterPrivateHost, makeDatabase, scratchDirectory } from './private-host.ts';
import { type AlertDocument, run, type TermDocument, testAgent, until } from './run-agent.ts';

/** How a command runs: options of `unshare`, and shell text that runs before it. `$P` is the parent, `$R` a small root directory. */
interface Setting {
  unshare: string[];
  before: string;
  /** The command runs in a chroot of `$R`. */
  chroot?: true;
}

const unshareAll = ['--mount', '--pid', '--fork', '--propagation', 'private'];

const containers: Record<string, Setting> = {
  'pid and mount namespaces and another root': { unshare: unshareAll, before: '', chroot: true },
  'a mount namespace and another root': {
    unshare: ['--mount', '--propagation', 'private'],
    before: '',
    chroot: true,
  },
  'pid and mount namespaces and its own package databases': {
    unshare: unshareAll,
    before:
      'for d in /var/lib/dpkg /var/lib/rpm /usr/lib/sysimage/rpm; do [ ! -d $d ] || mount -t tmpfs none $d; done;',
  },
};

const host: Record<string, Setting> = {
  'a mount namespace': { unshare: ['--mount', '--propagation', 'private'], before: '' },
  'a pid namespace': { unshare: ['--pid', '--fork'], before: '' },
  'pid and mount namespaces': { unshare: [...unshareAll, '--mount-proc'], before: '' },
  'UTS, network and IPC namespaces': { unshare: ['--uts', '--net', '--ipc'], before: '' },
  "pid and mount namespaces with the host's dpkg database and another rpm database": {
    unshare: unshareAll,
    before: 'for d in /var/lib/rpm /usr/lib/sysimage/rpm; do [ ! -d $d ] || mount -t tmpfs none $d; done;',
  },
  "pid and mount namespaces with another root and the host's package database": {
    unshare: unshareAll,
    before: 'mount --bind /var/lib/dpkg $R/var/lib/dpkg;',
    chroot: true,
  },
};

describe.skipIf(endToEndMissing)(titled('containers', endToEndMissing), () => {
  const scratch = scratchDirectory();
  const usual = testAgent(scratch);
  const strict = testAgent(scratch, 'container_alerts = true\n');
  const parents = new Map<Setting, string>();
  const seen = new Map<typeof usual, { alerts: AlertDocument[]; events: StepparentEvent[]; terms: TermDocument[] }>();

  beforeAll(async () => {
    enterPrivateHost(scratch);
    const root = join(scratch, 'root');
    for (const directory of ['usr', 'tmp', 'proc', 'dev', 'etc', 'bin-e2e'])
      mkdirSync(join(root, directory), { recursive: true });
    for (const link of ['bin', 'sbin', 'lib', 'lib64']) symlinkSync(`usr/${link}`, join(root, link));
    makeDatabase(join(root, 'var/lib/dpkg'));
    await usual.start();
    await strict.start();

    for (const [index, setting] of [...Object.values(containers), ...Object.values(host)].entries()) {
      const parent = makeParent(scratch, `parent${index}`);
      const inside = `/bin-e2e/parent${index}`;
      cpSync(parent, join(root, inside));
      parents.set(setting, setting.chroot ? inside : parent);
      // The sleep stands for a container's process, which outlives one command.
      const install = `dpkg -i /none${index}.deb; sleep 1`;
      const command = setting.chroot
        ? `mount --bind /usr $R/usr; exec chroot $R ${inside} -c '${install}'`
        : `exec $P -c '${install}'`;
      const { stderr } = await run('unshare', [...setting.unshare, 'sh', '-ec', `${setting.before} ${command}`], {
        env: { PATH: process.env.PATH, P: parent, R: root },
      });
      // This is dpkg's message: every command before it has succeeded.
      expect(stderr).toContain(`cannot access archive '/none${index}.deb'`);
    }
    for (const agent of [usual, strict]) {
      const last = [...parents.values()].at(-1);
      const events = await until('the last run', async () => {
        const listed = await agent.execs();
        return listed.some(({ process }) => process?.parent?.executable === last) && listed;
      });
      seen.set(agent, { events, alerts: await agent.alerts(), terms: await agent.baseline() });
    }
  });
  afterAll(async () => {
    await usual.stop();
    await strict.stop();
  });

  const alertsOf = (agent: typeof usual, setting: Setting) => {
    const parent = parents.get(setting);
    const { events = [], alerts = [], terms = [] } = seen.get(agent) ?? {};
    return {
      events: events.filter(({ process }) => process?.parent?.executable === parent),
      alerts: alerts.filter(({ process }) => process?.parent?.executable === parent),
      terms: terms.filter((term) => term.terms[0] === parent),
    };
  };

  describe.each(Object.entries(containers))('in %s', (_, setting) => {
    test("an installation is stored as a container's, with its own term and without an alert", () => {
      const { events, alerts, terms } = alertsOf(usual, setting);
      expect(events).toMatchObject([{ container: { id: expect.stringMatching(/^(?:pid|mnt):\d+$/) } }]);
      expect(events[0]?.process?.args).toEqual(['dpkg', '-i', expect.stringMatching(/^\/none\d+\.deb$/)]);
      expect(alerts).toEqual([]);
      expect(terms).toMatchObject([{ container: events[0]?.container?.id, origin: 'container', count: 1 }]);
    });

    test("an installation raises an alert with the container's id when container_alerts is on", () => {
      const { events, alerts, terms } = alertsOf(strict, setting);
      const id = events[0]?.container?.id;
      expect(id).toBeDefined();
      expect(alerts).toMatchObject([{ container: { id }, stepparent: { alert: { state: 'open' } } }]);
      expect(alerts[0]?.message).toContain(id?.slice(0, 12));
      expect(terms).toMatchObject([{ container: id, origin: 'alert' }]);
    });
  });

  test.each(Object.entries(host))("an installation in %s counts as the host's and raises an alert", (_, setting) => {
    const { events, alerts } = alertsOf(usual, setting);
    expect(events).toHaveLength(1);
    expect(events[0]?.container).toBeUndefined();
    expect(alerts.map(({ process }) => basename(process?.parent?.executable ?? ''))).toEqual([
      basename(parents.get(setting) ?? ''),
    ]);
  });
});

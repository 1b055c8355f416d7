// Which processes count as the host's, a chroot's or a container's: the files that they see decide, not their namespaces.

import { copyFileSync, mkdirSync } from 'node:fs';
import { basename, join } from 'node:path';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import type { StepparentEvent } from '../../collectors/event/event.ts';
import { titled } from '../needs.ts';
import { makeParent } from './launchers.ts';
import { makeOwnSystem } from './own-system.ts';
import { buildDeb } from './packages.ts';
import { endToEndMissing, enterPrivateHost, makeDatabase, scratchDirectory } from './private-host.ts';
import { type AlertDocument, run, type TermDocument, testAgent, until } from './run-agent.ts';

/**
 * Shell text that runs a command elsewhere: `$P` is its program and `$C` its one argument behind `-c`. `$R` is the directory of a small
 * system that has the program as `$I`; `$E` is an empty directory, and `$D` one with package databases.
 */
type Setting = string;

const unshare = 'unshare --mount --propagation private';
const unshareAll = `${unshare} --pid --fork`;
const inside = (script: string): string => `sh -ec '${script}'`;

const containers: Readonly<Record<string, Setting>> = {
  'pid and mount namespaces and another root': `${unshareAll} chroot $R $I -c "$C"`,
  'a mount namespace and another root': `${unshare} chroot $R $I -c "$C"`,
  'a pid namespace and another root': 'unshare --pid --fork chroot $R $I -c "$C"',
  'a root that pivot_root changed': `${unshareAll} ${inside('mount --bind $R $R; cd $R; mkdir -p old; pivot_root . old; exec $I -c "$C"')}`,
  'user, pid and mount namespaces and another root': `unshare --map-root-user --mount --pid --fork --root=$R $I -c "$C"`,
};

const chroots: Readonly<Record<string, Setting>> = {
  chroot: 'chroot $R $I -c "$C"',
  'another root of unshare': 'unshare --root=$R $I -c "$C"',
};

const hideDatabases =
  'for d in /var/lib/dpkg /var/lib/rpm /usr/lib/sysimage/rpm; do [ ! -d $d ] || mount --bind $D $d; done';

const host: Readonly<Record<string, Setting>> = {
  'a mount namespace': `${unshare} $P -c "$C"`,
  'a pid namespace': 'unshare --pid --fork $P -c "$C"',
  'pid and mount namespaces': `${unshareAll} --mount-proc $P -c "$C"`,
  'UTS, network and IPC namespaces': 'unshare --uts --net --ipc $P -c "$C"',
  'pid and mount namespaces, with other directories over the databases': `${unshareAll} ${inside(`${hideDatabases}; exec $P -c "$C"`)}`,
  'pid and mount namespaces, with other directories over all that the root directory has': `${unshareAll} ${inside(
    `${hideDatabases}; mount --bind $R/etc /etc; mount --bind $R/usr /usr; exec $P -c "$C"`,
  )}`,
  'pid and mount namespaces, in a bind mount of the root directory': `${unshareAll} ${inside(
    'mount --rbind / $E; cd $E; exec chroot . $P -c "$C"',
  )}`,
  'a chroot of its own root directory': 'chroot /proc/self/root $P -c "$C"',
  "another root with the host's /usr": `${unshareAll} ${inside('mount --bind /usr $R/usr; exec chroot $R $I -c "$C"')}`,
  "another root with the host's /etc": `${unshareAll} ${inside('mount --bind /etc $R/etc; exec chroot $R $I -c "$C"')}`,
  "another root with the host's package database": `${unshareAll} ${inside(
    'mount --bind /var/lib/dpkg $R/var/lib/dpkg; exec chroot $R $I -c "$C"',
  )}`,
  "another root in which a link leads to the host's /usr": `${unshareAll} ${inside(
    'mount --bind /usr $R/host-usr; mv $R/usr $R/own-usr; ln -s /host-usr $R/usr; trap "rm $R/usr; mv $R/own-usr $R/usr" EXIT; chroot $R $I -c "$C"; :',
  )}`,
};

const settings = { ...containers, ...chroots, ...host };

describe.skipIf(endToEndMissing)(titled('places', endToEndMissing), () => {
  const scratch = scratchDirectory();
  const usual = testAgent(scratch);
  const strict = testAgent(scratch, 'container_alerts = true\n');
  const seen = new Map<typeof usual, { alerts: AlertDocument[]; events: StepparentEvent[]; terms: TermDocument[] }>();
  const nameOf = (setting: string): string => `parent${Object.keys(settings).indexOf(setting)}`;

  beforeAll(async () => {
    enterPrivateHost(scratch);
    const parents = Object.keys(settings).map((setting) => [setting, makeParent(scratch, nameOf(setting))] as const);
    const root = join(scratch, 'root');
    makeOwnSystem(root);
    for (const [setting, parent] of parents) {
      copyFileSync(parent, join(root, nameOf(setting)));
      // A process in another root is read from /proc: it must live until a busy agent comes to it.
      const deb = buildDeb(scratch, nameOf(setting), { scripts: { postinst: '#!/bin/sh\nsleep 1\n' } });
      copyFileSync(deb, join(root, `${nameOf(setting)}.deb`));
    }
    for (const directory of ['empty', 'root/host-usr']) mkdirSync(join(scratch, directory));
    makeDatabase(join(scratch, 'databases'));
    await usual.start();
    await strict.start();

    for (const [setting, parent] of parents) {
      const name = nameOf(setting);
      const { stdout, stderr } = await run('sh', ['-ec', settings[setting] ?? ''], {
        env: {
          PATH: process.env.PATH,
          P: parent,
          I: `/${name}`,
          R: root,
          E: join(scratch, 'empty'),
          D: join(scratch, 'databases'),
          // The shell does not replace itself with dpkg, so that it is the parent.
          C: `dpkg --log=/dev/null -i ${settings[setting]?.includes('$I') ? '' : root}/${name}.deb; exit $?`,
        },
      });
      expect({ setting, stderr, stdout }).toEqual({
        setting,
        stderr: expect.anything(),
        stdout: expect.stringContaining(`Setting up ${name} (1)`),
      });
    }
    const last = nameOf(Object.keys(settings).at(-1) ?? '');
    for (const agent of [usual, strict]) {
      const events = await until('the last run', async () => {
        const listed = await agent.execs();
        return listed.some(({ process }) => process?.parent?.name === last) && listed;
      });
      seen.set(agent, { events, alerts: await agent.alerts(), terms: await agent.baseline() });
    }
  });
  afterAll(async () => {
    await usual.stop();
    await strict.stop();
  });

  const found = (agent: typeof usual, setting: string) => {
    const name = nameOf(setting);
    const { events = [], alerts = [], terms = [] } = seen.get(agent) ?? {};
    const isOf = ({ process }: StepparentEvent): boolean => process?.parent?.name === name;
    return {
      events: events.filter(isOf),
      alerts: alerts.filter(isOf),
      terms: terms.filter((term) => term.terms[0]?.endsWith(`/${name}`)),
    };
  };

  describe.each(Object.keys(containers))('in %s', (setting) => {
    test("an installation is stored as a container's, with its own term and without an alert", () => {
      const { events, alerts, terms } = found(usual, setting);
      expect(events).toMatchObject([
        {
          container: { id: expect.stringMatching(/^(?:pid|mnt):\d+$/) },
          process: { args: ['dpkg', '--log=/dev/null', '-i', `/${nameOf(setting)}.deb`] },
          stepparent: { place: { kind: 'container' } },
        },
      ]);
      expect(alerts).toEqual([]);
      expect(terms).toMatchObject([{ place: 'container', origin: 'container', count: 1 }]);
    });

    test("an installation raises an alert with the container's id when container_alerts is on", () => {
      const { events, alerts, terms } = found(strict, setting);
      const id = events[0]?.container?.id;
      expect(id).toBeDefined();
      expect(alerts).toMatchObject([{ container: { id }, stepparent: { alert: { state: 'open' } } }]);
      expect(alerts[0]?.message).toContain(id?.slice(0, 12));
      expect(terms).toMatchObject([{ place: 'container', origin: 'alert' }]);
    });
  });

  test.each(Object.keys(chroots))('an installation in %s raises an alert, and is learned apart', (setting) => {
    const { events, alerts, terms } = found(usual, setting);
    expect(events).toMatchObject([{ stepparent: { place: { kind: 'chroot', root: join(scratch, 'root') } } }]);
    expect(events[0]?.container).toBe(undefined);
    expect(alerts).toMatchObject([{ message: expect.stringContaining(`in the chroot ${join(scratch, 'root')} - `) }]);
    expect(terms).toMatchObject([{ place: 'chroot', origin: 'alert' }]);
  });

  test.each(Object.keys(host))("an installation in %s counts as the host's and raises an alert", (setting) => {
    const { events, alerts, terms } = found(usual, setting);
    expect(events).toHaveLength(1);
    expect([events[0]?.container, events[0]?.stepparent.place?.kind ?? 'host']).toEqual([undefined, 'host']);
    expect(alerts.map(({ process }) => basename(process?.parent?.executable ?? ''))).toEqual([nameOf(setting)]);
    expect(terms).toMatchObject([{ origin: 'alert' }]);
    expect(terms[0]).not.toHaveProperty('place');
  });
});

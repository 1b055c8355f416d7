// The real PackageKit, a timer and a cron job on an emulated machine with systemd and logind. Two users in sessions of their own ask
// PackageKit to install packages; a rule of polkit allows it to them.

import { execFileSync } from 'node:child_process';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import type { StepparentEvent } from '../../collectors/event/event.ts';
import type { Booted } from '../booted/checks.ts';
import { builtPackage, given } from '../booted/debian.ts';
import { bootForChecks, emulationMissing } from '../booted/on-virtual-machine.ts';
import { makeKey, writeRepository } from '../e2e/apt-repository.ts';
import { buildDeb } from '../e2e/packages.ts';
import { scratchDirectory } from '../e2e/private-host.ts';
import { type AlertDocument, documents } from '../e2e/run-agent.ts';
import { missingTools, titled, unmet } from '../needs.ts';
import { architecture } from '../packages/built.ts';
import {
  alertsOfRequests,
  callerIds,
  expectCallers,
  installationsOf,
  isOf,
  listed,
  ofInitiator,
  polkitRule,
  requests,
} from './requests.ts';

const missing = emulationMissing(architecture) ?? unmet(missingTools('gpg', 'gpgconf', 'tar'));
/** PackageKit recognizes a package's file by the database of shared-mime-info. */
const also = 'cron iproute2 libpam-systemd packagekit packagekit-tools polkitd shared-mime-info'.split(' ');

/** Programs that install the package whose name is in a file, each in two runs. */
const jobs = [
  { name: 'e2e-timer', origin: 'unit e2e-timer.service', kind: 'timer' },
  { name: 'e2e-cron', origin: 'cron', kind: 'cron' },
] as const;
const programOf = (job: string): string => `/usr/local/sbin/${job}`;
/** The packages of a run, in the order of the jobs. */
const namesOfRun = (run: number): string[] => jobs.map(({ name }) => listed(`${name}-${run}`));

/** Logs a user in to run a command, as su(1) and as login(1) do. */
const logIn = {
  alice: (command: string) => `su -l alice -c '${command}'`,
  bob: (command: string) => `systemd-run --quiet --wait --pipe -p PAMName=login --uid=bob sh -c '${command}'`,
} as const;

/** Prints the state of each of the packages. */
const statesOf = (names: readonly string[]): string => `dpkg-query -W -f '\${db:Status-Status}\\n' ${names.join(' ')}`;

describe.skipIf(missing)(titled('on a machine with logind', missing), () => {
  const scratch = scratchDirectory();
  let on: Booted;
  let stop: (() => Promise<string>) | undefined;

  beforeAll(async () => {
    const key = makeKey(join(scratch, 'gpg'));
    const names = requests.filter(({ isLocal }) => !isLocal).map(({ name }) => name);
    const inRepository = [...names, ...namesOfRun(1), ...namesOfRun(2)].map((name) => buildDeb(scratch, name));
    writeRepository(join(scratch, 'repository'), inRepository, key);
    key.close();
    const archive = join(scratch, 'repository.tar');
    execFileSync('tar', ['-C', scratch, '-cf', archive, 'repository']);
    const files = requests.filter(({ isLocal }) => isLocal).map(({ name }) => buildDeb(scratch, name));
    const deb = builtPackage(architecture);
    on = await bootForChecks(scratch, [deb, archive, key.file, ...files], { architecture, cpus: 2, also });
    stop = on.machine.stop;

    const users = Object.entries(callerIds).map(([name, id]) => `useradd -m -s /bin/sh -u ${id} ${name}`);
    const ofJobs = jobs.map(
      ({ name }) =>
        `printf '#!/bin/sh\\napt-get install -y -qq -o DPkg::Lock::Timeout=600 "$(cat /etc/${name})"\\n' >${programOf(name)} && ` +
        `chmod 755 ${programOf(name)}`,
    );
    await on.must(
      [
        'set -e',
        ...users,
        // The service manager of a user goes on running between the sessions.
        `loginctl enable-linger ${Object.keys(callerIds).join(' ')}`,
        `cat >/etc/polkit-1/rules.d/10-e2e.rules <<'END'\n${polkitRule}END`,
        // Without a default route PackageKit downloads nothing, also from a directory.
        'ip route add default dev lo',
        `tar -C /srv -xf ${given}/repository.tar`,
        `echo 'deb [signed-by=${given}/key.asc arch=amd64] file:/srv/repository stable main' >/etc/apt/sources.list`,
        'apt-get update -qq',
        ...ofJobs,
        `printf '[Service]\\nType=oneshot\\nExecStart=${programOf('e2e-timer')}\\n' >/etc/systemd/system/e2e-timer.service`,
        "printf '[Timer]\\nOnActiveSec=1s\\nAccuracySec=1s\\n' >/etc/systemd/system/e2e-timer.timer",
        'systemctl daemon-reload',
        'mkdir -p /etc/stepparent/conf.d && printf \'[hunts]\\ninterval = "off"\\n\' >/etc/stepparent/conf.d/e2e.toml',
        `dpkg -i ${given}/stepparent_*.deb`,
      ].join('\n'),
    );
  });
  afterAll(() => stop?.());

  const readEvents = async () =>
    documents<StepparentEvent>(
      await on.must(
        `stepparent events --json --limit 100000 | grep -F -e '"operation":"unpack"' -e '"category":["package"' || [ $? = 1 ]`,
      ),
    );
  const eventsOf = (names: readonly string[]) => installationsOf(names, readEvents, on.traits.patienceMs);
  /** All alerts, each of which is in the journal once. */
  const readAlerts = async () => {
    const alerts = documents<AlertDocument>(await on.must('stepparent alerts --json --limit 100000'));
    const reported = await on.alerts('-t stepparent');
    expect(reported.flatMap(({ STEPPARENT_ALERT_ID: id }) => id ?? []).toSorted()).toEqual(
      alerts.map(({ stepparent }) => stepparent.alert.id).toSorted(),
    );
    const names = [...requests.map(({ name }) => name), ...namesOfRun(1), ...namesOfRun(2)];
    return alerts.map((alert) => ({
      rule: alert.rule.id,
      name: names.find((name) => isOf(name, alert)),
      requester: alert.stepparent.initiator?.requester?.user?.name,
    }));
  };

  test('names the caller of 20 of 20 installations by PackageKit, and each caller is new once', async () => {
    for (const { user, name, isLocal } of requests) {
      const request = isLocal ? `install-local ${given}/${name}.deb` : `install ${name}`;
      // A client waits 25 seconds for an answer of the daemon, which on an emulated CPU may not be enough.
      const output = await on.once(
        `the installation of ${name}`,
        `${logIn[user](`cat /proc/self/cgroup; pkcon --plain --noninteractive --allow-untrusted ${request}`)}; ${statesOf([name])}`,
        (text) => text.endsWith('\ninstalled\n'),
      );
      expect(output).toMatch(new RegExp(`/user-${callerIds[user]}\\.slice/session-\\w+\\.scope$`, 'm'));
    }
    expectCallers(await eventsOf(requests.map(({ name }) => name)));
    const alerts = await readAlerts();
    expect(alerts.map(({ rule, name }) => [rule, name])).toEqual(alertsOfRequests);
    expect(alerts.map(({ requester }) => requester)).toEqual(
      alertsOfRequests.map(([, name]) => requests.find((one) => one.name === name)?.user),
    );
  });

  test('names a timer and a cron job, each of which is new once', async () => {
    const before = (await readAlerts()).length;
    for (const run of [1, 2]) {
      const names = namesOfRun(run);
      const wanted = jobs.map(({ name }, index) => `echo ${names[index]} >/etc/${name}`);
      await on.must(
        [
          ...wanted,
          `echo "PATH=/usr/sbin:/usr/bin:/sbin:/bin\n$(date -d '+2 minutes' +'%M %H') * * * root ${programOf('e2e-cron')}" >/etc/cron.d/e2e`,
          'systemctl restart e2e-timer.timer',
        ].join(' && '),
      );
      await on.once(
        'the installations of both jobs',
        `sleep 5; systemctl show -P ActiveState e2e-timer.service; ${statesOf(names)}`,
        (output) => output === 'inactive\ninstalled\ninstalled\n',
      );
      const installations = await eventsOf(names);
      for (const [index, { name, origin, kind }] of jobs.entries()) {
        const { exec, transaction } = installations[index] ?? {};
        for (const event of [exec, transaction]) {
          expect(event?.stepparent.initiator).toMatchObject({
            executable: programOf(name),
            origin,
            origin_kind: kind,
            requester: { user: { id: '0' }, claimed: false },
          });
        }
      }
    }
    const alerts = (await readAlerts()).slice(before);
    expect(new Set(alerts.map(({ rule }) => rule))).toEqual(new Set([ofInitiator]));
    expect(alerts.map(({ name }) => name).toSorted()).toEqual(namesOfRun(1).toSorted());
  });

  test('loses no record', async () => {
    const { sensor, uncommitted } = await on.status();
    expect(sensor).toMatchObject({ name: 'tracefs', lost_events: 0 });
    expect(uncommitted.dropped).toBe(0);
  });
});

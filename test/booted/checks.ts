// Checks of the installed package on a booted system, in the order in which they run. A later check builds on the state that earlier
// ones leave.

import { mkdirSync, readFileSync, writeFileSync } from 'node:fs';
import { basename, join } from 'node:path';
import { expect } from 'vitest';
import type { AgentStatus } from '../../agent/daemon/agent-status.ts';
import { standstill } from '../../agent/daemon/self-watch.ts';
import { version } from '../../agent/version.ts';
import type { StepparentEvent } from '../../collectors/event/event.ts';
import { judgedIncomplete } from '../../collectors/event/hold.ts';
import { leftAtEnd } from '../../collectors/packagedb/pending-reports.ts';
import { parseRule } from '../../detectors/rules/load-rules.ts';
import { messageId } from '../../detectors/rules/message-id.ts';
import type { Architecture } from '../../packaging/files.ts';
import { buildDeb, buildRpm } from '../e2e/packages.ts';
import { documents, until } from '../e2e/run-agent.ts';
import { asVersion } from '../packages/as-version.ts';
import { given } from './debian.ts';
import type { Machine } from './machine.ts';

/** What differs between the machines. */
export interface Traits {
  /** Whether kernel tracing and fanotify are available inside the machine. */
  traced: boolean;
  /** The longest wait for a condition. */
  patienceMs: number;
  /** The machine's architecture, by dpkg's name. */
  deb: Architecture['deb'];
}

export interface Check {
  name: string;
  /** Runs only where the kernel can be traced. */
  traced?: true;
  /** Skipped on an emulated CPU, where each start of the agent takes a minute. */
  quick?: true;
  run(on: Booted): Promise<void>;
}

/** A machine, and what checks read from it. */
export interface Booted {
  machine: Machine;
  traits: Traits;
  /** Runs a script and returns its output; throws unless the script exits with 0. */
  must(script: string): Promise<string>;
  /** Repeats a command until `wanted` accepts its output, and returns that output. `what` names the condition in the error. */
  once(what: string, script: string, wanted: (output: string) => boolean): Promise<string>;
  status(): Promise<AgentStatus>;
  /** The entries of the journal that match; `matches` are options and matches of journalctl. */
  alerts(...matches: string[]): Promise<Record<string, string>[]>;
}

const parentRule = 'dpkg-package-installed-by-unusual-parent';
const rpmRule = 'rpm-package-installed-by-unusual-parent';
const scriptRule = 'unusual-dpkg-execution';
const recordsRule = 'dpkg-database-changed-by-other-program';
const newer = `${version}+1`;

export function booted(machine: Machine, traits: Traits): Booted {
  const must = async (script: string): Promise<string> => {
    const { code, output } = await machine.run(script);
    if (code !== 0) throw new Error(`${script}\nended with ${code}: ${output}`);
    return output;
  };
  const once = (what: string, script: string, wanted: (output: string) => boolean): Promise<string> => {
    let last = '';
    return until(
      what,
      async () => {
        last = (await machine.run(script)).output;
        return wanted(last) ? last || ' ' : undefined;
      },
      traits.patienceMs,
    ).catch((error: unknown) => {
      throw new Error(`${String(error)}; last: ${last}`);
    });
  };
  return {
    machine,
    traits,
    must,
    once,
    // On an emulated CPU an agent that has just started may not answer within the command's own time limit.
    status: async () =>
      JSON.parse(await once('an answer', askStatus, (output) => /^\{"pid"/.test(output))) as AgentStatus,
    alerts: async (...matches) =>
      documents(await must(`journalctl --sync; journalctl -q -o json ${matches.join(' ')} || [ $? = 1 ]`)),
  };
}

/** Builds the packages and programs for the checks on this machine; returns the files that the booted machine is given. */
export function makeFiles(scratch: string, deb: string): string[] {
  const directory = join(scratch, 'given');
  mkdirSync(directory);
  // A second, so that an agent that polls /proc observes the script.
  const scripts = { postinst: '#!/bin/sh\n# made for a test\nsleep 1\nid\n' };
  const names = ['one', 'two', 'three', 'four'];
  const debs = names.map((name) => buildDeb(directory, `booted-${name}`, { scripts }));
  // apt-get unpacks and configures with one dpkg each: a preinst that sleeps makes the unpacking last as well.
  debs.push(buildDeb(directory, 'booted-front', { scripts: { ...scripts, preinst: '#!/bin/sh\nsleep 1\n' } }));
  const asks =
    '#!/bin/sh\n# made for a test\nset -e\n. /usr/share/debconf/confmodule\ndb_input low booted-asks/q || true\ndb_go || true\nsleep 1\n';
  const templates = 'Template: booted-asks/q\nType: boolean\nDefault: true\nDescription: yes?\n';
  debs.push(buildDeb(directory, 'booted-asks', { scripts: { postinst: asks, templates } }));
  const rpm = buildRpm(directory, 'booted-rpm', { post: 'sleep 1' });
  const deploy = (name: string, command: string) => {
    const file = join(directory, name);
    writeFileSync(file, `#!/bin/sh\n# made for a test\n${command} "$@"\nexit $?\n`, { mode: 0o755 });
    return file;
  };
  const parents = ['a', 'b'].map((name) => deploy(`deploy-${name}`, 'dpkg -i'));
  return [deb, asVersion(scratch, deb, newer), ...debs, rpm, ...parents, deploy('deploy-rpm', 'rpm --nodeps -i')];
}

/** The administrator's own configuration file. */
const mine = '/etc/stepparent/conf.d/mine.toml';
const isActive = 'systemctl is-active stepparent.service';
/** On stderr are only messages about a wrong configuration. */
const askStatus = 'stepparent status --json 2>/dev/null';
const mainPid = 'systemctl show -P MainPID stepparent.service';
/** The path of a program that the checks put on the machine; a script as a parent has this name in rules. */
const program = (name: string) => `/usr/local/bin/${name}`;
const ofParent = (name: string) => `STEPPARENT_PARENT_EXECUTABLE=${program(name)}`;

const deployed = async ({ must, once, alerts }: Booted, parent: string, file: string, rule = parentRule) => {
  await must(`install -m 755 ${given}/${parent} ${program(parent)} && ${program(parent)} ${given}/${file}`);
  await once(
    `an alert of ${rule} for ${parent}`,
    `journalctl -q -o cat STEPPARENT_RULE=${rule} ${ofParent(parent)}`,
    (output) => output.includes(file),
  );
  return alerts(`STEPPARENT_RULE=${rule}`, ofParent(parent));
};

/** The messages among `output`, journal entries of the service, that belong to no alert. */
const complaints = (output: string): string[] =>
  documents<Record<string, string>>(output)
    .filter((entry) => entry.STEPPARENT_RULE === undefined)
    .map(({ MESSAGE = '' }) => MESSAGE);

export const checks: readonly Check[] = [
  {
    name: 'systemd is PID 1, and no unit failed',
    async run({ must, once }) {
      expect(await must('cat /proc/1/comm')).toBe('systemd\n');
      await once('system state running', 'systemctl is-system-running', (output) => output === 'running\n');
    },
  },
  {
    name: 'dpkg -i starts and enables the service',
    async run({ must, traits: { deb } }) {
      await must(`mkdir -p /etc/stepparent/conf.d && printf '[hunts]\\ninterval = "2m"\\n' >${mine}`);
      await must(`dpkg -i ${given}/stepparent_${version}_${deb}.deb`);
      expect(await must(isActive)).toBe('active\n');
      expect(await must('systemctl is-enabled stepparent.service')).toBe('enabled\n');
    },
  },
  {
    name: 'systemctl status shows the STATUS line of the agent',
    async run({ must, status, traits: { traced, patienceMs } }) {
      const shown = await must('systemctl show -P StatusText stepparent.service');
      expect(shown).toContain(traced ? 'tracefs' : 'procfs');
      // A pause of an emulated CPU degrades the agent for some minutes, and the line follows at the next report.
      await until(
        'the state in the STATUS line',
        async () => {
          const line = await must('systemctl show -P StatusText stepparent.service');
          const shownBySystemctl = await must('systemctl status --no-pager stepparent.service');
          return (
            line.includes((await status()).state) && shownBySystemctl.includes(`Status: "${line.trim().slice(0, 20)}`)
          );
        },
        patienceMs,
      );
    },
  },
  {
    name: 'stepparent status names the sensor and the watch of each directory',
    async run({ status, traits: { traced } }) {
      const { sensor, packages, rules } = await status();
      const by = packages.directories.map((directory) => directory.by);
      expect(rules.rejected).toEqual([]);
      if (traced) {
        expect(sensor).toMatchObject({ name: 'tracefs', lost_events: 0 });
        for (const probed of ['/usr/bin/dpkg', '/usr/bin/rpm', 'execve']) {
          expect(sensor.args).toContainEqual(expect.stringContaining(probed));
        }
        expect(new Set(by)).toEqual(new Set(['fanotify']));
      } else {
        expect(sensor.name).toBe('procfs');
        expect(sensor.reasons.join()).toMatch(/pid namespace/i);
        expect(new Set(by)).toEqual(new Set(['chokidar']));
        expect(packages.directories.every(({ reason }) => reason?.includes('fanotify_init'))).toBe(true);
      }
    },
  },
  {
    name: 'an installation by an unusual parent raises one alert in the journal',
    async run(on) {
      const alerts = await deployed(on, 'deploy-a', 'booted-one.deb');
      expect(alerts).toHaveLength(1);
      expect(alerts[0]).toMatchObject({ SYSLOG_IDENTIFIER: 'stepparent', MESSAGE_ID: messageId(parentRule) });
      for (const match of ['-t stepparent', `MESSAGE_ID=${messageId(parentRule)}`, `STEPPARENT_RULE=${parentRule}`]) {
        const found = await on.alerts(match);
        expect(found.map((entry) => entry.STEPPARENT_ALERT_ID)).toContain(alerts[0]?.STEPPARENT_ALERT_ID);
      }
    },
  },
  {
    name: "journalctl -x shows the rule's guide",
    async run({ must }) {
      const shown = await must(`journalctl -x --no-pager STEPPARENT_RULE=${parentRule} ${ofParent('deploy-a')}`);
      const file = join(import.meta.dirname, `../../detectors/rules/${parentRule}.toml`);
      const { name, note } = parseRule(file, readFileSync(file, 'utf8'));
      const [heading = 'a heading'] = /(?<=^#+ ).+$/m.exec(note) ?? [];
      for (const line of [`Subject: ${name}`, 'Documentation: man:stepparent(8)', heading])
        expect(shown).toContain(line);
    },
  },
  {
    name: 'the agent keeps the script of a new package',
    async run({ once }) {
      await once('the script in the list', 'stepparent scripts booted-one --json', (output) =>
        documents<{ package: string; phase: string }>(output).some(({ phase }) => phase === 'postinst'),
      );
    },
  },
  {
    name: 'an event names the program that wrote to the package database',
    async run({ must, once, alerts, traits: { traced } }) {
      const file = '/var/lib/dpkg/info/booted-one.md5sums';
      await must(`cp /usr/bin/tee ${program('forger')} && echo forged | ${program('forger')} ${file}`);
      const listed = await once('the event', 'stepparent events --json --limit 100000', (output) =>
        documents<StepparentEvent>(output).some((event) => event.file?.path === file),
      );
      const events = documents<StepparentEvent>(listed).filter((event) => event.file?.path === file);
      if (!traced) return;
      expect(events.map(({ process }) => process?.executable)).toContain(program('forger'));
      const reported = await alerts(`STEPPARENT_RULE=${recordsRule}`);
      expect(reported.map((entry) => entry.STEPPARENT_EXECUTABLE)).toEqual([program('forger')]);
    },
  },
  {
    name: 'a parent in a private directory raises an alert',
    async run(on) {
      const directory = '/home/somebody/private';
      await on.must(
        `useradd -m somebody && mkdir -m 700 ${directory} && install -m 755 ${given}/deploy-a ${directory}/deploy-private && ` +
          `chown -R somebody: ${directory} && chmod 700 /home/somebody && ${directory}/deploy-private ${given}/booted-four.deb`,
      );
      await on.once(
        'the alert',
        `journalctl -q -o cat STEPPARENT_RULE=${parentRule} STEPPARENT_PARENT_EXECUTABLE=${directory}/deploy-private`,
        (output) => output.includes('booted-four.deb'),
      );
    },
  },
  {
    name: 'an installation in a chroot, which is no container, raises an alert',
    traced: true,
    async run({ must, once }) {
      const root = '/srv/chroot';
      await must(
        `mkdir -p ${root}/usr ${root}/etc ${root}/dev ${root}/tmp ${root}/var/lib && mount --bind /usr ${root}/usr && ` +
          `for l in bin sbin lib lib64; do ln -s usr/$l ${root}/$l; done && cp /etc/passwd /etc/group ${root}/etc && cp -a /var/lib/dpkg ${root}/var/lib && ` +
          `cp ${given}/booted-one.deb ${root} && install -m 755 ${given}/deploy-a ${root}/deploy-chroot`,
      );
      await must(`chroot ${root} /deploy-chroot --force-all --no-triggers /booted-one.deb; umount ${root}/usr`);
      await once('the alert', `stepparent alerts --json --rule ${parentRule} --limit 100000`, (output) =>
        documents<StepparentEvent>(output).some(
          ({ process }) => process?.args?.includes('/booted-one.deb') && process.working_directory?.startsWith(root),
        ),
      );
    },
  },
  {
    name: 'a maintainer script that debconf runs raises no alert, one that a shell runs does',
    // debconf replaces the process of the script within milliseconds: polling /proc misses the script.
    traced: true,
    async run({ must, once, alerts }) {
      const script = '/var/lib/dpkg/info/booted-asks.postinst';
      await must(
        `export DEBIAN_FRONTEND=noninteractive; dpkg -i ${given}/booted-asks.deb && dpkg-reconfigure booted-asks`,
      );
      await must(`cp /bin/dash ${program('other-shell')} && ${program('other-shell')} -c '${script} configure; :'`);
      await once('the alert', `journalctl -q -o cat STEPPARENT_RULE=${scriptRule}`, (output) =>
        output.includes(basename(script)),
      );
      const reported = (await alerts(`STEPPARENT_RULE=${scriptRule}`)).filter(
        (entry) => entry.STEPPARENT_EXECUTABLE === script,
      );
      expect(reported.map((entry) => entry.STEPPARENT_PARENT_EXECUTABLE)).toEqual([program('other-shell')]);
      const runs = documents<StepparentEvent>(await must('stepparent events --json --limit 100000'))
        .filter(({ process }) => process?.executable === script)
        .map(({ process }) => process?.parent?.executable);
      expect(runs).toEqual(expect.arrayContaining(['/usr/share/debconf/frontend', program('other-shell')]));
    },
  },
  {
    name: 'a copy of dpkg in /dev or among the kernel modules is reported as an impostor',
    traced: true,
    async run({ must, once }) {
      for (const directory of ['/dev/hidden', '/usr/lib/modules/hidden']) {
        await must(
          `mkdir ${directory} && cp /usr/bin/dpkg ${directory} && ${directory}/dpkg -i ${given}/booted-one.deb; rm -r ${directory}`,
        );
        await once('the alert', 'journalctl -q -o cat STEPPARENT_RULE=package-tool-impostor', (output) =>
          output.includes(`${directory}/dpkg`),
        );
      }
    },
  },
  {
    name: 'an installation with rpm by an unusual parent raises one alert',
    async run(on) {
      expect(await deployed(on, 'deploy-rpm', 'booted-rpm.rpm', rpmRule)).toHaveLength(1);
    },
  },
  {
    name: 'the genuine apt-get is a known parent and raises no alert',
    async run({ must, once, alerts }) {
      await must(`DEBIAN_FRONTEND=noninteractive apt-get install -y -qq ${given}/booted-front.deb`);
      const listed = await once('the event', 'stepparent events --json --limit 100000', (output) =>
        output.includes('booted-front.deb'),
      );
      const parents = documents<StepparentEvent>(listed)
        .filter(({ process }) => process?.args?.includes(`${given}/booted-front.deb`))
        .map(({ process }) => process?.parent?.executable);
      expect(parents).toContain('/usr/bin/apt-get');
      expect(await alerts(`STEPPARENT_RULE=${parentRule}`, 'STEPPARENT_PARENT_EXECUTABLE=/usr/bin/apt-get')).toEqual(
        [],
      );
      const terms = documents<{ terms: (string | null)[]; origin: string }>(
        await must('stepparent baseline list --json'),
      );
      expect(terms.filter(({ terms: [term] }) => term?.startsWith('/usr/bin/apt-get'))).toMatchObject([
        { origin: 'known' },
      ]);
    },
  },
  {
    name: 'stepparent hunt --all runs the hunts',
    async run({ must }) {
      const found = await must('stepparent hunt --all --timeout 60s');
      expect(found).toContain('booted-one');
    },
  },
  {
    name: 'the service runs its scheduled hunts without an error',
    // The first round begins a minute after the start of the agent.
    traced: true,
    async run({ once, status }) {
      await once('a round of hunts', askStatus, (output) => {
        const scheduled = (JSON.parse(output) as AgentStatus).hunts?.scheduled ?? [];
        return scheduled.length > 0 && scheduled.every(({ last }) => last !== undefined);
      });
      const { hunts } = await status();
      expect(hunts.scheduled.flatMap(({ error }) => error ?? [])).toEqual([]);
    },
  },
  {
    name: 'systemctl reload applies a valid configuration and rejects an invalid one',
    async run({ machine, must, once, status }) {
      const configure = (interval: string) => must(`printf '[hunts]\\ninterval = "${interval}"\\n' >${mine}`);
      const reloaded = async (command: string): Promise<string | undefined> => {
        const before = (await status()).reloaded?.last;
        await must(command);
        const answer = await once('the reload', askStatus, (output) => {
          const last = (JSON.parse(output) as AgentStatus).reloaded?.last;
          return last !== undefined && last !== before;
        });
        return (JSON.parse(answer) as AgentStatus).reloaded?.rejected;
      };
      await configure('off');
      expect(await reloaded('systemctl reload stepparent.service')).toBe(undefined);
      expect((await status()).hunts.scheduled).toEqual([]);
      await configure('often');
      expect((await machine.run('systemctl reload stepparent.service')).code).not.toBe(0);
      expect(await reloaded('systemctl kill -s HUP --kill-who=main stepparent.service')).toContain('interval');
      expect(await must('systemctl show -P StatusText stepparent.service')).toContain('hunts.interval');
      expect(await must(isActive)).toBe('active\n');
      await configure('1h');
      expect(await reloaded('systemctl reload stepparent.service')).toBe(undefined);
      // An invalid rule fails the reload as well, and the agent keeps the rules in force.
      const { loaded } = (await status()).rules;
      const broken = '/etc/stepparent/rules.d/broken.toml';
      await must(`printf '[rule]\\nrule_id = "broken"\\n' >${broken}`);
      expect((await machine.run('systemctl reload stepparent.service')).code).not.toBe(0);
      expect(await must('journalctl -b -o cat -t stepparent')).toMatch(
        new RegExp(`^stepparent: .*${broken}:1:1: `, 'm'),
      );
      expect(await status()).toMatchObject({ rules: { loaded, rejected: [] } });
      expect(await must(isActive)).toBe('active\n');
      await must(`rm ${broken}`);
      expect(await reloaded('systemctl reload stepparent.service')).toBe(undefined);
    },
  },
  {
    name: 'stepparent-alert.socket starts a command for each alert; one that fails waits, and status says so',
    quick: true,
    async run({ machine, must, once, status }) {
      const command = '/etc/stepparent/on-alert';
      const logged = 'journalctl -q -o cat -t stepparent-alert || [ $? = 1 ]';
      const install = (name: string, file: string) =>
        must(`cp ${program('deploy-a')} ${program(name)} && ${program(name)} ${given}/${file}`);
      const write = (script: string) => must(`printf '#!/bin/sh\n${script}\n' >${command} && chmod 755 ${command}`);
      await write('id -un >&2; sed "s/^/alert: /" >&2');
      await must(`printf '[hunts]\ninterval = "1h"\n[alerts]\nsocket = true\n' >${mine}`);
      await must('systemctl enable --now stepparent-alert.socket && systemctl restart stepparent.service');
      await install('deploy-c', 'booted-one.deb');
      const output = await once('the alert in the command', logged, (text) => text.includes('deploy-c'));
      const [line = ''] = /(?<=^alert: ).*deploy-c.*/m.exec(output) ?? [];
      expect(JSON.parse(line)).toMatchObject({ rule: { id: parentRule } });
      expect(output).not.toMatch(/^root$/m);

      await write('exit 3');
      await install('deploy-d', 'booted-two.deb');
      await once('the failure in the status', askStatus, (text) => text.includes('the command ended with 3'));
      expect((await status()).health).toContainEqual(
        expect.objectContaining({ check: 'alert_command', state: 'degraded' }),
      );
      await write('sed "s/^/again: /" >&2');
      await once('the alert that waited', logged, (text) => /^again: .*deploy-d/m.test(text));
      await once('the end of the failure', askStatus, (text) => !text.includes('the command ended with 3'));
      expect((await machine.run('systemctl --failed --no-legend')).output).toBe('');
      await must(`printf '[hunts]\ninterval = "1h"\n' >${mine} && systemctl restart stepparent.service`);
    },
  },
  {
    name: 'a start with an invalid configuration fails with 78 and is not repeated',
    async run({ machine, must }) {
      const kept = await must(`cat ${mine}`);
      await must(`echo 'container_alerts = 7' >${mine}`);
      expect((await machine.run('systemctl restart stepparent.service')).code).not.toBe(0);
      expect(await must('systemctl show -p SubState,ExecMainStatus stepparent.service')).toBe(
        'ExecMainStatus=78\nSubState=failed\n',
      );
      expect(await must('journalctl --sync; journalctl -q -o cat -u stepparent.service -n 30')).toMatch(
        /mine\.toml:1:\d+: .*container_alerts/,
      );
      await must(`printf '%s' '${kept}' >${mine} && systemctl restart stepparent.service`);
      expect(await must(isActive)).toBe('active\n');
    },
  },
  {
    name: 'the service mounts tracefs where it is not mounted',
    traced: true,
    async run({ must, status }) {
      const mountUnit = 'sys-kernel-tracing.mount';
      await must(
        `systemctl stop stepparent.service && systemctl mask --runtime ${mountUnit} && umount /sys/kernel/tracing && ` +
          'systemctl start stepparent.service',
      );
      expect((await status()).sensor.name).toBe('tracefs');
      await must(`systemctl unmask --runtime ${mountUnit}`);
    },
  },
  {
    name: 'systemd restarts a killed agent, which raises alerts again',
    async run(on) {
      const before = await on.must(mainPid);
      await on.must(`kill -9 ${before.trim()}`);
      await on.once(
        'another agent that is ready',
        `${mainPid}; ${isActive}`,
        (output) => output.endsWith('\nactive\n') && !output.startsWith(before) && !output.startsWith('0\n'),
      );
      expect(await deployed(on, 'deploy-b', 'booted-two.deb')).toHaveLength(1);
    },
  },
  {
    name: 'the watchdog restarts an agent that was stopped with SIGSTOP',
    quick: true,
    async run({ must, once }) {
      const dropIn = '/run/systemd/system/stepparent.service.d';
      await must(
        `mkdir -p ${dropIn} && printf '[Service]\\nWatchdogSec=4s\\nTimeoutAbortSec=1s\\n' >${dropIn}/quick.conf && ` +
          'systemctl daemon-reload && systemctl restart stepparent.service',
      );
      const before = await must(mainPid);
      await must(`kill -STOP ${before.trim()}`);
      await once(
        'another agent that is ready',
        `${mainPid}; ${isActive}`,
        (output) => output.endsWith('\nactive\n') && !output.startsWith(before) && !output.startsWith('0\n'),
      );
      expect(await must('journalctl --sync; journalctl -q -o cat -u stepparent.service')).toMatch(/Watchdog timeout/);
      await must(`rm -r ${dropIn} && systemctl daemon-reload && systemctl restart stepparent.service`);
    },
  },
  {
    name: 'after a reboot the service is active and has its baseline',
    async run({ machine, must, once, alerts }) {
      const before = await must('cat /proc/sys/kernel/random/boot_id');
      await machine.reboot();
      expect(await must('cat /proc/sys/kernel/random/boot_id')).not.toBe(before);
      await once('an active service', isActive, (output) => output === 'active\n');
      await must(`${program('deploy-a')} ${given}/booted-three.deb`);
      await once('the event', 'stepparent events --json --limit 100000', (output) =>
        output.includes('booted-three.deb'),
      );
      expect(await alerts(`STEPPARENT_RULE=${parentRule}`, ofParent('deploy-a'))).toHaveLength(1);
      expect(await alerts('-b', `STEPPARENT_RULE=${parentRule}`)).toEqual([]);
    },
  },
  {
    name: 'an upgrade keeps configuration and baseline and raises no alert',
    async run({ must, status, alerts, traits: { traced, deb } }) {
      const terms = (await status()).store.terms;
      const before = await must(mainPid);
      await must(`DEBIAN_FRONTEND=noninteractive apt-get install -y -qq ${given}/stepparent_${newer}_${deb}.deb`);
      expect(await must(isActive)).toBe('active\n');
      expect(await must(mainPid)).not.toBe(before);
      const after = await status();
      expect(after).toMatchObject({ version: newer, configuration: expect.arrayContaining([mine]) });
      expect(Object.keys(after.store.terms)).toEqual(expect.arrayContaining(Object.keys(terms)));
      if (traced) expect(after.sensor).toMatchObject({ name: 'tracefs', lost_events: 0 });
      const own = (await alerts('-t', 'stepparent')).filter(
        ({ STEPPARENT_RULE, MESSAGE }) => STEPPARENT_RULE !== undefined && MESSAGE?.includes('/stepparent'),
      );
      expect(own.map(({ MESSAGE }) => MESSAGE)).toEqual([]);
    },
  },
  {
    name: 'an upgrade with an invalid configuration keeps the running agent',
    async run({ must, traits: { deb } }) {
      const [kept, before] = [await must(`cat ${mine}`), await must(mainPid)];
      await must(`echo 'container_alerts = 7' >${mine}`);
      expect(await must(`dpkg -i ${given}/stepparent_${newer}_${deb}.deb 2>&1`)).toContain(
        'the previous agent keeps running',
      );
      expect(await must(`${mainPid}; ${isActive}`)).toBe(`${before}active\n`);
      await must(`printf '%s' '${kept}' >${mine} && systemctl restart stepparent.service`);
      expect(await must(isActive)).toBe('active\n');
    },
  },
  {
    name: 'the journal has only the warnings that these checks cause',
    async run({ must, traits: { traced } }) {
      const logged = complaints(await must('journalctl -q -o json -p warning -t stepparent || [ $? = 1 ]'));
      const expected = [
        /^\/root\/\.rpmdb /,
        // The checks of reloads use an invalid configuration and an invalid rule.
        /reason=.*(?:mine|broken)\.toml:\d+:\d+: /,
        // The command for alerts that fails.
        /sink=socket/,
        // On an emulated CPU a hunt, which has the lowest priority, may time out while other checks run; another check waits for a round
        // without an error.
        /\bhunt .*reason=".*\b60 s\b/,
        // The same CPU stands still beside other work, its rpm may need more than five seconds, and the time of a stop may not be enough
        // for the changes of the installation that stops the agent, or for a step.
        ...(traced
          ? [
              new RegExp(`^(?:${standstill}|${judgedIncomplete.program}|${leftAtEnd})`),
              /^a step of the shutdown failed, .*reason=".*\bnot done after \d+ ms/,
            ]
          : []),
        // A container has neither kernel tracing nor fanotify.
        ...(traced
          ? []
          : [
              /reason=.*pid namespace/i,
              /check=(?:package_writers|script_readers|watched_paths) .*fanotify_init: EPERM/,
            ]),
      ];
      expect(logged.filter((line) => !expected.some((pattern) => pattern.test(line)))).toEqual([]);
    },
  },
  {
    name: 'a purge removes every file of the package and every kernel probe',
    async run({ machine, must, traits: { traced } }) {
      await must(`rm -f ${mine} /etc/stepparent/on-alert; dpkg --purge stepparent`);
      const unit = await machine.run('systemctl cat stepparent.service; systemctl is-active stepparent.service');
      expect(unit.code).not.toBe(0);
      const directories = ['/etc', '/var/lib', '/var/log', '/var/cache', '/run', '/usr/lib', '/usr/bin'];
      expect(
        await must(`find ${directories.map((directory) => `${directory}/*stepparent*`).join(' ')} 2>/dev/null; true`),
      ).toBe('');
      expect(await must("find /etc /lib/systemd -name '*stepparent*'")).toBe('');
      if (!traced) return;
      const tracing = '/sys/kernel/tracing';
      expect(await must(`ls ${tracing}/instances; cat ${tracing}/dynamic_events`)).toBe('');
    },
  },
];

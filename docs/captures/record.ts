// Records docs/captures/recording.json, started by test/stories/record.sh: a CI runner
// installs fonts 2.1, and then the same version from a mirror that has put a backdoor into its postinst, while auditd and the agent both
// watch. The payload is a copy of sleep.

import '../../agent/locked-node.ts';
import { execFileSync } from 'node:child_process';
import { once } from 'node:events';
import { copyFileSync, existsSync, mkdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { setTimeout as sleep } from 'node:timers/promises';
import { observerKinds, startAgent, whileObserved } from '../../bench/observers.ts';
import type { StepparentEvent } from '../../collectors/event/event.ts';
import type { Incident } from '../../detectors/incident.ts';
import { buildDeb } from '../../test/e2e/packages.ts';
import { type Recording, recordingFile, rootDirectory } from './captures.ts';

const payload = '/usr/local/sbin/fontd';
const clean = `#!/bin/sh
set -e
mkdir -p /var/cache/fonts
`;
const backdoored = `${clean}echo '*/5 * * * * root ${payload} 600' >/etc/cron.d/fonts
cp /bin/sleep ${payload}
setsid ${payload} 600 >/dev/null 2>&1 &
sleep 0.5
`;

/** The records of a log whose processes descend from `pid`, as far as the log names them. */
function recordsBelow(pid: number, log: string): string[] {
  const serialOf = (line: string): string => /msg=audit\([\d.]+:(\d+)\)/.exec(line)?.[1] ?? '';
  const pids = new Set([pid]);
  const serials = new Set<string>();
  const lines = log.split('\n');
  for (const line of lines) {
    const [, parent, child] = /^type=SYSCALL .* ppid=(\d+) pid=(\d+) /.exec(line) ?? [];
    if (!pids.has(Number(parent)) && !pids.has(Number(child))) continue;
    pids.add(Number(child));
    serials.add(serialOf(line));
  }
  return lines.filter((line) => serials.has(serialOf(line)));
}

for (const directory of ['/etc/cron.d', '/usr/local/sbin', '/var/cache/fonts']) {
  mkdirSync(directory, { recursive: true });
  execFileSync('mount', ['-t', 'tmpfs', 'none', directory]);
}
for (const [place, postinst] of Object.entries({ released: clean, mirror: backdoored })) {
  mkdirSync(`/srv/packages/${place}`);
  buildDeb(`/srv/packages/${place}`, 'fonts', { version: '2.1', scripts: { postinst }, file: 'fonts_2.1.deb' });
}
const auditd = observerKinds(undefined).find(({ name }) => name === 'auditd');
const why = auditd?.missing();
if (auditd === undefined || why !== undefined) throw new Error(why ?? 'there is no auditd');

// The runner starts before the agent and is adopted by init, so that the program that started it is not in the picture.
copyFileSync('/bin/dash', '/usr/sbin/ci-runner');
execFileSync('mkfifo', ['/srv/jobs']);
const loop = 'echo $$ >/srv/runner.pid; while read -r job </srv/jobs; do sh -c "$job; touch /srv/done"; done';
execFileSync('sh', ['-c', 'setsid /usr/sbin/ci-runner -c "$1" >/dev/null 2>&1 </dev/null &', 'sh', loop], {
  cwd: '/srv/packages',
  env: { PATH: '/usr/sbin:/usr/bin:/sbin:/bin', LC_ALL: 'C' },
});

async function runJob(job: string): Promise<void> {
  writeFileSync('/srv/jobs', `${job}\n`);
  while (!existsSync('/srv/done')) await sleep(50);
  rmSync('/srv/done');
  await sleep(1500);
}

mkdirSync('/srv/agent');
const agent = await startAgent(rootDirectory, '/srv/agent', []);
const runnerPid = Number(readFileSync('/srv/runner.pid', 'utf8'));
const answer = (...args: string[]): unknown[] =>
  execFileSync(process.execPath, agent.command(...args, '--json'), { encoding: 'utf8' })
    .trim()
    .split('\n')
    .map((line) => JSON.parse(line));
try {
  await runJob('dpkg -i released/fonts_2.1.deb');
  const records = await whileObserved(auditd, {}, async (observer) => {
    await runJob('dpkg -i mirror/fonts_2.1.deb');
    return recordsBelow(runnerPid, readFileSync(observer?.output ?? '', 'utf8'));
  });
  const first = records.findIndex((line) => line.startsWith('type=SYSCALL') && line.includes(' comm="dpkg" '));
  const alerts = answer('alerts') as StepparentEvent[];
  const alert = alerts.find(({ rule }) => rule?.id === 'maintainer-script-differs-from-version');
  const incident = (answer('incidents') as Incident[]).at(-1);
  if (incident === undefined || alert === undefined) throw new Error('there is no alert');
  const recording: Recording = {
    audit: { records: records.slice(first, first + 16), count: records.length - first },
    alert,
    incident,
  };
  writeFileSync(recordingFile, `${JSON.stringify(recording, undefined, 2)}\n`);
  for (const { pid } of incident.stepparent.incident.survivors) process.kill(pid ?? 0);
} finally {
  process.kill(runnerPid);
  agent.child.kill('SIGTERM');
  await once(agent.child, 'exit');
}

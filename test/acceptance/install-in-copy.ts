// Installs packages in the Debian system that real-installations.ts prepared, under an agent with all rules. Prints what the agent
// reported, and exits with 1 if an alert came after each tool was known.

import '../../agent/locked-node.ts';
import { execFileSync, spawn } from 'node:child_process';
import fs from 'node:fs';
import path from 'node:path';
import type { AgentStatus } from '../../agent/daemon/agent-status.ts';
import { exitCodeFile } from '../../bench/debian-root.ts';
import { startAgent } from '../../bench/observers.ts';
import { ordinaryWork, preparation } from './ordinary-work.ts';
import { installed, learned, upgraded } from './packages.ts';

process.once('exit', (code) => fs.writeFileSync(exitCodeFile, `${code}`));

interface Settings {
  from: number;
  minutes: number;
  work: boolean;
  output: string;
  /** Lines of sources.list. */
  sources: string[];
}

/** A run of a package tool. */
interface Command {
  command: string;
  code: number | null;
  seconds: number;
  /** The end of the output, if the tool failed. */
  output?: string;
}

interface Alert {
  rule: { id: string };
  message: string;
  stepparent: { alert: { id: string } };
}

const settings = JSON.parse(process.argv[2] ?? '{}') as Settings;
const log = '/var/tmp/command.log';
const archives = '/var/cache/apt/archives';
const patienceMs = 240_000;
const environment = {
  PATH: '/usr/sbin:/usr/bin:/sbin:/bin',
  HOME: '/root',
  LC_ALL: 'C.UTF-8',
  DEBIAN_FRONTEND: 'noninteractive',
};

const progress = (text: string): void =>
  void process.stderr.write(`${new Date().toISOString().slice(11, 19)} ${text}\n`);
const pause = (ms: number) => new Promise((resolve) => setTimeout(resolve, ms));

const commands: Command[] = [];

/** Runs a program; what it leaves running does not delay this. Resolves with whether it succeeded. */
async function run(program: string, ...args: string[]): Promise<boolean> {
  const fd = fs.openSync(log, 'w', 0o600);
  const beginMs = performance.now();
  const child = spawn(program, args, {
    stdio: ['ignore', fd, fd],
    env: environment,
    cwd: '/root',
    timeout: patienceMs,
  });
  fs.closeSync(fd);
  const code = await new Promise<number | null>((resolve) => {
    child.once('error', () => resolve(null));
    child.once('exit', resolve);
  });
  const seconds = Math.round((performance.now() - beginMs) / 100) / 10;
  const command = [program, ...args].join(' ');
  commands.push({
    command,
    code,
    seconds,
    ...(code === 0 ? {} : { output: fs.readFileSync(log, 'utf8').slice(-3000) }),
  });
  progress(`${seconds} s, ${code}: ${command}`);
  return code === 0;
}

const quiet = ['-y', '-q'];

/** Has apt download what packages need, and gives the files to dpkg, as a person does with downloaded packages. */
async function installFiles(...names: readonly string[]): Promise<void> {
  await run('apt-get', 'clean');
  if (!(await run('apt-get', 'install', ...quiet, '--reinstall', '--download-only', ...names))) return;
  const files = fs.readdirSync(archives).filter((file) => file.endsWith('.deb'));
  if (files.length === 0) return;
  if (await run('dpkg', '-i', ...files.map((file) => path.join(archives, file)))) return;
  // dpkg does not unpack in the order of Pre-Depends.
  await run('apt-get', 'install', '-f', ...quiet);
}

type Names = readonly string[];
const tools: readonly (readonly [
  install: (...names: Names) => Promise<unknown>,
  remove: (...names: Names) => Promise<unknown>,
])[] = [
  [
    (...names) => run('apt', 'install', ...quiet, ...names),
    (...names) => run('apt', 'purge', ...quiet, '--auto-remove', ...names),
  ],
  [
    installFiles,
    // Other packages may need some of them.
    async (...names) =>
      (await run('dpkg', '--remove', ...names)) || (await run('apt-get', 'purge', ...quiet, ...names)),
  ],
  [
    (...names) => run('apt-get', 'install', ...quiet, ...names),
    (...names) => run('apt-get', 'remove', ...quiet, ...names),
  ],
  [
    (...names) => run('nala', 'install', '-y', '--raw-dpkg', ...names),
    (...names) => run('nala', 'purge', '-y', '--raw-dpkg', ...names),
  ],
  [
    (...names) => run('aptitude', 'install', ...quiet, ...names),
    (...names) => run('aptitude', 'purge', ...quiet, ...names),
  ],
];
const reinstall = [
  (name: string) => run('apt-get', 'install', ...quiet, '--reinstall', name),
  (name: string) => run('aptitude', 'reinstall', ...quiet, name),
  installFiles,
];
const upgrade = [
  () => run('unattended-upgrade'),
  () => run('apt', 'upgrade', ...quiet),
  () => run('aptitude', 'safe-upgrade', ...quiet),
  () => run('nala', 'upgrade', '-y', '--raw-dpkg'),
  () => run('apt-get', 'dist-upgrade', ...quiet),
  installFiles,
];
const nth = <T>(list: readonly T[], index: number): T => list[Math.floor(index) % list.length] as T;
/** The number of packages that a tool installs together. */
const atOnce = 3;

/** The release itself: its suite has no suffix, as those of updates have. */
const suite = settings.sources.map((line) => line.split(' ')[2] ?? '').find((name) => !name.includes('-')) ?? '';
fs.writeFileSync(
  '/etc/apt/apt.conf.d/99installations',
  'APT::Install-Recommends "false";\nAcquire::Languages "none";\nAcquire::Check-Date "false";\n',
);
if (!(await run('apt-get', 'update', '-q'))) throw new Error(commands.at(-1)?.output);
commands.length = 0;

const directory = fs.mkdtempSync('/var/tmp/agent-');
const agent = await startAgent(path.join(import.meta.dirname, '../..'), directory, ['[alerts]\njournald = false']);
const ask = <T>(...args: string[]): T[] =>
  execFileSync(process.execPath, agent.command(...args, '--json'), { encoding: 'utf8', maxBuffer: 1 << 29 })
    .split('\n')
    .filter(Boolean)
    .map((line) => JSON.parse(line) as T);
const status = (): AgentStatus =>
  JSON.parse(execFileSync(process.execPath, agent.command('status', '--json'), { encoding: 'utf8' })) as AgentStatus;

/** Resolves when the agent has judged and stored everything. */
async function settled(): Promise<void> {
  for (let tries = 0, before = -1; tries < 60; tries++) {
    const { events_held, uncommitted, store } = status();
    if (events_held === 0 && uncommitted.waiting === 0 && store.events === before) return;
    before = store.events;
    await pause(2500);
  }
  throw new Error('the agent is busy without an end');
}

await settled();
// Each tool once.
await run('apt-get', 'install', ...quiet, '-t', suite, 'xz-utils');
for (const [index, [install]] of tools.entries()) await install(nth(learned, index));
await run('unattended-upgrade');
await settled();
const first = ask<Alert>('alerts', '--limit', '100000');
const known = new Set(first.map(({ stepparent: { alert } }) => alert.id));
const learning = commands.length;
progress(`each tool is known: ${first.map(({ message }) => message).join('; ')}`);

const endMs = performance.now() + settings.minutes * 60_000;
const isLate = () => performance.now() > endMs;
let next = settings.from;
if (settings.work) {
  for (const line of preparation) await run('bash', '-c', line);
  for (; next < ordinaryWork.length && !isLate(); next++) await run('bash', '-c', ordinaryWork[next] ?? '');
} else {
  for (let turn = 0; next < installed.length && !isLate(); turn++) {
    const names = installed.slice(next, next + atOnce);
    next += names.length;
    await nth(tools, turn)[0](...names);
    if (turn % 2 === 0) await nth(reinstall, turn / 2)(names[0] ?? '');
    if (turn % 3 === 0) {
      const old = nth(upgraded, next / atOnce);
      await run('apt-get', 'install', ...quiet, '-t', suite, old);
      await nth(upgrade, turn / 3)(old);
    }
    // By another tool than the one that installed them.
    await nth(tools, turn + 2)[1](...names);
  }
}
await settled();

const alerts = ask<Alert>('alerts', '--limit', '100000').filter(({ stepparent: { alert } }) => !known.has(alert.id));
const query = (sql: string) => ask<Record<string, unknown>>('query', '--timeout', '60s', sql);
const changes = query(
  `SELECT "event.action" AS action, "event.outcome" AS outcome, time_source, source, signed, count(*) AS n
   FROM package_changes WHERE action != 'present' GROUP BY 1, 2, 3, 4, 5 ORDER BY 1, 2`,
);
const unobserved = query(
  `SELECT "event.action" AS action, note.key AS field, note.value AS reason, count(*) AS n
   FROM events, json_each("stepparent.unobserved") AS note GROUP BY 1, 2, 3 ORDER BY n DESC`,
);
const last = status();
const ended = new Promise((resolve) => agent.child.once('exit', resolve));
agent.child.kill('SIGTERM');
const code = await ended;
const warnings = fs
  .readFileSync(path.join(directory, 'agent.out'), 'utf8')
  .split('\n')
  .filter((line) => /^\S+ (?:warn|error)\b/.test(line));

const failed = commands.filter((one) => one.code !== 0);
const name = `${settings.work ? 'work-' : ''}${String(settings.from).padStart(4, '0')}`;
fs.writeFileSync(
  path.join(settings.output, `${name}.json`),
  JSON.stringify(
    { from: settings.from, next, learning, code, commands, first, alerts, changes, unobserved, warnings, status: last },
    null,
    1,
  ),
);

/** Ends what packages have left running in this system. */
const namespaceOf = (pid: number | string): string | undefined => {
  try {
    return fs.readlinkSync(`/proc/${pid}/ns/mnt`);
  } catch {
    return undefined;
  }
};
const own = namespaceOf(process.pid);
for (const pid of fs.readdirSync('/proc').filter((entry) => /^\d+$/.test(entry))) {
  if (Number(pid) === process.pid || namespaceOf(pid) !== own) continue;
  progress(`left running: ${fs.readFileSync(`/proc/${pid}/cmdline`, 'utf8').replaceAll('\0', ' ')}`);
  process.kill(Number(pid), 'SIGKILL');
}

const lines = [
  `${settings.work ? 'work' : 'packages'} ${settings.from} to ${next - 1}; ${commands.length - learning} commands, ${failed.length} of all failed`,
  ...changes.map((row) => JSON.stringify(row)),
  `records lost: ${last.sensor.lost_events}, events dropped: ${last.uncommitted.dropped}`,
  ...last.degraded.map((reason) => `degraded: ${reason}`),
  ...warnings.map((line) => `log: ${line}`),
  ...unobserved.slice(0, 20).map((row) => `not observed: ${JSON.stringify(row)}`),
  ...failed.map((one) => `failed: ${one.command}`),
  `${alerts.length} alerts`,
  ...alerts.map(({ rule, message }) => `${rule.id}: ${message}`),
];
process.stdout.write(`${lines.join('\n')}\n`);
process.exit(alerts.length === 0 ? 0 : 1);

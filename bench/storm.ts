// `npm run bench:storm`: the latency of alerts while thousands of files change in watched and in other directories.
// It runs in a mount namespace of its own, on a copy of the package database, and prints a table.
//
//   sudo npm run bench:storm -- [--rounds N] [--probes N] [--against CHECKOUT] [--profile DIRECTORY] [STORM]...

import '../agent/locked-node.ts';
import { execFile, execFileSync, spawn, spawnSync } from 'node:child_process';
import fs from 'node:fs';
import path from 'node:path';
import { parseArgs } from 'node:util';
import { type StartedAgent, startAgent } from './observers.ts';
import { cpuMs } from './proc-cost.ts';
import { inOrderOfRound, quantile } from './statistics.ts';

/** Where files change. Undefined: nowhere. Each name is an argument of the program. */
const storms = {
  none: undefined,
  unwatched: { below: 'other', prefix: 'storm' },
  watched: { below: 'watched', prefix: 'storm' },
  dpkg: { below: 'dpkg/info', prefix: 'storm' },
  scriptlets: { below: 'tmp', prefix: 'rpm-tmp.' },
} as const;
type Storm = keyof typeof storms;

/** Fewer than the alerts of one rule that an agent delivers at once. */
const maxProbes = 90;
const patienceMs = 20_000;

const pause = (ms: number) => new Promise((resolve) => setTimeout(resolve, ms));

interface Sample {
  /** From the execution of dpkg to `event.created` of its alert. */
  createdMs: number;
  /** From the execution of dpkg to the line in alerts.ndjson. */
  lineMs: number;
}

interface Block {
  samples: Sample[];
  missed: number;
  lost: number;
  agentCpuSeconds: number;
  seconds: number;
}

/** Creates 100,000 files, opens one of them 10,000 times for writing, removes them, and begins again. */
const stormScript =
  'cd "$1" && while :; do seq -f "$2%06g" 100000 | xargs touch; i=0; while [ $i -lt 10000 ]; do : >> "$2"000001; i=$((i+1)); done; find . -name "$2*" -delete; done';

/** Runs dpkg from a copy of a shell that no rule has seen. Resolves with the clock just before, in milliseconds. */
function runProbe(shell: string, name: string): Promise<number> {
  const script = 'echo "$EPOCHREALTIME"; dpkg -i "/nonexistent/$0-.deb" 2>/dev/null; :';
  return new Promise((resolve, reject) => {
    execFile(shell, ['-c', script, name], { encoding: 'utf8' }, (error, stdout) =>
      error === null ? resolve(Number(stdout.trim()) * 1000) : reject(error),
    );
  });
}

/** Notes when each line appears in the file; `pending` maps a word of the line to its receiver. */
function follow(file: string): { pending: Map<string, (line: string, atMs: number) => void>; stop(): void } {
  const pending = new Map<string, (line: string, atMs: number) => void>();
  let position = 0;
  let rest = '';
  const read = (): void => {
    const size = fs.statSync(file, { throwIfNoEntry: false })?.size ?? 0;
    if (size <= position) return;
    const atMs = performance.timeOrigin + performance.now();
    const fd = fs.openSync(file, 'r');
    const bytes = Buffer.alloc(size - position);
    position += fs.readSync(fd, bytes, 0, bytes.length, position);
    fs.closeSync(fd);
    const lines = (rest + bytes.toString('utf8')).split('\n');
    rest = lines.pop() ?? '';
    for (const line of lines) {
      for (const [word, receive] of pending) if (line.includes(word)) receive(line, atMs);
    }
  };
  const timer = setInterval(read, 1);
  return { pending, stop: () => clearInterval(timer) };
}

async function probe(directory: string, name: string, { pending }: ReturnType<typeof follow>) {
  const shell = path.join(directory, name);
  fs.linkSync('/bin/bash', shell);
  const line = new Promise<{ text: string; atMs: number } | undefined>((resolve) => {
    pending.set(`${name}-.deb`, (text, atMs) => resolve({ text, atMs }));
    setTimeout(() => resolve(undefined), patienceMs).unref();
  });
  const startMs = await runProbe(shell, name);
  const found = await line;
  pending.delete(`${name}-.deb`);
  fs.rmSync(shell);
  if (found === undefined) return undefined;
  const { event } = JSON.parse(found.text) as { event: { created: string } };
  return { createdMs: Date.parse(event.created) - startMs, lineMs: found.atMs - startMs };
}

/** Starts an agent, and measures it during one storm. */
async function measureBlock(checkout: string, storm: Storm, probes: number, scratch: string): Promise<Block> {
  const directory = fs.mkdtempSync(path.join(scratch, 'block-'));
  const agent: StartedAgent = await startAgent(checkout, directory, [
    `[watched_paths]\nadd = [${JSON.stringify(`${path.join(scratch, 'watched')}/*`)}]`,
    '[alerts]\njournald = false',
  ]);
  const { child } = agent;
  const pid = child.pid ?? 0;
  const follower = follow(path.join(directory, 'logs/alerts.ndjson'));
  await pause(4000);
  const place = storms[storm];
  const where = place && [path.join(scratch, place.below), place.prefix];
  const running = where && spawn('sh', ['-c', stormScript, 'storm', ...where], { stdio: 'ignore', detached: true });
  await pause(1000);
  const beginMs = performance.now();
  const cpuBefore = cpuMs([pid]);
  const samples: Sample[] = [];
  let missed = 0;
  for (let i = 0; i < probes; i++) {
    const sample = await probe(scratch, `p${process.pid}-${path.basename(directory)}-${i}`, follower);
    if (sample === undefined) missed++;
    else samples.push(sample);
    await pause(100 + Math.random() * 150);
  }
  const seconds = (performance.now() - beginMs) / 1000;
  const agentCpuSeconds = (cpuMs([pid]) - cpuBefore) / 1000;
  if (running?.pid !== undefined) {
    process.kill(-running.pid, 'SIGKILL');
    execFileSync('find', [where?.[0] ?? '', '-name', `${where?.[1]}*`, '-delete']);
  }
  follower.stop();
  const status = JSON.parse(
    execFileSync(process.execPath, agent.command('status', '--json'), { encoding: 'utf8', maxBuffer: 1e8 }),
  );
  const ended = new Promise((resolve) => child.once('exit', resolve));
  child.kill('SIGTERM');
  await ended;
  return { samples, missed, lost: status.sensor.lost_events + status.uncommitted.dropped, agentCpuSeconds, seconds };
}

/** Mounts go over directories of packages: this program runs again in another mount namespace than that of its caller. */
const namespace = fs.readlinkSync('/proc/self/ns/mnt');
const outside = process.env.STORM_CALLED_IN;
if (outside === undefined || outside === namespace) {
  const { status } = spawnSync('unshare', ['--mount', process.execPath, ...process.argv.slice(1)], {
    stdio: 'inherit',
    env: { ...process.env, STORM_CALLED_IN: namespace },
  });
  process.exit(status ?? 1);
}

const { values, positionals } = parseArgs({
  allowPositionals: true,
  options: {
    rounds: { type: 'string' },
    probes: { type: 'string' },
    against: { type: 'string' },
    profile: { type: 'string' },
  },
});
const rounds = Number(values.rounds ?? 3);
const probes = Math.min(maxProbes, Number(values.probes ?? 60));
const own = path.join(import.meta.dirname, '..');
const checkouts = [own, ...(values.against === undefined ? [] : [path.resolve(values.against)])];
const chosen = (Object.keys(storms) as Storm[]).filter(
  (name) => positionals.length === 0 || positionals.includes(name),
);

if (values.profile !== undefined)
  process.env.NODE_OPTIONS = `--cpu-prof --cpu-prof-dir=${path.resolve(values.profile)}`;

const mount = (from: string, at: string): void => void execFileSync('mount', ['--bind', from, at]);
execFileSync('mount', ['--make-rprivate', '/']);
const scratch = fs.mkdtempSync('/tmp/storm-');
const results = new Map<string, Block[]>();
try {
  execFileSync('cp', ['-a', '/var/lib/dpkg', path.join(scratch, 'dpkg')]);
  for (const name of ['watched', 'other', 'tmp']) fs.mkdirSync(path.join(scratch, name));
  mount(path.join(scratch, 'dpkg'), '/var/lib/dpkg');
  mount(path.join(scratch, 'tmp'), '/var/tmp');
  for (let round = 0; round < rounds; round++) {
    for (const storm of inOrderOfRound(chosen, round)) {
      for (const checkout of inOrderOfRound(checkouts, round)) {
        const key = `${storm}${checkout === own ? '' : ', against'}`;
        const block = await measureBlock(checkout, storm, probes, scratch);
        results.set(key, [...(results.get(key) ?? []), block]);
        process.stderr.write(`${row(key, [block])}\n`);
      }
    }
  }
  process.stdout.write(`| Storm | Samples | exec to created, p50 / p99 / most | exec to line | Missed, lost | CPU |\n`);
  for (const [key, blocks] of results) process.stdout.write(`${row(key, blocks)}\n`);
} finally {
  fs.rmSync(scratch, { recursive: true, force: true });
}

function row(name: string, blocks: readonly Block[]): string {
  const samples = blocks.flatMap((block) => block.samples);
  const text = (of: (sample: Sample) => number): string =>
    [0.5, 0.99, 1].map((q) => quantile(samples.map(of), q).toFixed(0)).join(' / ');
  const total = (of: (block: Block) => number): number => blocks.reduce((sum, block) => sum + of(block), 0);
  const share = (100 * total((block) => block.agentCpuSeconds)) / total((block) => block.seconds);
  const columns = [
    name,
    samples.length,
    text(({ createdMs }) => createdMs),
    text(({ lineMs }) => lineMs),
    `${total((block) => block.missed)}, ${total((block) => block.lost)}`,
    `${share.toFixed(0)} %`,
  ];
  return `| ${columns.join(' | ')} |`;
}

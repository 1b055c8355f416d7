// The real agent as a child process with scratch directories. Tests read it through the real command line.

import { type ChildProcess, execFile, spawn } from 'node:child_process';
import {
  appendFileSync,
  existsSync,
  mkdirSync,
  mkdtempSync,
  readdirSync,
  readFileSync,
  rmdirSync,
  symlinkSync,
  writeFileSync,
} from 'node:fs';
import { join } from 'node:path';
import { afterAll, expect } from 'vitest';
import type { AgentStatus, StoppedStatus } from '../../agent/daemon/agent-status.ts';
import { recently } from '../../agent/daemon/faults.ts';
import { standstill } from '../../agent/daemon/self-watch.ts';
import type { StepparentEvent } from '../../collectors/event/event.ts';
import { judgedIncomplete } from '../../collectors/event/hold.ts';

const main = join(import.meta.dirname, '../../agent/main.ts');

/**
 * Returns a function that waits until the agent has reported everything that was done before its call, and returns all events. It
 * creates a file in `directory`, which the agent has to watch, and waits for the event of that file.
 */
export function collectEvents(agent: TestAgent, directory: string): () => Promise<StepparentEvent[]> {
  let marker = 0;
  return async () => {
    const name = `marker-${marker++}.list`;
    writeFileSync(join(directory, name), '');
    return until('the marker', async () => {
      const events = await agent.events();
      return events.some(({ file }) => file?.name === name) && events;
    });
  };
}

/** The configuration of an agent with every shipped rule. */
export const withAllRules = `directories.rules = [${JSON.stringify(join(import.meta.dirname, '../../detectors/rules'))}]\n`;

/** The rules of an agent by default, whose alerts and terms tests count; a test of another rule starts its agent `withAllRules`. */
const rulesCounted = [
  'dpkg-package-installed-by-unusual-parent',
  'rpm-package-installed-by-unusual-parent',
  'unusual-dpkg-execution',
];

/** A document of `stepparent alerts --json`. */
export type AlertDocument = StepparentEvent & {
  stepparent: { alert: { id: string; count: number; terms: (string | null)[]; state: string } };
  rule: { id: string };
};

/** A line of `stepparent baseline list --json`. */
export interface TermDocument {
  rule: string;
  container?: string;
  terms: (string | null)[];
  count: number;
  origin: string;
}

export interface Ended {
  code: number | null;
  stdout: string;
  stderr: string;
}

export interface TestAgent {
  /** The directory with state, logs, socket and configuration. */
  directory: string;
  config: string;
  ndjson: string;
  /** Replaces the configuration in conf.d/test.toml; it applies from the next start or reload. */
  configure(toml: string): void;
  /** Starts the agent and waits until it is ready; may be called again after its end. `program` runs agent/main.ts. */
  start(program?: readonly string[]): Promise<void>;
  /** Ends the agent with SIGTERM; fails unless it exits with 0, leaves nothing in the kernel and has logged at most `errors` errors. */
  stop(errors?: number): Promise<void>;
  /** Ends the agent with SIGKILL. */
  kill(): Promise<void>;
  /** Resolves with the exit code when the agent has ended; null: a signal ended it. */
  ended(): Promise<number | null>;
  /** The pid of the last start. */
  readonly pid: number;
  /** The output since the last start. */
  readonly stdout: string;
  readonly stderr: string;
  /** Runs a stepparent command with this agent's configuration. */
  cli(...args: string[]): Promise<Ended>;
  alerts(): Promise<AlertDocument[]>;
  events(): Promise<StepparentEvent[]>;
  /** The exec events. */
  execs(): Promise<StepparentEvent[]>;
  baseline(): Promise<TermDocument[]>;
  status(): Promise<AgentStatus>;
  statusStopped(): Promise<StoppedStatus>;
  /** The documents in alerts.ndjson. */
  delivered(): AlertDocument[];
}

/** Reasons that a busy machine causes: a pause of the agent, incomplete facts, or an rpm that took too long. */
const ofBusyMachine = new RegExp(`^${recently}(?:${standstill}|${judgedIncomplete.program}|.*\\brpm: .*\\b\\d+ ms)`);

/** The reasons in `degraded` without those that a busy machine causes. */
export const degradedWithoutPauses = ({ degraded }: Pick<AgentStatus, 'degraded'>): string[] =>
  degraded.filter((clause) => !ofBusyMachine.test(clause));

const deadlineMs = 90_000;

/** Repeats `ask` until its answer is neither undefined nor false, and returns it; throws with `what` after `withinMs`. */
export async function until<T>(
  what: string,
  ask: () => T | undefined | false | Promise<T | undefined | false>,
  withinMs = deadlineMs,
): Promise<T> {
  const endMs = Date.now() + withinMs;
  for (;;) {
    const answer = await ask();
    if (answer !== undefined && answer !== false) return answer;
    if (Date.now() > endMs) throw new Error(`timed out waiting for ${what}`);
    await new Promise((resolve) => setTimeout(resolve, 50));
  }
}

/** Runs a program; resolves when no process holds its output any more, so that orphans have ended too. */
export function run(
  program: string,
  args: readonly string[],
  options: { cwd?: string; env?: NodeJS.ProcessEnv; input?: string; detached?: boolean } = {},
): Promise<Ended & { pid: number }> {
  return new Promise((resolve, reject) => {
    const { input, ...rest } = options;
    const child = spawn(program, args, { ...rest, stdio: 'pipe' });
    let stdout = '';
    let stderr = '';
    child.stdout.setEncoding('utf8').on('data', (text: string) => {
      stdout += text;
    });
    child.stderr.setEncoding('utf8').on('data', (text: string) => {
      stderr += text;
    });
    child.stdin.on('error', () => {});
    child.stdin.end(input ?? '');
    child.once('error', reject);
    child.once('close', (code) => resolve({ pid: child.pid ?? 0, code, stdout, stderr }));
  });
}

/** Runs `stepparent ARGS...`; resolves with its output, whatever its exit code is. */
export function runCli(args: readonly string[], env: NodeJS.ProcessEnv = process.env): Promise<Ended> {
  return new Promise((resolve) => {
    execFile(process.execPath, [main, ...args], { env, maxBuffer: 1 << 30 }, (error, stdout, stderr) =>
      resolve({ code: error ? (typeof error.code === 'number' ? error.code : null) : 0, stdout, stderr }),
    );
  });
}

/** Parses NDJSON: one document for each line. */
export const documents = <T>(lines: string): T[] =>
  lines
    .split('\n')
    .filter(Boolean)
    .map((line) => JSON.parse(line) as T);

const tracing = '/sys/kernel/tracing';

/** The tracing instances and probes of the agent with that pid. */
export function tracesOf(pid: number): string[] {
  if (!existsSync(join(tracing, 'instances'))) return [];
  const instances = readdirSync(join(tracing, 'instances')).filter((name) => name.startsWith(`stepparent_${pid}_`));
  const probeFile = ['dynamic_events', 'uprobe_events']
    .map((name) => join(tracing, name))
    .find((path) => existsSync(path));
  const probes = (probeFile === undefined ? '' : readFileSync(probeFile, 'utf8'))
    .split('\n')
    .filter((line) => line.includes(`:stepparent_${pid}_`));
  return [...instances, ...probes];
}

function removeTraces(pid: number): void {
  for (const name of readdirSync(join(tracing, 'instances'))) {
    if (!name.startsWith(`stepparent_${pid}_`)) continue;
    for (const event of readdirSync(join(tracing, 'instances', name, 'events', name))) {
      if (event.includes('.') || event === 'enable' || event === 'filter') continue;
      writeFileSync(join(tracing, 'instances', name, 'events', name, event, 'enable'), '0');
      appendFileSync(join(tracing, 'dynamic_events'), `-:${name}/${event}\n`);
    }
    rmdirSync(join(tracing, 'instances', name));
  }
}

/** The agents that run; an interrupted test run kills them at its exit. */
const running = new Set<ChildProcess>();
process.once('exit', () => {
  for (const child of running) child.kill('SIGKILL');
});

/** Each ends an agent that still runs, clears the kernel, and returns what the agent had left there. */
const cleanups: (() => Promise<string[]>)[] = [];
afterAll(async () => {
  const left = await Promise.all(cleanups.map((cleanUp) => cleanUp()));
  expect(left.flat()).toEqual([]);
});

/**
 * An agent, not started yet, with directories below `scratch`. `toml` is added to a configuration that keeps alerts out of the journal.
 * The agent is ended and cleaned up after the file's tests, which fail when it has left something in the kernel.
 */
export function testAgent(scratch: string, toml = ''): TestAgent {
  const directory = mkdtempSync(join(scratch, 'agent-'));
  const config = join(directory, 'config.toml');
  const directories = ['state', 'logs', 'runtime'].map(
    (name) => `directories.${name} = ${JSON.stringify(join(directory, name))}`,
  );
  const rules = join(directory, 'rules');
  mkdirSync(rules);
  for (const rule of rulesCounted) {
    symlinkSync(join(import.meta.dirname, '../../detectors/rules', `${rule}.toml`), join(rules, `${rule}.toml`));
  }
  directories.push(`directories.rules = [${JSON.stringify(rules)}]`);
  writeFileSync(config, `${directories.join('\n')}\n[alerts]\njournald = false\n`);
  mkdirSync(join(directory, 'conf.d'));
  writeFileSync(join(directory, 'conf.d/test.toml'), toml);
  const ndjson = join(directory, 'logs/alerts.ndjson');

  let child: ChildProcess | undefined;
  let ended: Promise<number | null> = Promise.resolve(null);
  const pids: number[] = [];
  const output = { stdout: '', stderr: '' };

  const end = async (signal: NodeJS.Signals): Promise<number | null> => {
    child?.kill(signal);
    const code = await ended;
    child = undefined;
    return code;
  };
  const cli = (...args: string[]) => runCli([...args, '--config', config]);
  const listing = async <T>(...args: string[]): Promise<T[]> => {
    const { code, stdout, stderr } = await cli(...args, '--json');
    if (code !== 0) throw new Error(`stepparent ${args.join(' ')}: ${stderr}`);
    return documents<T>(stdout);
  };
  const events = () => listing<StepparentEvent>('events', '--limit', '1000000');

  cleanups.push(async () => {
    if (child !== undefined) await end('SIGTERM');
    const left = pids.flatMap(tracesOf);
    for (const pid of pids) removeTraces(pid);
    return left;
  });
  return {
    directory,
    config,
    ndjson,
    configure: (text) => writeFileSync(join(directory, 'conf.d/test.toml'), text),
    async start(program = [process.execPath, main]) {
      output.stdout = '';
      output.stderr = '';
      const [file = '', ...args] = program;
      const started = spawn(file, [...args, 'run', '--config', config], { stdio: ['ignore', 'pipe', 'pipe'] });
      child = started;
      running.add(started);
      pids.push(started.pid ?? 0);
      started.stdout.setEncoding('utf8').on('data', (text: string) => {
        output.stdout += text;
      });
      started.stderr.setEncoding('utf8').on('data', (text: string) => {
        output.stderr += text;
      });
      let over = false;
      ended = new Promise((resolve) =>
        started.once('close', (code) => {
          over = true;
          running.delete(started);
          resolve(code);
        }),
      );
      await until('a ready agent', () => over || /^ready /m.test(output.stdout));
      if (over) throw new Error(`the agent ended: ${output.stdout}${output.stderr}`);
    },
    async stop(errors = 0) {
      const code = await end('SIGTERM');
      const logged = output.stderr.match(/^\S+ error .*$/gm) ?? [];
      expect({ code, logged }).toEqual({ code: 0, logged: logged.slice(0, errors) });
      expect(tracesOf(pids.at(-1) ?? 0)).toEqual([]);
    },
    async kill() {
      await end('SIGKILL');
    },
    async ended() {
      const code = await ended;
      child = undefined;
      return code;
    },
    get pid() {
      return pids.at(-1) ?? 0;
    },
    get stdout() {
      return output.stdout;
    },
    get stderr() {
      return output.stderr;
    },
    cli,
    alerts: () => listing<AlertDocument>('alerts', '--limit', '1000000'),
    events,
    execs: async () => (await events()).filter(({ event }) => event.action === 'exec'),
    baseline: () => listing<TermDocument>('baseline', 'list'),
    async status() {
      const { stdout, stderr } = await cli('status', '--json');
      const status = JSON.parse(stdout) as AgentStatus | StoppedStatus;
      if (status.state === 'stopped') throw new Error(`the agent does not run: ${stderr}`);
      return status;
    },
    async statusStopped() {
      const { stdout } = await cli('status', '--json');
      return JSON.parse(stdout) as StoppedStatus;
    },
    delivered: () => (existsSync(ndjson) ? documents<AlertDocument>(readFileSync(ndjson, 'utf8')) : []),
  };
}

/**
 * Waits until the agent knows the watched files of the system: a file that is there when its directory is first compared is no new one.
 */
export async function watchedFilesFound(agent: Pick<ReturnType<typeof testAgent>, 'status'>): Promise<void> {
  let before = '';
  await until('the list of watched files', async () => {
    const [system] = (await agent.status()).watched_paths;
    const now = `${system?.directories} ${system?.files}`;
    const isFound = (system?.files ?? 0) > 100 && now === before;
    before = now;
    await new Promise((resolve) => setTimeout(resolve, 2000));
    return isFound;
  });
}

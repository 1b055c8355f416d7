// Runs the agent in the foreground until a signal ends it.

import { closeSync, openSync } from 'node:fs';
import { getPriority, setPriority } from 'node:os';
import { isatty } from 'node:tty';
import { errorMessage } from '../../collectors/error-message.ts';
import { isOwnFault } from '../../collectors/host/read-faults.ts';
import { exitNow } from '../../collectors/linux/libc.ts';
import { resolvePaths } from '../configuration/paths.ts';
import { readConfiguration } from '../configuration/read-configuration.ts';
import { type AgentStatus, exceptionLines } from './agent-status.ts';
import { openLog, stderrIsJournal } from './log.ts';
import { releaseMemory } from './release-memory.ts';
import { openServiceManager } from './service-manager.ts';
import { type Agent, startAgent } from './start-agent.ts';

const sinkDestinations: Readonly<Record<string, string>> = {
  journald: 'the journal (journalctl _UID=0 -t stepparent)',
  stdout: 'standard output while the journal is unavailable',
};

/** The lines that `run` prints when the agent is ready: what it watches and how, the rules, and where alerts go. */
function readyLines(
  { sensor, packages, rules, hunts, exceptions, sinks, store, trust_package_managers }: AgentStatus,
  alerts: string,
): string[] {
  const learning = store.learning?.active
    ? `; learning until ${store.learning.until}: alerts are stored, not delivered`
    : '';
  return [
    `watching processes with ${sensor.name}: ${sensor.args.join('; ')}`,
    `watching package databases: ${packages.directories.map(({ path, by }) => `${path} (${by})`).join(', ') || 'none'}`,
    ...packages.missing.map((path) => `not covered: ${path} is missing`),
    ...sensor.reasons.map((reason) => `not covered: ${reason}`),
    `rules: ${rules.loaded.join(', ') || 'none'}`,
    ...rules.rejected.map(({ file, line, message }) => `rule rejected: ${file}:${line}: ${message}`),
    `hunts: ${hunts.scheduled.map(({ id }) => id).join(', ') || 'none'}`,
    ...hunts.rejected.map(({ file, line, message }) => `hunt rejected: ${file}:${line}: ${message}`),
    ...exceptionLines(exceptions).map((line) => `exceptions: ${line}`),
    `package front ends: ${trust_package_managers ? 'verified ones count as known' : 'none count as known'}`,
    `alerts go to ${sinks.map(({ name }) => sinkDestinations[name] ?? alerts).join(', ') || 'the database only'}`,
    `ready (pid ${process.pid}, database ${store.path})${learning}`,
  ];
}

const statusEveryMs = 30_000;

/** The text that `systemctl status` shows. */
const statusLine = ({ state, degraded, sensor, store }: AgentStatus): string =>
  [
    `${state} with ${sensor.name}`,
    `${Object.values(store.alerts).reduce((sum, count) => sum + count, 0)} alerts stored`,
    ...degraded,
  ].join('; ');

/** The status text. If the store cannot be read, the agent still runs, and the text is the error. */
function statusOf(agent: Agent): string {
  try {
    return statusLine(agent.status());
  } catch (error) {
    return `degraded: the status cannot be read: ${errorMessage(error)}`;
  }
}

const hadTerminal = isatty(0);

/** Whether the terminal that the agent was started from has hung up. A service has no terminal. */
function terminalIsGone(): boolean {
  if (!hadTerminal) return false;
  try {
    closeSync(openSync('/dev/tty', 'r'));
    return false;
  } catch (error) {
    // A failure of our own, such as no free descriptor (EMFILE), does not prove that the terminal is gone.
    return !isOwnFault(error);
  }
}

/** The priority of the unit (Nice=); a test compares the two. */
export const agentPriority = -5;

/**
 * On a busy host, an agent with normal priority reads /proc after the processes of a short session have ended, and cannot find out who
 * logged in. A priority other than 0 was set on purpose and stays.
 */
function raisePriority(): void {
  try {
    if (getPriority() === 0) setPriority(agentPriority);
  } catch {
    // Without CAP_SYS_NICE the agent runs with its present priority.
  }
}

/** The process exits by itself after the last step. If something that hangs keeps it alive, it is ended after this time. */
const lingerMs = 1000;

/** Runs the agent. Returns the exit code: 0 after a requested stop, even if a step of it failed; 1 after an unhandled error. */
export async function runAgent(configurationFile: string | undefined): Promise<number> {
  const read = () => readConfiguration(configurationFile);
  const first = read();
  const { configuration } = first;
  const paths = resolvePaths(configuration, process.env);
  if (process.geteuid?.() !== 0) {
    process.stderr.write('stepparent: run needs root, to trace processes and to read /proc: sudo stepparent run\n');
    return 4;
  }
  raisePriority();
  // The name in ps and systemctl, instead of "MainThread".
  process.title = 'stepparent';
  const toJournal = stderrIsJournal(process.env);
  const log = openLog({ level: configuration.log.level, to: toJournal ? 'journal' : 'stream', stream: process.stderr });
  let reloadRequested = false;
  let reload = (): void => {
    reloadRequested = true;
  };
  const manager = openServiceManager(process.env);
  const ending = new AbortController();
  const ended = new Promise<void>((resolve) => {
    ending.signal.addEventListener('abort', () => {
      manager.stopping();
      resolve();
    });
  });
  // A second signal has no effect: the stop takes some seconds at most. Below npm, Ctrl-C sends two signals.
  let why = 'the start failed';
  const stop = (reason: string): void => {
    if (!ending.signal.aborted) why = reason;
    ending.abort();
  };
  for (const signal of ['SIGTERM', 'SIGINT'] as const) process.on(signal, () => stop(signal));
  process.on('SIGHUP', () => (terminalIsGone() ? stop('SIGHUP of a terminal that is gone') : reload()));
  let failed = false;
  for (const origin of ['uncaughtException', 'unhandledRejection'] as const) {
    process.on(origin, (error: unknown) => {
      failed = true;
      const reason = error instanceof Error ? (error.stack ?? error.message) : String(error);
      log.error('unhandled error, stopping the agent', { origin, reason });
      stop('an unhandled error');
    });
  }

  let agent: Agent | undefined;
  try {
    // All modules are loaded by now.
    releaseMemory();
    const running = await startAgent({
      read: first,
      readAgain: read,
      onReload: () => manager.status(() => statusOf(running)),
      paths,
      log,
      signal: ending.signal,
    });
    agent = running;
    const initialStatus = running.status();
    process.stdout.write(`${readyLines(initialStatus, paths.alerts).join('\n')}\n`);
    manager.ready(statusLine(initialStatus));
    releaseMemory();
    const unwatch = manager.watch(running.progress);
    const notify = setInterval(() => manager.status(() => statusOf(running)), statusEveryMs);
    reload = running.reload;
    if (reloadRequested) reload();
    await ended;
    reload = () => {};
    clearInterval(notify);
    unwatch();
  } catch (error) {
    if (error !== ending.signal.reason) throw error;
  } finally {
    await agent?.stop(why);
    setTimeout(() => exitNow(Number(process.exitCode ?? 1)), lingerMs).unref();
  }
  return failed ? 1 : 0;
}

// `run`: the agent in the foreground, until it is told to end.

import { once } from 'node:events';
import { type AgentStatus, exceptionLines } from '../status.ts';

export interface RunOptions {
  config?: string;
  /** Load everything, check configuration and rules, and end. */
  check?: boolean;
}

const sinkPlaces: Readonly<Record<string, string>> = {
  journald: 'the journal (journalctl -t stepparent)',
  stdout: 'standard output while there is no journal',
};

/** What a person wants to know once it runs: what is watched and how, which rules, where alerts go. */
function readyLines(
  { sensor, packages, rules, hunts, exceptions, sinks, store, known_front_ends }: AgentStatus,
  alerts: string,
): string[] {
  const learning = store.learning?.active ? `; learning until ${store.learning.until}: alerts are kept, not sent` : '';
  return [
    `watching processes with ${sensor.name}: ${sensor.argv.join('; ')}`,
    `watching package databases: ${packages.folders.map(({ path, by }) => `${path} (${by})`).join(', ') || 'none'}`,
    ...packages.missing.map((path) => `not covered: ${path} is missing`),
    ...sensor.reasons.map((reason) => `not covered: ${reason}`),
    `rules: ${rules.loaded.join(', ') || 'none'}`,
    ...rules.refused.map(({ file, line, message }) => `rule refused: ${file}:${line}: ${message}`),
    `hunts: ${hunts.scheduled.map(({ id }) => id).join(', ') || 'none are run'}`,
    ...hunts.refused.map(({ file, line, message }) => `hunt refused: ${file}:${line}: ${message}`),
    ...exceptionLines(exceptions).map((line) => `exceptions: ${line}`),
    `package front ends: ${known_front_ends ? 'verified ones count as known' : 'none count as known'}`,
    `alerts go to ${sinks.map(({ name }) => sinkPlaces[name] ?? alerts).join(', ') || 'the database alone'}`,
    `ready (pid ${process.pid}, database ${store.path})${learning}`,
  ];
}

/** The exit code. */
export async function runCommand(options: RunOptions): Promise<number> {
  const [{ readConfiguration }, { resolvePaths }, { openLog, stderrIsJournal }, { startAgent }] = await Promise.all([
    import('../read-configuration.ts'),
    import('../paths.ts'),
    import('../log.ts'),
    import('../run-agent.ts'),
  ]);
  const { configuration, files, exceptions } = readConfiguration(options.config);
  const paths = resolvePaths(configuration, process.env);
  if (options.check) {
    (await import('./except.ts')).exceptWarnCommand(options);
    return (await import('./rules.ts')).rulesCheckCommand([], options) ? 0 : 1;
  }
  if (process.geteuid?.() !== 0) {
    process.stderr.write('stepparent: run needs root, to trace processes and to read /proc: sudo stepparent run\n');
    return 4;
  }
  const toJournal = stderrIsJournal(process.env);
  const log = openLog({ level: configuration.log.level, to: toJournal ? 'journal' : 'stream', stream: process.stderr });
  const ended = Promise.race([once(process, 'SIGTERM'), once(process, 'SIGINT'), once(process, 'SIGHUP')]);
  const agent = await startAgent({ configuration, configurationFiles: files, exceptions, paths, log });
  process.stdout.write(`${readyLines(agent.status(), paths.alerts).join('\n')}\n`);
  await ended;
  await agent.stop();
  return 0;
}

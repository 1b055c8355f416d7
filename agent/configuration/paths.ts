// The paths of the agent's files: from the configuration, else from systemd, else the defaults.

import { join } from 'node:path';

/** The files and directories of one agent, all absolute. */
export interface Paths {
  stateDirectory: string;
  logsDirectory: string;
  runtimeDirectory: string;
  database: string;
  alerts: string;
  controlSocket: string;
}

/** The part of the configuration that sets directories. */
export interface PathOptions {
  directories: {
    state?: string | undefined;
    logs?: string | undefined;
    runtime?: string | undefined;
  };
}

/**
 * Resolves every path of the agent. The configuration takes precedence over `$STATE_DIRECTORY`, `$LOGS_DIRECTORY` and
 * `$RUNTIME_DIRECTORY` (systemd.exec(5); the first entry of a list with colons), and these over the defaults in /var and /run.
 */
export function resolvePaths(
  { directories }: PathOptions,
  environment: Readonly<Record<string, string | undefined>>,
): Paths {
  const readVariable = (name: string): string | undefined => environment[name]?.split(':')[0] || undefined;
  const stateDirectory = directories.state ?? readVariable('STATE_DIRECTORY') ?? '/var/lib/stepparent';
  const logsDirectory = directories.logs ?? readVariable('LOGS_DIRECTORY') ?? '/var/log/stepparent';
  const runtimeDirectory = directories.runtime ?? readVariable('RUNTIME_DIRECTORY') ?? '/run/stepparent';
  return {
    stateDirectory,
    logsDirectory,
    runtimeDirectory,
    database: join(stateDirectory, 'stepparent.db'),
    alerts: join(logsDirectory, 'alerts.ndjson'),
    controlSocket: join(runtimeDirectory, 'control.sock'),
  };
}

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

/** The part of the configuration that places things. */
export interface PathSettings {
  state_directory?: string | undefined;
  logs_directory?: string | undefined;
  runtime_directory?: string | undefined;
}

/**
 * Resolves every path of the agent. Configuration goes before `$STATE_DIRECTORY`, `$LOGS_DIRECTORY` and
 * `$RUNTIME_DIRECTORY` (systemd.exec(5): may be a list with colons, the first is ours), and these before /var and /run.
 */
export function resolvePaths(settings: PathSettings, environment: Readonly<Record<string, string | undefined>>): Paths {
  const readVariable = (name: string): string | undefined => environment[name]?.split(':')[0] || undefined;
  const stateDirectory = settings.state_directory ?? readVariable('STATE_DIRECTORY') ?? '/var/lib/stepparent';
  const logsDirectory = settings.logs_directory ?? readVariable('LOGS_DIRECTORY') ?? '/var/log/stepparent';
  const runtimeDirectory = settings.runtime_directory ?? readVariable('RUNTIME_DIRECTORY') ?? '/run/stepparent';
  return {
    stateDirectory,
    logsDirectory,
    runtimeDirectory,
    database: join(stateDirectory, 'stepparent.db'),
    alerts: join(logsDirectory, 'alerts.ndjson'),
    controlSocket: join(runtimeDirectory, 'control.sock'),
  };
}

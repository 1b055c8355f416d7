// `stepparent metrics`: prints numbers about the agent and its alerts as Prometheus text.

import { closeSync, fchmodSync, fsyncSync, openSync, renameSync, rmSync, writeSync } from 'node:fs';
import { resolve } from 'node:path';
import { type Command, Option } from 'commander';
import { errorMessage } from '../../collectors/error-message.ts';
import { escapeText } from '../../collectors/event/escape-text.ts';
import { action, defineCommand, type GlobalOptions } from './define-command.ts';

interface MetricsOptions extends GlobalOptions {
  /** An absolute path. */
  output?: string;
}

const pathChars = 1000;

export const command = (): Command =>
  defineCommand('metrics')
    .description(
      "print numbers about the agent and its alerts as Prometheus text, for node_exporter's textfile collector",
    )
    .addOption(
      new Option('--output <file>', 'write this file, mode 0644, as a whole').argParser((file) => resolve(file)),
    )
    .action(action(printMetrics));

/** Succeeds without an agent or a database, too: `stepparent_up` is 0 then. Returns false if the file cannot be written. */
async function printMetrics({ config, output }: MetricsOptions): Promise<boolean> {
  const { readStatus } = await import('../query/read-status.ts');
  const { metricsText } = await import('../output/metrics-text.ts');
  const { openStoreReader } = await import('../../storage/store.ts');
  const { closing } = await import('../query/with-store.ts');
  const { status, database } = await readStatus(config);
  const alerts = status.store === undefined ? [] : closing(openStoreReader(database), (store) => store.countAlerts());
  const text = metricsText(status, alerts);
  try {
    if (output === undefined) process.stdout.write(text);
    else writeWhole(output, text);
    return true;
  } catch (error) {
    console.error(`stepparent: ${escapeText(output ?? '', pathChars)} cannot be written: ${errorMessage(error)}`);
    return false;
  }
}

/** Replaces the file by rename(2), so that a reader never sees a part of it. The collector reads only files that end in ".prom". */
function writeWhole(file: string, text: string): void {
  const draft = `${file}.${process.pid}`;
  const fd = openSync(draft, 'wx', 0o644);
  try {
    try {
      // The collector runs as another user, whatever this user's umask.
      fchmodSync(fd, 0o644);
      writeSync(fd, text);
      fsyncSync(fd);
    } finally {
      closeSync(fd);
    }
    renameSync(draft, file);
  } catch (error) {
    rmSync(draft, { force: true });
    throw error;
  }
}

// Reads the alerts in a directory of journals, such as systemd-journal-remote fills from many hosts.

import { spawn } from 'node:child_process';
import { createInterface } from 'node:readline';
import type { StepparentEvent } from '../../collectors/event/event.ts';
import { journalctlEnvironment, journalctlPath } from '../../collectors/host/run-journalctl.ts';
import { alertJournalFields, alertOfEntry } from './journal-alert.ts';

/** Maximum number of alerts that are read, newest first. */
export const maxJournalAlerts = 200_000;

/** The journals and the time range that `readJournalAlerts` reads, and the callback for an incomplete result. */
export interface JournalOptions {
  /** The directory with the `*.journal` files. */
  directory: string;
  /** Only alerts since this time, in milliseconds since 1970. */
  sinceMs: number;
  /** Called if there are more than `maxJournalAlerts` alerts. */
  onCut(): void;
}

/**
 * Yields the alerts, newest first. Only entries that root wrote on its host count: every user can write to a journal. Throws if
 * journalctl fails.
 */
export async function* readJournalAlerts({
  directory,
  sinceMs,
  onCut,
}: JournalOptions): AsyncGenerator<StepparentEvent> {
  const options = ['--output=json', '--all', '--quiet', '--no-pager', '--reverse'];
  const child = spawn(
    journalctlPath(),
    [
      `--directory=${directory}`,
      ...options,
      `--output-fields=${alertJournalFields.join(',')}`,
      `--since=@${Math.floor(sinceMs / 1000)}`,
      'SYSLOG_IDENTIFIER=stepparent',
      '_UID=0',
    ],
    { stdio: ['ignore', 'pipe', 'pipe'], env: journalctlEnvironment },
  );
  const ended = new Promise<{ code: number | null; error?: Error }>((resolve) => {
    child.once('error', (error) => resolve({ code: null, error }));
    child.once('close', (code) => resolve({ code }));
  });
  // Without a free descriptor (EMFILE), the child has no streams either.
  if (child.pid === undefined) throw new Error(`journalctl: ${(await ended).error?.message}`);
  let message = '';
  child.stderr.setEncoding('utf8').on('data', (text: string) => {
    message = `${message}${text}`.slice(0, 1000);
  });
  let count = 0;
  try {
    for await (const line of createInterface({ input: child.stdout, crlfDelay: Number.POSITIVE_INFINITY })) {
      const alert = alertOfEntry(line);
      if (alert === undefined) continue;
      if (count >= maxJournalAlerts) {
        onCut();
        return;
      }
      count++;
      yield alert;
    }
  } finally {
    child.kill();
  }
  const { code, error } = await ended;
  // Without a match, journalctl prints nothing and ends with 1.
  if (error !== undefined || (code !== 0 && message !== '')) {
    throw new Error(`journalctl: ${error?.message ?? message.trim().split('\n')[0]}`);
  }
}

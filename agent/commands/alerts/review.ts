// `stepparent alerts ack`, `close` and `reopen`: note what a person decided about alerts.

import { userInfo } from 'node:os';
import { type Command, Option } from 'commander';
import type { AlertRecord } from '../../../storage/records.ts';
import { withStore } from '../../query/with-store.ts';
import { action, defineCommand, type GlobalOptions } from '../define-command.ts';

interface ReviewOptions extends GlobalOptions {
  reason?: string;
}

/** The state that each command sets, and how it reports it. */
const decisions = {
  ack: { state: 'acknowledged', done: 'acknowledged' },
  close: { state: 'closed', done: 'closed' },
  reopen: { state: 'open', done: 'opened again' },
} as const;

export function reviewCommand(name: keyof typeof decisions, description: string): Command {
  const reason = new Option('--reason <text>', 'reason, which `show` and the stored event have');
  return defineCommand(name)
    .description(description)
    .argument('<id...>', 'id of an alert or of an incident, or a prefix of it')
    .addOption(name === 'close' ? reason.makeOptionMandatory() : reason)
    .action(action((options: ReviewOptions, ids: string[]) => reviewAlerts(name, options, ids)));
}

/** All ids are looked up before anything is written. Returns false if one is unknown or ambiguous: then nothing was written. */
async function reviewAlerts(
  name: keyof typeof decisions,
  { config, reason }: ReviewOptions,
  prefixes: readonly string[],
): Promise<boolean> {
  const { reviewEvent } = await import('../../../collectors/event/review-event.ts');
  const { printCandidates } = await import('../../output/print-candidates.ts');
  const { alertsOf, findAlert } = await import('../../query/read-story.ts');
  const { state, done } = decisions[name];
  const timeMs = Date.now();
  const { user, login } = await reviewer();
  return await withStore(config, (store) => {
    const alerts = new Map<string, AlertRecord>();
    for (const prefix of prefixes) {
      const found = findAlert(store, prefix);
      if (!('alert' in found)) {
        printCandidates(prefix, found.candidates);
        return false;
      }
      for (const alert of alertsOf(store, found)) alerts.set(alert.id, alert);
    }
    const decision = { state, ...(reason === undefined ? {} : { reason }) };
    const events = [...alerts.values()].map((alert) =>
      reviewEvent(alert, { ...decision, user, ...(login && { login_user: login }), nowMs: timeMs }),
    );
    store.reviewAlerts([...alerts.keys()], { state, reason, timeMs, by: login?.name ?? user.name }, events);
    console.error(`${done}: ${alerts.size === 1 ? '1 alert' : `${alerts.size} alerts`}`);
    return true;
  });
}

interface Identity {
  id: string;
  name: string;
}

/** The effective user of this process, and the user who logged in, whom sudo and su leave as they were. */
async function reviewer(): Promise<{ user: Identity; login: Identity | undefined }> {
  const { openHost } = await import('../../../collectors/host/host.ts');
  const { openIdNames } = await import('../../../collectors/host/host-context.ts');
  const host = openHost();
  const userName = openIdNames(host, '/etc/passwd');
  const identity = (id: number): Identity => ({ id: String(id), name: userName(id) ?? `uid ${id}` });
  const loginId = host.proc.readLoginUserId(process.pid);
  return { user: identity(userInfo().uid), login: loginId === undefined ? undefined : identity(loginId) };
}

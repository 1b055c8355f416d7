// `stepparent alerts list`: lists the stored alerts, one per line, and follows new ones.

import { setTimeout as sleep } from 'node:timers/promises';
import { type Command, InvalidArgumentError, Option } from 'commander';
import { type AlertState, alertStates } from '../../../collectors/event/event.ts';
import type { Severity } from '../../../detectors/rules/rule.ts';
import type { AlertFilter } from '../../../storage/listing.ts';
import type { AlertRecord, AlertReview } from '../../../storage/records.ts';
import type { Store, StoreReader } from '../../../storage/store.ts';
import { terminalColumns } from '../../output/terminal-columns.ts';
import { withStore, withStoreReader } from '../../query/with-store.ts';
import { action, defineCommand, type GlobalOptions, jsonOption, limitOption, sinceOption } from '../define-command.ts';
import { renamedStates } from '../renamed.ts';

interface AlertsOptions extends GlobalOptions {
  /** Milliseconds since 1970. */
  since?: number;
  severity?: Severity;
  rule?: string;
  user?: string;
  unit?: string;
  state?: AlertState;
  all?: boolean;
  new?: boolean;
  follow?: boolean;
  /** Maximum number of alerts, newest first. */
  limit: number;
  json?: boolean;
}

function stateOption(): Option {
  const option = new Option('--state <state>', 'only alerts in this state (default: all but suppressed)').choices(
    alertStates,
  );
  const parseChoice = option.parseArg;
  return option.argParser((text, previous) => {
    if (Object.hasOwn(renamedStates, text)) throw new InvalidArgumentError(`It is now "${renamedStates[text]}".`);
    return parseChoice?.(text, previous);
  });
}

export const list = (): Command =>
  defineCommand('list')
    .description('list alerts, newest last')
    .addOption(sinceOption())
    .addOption(
      new Option('--severity <severity>', 'only alerts of this severity or a higher one').choices([
        'low',
        'medium',
        'high',
        'critical',
      ]),
    )
    .option('--rule <id>', 'only alerts of this rule')
    .option('--user <user>', 'only alerts of this user, by name or id')
    .option('--unit <unit>', 'only alerts of this systemd unit')
    .addOption(stateOption())
    .option('--all', 'include closed alerts')
    .option('--new', 'only alerts that no earlier --new has listed')
    .addOption(new Option('--follow', 'list new alerts until interrupted').conflicts('new'))
    .addOption(limitOption().default(100))
    .addOption(jsonOption())
    .action(action(printAlerts));

/**
 * Prints the alerts that the filters select; suppressed ones only with `--state suppressed`, closed ones only with `--all`. Without `json`, alerts are in order of their
 * last match, `limit` selects the newest by it, and each line has the number of matches. With `json`, each line is the ECS document of the
 * first match, in order of the first match, by which `limit` selects then; `stepparent.alert` has `first`, `last`, `count`, `state` and, if there is
 * one, `review`.
 */
async function printAlerts(options: AlertsOptions): Promise<void> {
  const { config, since: sinceMs, rule: foundBy, user, unit, state, limit, json } = options;
  const { severityNumbers } = await import('../../../detectors/alert.ts');
  const notState = state === undefined ? ('suppressed' as const) : undefined;
  const minSeverity = options.severity && severityNumbers[options.severity];
  const notClosed = !options.all;
  const filter: AlertFilter = { notClosed, sinceMs, foundBy, user, unit, state, notState, minSeverity, limit };
  const print = json ? printDocuments : await tablePrinter(config);
  if (options.follow) await follow(config, filter, print);
  else if (options.new) {
    const isWhole = [sinceMs, foundBy, user, unit, state, minSeverity].every((value) => value === undefined);
    await withStore(config, (store) => printNew(store, filter, { print, isWhole }));
  } else await withStoreReader(config, (store) => print(store, filter, true));
}

/** Prints the alerts that the filter selects, and returns their number. `isWhole`: with a heading and with what to do next. */
type Print = (store: StoreReader, filter: AlertFilter, isWhole: boolean) => number;

const printDocuments: Print = (store, filter) => {
  let count = 0;
  for (const alert of store.listAlerts(filter)) {
    process.stdout.write(`${JSON.stringify(documentOf(alert))}\n`);
    count++;
  }
  return count;
};

async function tablePrinter(config: string | undefined): Promise<Print> {
  const { alertCounts, alertTable } = await import('../../output/alert-table.ts');
  const { readBriefs } = await import('../../query/read-briefs.ts');
  const briefOf = readBriefs(config);
  return (store, filter, isWhole) => {
    const alerts = [...store.listAlerts({ ...filter, limitBy: 'last_ms' })].sort((a, b) => a.lastMs - b.lastMs);
    const count = alerts.length;
    if (count === 0) {
      if (isWhole) console.error(filter.afterSeq === undefined ? 'no alerts' : 'no new alerts');
      return count;
    }
    const lines = alertTable(alerts, {
      columns: terminalColumns(),
      nowMs: Date.now(),
      briefOf,
    });
    for (const line of isWhole ? lines : lines.slice(1)) process.stdout.write(`${line}\n`);
    if (isWhole) console.error(`${alertCounts(alerts)}; \`stepparent show ID\` explains one`);
    if (isWhole && count === filter.limit) console.error(`only the newest ${count} are shown; --limit shows more`);
    return count;
  };
}

/** The mark moves only when every alert after it was listed: without another filter, and within the limit. */
function printNew(store: Store, filter: AlertFilter, { print, isWhole }: { print: Print; isWhole: boolean }): void {
  const [afterSeq, untilSeq] = [store.alertMark(), store.lastAlertSeq()];
  const count = print(store, { ...filter, afterSeq, untilSeq }, true);
  if (isWhole && count !== filter.limit) store.moveAlertMark(untilSeq);
  else if (count > 0) console.error('these stay new until --new lists all new alerts, without another option');
}

const followMs = 1000;

/** Lists the alerts that are stored from now on. The database is opened each time, since the agent may replace it. */
async function follow(config: string | undefined, filter: AlertFilter, print: Print): Promise<void> {
  let mark = await withStoreReader(config, (store) => store.lastAlertSeq());
  for (;;) {
    await sleep(followMs);
    await withStoreReader(config, (store) => {
      const untilSeq = store.lastAlertSeq();
      // A new database begins with the number 1.
      const afterSeq = untilSeq < mark ? 0 : mark;
      mark = untilSeq;
      // Every new alert is listed, even of a flood.
      if (untilSeq > afterSeq) print(store, { ...filter, limit: undefined, afterSeq, untilSeq }, false);
    });
  }
}

function documentOf({ document, state, count, firstMs, lastMs, review }: AlertRecord): unknown {
  const { alert } = document.stepparent;
  const account = {
    state,
    count,
    first: new Date(firstMs).toISOString(),
    last: new Date(lastMs).toISOString(),
    ...(review && { review: reviewDocument(review) }),
  };
  return { ...document, stepparent: { ...document.stepparent, alert: { ...alert, ...account } } };
}

const reviewDocument = ({ state, timeMs, by, reason }: AlertReview): unknown => ({
  state,
  time: new Date(timeMs).toISOString(),
  by,
  ...(reason === undefined ? {} : { reason }),
});

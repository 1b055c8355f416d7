// `stepparent alerts`: lists the stored alerts, one per line.

import { styleText } from 'node:util';
import { type Command, InvalidArgumentError, Option } from 'commander';
import { type AlertState, alertStates } from '../../collectors/event/event.ts';
import type { AlertRecord } from '../../storage/records.ts';
import { localTime } from '../output/local-time.ts';
import { printRows } from '../output/print-rows.ts';
import { shownMessage } from '../output/shown-message.ts';
import { withStoreReader } from '../query/with-store.ts';
import { action, defineCommand, type GlobalOptions, jsonOption, limitOption, sinceOption } from './define-command.ts';
import { renamedStates } from './renamed.ts';

interface AlertsOptions extends GlobalOptions {
  /** Milliseconds since 1970. */
  since?: number;
  rule?: string;
  state?: AlertState;
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

export const command = (): Command =>
  defineCommand('alerts')
    .description('list alerts, newest last')
    .addOption(sinceOption())
    .option('--rule <id>', 'only alerts of this rule')
    .addOption(stateOption())
    .addOption(limitOption().default(100))
    .addOption(jsonOption())
    .action(action(printAlerts));

/**
 * Prints the alerts that the filters select; suppressed ones only with `--state suppressed`. Without `json`, alerts are in order of their
 * last match, `limit` selects the newest by it, and each line has the number of matches. With `json`, each line is the ECS document of the
 * first match, in order of the first match, by which `limit` selects then; `stepparent.alert` has `first`, `last`, `count` and `state`.
 */
async function printAlerts({ config, since: sinceMs, rule, state, limit, json }: AlertsOptions): Promise<void> {
  const { severityColours, severityOf } = await import('../configuration/severity.ts');
  const notState = state === undefined ? ('suppressed' as const) : undefined;
  const filter = { sinceMs, ruleId: rule, state, notState, limit };
  await withStoreReader(config, (store) => {
    if (json) {
      for (const alert of store.listAlerts(filter)) process.stdout.write(`${JSON.stringify(documentOf(alert))}\n`);
      return;
    }
    const alerts = [...store.listAlerts({ ...filter, limitBy: 'last_ms' })].sort((a, b) => a.lastMs - b.lastMs);
    const rows = alerts.map((alert) => {
      const severity = severityOf(alert.document);
      return {
        cells: [
          localTime(alert.lastMs),
          severity,
          alert.ruleId,
          alert.count > 1 ? `×${alert.count}` : '',
          alert.state === 'open' ? '' : `(${alert.state})`,
          shownMessage(alert.document),
        ],
        styles: { 1: (text: string) => styleText(severityColours[severity], text, { stream: process.stdout }) },
      };
    });
    printRows(rows, 'no alerts', limit);
  });
}

function documentOf({ document, state, count, firstMs, lastMs }: AlertRecord): unknown {
  const { alert } = document.stepparent;
  const account = { state, count, first: new Date(firstMs).toISOString(), last: new Date(lastMs).toISOString() };
  return { ...document, stepparent: { ...document.stepparent, alert: { ...alert, ...account } } };
}

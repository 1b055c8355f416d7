// `stepparent rules list`: lists the rules that the agent loads.

import type { Command } from 'commander';
import { escapeText } from '../../../collectors/event/escape-text.ts';
import type { ConfiguredRule } from '../../configuration/rule-settings.ts';
import { printRows } from '../../output/print-rows.ts';
import { action, defineCommand, type GlobalOptions, jsonOption } from '../define-command.ts';

interface ListOptions extends GlobalOptions {
  json?: boolean;
}

export const list = (): Command =>
  defineCommand('list')
    .description('list the rules that the agent loads')
    .addOption(jsonOption())
    .action(action(listRules));

const lineChars = 1000;

/** Prints one line for each rule to standard output, and one for each rejected rule to standard error. */
async function listRules({ config, json }: ListOptions): Promise<void> {
  const { readRules } = await import('../../../detectors/rules/load-rules.ts');
  const { readConfiguration } = await import('../../configuration/read-configuration.ts');
  const { rejectedLine } = await import('../../daemon/agent-status.ts');
  const { configuredRules, settingsText } = await import('../../configuration/rule-settings.ts');
  const read = readConfiguration(config);
  const { rules: loaded, rejected } = readRules(read.configuration.directories.rules);
  const rules = configuredRules(loaded, read.ruleSettings);
  for (const rule of rejected) console.error(`stepparent: ${escapeText(rejectedLine(rule), lineChars)}`);
  if (json) for (const rule of rules) process.stdout.write(`${JSON.stringify(summaryOf(rule))}\n`);
  else {
    const rows = rules.map((configured) => {
      const { id, severity, riskScore, type, name } = configured.rule;
      const settings = settingsText(configured);
      return [
        id,
        configured.enabled ? severity : 'off',
        `${riskScore}`,
        type,
        settings ? `${name} (${settings})` : name,
      ];
    });
    printRows(
      rows.map((cells) => ({ cells: cells.map((cell) => escapeText(cell, lineChars)) })),
      'no rules',
    );
  }
}

function summaryOf({ rule, enabled, settings }: ConfiguredRule): unknown {
  const { id, name, severity, riskScore, type, language, termFields, threat, tags, file } = rule;
  return {
    id,
    name,
    enabled,
    settings,
    severity,
    risk_score: riskScore,
    type,
    language,
    term_fields: termFields,
    techniques: threat.flatMap(({ technique }) =>
      technique.flatMap((each) => [each.id, ...each.subtechnique.map((sub) => sub.id)]),
    ),
    tags,
    file,
  };
}

// `stepparent rules list`: lists the rules that the agent loads.

import type { Command } from 'commander';
import { escapeText } from '../../../collectors/event/escape-text.ts';
import type { Rule } from '../../../detectors/rules/rule.ts';
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
  const { rules, rejected } = readRules(readConfiguration(config).configuration.directories.rules);
  for (const rule of rejected) console.error(`stepparent: ${escapeText(rejectedLine(rule), lineChars)}`);
  if (json) for (const rule of rules) process.stdout.write(`${JSON.stringify(summaryOf(rule))}\n`);
  else {
    const rows = rules.map(({ id, severity, riskScore, type, name }) => [id, severity, `${riskScore}`, type, name]);
    printRows(
      rows.map((cells) => ({ cells: cells.map((cell) => escapeText(cell, lineChars)) })),
      'no rules',
    );
  }
}

function summaryOf({ id, name, severity, riskScore, type, language, termFields, threat, tags, file }: Rule): unknown {
  return {
    id,
    name,
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

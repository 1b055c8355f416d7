// Reads the short reasons of the rules, for tables of alerts.

import { readRules } from '../../detectors/rules/load-rules.ts';
import { readConfiguration } from '../configuration/read-configuration.ts';

/** The `brief` of a rule by its id; undefined: the rule is not loaded, or has none. Throws what reading the configuration throws. */
export function readBriefs(configurationFile: string | undefined): (ruleId: string) => string | undefined {
  const { rules } = readRules(readConfiguration(configurationFile).configuration.directories.rules);
  const briefs = new Map(rules.map(({ id, brief }) => [id, brief]));
  return (ruleId) => briefs.get(ruleId);
}

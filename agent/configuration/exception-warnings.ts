// Warnings about exceptions: unknown fields and rules, and expiry dates in the past or the far future.

import { readHunts } from '../../detectors/hunts/load-hunts.ts';
import { readRules } from '../../detectors/rules/load-rules.ts';
import { type ConfiguredException, exceptionsReport, knownNames } from './configured-exceptions.ts';
import type { ReadConfiguration } from './read-configuration.ts';

/** The warnings, one line each. Reads the rules and hunts that the agent loads. */
export function exceptionWarnings(
  { configuration }: ReadConfiguration,
  exceptions: readonly ConfiguredException[],
): string[] {
  const { rules } = readRules(configuration.directories.rules);
  const { hunts } = readHunts(configuration.directories.hunts);
  return exceptionsReport(exceptions, knownNames(rules, hunts), Date.now()).warnings;
}

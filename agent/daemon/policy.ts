// The policy that a reload replaces: rules, hunts, exceptions, and the settings that are not fixed at the start.

import { isDeepStrictEqual } from 'node:util';
import { compileExceptions, type ExceptionFor } from '../../detectors/exceptions.ts';
import type { Hunt } from '../../detectors/hunts/hunt.ts';
import { readHunts } from '../../detectors/hunts/load-hunts.ts';
import { compileKql } from '../../detectors/query/kql.ts';
import type { Predicate } from '../../detectors/query/query.ts';
import { readRules } from '../../detectors/rules/load-rules.ts';
import type { RejectedRule, Rule } from '../../detectors/rules/rule.ts';
import { type Configuration, isTable } from '../configuration/configuration.ts';
import { type ExceptionsReport, exceptionsReport, knownNames } from '../configuration/configured-exceptions.ts';
import type { ReadConfiguration } from '../configuration/read-configuration.ts';
import { configuredRules, ruleSettingWarnings } from '../configuration/rule-settings.ts';
import { ruleWarnings } from '../configuration/rule-warnings.ts';
import { formatFault } from './agent-status.ts';

/** The configuration with the rules, hunts and exceptions that it names. A reload replaces the whole object. */
export interface Policy extends ReadConfiguration {
  rules: Rule[];
  /** The rules that the configuration switches off. They neither raise alerts nor learn. */
  disabled: Rule[];
  hunts: Hunt[];
  rejected: { rules: RejectedRule[]; hunts: RejectedRule[] };
  /** Selects the events that are stored whether or not a rule matches. */
  records: Predicate;
  exceptionFor: ExceptionFor;
}

/** Reads the rules and hunts that a configuration names. Rejected ones are listed in `rejected`. */
export function readPolicy(read: ReadConfiguration): Policy {
  const { rules: loaded, rejected } = readRules(read.configuration.directories.rules);
  const { enabled = [], disabled = [] } = Object.groupBy(configuredRules(loaded, read.ruleSettings), (each) =>
    each.enabled ? 'enabled' : 'disabled',
  );
  const { hunts, rejected: rejectedHunts } = readHunts(read.configuration.directories.hunts);
  return {
    ...read,
    warnings: [
      ...read.warnings,
      ...ruleWarnings(loaded).map(formatFault),
      ...ruleSettingWarnings(loaded, read.ruleSettings),
    ],
    rules: enabled.map(({ rule }) => rule),
    disabled: disabled.map(({ rule }) => rule),
    hunts,
    rejected: { rules: rejected, hunts: rejectedHunts },
    records: compileKql(read.configuration.events.store).matches,
    exceptionFor: compileExceptions(read.exceptions),
  };
}

/** The rejected rules and hunts of `next` that `now` does not have with the same message. */
export const newlyRejected = (now: Policy, next: Policy): RejectedRule[] => {
  const known = [...now.rejected.rules, ...now.rejected.hunts];
  return [...next.rejected.rules, ...next.rejected.hunts].filter(
    ({ file, message }) => !known.some((each) => each.file === file && each.message === message),
  );
};

/** Keys and tables that are read only at the start: sensor, store, sinks and watch are opened with them. */
export const restartKeys: readonly string[] = [
  'learning',
  'directories.state',
  'directories.logs',
  'directories.runtime',
  'directories.package_databases',
  'sensor',
  'watched_paths',
  'alerts',
];

/** The keys of `restartKeys` whose values have changed since the start. */
export const keysNeedingRestart = (started: Configuration, now: Configuration): string[] =>
  restartKeys.filter((key) => !isDeepStrictEqual(settingOf(started, key), settingOf(now, key)));

const settingOf = (configuration: Configuration, key: string): unknown =>
  key.split('.').reduce<unknown>((table, name) => (isTable(table) ? table[name] : undefined), configuration);

/** The counts of the exceptions, and the warnings about them at this time. */
export const exceptionsOf = ({ exceptions, rules, disabled, hunts }: Policy): ExceptionsReport =>
  exceptionsReport(exceptions, knownNames([...rules, ...disabled], hunts), Date.now());

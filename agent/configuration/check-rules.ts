// Checks files of rules: those that the agent loads, or other files together with those.

import { realpathSync, statSync } from 'node:fs';
import { resolve } from 'node:path';
import { errorCode } from '../../collectors/error-message.ts';
import { readRuleFiles, ruleFilesIn } from '../../detectors/rules/load-rules.ts';
import { formatFault, rejectedLine } from '../daemon/agent-status.ts';
import type { CheckReport } from './check-report.ts';
import { readConfiguration } from './read-configuration.ts';
import { ruleWarnings } from './rule-warnings.ts';

type RuleFiles = ReturnType<typeof ruleFilesIn>;

/**
 * Checks the rules that the agent loads. With `paths`, checks these files and directories as if the agent loaded them as well, and reports
 * only their faults. Throws ConfigurationError.
 */
export function checkRules(paths: readonly string[], config: string | undefined): CheckReport {
  const loaded = configuredRuleFiles(config, paths.length > 0);
  const configured = loaded ?? { files: [], rejected: [] };
  const checked = paths.length > 0 ? ruleFilesAt(paths) : configured;
  const known = new Set(configured.files.map(identityOf));
  // Each file once, even if it is given by its name and by its directory.
  const more = new Map(checked.files.map((file) => [identityOf(file), file]));
  const files = [...configured.files, ...[...more].flatMap(([identity, file]) => (known.has(identity) ? [] : [file]))];
  const wanted = new Set(checked.files.map(identityOf));
  const isWanted = ({ file }: { file: string }): boolean => wanted.has(identityOf(file));
  const read = readRuleFiles(files);
  const rules = read.rules.filter(isWanted);
  const rejected = [...checked.rejected, ...read.rejected.filter(isWanted)];
  return {
    valid: rules.length,
    rejected: rejected.map((rule) => ({ line: rejectedLine(rule), excerpt: rule.excerpt })),
    warnings: ruleWarnings(rules).map((fault) => ({ line: `warning: ${formatFault(fault)}`, excerpt: fault.excerpt })),
    notes: loaded
      ? []
      : ['the configuration cannot be read by this user: not checked against the rules that the agent loads'],
  };
}

/** The configured files of rules. With `optional`, undefined if this user may not read the configuration. */
function configuredRuleFiles(config: string | undefined, optional: boolean): RuleFiles | undefined {
  try {
    return ruleFilesIn(readConfiguration(config).configuration.directories.rules);
  } catch (error) {
    const isDenied = ['EACCES', 'EPERM'].includes(errorCode(error));
    if (!optional || !isDenied) throw error;
    return undefined;
  }
}

/** The files at the paths and in directories. A path that does not exist counts as a file. */
function ruleFilesAt(paths: readonly string[]): RuleFiles {
  const found = paths.map((path) => {
    const absolute = resolve(path);
    const isDirectory = statSync(absolute, { throwIfNoEntry: false })?.isDirectory() ?? false;
    return isDirectory ? ruleFilesIn([absolute]) : { files: [absolute], rejected: [] };
  });
  return { files: found.flatMap(({ files }) => files), rejected: found.flatMap(({ rejected }) => rejected) };
}

/** The identity of a file: the same for every path that leads to it. */
function identityOf(file: string): string {
  try {
    return realpathSync(file);
  } catch {
    return file;
  }
}

// Checks files of rules: those that the agent loads, or others together with them.

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
 * Checks the rules as the agent loads them, or, together with these, files and directories: then only what is wrong with them counts.
 * Throws ConfigurationError.
 */
export function checkRules(paths: readonly string[], config: string | undefined): CheckReport {
  const loaded = configuredRuleFiles(config, paths.length > 0);
  const configured = loaded ?? { files: [], rejected: [] };
  const checked = paths.length > 0 ? ruleFilesAt(paths) : configured;
  const known = new Set(configured.files.map(identityOf));
  // Each once, also where it is given by its name and by its directory.
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
    notes: loaded ? [] : ['the configuration may not be read: not checked against the rules that are loaded'],
  };
}

/** With `optional`, undefined where this user may not read the configuration: files can be checked without it. */
function configuredRuleFiles(config: string | undefined, optional: boolean): RuleFiles | undefined {
  try {
    return ruleFilesIn(readConfiguration(config).configuration.directories.rules);
  } catch (error) {
    const isDenied = ['EACCES', 'EPERM'].includes(errorCode(error));
    if (!optional || !isDenied) throw error;
    return undefined;
  }
}

/** A path that is no directory counts as a file, also where there is none. */
function ruleFilesAt(paths: readonly string[]): RuleFiles {
  const found = paths.map((path) => {
    const absolute = resolve(path);
    const isDirectory = statSync(absolute, { throwIfNoEntry: false })?.isDirectory() ?? false;
    return isDirectory ? ruleFilesIn([absolute]) : { files: [absolute], rejected: [] };
  });
  return { files: found.flatMap(({ files }) => files), rejected: found.flatMap(({ rejected }) => rejected) };
}

/** The same for a file under all its names. */
function identityOf(file: string): string {
  try {
    return realpathSync(file);
  } catch {
    return file;
  }
}

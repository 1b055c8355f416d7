// The type of a loaded rule. Its file has the shape of Elastic's detection-rules; see docs/rules.md.

import type { Predicate } from '../query/query.ts';

/** The severities of Elastic's detection rules, in ascending order. */
export type Severity = 'low' | 'medium' | 'high' | 'critical';

interface ThreatTechnique {
  id: string;
  name: string;
  reference: string;
  subtechnique: { id: string; name: string; reference: string }[];
}

/** One ATT&CK tactic with its techniques. */
export interface Threat {
  framework: 'MITRE ATT&CK';
  tactic: { id: string; name: string; reference: string };
  technique: ThreatTechnique[];
}

/** What a rule's reason can hold in braces beside fields: docs/rules.md has what each becomes. */
const reasonWords = ['window', 'who', 'impostor'] as const;

/** A word that a reason can hold in braces in place of a field. */
export type ReasonWord = (typeof reasonWords)[number];
export const isReasonWord = (text: string): text is ReasonWord => (reasonWords as readonly string[]).includes(text);

/** A rule as its file has it, checked and with its query compiled. */
export interface Rule {
  /** Also the name of its file without `.toml`. */
  id: string;
  name: string;
  description: string;
  /** Counts the changes of what the rule matches or says; undefined if its file has none. */
  version: number | undefined;
  severity: Severity;
  /** 0 to 100. */
  riskScore: number;
  type: 'new_terms' | 'eql' | 'query';
  language: 'kuery' | 'eql';
  /** The query as the file has it. */
  query: string;
  matches: Predicate;
  /** Every field that the query or the terms use. */
  fields: ReadonlySet<string>;
  /**
   * new_terms: the fields whose combination must be new. Other types: alert_suppression.group_by, the fields whose
   * combination is reported once.
   */
  termFields: readonly string[];
  /** How long a term counts as seen. */
  windowMs: number;
  /** new_terms: `sliding`, each match restarts the window. Other types: `fixed`, from the first alert. */
  window: 'sliding' | 'fixed';
  /** Names of the lists whose members count as seen (detectors/rules/known-terms.toml). */
  knownTerms: readonly string[];
  /** new_terms: the rules into whose alert on the same event the finding of this rule goes (detectors/fold-findings.ts). */
  partOf: readonly string[];
  /** new_terms: the rules with the same terms whose baseline counts for this rule, too. */
  knownBy: readonly string[];
  /** Why a match is unusual: one clause, with `{field.name}`, `{who}`, `{impostor}` and `{window}` filled in from the event. */
  reason: string;
  /** The same in at most 20 characters, for tables; undefined if the file does not have it. */
  brief: string | undefined;
  threat: readonly Threat[];
  tags: readonly string[];
  references: readonly string[];
  falsePositives: readonly string[];
  /** The investigation guide, Markdown. */
  note: string;
  author: readonly string[];
  license: string;
  /** The file it was read from. */
  file: string;
}

/** A rule file that was not loaded: the others run, `status` and the log name this one. Positions count from 1. */
export interface RejectedRule {
  file: string;
  id: string | undefined;
  line: number;
  column: number;
  message: string;
  /** The line at fault and a caret under it, ready to print (already escaped). */
  excerpt: string;
}

/**
 * One rule's match on one event. A term is null if its field was not observed. Such a verdict is never learned, because
 * an unknown parent may be any program.
 */
export interface Verdict {
  rule: Rule;
  terms: readonly (string | null)[];
  /** One more clause of the reason. */
  remark?: string;
}

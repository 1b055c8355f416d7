// Reads rule files: TOML in the shape of Elastic's detection-rules; docs/rules.md says what each key does.

import { readdirSync } from 'node:fs';
import { join } from 'node:path';
import * as z from 'zod';
import { errorCode } from '../../collectors/error-message.ts';
import { unitMs } from '../duration.ts';
import { compileEql } from '../query/eql.ts';
import { compileKql } from '../query/kql.ts';
import { type CompiledQuery, QueryError } from '../query/query.ts';
import { readSource } from './read-source.ts';
import type { RejectedRule, Rule } from './rule.ts';
import { faultInQuery, locateKey, parseToml, readToml, TomlFileError } from './toml-file.ts';

/** Lies beside the rules and is none. */
const knownTermsFile = 'known-terms.toml';

const text = z.string().regex(/\S/, 'a text that is not empty');
const texts = z.array(text);
const address = z.string().regex(/^https?:\/\/[^\s/]+\S*$/, 'an address that begins with https:// or http://');
const field = z.string().regex(/^@?[A-Za-z_][\w-]*(?:\.[\w-]+)*$/, 'a field name such as "process.parent.executable"');
const fields = z.array(field).min(1).max(3);
const ignored = z.unknown().optional();
/** A key that changes what an Elastic rule means and is not understood here: it may stand there empty only. */
const unsupported = (instead: string) =>
  z
    .custom((value) => Array.isArray(value) && value.length === 0, `left out: it is not supported; ${instead}`)
    .optional();

const foreignKeys = [
  ...['threat_index', 'threat_query', 'threat_language', 'threat_mapping', 'threat_filters', 'threat_indicator_path'],
  ...['machine_learning_job_id', 'anomaly_threshold', 'saved_id'],
];

const attack = <S extends z.ZodRawShape>(id: RegExp, like: string, more: S) =>
  z.strictObject({
    id: z.string().regex(id, `an ATT&CK id such as "${like}"`),
    name: text,
    reference: address,
    ...more,
  });

/** One `[[rule.threat]]`; hunts have the same. */
export const threatSchema = z.strictObject({
  framework: z.literal('MITRE ATT&CK'),
  tactic: attack(/^TA\d{4}$/, 'TA0003', {}),
  technique: z
    .array(
      attack(/^T\d{4}$/, 'T1546', {
        subtechnique: z.array(attack(/^T\d{4}\.\d{3}$/, 'T1546.016', {})).default([]),
      }),
    )
    .default([]),
});

const ruleId = z
  .string()
  .regex(
    /^(?=.{1,128}$)[a-z0-9]+(?:-[a-z0-9]+)*$/,
    'a UUID, or lower-case words joined by "-", of at most 128 characters',
  );
const otherRules = z.array(ruleId).max(16).default([]);

const briefText = z.string().regex(/^(?=\S)[^\p{C}]{1,20}(?<=\S)$/u, 'one line of at most 20 characters');

const ruleFile = z.strictObject({
  metadata: z
    .strictObject({
      creation_date: text.optional(),
      ...ignoreAll('updated_date integration maturity min_stack_version min_stack_comments deprecation_date promotion'),
      ...ignoreAll('bypass_bbr_timing comments extended os_type_list query_schema_validation'),
    })
    .optional(),
  rule: z.strictObject({
    rule_id: ruleId,
    name: text,
    description: text,
    version: z.int().min(1).optional(),
    severity: z.enum(['low', 'medium', 'high', 'critical']),
    risk_score: z.int().min(0).max(100),
    type: z.enum(['new_terms', 'eql', 'query']),
    language: z.enum(['kuery', 'eql']).optional(),
    query: text,
    author: texts.default([]),
    license: text.default('not stated'),
    references: z.array(address).default([]),
    tags: texts.default([]),
    false_positives: texts.default([]),
    note: text.default(''),
    threat: z.array(threatSchema).default([]),
    new_terms: z
      .strictObject({
        field: z.literal('new_terms_fields'),
        value: fields,
        history_window_start: z
          .array(
            z.strictObject({
              field: z.literal('history_window_start'),
              value: z
                .string()
                .regex(/^now-[1-9]\d{0,4}[smhdw]$/, 'a time before now such as "now-90d" (s, m, h, d or w)'),
            }),
          )
          .length(1),
      })
      .optional(),
    alert_suppression: z
      .strictObject({
        group_by: fields,
        duration: z.strictObject({ value: z.int().min(1).max(100_000), unit: z.enum(['s', 'm', 'h', 'd']) }).optional(),
        missing_fields_strategy: ignored,
      })
      .optional(),
    stepparent: z
      .strictObject({
        known_terms: texts.default([]),
        part_of: otherRules,
        known_by: otherRules,
        reason: text.optional(),
        brief: briefText.optional(),
      })
      .optional(),
    filters: unsupported('put the condition into the query'),
    exceptions_list: unsupported('put the exception into the query'),
    threshold: unsupported('each event is judged by itself'),
    ...Object.fromEntries(
      foreignKeys.map((key) => [key, unsupported('it belongs to a type of rule that is not either')]),
    ),
    enabled: z.literal(true).optional(),
    event_category_override: unsupported('begin the query with `any where` and ask for the field'),
    ...ignoreAll('from to interval index data_view_id max_signals setup revision building_block_type'),
    ...ignoreAll(
      'timestamp_override timestamp_override_fallback_disabled timestamp_field tiebreaker_field timeline_id',
    ),
    ...ignoreAll('timeline_title related_integrations required_fields risk_score_mapping severity_mapping'),
    ...ignoreAll('rule_name_override investigation_fields actions response_actions throttle meta output_index outcome'),
  }),
  transform: ignored,
});

type RuleTable = z.output<typeof ruleFile>['rule'];

function ignoreAll(names: string): Record<string, typeof ignored> {
  return Object.fromEntries(names.split(' ').map((name) => [name, ignored]));
}

/** The two fields that an entry with an origin on a known-terms list is compared with. */
const knownPair = 'stepparent.initiator.executable and stepparent.initiator.origin';

const only = 'only rules of type "new_terms", "eql" and "query" are';

/** Values of `rule.type` and `rule.language` that Elastic has and this program has not. */
const unsupportedKinds: Readonly<Record<'type' | 'language', Readonly<Record<string, string>>>> = {
  type: {
    threshold: `threshold rules are not supported yet: ${only}`,
    esql: `rules in ES|QL are not supported: ${only}`,
    threat_match: `indicator match rules are not supported: ${only}`,
    machine_learning: `machine learning rules are not supported: ${only}`,
    saved_query: `rules over a saved query are not supported: ${only}`,
  },
  language: {
    esql: 'ES|QL is not supported: only "kuery" and "eql" are',
    lucene: 'Lucene\'s query language is not supported: only "kuery" and "eql" are',
  },
};

/** Says so of a whole kind of rule first: what else is wrong with such a file follows from it. */
function refuseUnsupported(file: string, source: string): void {
  const read = readToml(file, source, kindOfRule);
  if ('faults' in read) return;
  for (const key of ['type', 'language'] as const) {
    const value = read.data.rule[key];
    const reason = typeof value === 'string' ? unsupportedKinds[key][value] : undefined;
    if (reason === undefined) continue;
    throw new TomlFileError(`\`rule.${key}\` "${value}": ${reason}`, file, source, locateKey(source, ['rule', key]));
  }
}

const kindOfRule = z.object({ rule: z.object({ type: ignored, language: ignored }) });

/** What makes two alerts of an eql or query rule one, when the rule does not say: the same process, within a day. */
const defaultSuppression = { group_by: ['process.entity_id'], duration: { value: 24, unit: 'h' } } as const;

/** The rule in a file's text. Throws a TomlFileError with the place at fault and what is allowed there. Pure. */
export function parseRule(file: string, source: string): Rule {
  refuseUnsupported(file, source);
  const { rule } = parseToml(file, source, ruleFile);
  const refuse = (key: readonly string[], message: string): never => {
    throw new TomlFileError(message, file, source, locateKey(source, ['rule', ...key]));
  };

  const language = rule.type === 'eql' ? 'eql' : 'kuery';
  if (rule.language !== undefined && rule.language !== language) {
    refuse(['language'], `\`rule.language\` must be "${language}" in a rule of type "${rule.type}"`);
  }
  const { termFields, windowMs, window } =
    windowOf(rule) ?? refuse(['type'], '`rule.new_terms` is missing: a rule of type "new_terms" needs it');
  if (rule.type !== 'new_terms' && rule.new_terms !== undefined) {
    refuse(
      ['new_terms'],
      `\`rule.new_terms\` belongs to rules of type "new_terms", and this is of type "${rule.type}"`,
    );
  }
  const knownTerms = rule.stepparent?.known_terms ?? [];
  const canBeKnown = termFields.length === 1 || termFields.join(' and ') === knownPair;
  if (knownTerms.length > 0 && (rule.type !== 'new_terms' || !canBeKnown)) {
    refuse(
      ['stepparent', 'known_terms'],
      `\`rule.stepparent.known_terms\` needs a rule of type "new_terms" with one field, or with ${knownPair}`,
    );
  }
  const { part_of: partOf = [], known_by: knownBy = [] } = rule.stepparent ?? {};
  for (const [key, rules] of Object.entries({ part_of: partOf, known_by: knownBy })) {
    if (rules.length > 0 && rule.type !== 'new_terms') {
      refuse(['stepparent', key], `\`rule.stepparent.${key}\` needs a rule of type "new_terms"`);
    }
    if (rules.includes(rule.rule_id)) {
      refuse(['stepparent', key], `\`rule.stepparent.${key}\` has the rule itself`);
    }
  }
  const reason = rule.stepparent?.reason ?? defaultReason(rule, termFields);
  const misplaced = reason
    .replaceAll(/\{(?:window|who|impostor|@?[A-Za-z_][\w-]*(?:\.[\w-]+)+)\}/g, '')
    .match(/\{[^}]*\}?|\}/);
  if (misplaced !== null) {
    refuse(
      ['stepparent', 'reason'],
      `\`rule.stepparent.reason\` has \`${misplaced[0]}\`; braces hold {window}, {who}, {impostor} or a field such as {process.parent.executable}`,
    );
  }

  const { matches, fields: queryFields } = compileQuery(file, source, language, rule.query);
  return {
    id: rule.rule_id,
    name: rule.name,
    description: rule.description.trim(),
    version: rule.version,
    severity: rule.severity,
    riskScore: rule.risk_score,
    type: rule.type,
    language,
    query: rule.query,
    matches,
    fields: new Set([...queryFields, ...termFields]),
    termFields,
    windowMs,
    window,
    knownTerms,
    partOf,
    knownBy,
    reason,
    brief: rule.stepparent?.brief,
    threat: rule.threat,
    tags: rule.tags,
    references: rule.references,
    falsePositives: rule.false_positives,
    note: rule.note.trim(),
    author: rule.author,
    license: rule.license,
    file,
  };
}

function windowOf(rule: RuleTable): Pick<Rule, 'termFields' | 'windowMs' | 'window'> | undefined {
  if (rule.type === 'new_terms') {
    if (rule.new_terms === undefined) return undefined;
    const [, count = '', unit = ''] = /^now-(\d+)(.)$/.exec(rule.new_terms.history_window_start[0]?.value ?? '') ?? [];
    return {
      termFields: rule.new_terms.value,
      windowMs: Number(count) * unitMs[unit as keyof typeof unitMs],
      window: 'sliding',
    };
  }
  const { group_by, duration = defaultSuppression.duration } = rule.alert_suppression ?? defaultSuppression;
  return { termFields: group_by, windowMs: duration.value * unitMs[duration.unit], window: 'fixed' };
}

function defaultReason(rule: RuleTable, termFields: readonly string[]): string {
  // Braces of the name are its own.
  if (rule.type !== 'new_terms') return rule.name.replaceAll(/[{}]/g, ' ').trim();
  return `${termFields.map((name) => `${name} {${name}}`).join(' with ')} was not seen in the last {window}`;
}

function compileQuery(file: string, source: string, language: Rule['language'], query: string): CompiledQuery {
  try {
    return language === 'eql' ? compileEql(query) : compileKql(query);
  } catch (error) {
    throw error instanceof QueryError ? faultInQuery(file, source, ['rule', 'query'], query, error) : error;
  }
}

/** The rules of all files in the directories, in their order (`ruleFilesIn`), and those rejected (`readRuleFiles`). */
export function readRules(directories: readonly string[]): { rules: Rule[]; rejected: RejectedRule[] } {
  const { files, rejected: unreadable } = ruleFilesIn(directories);
  const { rules, rejected } = readRuleFiles(files);
  return { rules, rejected: [...unreadable, ...rejected] };
}

/** The rules of these files, and those rejected. Of two files with one rule_id the later is rejected. */
export function readRuleFiles(files: readonly string[]): { rules: Rule[]; rejected: RejectedRule[] } {
  const rules = new Map<string, Rule>();
  const rejected: RejectedRule[] = [];
  for (const file of files) {
    let source = '';
    try {
      source = readSource(file);
      const rule = parseRule(file, source);
      const earlier = rules.get(rule.id);
      if (earlier !== undefined) {
        const message = `\`rule.rule_id\` "${rule.id}" is that of ${earlier.file} already`;
        throw new TomlFileError(message, file, source, locateKey(source, ['rule', 'rule_id']));
      }
      rules.set(rule.id, rule);
    } catch (error) {
      rejected.push(rejectionOf(file, source, error));
    }
  }
  return { rules: [...rules.values()], rejected };
}

/**
 * All `*.toml` files in the directories, in the order of the directories and then of the names. A directory that does not exist holds none; one that
 * cannot be read is rejected as a whole. Hidden files and `known-terms.toml` are passed over; links are followed.
 */
export function ruleFilesIn(directories: readonly string[]): { files: string[]; rejected: RejectedRule[] } {
  const files: string[] = [];
  const rejected: RejectedRule[] = [];
  for (const directory of directories) {
    try {
      for (const name of readdirSync(directory).sort()) {
        if (name.endsWith('.toml') && !name.startsWith('.') && name !== knownTermsFile)
          files.push(join(directory, name));
      }
    } catch (error) {
      if (errorCode(error) !== 'ENOENT') rejected.push(rejectionOf(directory, '', error));
    }
  }
  return { files, rejected };
}

/** The report about a file that was not loaded; rethrows errors that are not about the file. */
function rejectionOf(file: string, source: string, error: unknown): RejectedRule {
  // The id helps to find the rule even where the text around it is broken.
  const id = /^[ \t]*rule_id[ \t]*=[ \t]*["']([a-z0-9-]{1,128})["']/m.exec(source)?.[1];
  if (error instanceof TomlFileError) {
    const { line, column, message, excerpt } = error;
    return { file, id, line, column, message, excerpt };
  }
  const code = errorCode(error);
  if (code === '') throw error;
  return { file, id, line: 1, column: 1, message: `cannot be read (${code})`, excerpt: '' };
}

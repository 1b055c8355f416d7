// Rule files: valid ones, and errors with exact line, column and message.

import { mkdirSync, mkdtempSync, rmSync, symlinkSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, test } from 'vitest';
import { readKnownTerms } from '../../../detectors/rules/known-terms.ts';
import { parseRule, readRules } from '../../../detectors/rules/load-rules.ts';
import { TomlFileError } from '../../../detectors/rules/toml-file.ts';
import { whyUnreadable } from '../../why-unreadable.ts';

const plain = `[metadata]
creation_date = "2026/11/21"

[rule]
rule_id = "a-rule"
name = "A rule"
description = "What it finds."
severity = "low"
risk_score = 21
type = "query"
query = '''
process.name:dpkg and
process.args:"-i"
'''

[[rule.threat]]
framework = "MITRE ATT&CK"
[rule.threat.tactic]
id = "TA0003"
name = "Persistence"
reference = "https://attack.mitre.org/tactics/TA0003/"
[[rule.threat.technique]]
id = "T1546"
name = "Event Triggered Execution"
reference = "https://attack.mitre.org/techniques/T1546/"
[[rule.threat.technique]]
id = "T1543"
name = "Create or Modify System Process"
reference = "https://attack.mitre.org/techniques/T1543/"
`;

const newTerms = plain.replace('type = "query"', 'type = "new_terms"').concat(`
[rule.new_terms]
field = "new_terms_fields"
value = ["process.parent.executable"]
[[rule.new_terms.history_window_start]]
field = "history_window_start"
value = "now-90d"
`);

const eql = plain
  .replace('type = "query"', 'type = "eql"')
  .replace(/'''[\s\S]*?'''/, `"process where process.name == \\"dpkg\\""`);

function errorOf(source: string): TomlFileError {
  try {
    parseRule('/rules/a-rule.toml', source);
  } catch (error) {
    if (error instanceof TomlFileError) return error;
    throw error;
  }
  throw new Error('the rule was not rejected');
}

describe('a valid rule', () => {
  test('has the defaults of a query rule', () => {
    expect(parseRule('/rules/a-rule.toml', plain)).toMatchObject({
      id: 'a-rule',
      type: 'query',
      language: 'kuery',
      query: 'process.name:dpkg and\nprocess.args:"-i"\n',
      fields: new Set(['process.name', 'process.args', 'process.entity_id']),
      termFields: ['process.entity_id'],
      windowMs: 86_400_000,
      window: 'fixed',
      knownTerms: [],
      partOf: [],
      knownBy: [],
      reason: 'A rule',
      note: '',
      license: 'not stated',
      file: '/rules/a-rule.toml',
    });
  });

  test('without a reason has its name as the reason', () => {
    expect(parseRule('x', eql.replace('"A rule"', '"Shell by {web} server"')).reason).toBe('Shell by  web  server');
    expect(parseRule('x', `${eql}[rule.stepparent]\nreason = "odd"\n`).reason).toBe('odd');
  });

  test('has its terms and window when it is of type new_terms', () => {
    expect(parseRule('x', newTerms)).toMatchObject({
      termFields: ['process.parent.executable'],
      windowMs: 90 * 86_400_000,
      window: 'sliding',
      reason: 'process.parent.executable {process.parent.executable} was not seen in the last {window}',
    });
  });

  test('may be part of other rules, and share the baseline of others', () => {
    const keys = '[rule.stepparent]\npart_of = ["b-rule", "c-rule"]\nknown_by = ["d-rule"]\n';
    expect(parseRule('x', `${newTerms}${keys}`)).toMatchObject({ partOf: ['b-rule', 'c-rule'], knownBy: ['d-rule'] });
  });

  test.each([
    ['now-45s', 45_000],
    ['now-5m', 300_000],
    ['now-12h', 43_200_000],
    ['now-2w', 1_209_600_000],
  ])('%s is %d ms', (value, windowMs) => {
    expect(parseRule('x', newTerms.replace('now-90d', value)).windowMs).toBe(windowMs);
  });

  test('may suppress by fields of its own', () => {
    const suppression = `
[rule.alert_suppression]
group_by = ["user.name", "process.executable"]
missing_fields_strategy = "suppress"
[rule.alert_suppression.duration]
value = 5
unit = "m"
`;
    const expected = { termFields: ['user.name', 'process.executable'], windowMs: 300_000, window: 'fixed' };
    expect(parseRule('x', eql + suppression)).toMatchObject({ ...expected, language: 'eql' });
    // A rule for new terms tells each term once already.
    expect(parseRule('x', newTerms + suppression)).toMatchObject({ window: 'sliding', windowMs: 90 * 86_400_000 });
  });

  test('may have the keys of Elastic’s files that have no meaning on one host', () => {
    const elastic = plain
      .replace(
        '[rule]\n',
        '[rule]\nfrom = "now-9m"\nindex = ["logs-*"]\nsetup = "x"\nfilters = []\nmax_signals = 100\n',
      )
      .replace(
        '[metadata]\n',
        '[metadata]\nintegration = ["endpoint"]\nmaturity = "production"\nmin_stack_version = "9.0.0"\n',
      )
      .concat('[[transform.osquery]]\nlabel = "x"\n');
    expect(parseRule('x', elastic)).toMatchObject({ id: 'a-rule', version: undefined });
  });

  test('may have a UUID as its id', () => {
    const uuid = 'd93e61db-82d6-4095-99aa-714988118064';
    expect(parseRule('x', plain.replace('a-rule', uuid)).id).toBe(uuid);
  });
});

describe('an invalid rule', () => {
  test.each<[change: [from: string | RegExp, to: string], line: number, column: number, message: string]>([
    [['"A rule"', '"A rule'], 6, 15, 'not valid TOML: control characters are not allowed in strings'],
    [
      ['severity = "low"', 'severity = "lowish"'],
      8,
      1,
      '`rule.severity` must be "low", "medium", "high" or "critical"',
    ],
    [['severity =', 'Severity ='], 8, 1, 'unknown key `rule.Severity`; did you mean `severity`?'],
    [['severity = "low"\n', ''], 4, 1, '`rule.severity` is missing; it must be "low", "medium", "high" or "critical"'],
    [['risk_score = 21', 'risk_score = 210'], 9, 1, '`rule.risk_score` must be at most 100'],
    [['risk_score = 21', 'risk_score = -1'], 9, 1, '`rule.risk_score` must be at least 0'],
    [['risk_score = 21', 'risk_score = "21"'], 9, 1, '`rule.risk_score` must be a number'],
    [['risk_score = 21', 'risk_score = 2.5'], 9, 1, '`rule.risk_score` must be a whole number'],
    [['[rule]\n', '[rule]\nversion = "2"\n'], 5, 1, '`rule.version` must be a number'],
    [['[rule]\n', '[rule]\nversion = 0\n'], 5, 1, '`rule.version` must be at least 1'],
    [['name = "A rule"', 'name = " "'], 6, 1, '`rule.name` must be a text that is not empty'],
    [
      ['"a-rule"', '"A rule"'],
      5,
      1,
      '`rule.rule_id` must be a UUID, or lower-case words joined by "-", of at most 128 characters',
    ],
    [['[rule]\n', '[rule]\nauthor = "me"\n'], 5, 1, '`rule.author` must be a list'],
    [['[rule]\n', '[rule]\nauthor = [\n  "me",\n  5\n]\n'], 5, 1, '`rule.author[1]` must be a text in quotes'],
    [['[rule]\n', '[rule]\nenabled = false\n'], 5, 1, '`rule.enabled` must be true'],
    [
      ['[rule]\n', '[rule]\nfilters = [{ meta = 1 }]\n'],
      5,
      1,
      '`rule.filters` must be left out: it is not supported; put the condition into the query',
    ],
    [['[rule]\n', '[rule]\nsomething_else = 1\n'], 5, 1, 'unknown key `rule.something_else`'],
    [['[metadata]', '[meta]'], 1, 1, 'unknown key `meta`; known here: metadata, rule, transform'],
    [['type = "query"', 'type = "treshold"'], 10, 1, '`rule.type` must be "new_terms", "eql" or "query"'],
    [
      ['type = "query"', 'type = "threshold"\nthreshold = { field = ["host.id"], value = 5 }'],
      10,
      1,
      '`rule.type` "threshold": threshold rules are not supported yet: only rules of type "new_terms", "eql" and "query" are',
    ],
    [
      ['type = "query"', 'type = "query"\nthreshold = { field = ["host.id"], value = 5 }'],
      11,
      1,
      '`rule.threshold` must be left out: it is not supported; each event is judged by itself',
    ],
    [
      ['type = "query"', 'type = "esql"\nlanguage = "esql"'],
      10,
      1,
      '`rule.type` "esql": rules in ES|QL are not supported: only rules of type "new_terms", "eql" and "query" are',
    ],
    [
      ['type = "query"', 'type = "machine_learning"\nmachine_learning_job_id = ["x"]\nanomaly_threshold = 50'],
      10,
      1,
      '`rule.type` "machine_learning": machine learning rules are not supported: only rules of type "new_terms", "eql" and "query" are',
    ],
    [
      ['type = "query"', 'type = "threat_match"\nthreat_index = ["x"]'],
      10,
      1,
      '`rule.type` "threat_match": indicator match rules are not supported: only rules of type "new_terms", "eql" and "query" are',
    ],
    [
      ['type = "query"', 'type = "query"\nlanguage = "lucene"'],
      11,
      1,
      '`rule.language` "lucene": Lucene\'s query language is not supported: only "kuery" and "eql" are',
    ],
    [
      ['type = "query"', 'type = "new_terms"'],
      10,
      1,
      '`rule.new_terms` is missing: a rule of type "new_terms" needs it',
    ],
    [
      ['type = "query"', 'type = "query"\nlanguage = "eql"'],
      11,
      1,
      '`rule.language` must be "kuery" in a rule of type "query"',
    ],
    [['"T1543"', '"1543"'], 27, 1, '`rule.threat[0].technique[1].id` must be an ATT&CK id such as "T1546"'],
    [
      [
        'techniques/T1546/"',
        'techniques/T1546/"\nsubtechnique = [{ id = "T1546", name = "x", reference = "https://x.org" }]',
      ],
      26,
      1,
      '`rule.threat[0].technique[0].subtechnique[0].id` must be an ATT&CK id such as "T1546.016"',
    ],
    [
      ['"https://attack.mitre.org/tactics/TA0003/"', '"attack.mitre.org"'],
      21,
      1,
      '`rule.threat[0].tactic.reference` must be an address that begins with https:// or http://',
    ],
    [['id = "TA0003"\n', ''], 18, 1, '`rule.threat[0].tactic.id` is missing; it must be a text in quotes'],
    [
      ['name = "Persistence"', 'nam = "Persistence"'],
      20,
      1,
      'unknown key `rule.threat[0].tactic.nam`; did you mean `name`?',
    ],
    [
      [/$/, '[rule.stepparent]\nreason = "by {parent} in {window}"\n'],
      31,
      1,
      '`rule.stepparent.reason` has `{parent}`; braces hold {window}, {who}, {impostor} or a field such as {process.parent.executable}',
    ],
    [
      [/$/, '[rule.stepparent]\nbrief = "more than twenty letters"\n'],
      31,
      1,
      '`rule.stepparent.brief` must be one line of at most 20 characters',
    ],
    [
      [/$/, '[rule.stepparent]\nknown_terms = ["package-front-ends"]\n'],
      31,
      1,
      '`rule.stepparent.known_terms` needs a rule of type "new_terms" with one field, or with stepparent.initiator.executable and stepparent.initiator.origin',
    ],
    [
      [/$/, '[rule.stepparent]\npart_of = ["b-rule"]\n'],
      31,
      1,
      '`rule.stepparent.part_of` needs a rule of type "new_terms"',
    ],
    [
      [/$/, '[rule.stepparent]\nknown_by = ["b-rule"]\n'],
      31,
      1,
      '`rule.stepparent.known_by` needs a rule of type "new_terms"',
    ],
    [
      [/$/, '[rule.stepparent]\npart_of = ["B rule"]\n'],
      31,
      1,
      '`rule.stepparent.part_of[0]` must be a UUID, or lower-case words joined by "-", of at most 128 characters',
    ],
    [
      [/$/, '[rule.alert_suppression]\ngroup_by = ["a", "b", "c", "d"]\n'],
      31,
      1,
      '`rule.alert_suppression.group_by` must be at most 3 entries',
    ],
  ])('%j', ([from, to], line, column, message) => {
    const error = errorOf(plain.replace(from, to));
    expect({ line: error.line, column: error.column, message: error.message }).toEqual({ line, column, message });
    expect(error.file).toBe('/rules/a-rule.toml');
  });

  test.each([
    ['now-90', 'now-90d'],
    ['90d', 'now-90d'],
    ['now-0d', 'now-90d'],
    ['now-3M', 'now-90d'],
  ])('a window of %s', (value) => {
    const error = errorOf(newTerms.replace('now-90d', value));
    expect(error.line).toBe(36);
    expect(error.message).toBe(
      '`rule.new_terms.history_window_start[0].value` must be a time before now such as "now-90d" (s, m, h, d or w)',
    );
  });

  test.each(['part_of', 'known_by'])('a rule that names itself in %s', (key) => {
    const error = errorOf(`${newTerms}[rule.stepparent]\n${key} = ["a-rule"]\n`);
    expect(error.message).toBe(`\`rule.stepparent.${key}\` has the rule itself`);
  });

  test.each<[title: string, source: string, line: number, column: number]>([
    ['in a literal text of several lines', plain.replace('dpkg and\n', 'dpkg and and\n'), 12, 23],
    ['at the end of it', plain.replace('"-i"\n', '"-i" and\n'), 14, 1],
    ['in one that begins on the line of its key', plain.replace("'''\nprocess", "'''and process"), 11, 12],
    ['with Windows line ends', plain.replaceAll('\n', '\r\n').replace('args:"-i"', 'args:("-i"'), 14, 1],
    ['after escapes', plain.replace(/'''[\s\S]*?'''/, '"a:\\"\\u0041\\U0001F600\\" and )"'), 11, 37],
    ['after a line that goes on', plain.replace(/'''[\s\S]*?'''/, '"""\\\n    a:b \\\n    and )"""'), 13, 9],
    ['in EQL', eql.replace('== ', '=== '), 11, 39],
    [
      'since it is a sequence',
      eql.replace('process where', 'sequence by host.id with maxspan=5m [process where'),
      11,
      10,
    ],
  ])('a query that is wrong %s', (_, source, line, column) => {
    const error = errorOf(source);
    expect({ line: error.line, column: error.column }).toEqual({ line, column });
    expect(error.message).toMatch(/^`rule\.query`: /);
    const [shown = '', caret = ''] = error.excerpt.split('\n');
    expect(shown).toBe(source.split(/\r?\n/)[line - 1]);
    expect(caret.indexOf('^')).toBe(column - 1);
  });

  test('never puts control characters on a terminal', () => {
    const error = errorOf(plain.replace('[rule]\n', '[rule]\n"\\u001b[31m" = 1\n'));
    expect(error.message).toBe('unknown key `rule.\\x1b[31m`');
  });
});

describe('directories of rules', () => {
  let directory = '';
  beforeEach(() => {
    directory = mkdtempSync(join(tmpdir(), 'rules-'));
  });
  afterEach(() => {
    rmSync(directory, { recursive: true, force: true });
  });
  const write = (name: string, text: string) => {
    const file = join(directory, name);
    mkdirSync(join(file, '..'), { recursive: true });
    writeFileSync(file, text);
    return file;
  };

  test('are read in order, and only their rule files', () => {
    write('second/b.toml', plain.replace('a-rule', 'b-rule'));
    write('first/z.toml', plain.replace('a-rule', 'z-rule'));
    write('first/a.toml', plain);
    write('first/known-terms.toml', 'list = []');
    write('first/.hidden.toml', 'no rule');
    write('first/readme.md', 'no rule');
    const { rules, rejected } = readRules([
      join(directory, 'first'),
      join(directory, 'absent'),
      join(directory, 'second'),
    ]);
    expect(rules.map(({ id }) => id)).toEqual(['a-rule', 'z-rule', 'b-rule']);
    expect(rejected).toEqual([]);
  });

  test('an invalid file is rejected and the others are loaded', () => {
    const file = write('broken.toml', plain.replace('name:dpkg', 'name:'));
    write('right.toml', plain.replace('a-rule', 'right'));
    const { rules, rejected } = readRules([directory]);
    expect(rules.map(({ id }) => id)).toEqual(['right']);
    expect(rejected).toEqual([
      {
        file,
        id: 'a-rule',
        line: 12,
        column: 15,
        message: expect.stringMatching(/^`rule\.query`: /),
        excerpt: 'process.name: and\n              ^~~',
      },
    ]);
  });

  test('the later of two files with one id is rejected', () => {
    const first = write('1.toml', plain);
    const second = write('2.toml', `# again\n${plain}`);
    const { rules, rejected } = readRules([directory]);
    expect(rules.map(({ file }) => file)).toEqual([first]);
    expect(rejected).toEqual([
      {
        file: second,
        id: 'a-rule',
        line: 6,
        column: 1,
        message: `\`rule.rule_id\` "a-rule" is that of ${first} already`,
        excerpt: 'rule_id = "a-rule"\n^~~~~~~',
      },
    ]);
  });

  test('an entry that is not a regular file, or is too large, is rejected unread', () => {
    const large = write('large.toml', `${plain}#${' '.repeat(1024 * 1024)}`);
    const nowhere = join(directory, 'nowhere.toml');
    symlinkSync('/nowhere', nowhere);
    const device = join(directory, 'zero.toml');
    symlinkSync('/dev/zero', device);
    const { rules, rejected } = readRules([directory]);
    expect(rules).toEqual([]);
    const blank = { id: undefined, line: 1, column: 1, excerpt: '' };
    expect(rejected).toEqual([
      { ...blank, file: large, message: whyUnreadable(large) },
      { ...blank, file: nowhere, message: 'cannot be read (ENOENT)' },
      { ...blank, file: device, message: whyUnreadable(device) },
    ]);
  });

  test('a path that is not a directory is rejected', () => {
    const file = write('file', '');
    expect(readRules([file]).rejected).toMatchObject([{ file, message: 'cannot be read (ENOTDIR)' }]);
  });

  test('the error of a known-terms file names the fault', () => {
    const right = write('right.toml', 'list = [\n  { path = "/usr/bin/apt", package = "apt" },\n]\n');
    expect([...readKnownTerms(right)]).toEqual([['list', [{ path: '/usr/bin/apt', package: 'apt' }]]]);
    const wrong = write('wrong.toml', '# front ends\n\nlist = [\n  { path = "apt", package = "apt" },\n]\n');
    expect(() => readKnownTerms(wrong)).toThrow(
      expect.objectContaining({ file: wrong, line: 3, column: 1, message: '`list[0].path` must be an absolute path' }),
    );
    const mistyped = write('mistyped.toml', '[[list]]\npath = "/usr/bin/apt"\npakage = "apt"\n');
    expect(() => readKnownTerms(mistyped)).toThrow(
      expect.objectContaining({ line: 3, column: 1, message: 'unknown key `list[0].pakage`; did you mean `package`?' }),
    );
  });
});

// Warnings about rules that load but cannot match as intended.

import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, describe, expect, test } from 'vitest';
import { completeConfiguration } from '../../../agent/configuration/configuration.ts';
import { ruleWarnings, storeQueryWarnings } from '../../../agent/configuration/rule-warnings.ts';
import { classFields, eventClasses } from '../../../collectors/event/event-classes.ts';
import { readPath } from '../../../collectors/event/read-path.ts';
import { describeFileAct, describeFileChange } from '../../../collectors/packagedb/file-event.ts';
import type { ObservedExec } from '../../../collectors/process/observe-exec.ts';
import { createProcessTable } from '../../../collectors/process/process-table.ts';
import { parseRule, readRules } from '../../../detectors/rules/load-rules.ts';
import { hostContext } from '../../collectors/host/host-context-double.ts';
import { detailsOf, exec, fork, procDouble } from '../../collectors/proc-double.ts';
import { collectExecs } from '../../collectors/process/collect-execs.ts';

const directory = mkdtempSync(join(tmpdir(), 'stepparent-rule-warnings-'));
afterAll(() => rmSync(directory, { recursive: true }));

/** The warnings about a rule with this query, which begins in line 9, followed by `rest`. */
function warningsOf(type: 'eql' | 'query' | 'new_terms', query: string, rest = '') {
  const file = join(directory, 'a.toml');
  const text = `[rule]
rule_id = "a"
name = "A"
description = "d"
severity = "low"
risk_score = 21
type = "${type}"
query = '''
${query}'''
${rest}`;
  writeFileSync(file, text);
  return ruleWarnings([parseRule(file, text)]);
}
const messagesOf = (...args: Parameters<typeof warningsOf>) => warningsOf(...args).map(({ message }) => message);

const newTerms = (field: string) => `[rule.new_terms]
field = "new_terms_fields"
value = ["${field}"]
[[rule.new_terms.history_window_start]]
field = "history_window_start"
value = "now-5d"
`;

test('the shipped rules and the default of events.store have no warning', () => {
  const { rules } = readRules([join(import.meta.dirname, '../../../detectors/rules')]);
  expect(rules.length).toBeGreaterThanOrEqual(10);
  expect(ruleWarnings(rules)).toEqual([]);
  expect(storeQueryWarnings(completeConfiguration([]).events.store)).toEqual([]);
});

describe('a field that no event has', () => {
  test('is reported with its position and the nearest field', () => {
    const [first, second, third] = warningsOf(
      'eql',
      'process where event.action == "exec"\n  and proces.name != "dpkg" and process.parnet.executable != "/x"',
    );
    expect(first).toEqual({
      file: join(directory, 'a.toml'),
      line: 10,
      column: 7,
      message: '`rule.query`: no event is known to have "proces.name"; did you mean "process.name"?',
      excerpt: '  and proces.name != "dpkg" and process.parnet.executable != "/x"\'\'\'\n      ^~~~~~~~~~~',
    });
    expect(second).toMatchObject({
      line: 10,
      column: 33,
      message: expect.stringMatching(/did you mean "process.parent.executable"\?$/),
    });
    expect(third).toBeUndefined();
  });

  test.each<[string, 'eql' | 'query', string, number, number]>([
    [
      'after comments and values with its name',
      'eql',
      '// a.b\n/* a.b */ any where process.args == "a.b" and\n  a.b != 1',
      11,
      3,
    ],
    ['in backticks', 'eql', 'any where process.args == "a.b" and `a`.`b` != 1', 9, 37],
    ['after values with its name, in KQL', 'query', 'process.args:(a.b or "a.b") and not "a.b":1', 9, 37],
    ['a category, which is no field', 'eql', '// event.category\nprocss where true', 10, 1],
  ])('has the place of a field: %s', (_, type, query, line, column) => {
    expect(warningsOf(type, query)).toMatchObject([{ line, column }]);
  });

  test.each<[string, number]>([
    ['process.name == "x" and ?dll.path == null', 0],
    ['process.name == "x" and ?process.entry_leader.executable != "y"', 0],
    ['process.name == "x" and ?proces.name == null', 1],
    ['process.name == "x" and ?a.b == null and a.b != "x"', 1],
    ['?a.b == "x"', 1],
  ])('may be marked as one that may be missing: %s', (condition, count) => {
    expect(warningsOf('eql', `process where ${condition}`)).toHaveLength(count);
  });

  test.each<[string, 'eql' | 'query' | 'new_terms', string, string, RegExp[]]>([
    ['in KQL', 'query', 'event.action:exec and not proces.name:x', '', [/`rule.query`: no event .* "proces.name"/]],
    ['as a pattern', 'query', 'not proces.*.name:x', '', [/`rule.query`: no event .* "proces.\*.name"/]],
    ['that occurs twice', 'eql', 'any where a.b != "x" and a.b != "y"', '', [/"a.b"/]],
    [
      'of which a longer one is there',
      'eql',
      'any where process.name != "x" and process.nam != "y"',
      '',
      [/"process.nam"; did you mean "process.name"/],
    ],
    [
      'as a term',
      'new_terms',
      'process.name:dpkg',
      newTerms('process.parent.exe'),
      [/`rule.new_terms.value`: no event .*"process.parent.exe".*; each match will be an alert$/],
    ],
    [
      'to suppress by',
      'eql',
      'process where true',
      '[rule.alert_suppression]\ngroup_by = ["user.nam"]\n',
      [/`rule.alert_suppression.group_by`: .* "user.nam"; did you mean "user.name"\?; each match will be an alert/],
    ],
    [
      'in the reason',
      'eql',
      'process where true',
      '[rule.stepparent]\nreason = "{process.comand_line} in {window}"\n',
      [/`rule.stepparent.reason`: .* did you mean "process.command_line"\?$/],
    ],
    ['that only alerts have', 'eql', 'any where rule.name != "x"', '', [/"rule.name"/]],
  ])('%s', (_, type, query, rest, expected) => {
    const messages = messagesOf(type, query, rest);
    expect(messages).toEqual(expected.map((pattern) => expect.stringMatching(pattern)));
  });
});

describe('a query that no event can match', () => {
  const never = 'the query can never match: ';
  const kinds =
    'process/start/exec, file/creation/creation, file/change/(rename, modification, attribute-change, tracing-changed), file/deletion/deletion, file/access/(script-read, tracing-read), package/installation/install, package/info/(install, upgrade, downgrade, reinstall, remove), package/change/(upgrade, downgrade, reinstall, hold, unhold), package/deletion/remove, network/connection/connection_attempted, process/info/(processes-left-running, agent-started) (event.category/type/action)';
  const processes = 'process/start/exec, process/info/(processes-left-running, agent-started)';
  test.each<[string, 'eql' | 'query', string, string]>([
    [
      'a category',
      'eql',
      'registry where destination.port == 80 or process.name == "x"',
      `no event has the \`event.category\` that it asks for; there are ${kinds}`,
    ],
    [
      'an action',
      'eql',
      'process where event.action == "uid_change"',
      `no event has the \`event.action\` that it asks for; there are ${kinds}`,
    ],
    [
      'an action, in KQL',
      'query',
      'event.category:process and event.action:(fork or end)',
      `no event has the \`event.action\` that it asks for; there are ${kinds}`,
    ],
    [
      'a type',
      'eql',
      'process where event.type == "end"',
      `no event has the \`event.type\` that it asks for; there are ${kinds}`,
    ],
    [
      'a type with another action',
      'eql',
      'file where event.type == "creation" and event.action == "rename"',
      `no event has the \`event.action\` and \`event.type\` that it asks for; there are ${kinds}`,
    ],
    [
      'an operating system',
      'query',
      'host.os.type:windows and process.name:x',
      `no event has the \`host.os.type\` that it asks for; there are ${kinds}`,
    ],
    [
      'a field of files, of processes',
      'eql',
      'process where event.action == "exec" and file.path like "/etc/*"',
      'no event of process/start/exec (event.category/type/action) has "file.path"',
    ],
    ...[
      'concat(process.name, file.path) == "x"',
      'length(process.name) > file.size',
      'process.pid + file.size > 3',
    ].map((condition): [string, 'eql', string, string] => [
      `one of several fields: ${condition}`,
      'eql',
      `process where ${condition}`,
      `no event of ${processes} (event.category/type/action) has "file.${condition.includes('path') ? 'path' : 'size'}"`,
    ]),
    [
      'of two one, and neither is there',
      'eql',
      'process where (file.path != null or stepparent.found : "x") and process.name == "x"',
      `no event of ${processes} (event.category/type/action) has "file.path" or "stepparent.found"`,
    ],
    [
      'a field of processes, of files',
      'eql',
      'file where event.action == "deletion" and stepparent.exec.filename == "x"',
      'no event of file/deletion/deletion (event.category/type/action) has "stepparent.exec.filename"',
    ],
    [
      'a field that no event has',
      'eql',
      'process where process.entry_leader.entry_meta.type == "sshd"',
      `no event of ${processes} (event.category/type/action) has "process.entry_leader.entry_meta.type"`,
    ],
    [
      'a field of the agent itself',
      'query',
      'stepparent.sensor.lost_events > 0',
      `no event of ${kinds} has "stepparent.sensor.lost_events"`,
    ],
  ])('for %s', (_, type, query, message) => {
    expect(messagesOf(type, query)).toContain(`\`rule.query\`: ${never}${message}`);
  });

  test.each<[string, 'eql' | 'query', string]>([
    ['any of several categories', 'eql', 'any where event.category in ("registry", "process") and process.name == "x"'],
    ['one of several actions', 'eql', 'process where event.action in ("fork", "exec")'],
    ['a field of files or of processes', 'eql', 'any where file.path like "/x*" or process.name == "x"'],
    ['a field that must be absent', 'eql', 'process where file.path == null and process.name == "x"'],
    ['a value that must not be had', 'eql', 'process where not (concat(process.name, file.path) == "x")'],
    ['a comparison that must be false', 'eql', 'process where (file.path == "x") == false'],
    ['absence that must be true', 'eql', 'process where (file.path == null) == true'],
    ['one of several values', 'eql', 'process where process.name in (file.name, process.parent.name)'],
    ['a field that must differ', 'query', 'event.category:process and not file.path:x'],
    ['the writer of a file', 'eql', 'file where process.name != "dpkg" and stepparent.package.manager == "dpkg"'],
    [
      'fields with the same value in all events',
      'query',
      'event.kind:event and host.os.type:linux and event.dataset:*',
    ],
    ['a pattern of fields', 'query', 'event.category:process and process.*.name:x'],
    ['notes, whose names are free', 'eql', 'any where `stepparent`.unobserved.args != null'],
  ])('but not for %s', (_, type, query) => {
    expect(messagesOf(type, query)).toEqual([]);
  });

  test('terms and reasons are checked against the events that can match', () => {
    expect(messagesOf('new_terms', 'event.category:process', newTerms('file.path'))).toEqual([
      '`rule.new_terms.value`: no event that the query can match has "file.path"; each match will be an alert',
    ]);
    expect(messagesOf('new_terms', 'process.name:dpkg', newTerms('file.path'))).toEqual([]);
    expect(messagesOf('eql', 'process where true', '[rule.stepparent]\nreason = "{file.path}"\n')).toEqual([
      '`rule.stepparent.reason`: no event that the query can match has "file.path"',
    ]);
  });

  test('events.store is checked against execs only', () => {
    expect(storeQueryWarnings('process.name:x')).toEqual([]);
    expect(storeQueryWarnings('stepparent.file.watched:cron')).toEqual([]);
    expect(storeQueryWarnings('event.category:host')).toEqual([
      'no execution and no change in a watched path can match the query',
    ]);
    expect(storeQueryWarnings('not proces.name:x')).toEqual([
      'no event is known to have "proces.name"; did you mean "process.name"?',
    ]);
  });
});

test('reports an unknown list of known terms', () => {
  const lists = (name: string) =>
    `${newTerms('process.parent.executable')}[rule.stepparent]\nknown_terms = ["${name}"]\n`;
  expect(messagesOf('new_terms', 'process.name:dpkg', lists('package-frontends'))).toEqual([
    '`rule.stepparent.known_terms`: there is no list "package-frontends"; did you mean "package-front-ends"?',
  ]);
  expect(messagesOf('new_terms', 'process.name:dpkg', lists('package-front-ends'))).toEqual([]);
});

test('a rule whose file was removed has its warning at the first character', () => {
  warningsOf('eql', 'any where a.b != "x"');
  const text = readFileSync(join(directory, 'a.toml'), 'utf8');
  expect(ruleWarnings([parseRule('/nowhere/a.toml', text)])).toEqual(
    expect.arrayContaining([expect.objectContaining({ file: '/nowhere/a.toml', line: 1, column: 1, excerpt: '' })]),
  );
});

test('the class of an execution agrees with its events', () => {
  const table = createProcessTable(procDouble(detailsOf(10, { exe: '/no/bash', args: ['-bash'] })));
  table.seed();
  const seen: ObservedExec[] = [];
  const collector = collectExecs({
    table,
    context: hostContext,
    onExec: (observed) => seen.push(observed),
  });
  for (const record of [fork(10, 30), exec(30, '/no/dpkg')]) collector.handle(record);
  collector.flush(Number.POSITIVE_INFINITY);
  const event = seen[0]?.document();
  const own = eventClasses.find(({ category }) => category === 'process');
  for (const field of classFields)
    expect([field, own?.known(field)?.value]).toEqual([field, readPath(event ?? {}, field)]);
  for (const field of ['process.name', 'stepparent.exec.filename', 'stepparent.lineage.pid']) {
    expect([field, own?.known(field)]).toEqual([field, undefined]);
    expect([field, readPath(event ?? {}, field)]).not.toEqual([field, undefined]);
  }
});

/** The acts on files that are no changes of the file itself, with their types. */
const acts: Readonly<Record<string, string>> = {
  'script-read': 'access',
  'tracing-read': 'access',
  'tracing-changed': 'change',
};
const fileActions = ['creation', 'rename', 'modification', 'attribute-change', 'deletion'] as const;
test.each([...fileActions, ...Object.keys(acts)])(
  'the class of a %s of a file is what its events are',
  async (action) => {
    const deps = { table: createProcessTable(procDouble()), context: hostContext };
    const act = {
      actionInferredFrom: undefined,
      path: '/var/lib/dpkg/info/x.list',
      atNs: 1e9,
      opened: undefined,
      unseen: undefined,
      found: 'comparison',
      provider: 'fanotify',
    } as const;
    const writer = { unobserved: 'process_exited', pid: undefined } as const;
    const change = fileActions.find((each) => each === action);
    const { event } =
      change === undefined
        ? await describeFileAct({ ...act, action, type: acts[action] ?? '', writer, fields: {} }, deps)
        : await describeFileChange({ ...act, action: change, writer: () => writer, details: {} }, deps);
    const own = eventClasses.filter((each) => each.category === 'file' && each.action === action);
    expect(own.length).toBe(1);
    for (const { type, known } of own) {
      expect(event.event.type).toEqual([type]);
      for (const field of [
        'event.category',
        'event.type',
        'event.action',
        'event.kind',
        'event.module',
        'event.dataset',
        'host.os.type',
        'agent.type',
        'ecs.version',
      ]) {
        expect([field, known(field)?.value]).toEqual([field, readPath(event, field)]);
      }
      for (const field of ['file.path', 'stepparent.found']) expect(known(field)).toBeUndefined();
    }
  },
);

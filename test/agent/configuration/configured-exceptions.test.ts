// Exceptions in configuration files: valid ones, errors with their position, and warnings.

import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { expect, onTestFinished, test } from 'vitest';
import { ConfigurationError } from '../../../agent/configuration/configuration-error.ts';
import { parseConfigurationFile } from '../../../agent/configuration/configuration-file.ts';
import { exceptionsReport, parseExceptions } from '../../../agent/configuration/configured-exceptions.ts';
import { exceptionToml } from '../../../agent/configuration/exception-text.ts';
import { readConfiguration } from '../../../agent/configuration/read-configuration.ts';
import { unknownField } from '../../../agent/configuration/rule-warnings.ts';
import { termFault } from '../../../agent/configuration/term-fault.ts';
import { isEventField } from '../../../collectors/event/event-classes.ts';
import { exceptionId, isInForce } from '../../../detectors/exceptions.ts';
import { exampleEvent, start } from '../../storage/examples.ts';

/** A complete exception; each line can be replaced, and '' omits it. */
function exceptionText(change: Record<string, string> = {}): string {
  const lines = {
    head: '[[exceptions]]',
    rule: 'rule = "a-rule"',
    reason: 'reason = "vendor updater, ticket OPS-12"',
    owner: 'owner = "alice"',
    expires: 'expires = 2027-01-31T12:00:00Z',
    when: '[[exceptions.when]]',
    field: 'field = "process.parent.executable"',
    operator: 'operator = "is"',
    values: 'values = ["/opt/vendor/update.sh"]',
    ...change,
  };
  return Object.values(lines).join('\n');
}

function rejectionOf(text: string): string {
  const [error] = parseConfigurationFile(text, 'c.toml').rejected;
  if (error === undefined) return 'accepted';
  expect(error).toBeInstanceOf(ConfigurationError);
  return error.message;
}

const executable = 'process.parent.executable';
test.each<[change: Record<string, string>, warning: string | undefined]>([
  [
    { values: 'values = ["/tmp/x_*.sh"]' },
    `"/tmp/x_*.sh" ${termFault(executable, '/tmp/x_*.sh')}; the operator "matches" accepts patterns`,
  ],
  [{ values: 'values = ["x.sh"]' }, `"x.sh" ${termFault(executable, 'x.sh')}`],
  [{ values: 'values = ["/tmp/x_*.sh"]', operator: 'operator = "matches"' }, undefined],
  [{}, undefined],
])('warns of a value that no event can have: %j', (change, warning) => {
  const exceptions = parseExceptions(exceptionText(change), 'c.toml');
  const { warnings } = exceptionsReport(
    exceptions,
    { rules: ['a-rule'], fields: [] },
    Date.parse('2026-12-31T00:00:00Z'),
  );
  expect(warnings).toEqual(warning === undefined ? [] : [expect.stringContaining(warning)]);
});

test('parses a complete exception with its position', () => {
  const text = `log.level = "warn"\n\n${exceptionText()}\n[[exceptions.when]]\nfield = "user.name"\noperator = "exists"\n`;
  const when = [
    { field: 'process.parent.executable', operator: 'is', values: ['/opt/vendor/update.sh'] },
    { field: 'user.name', operator: 'exists', values: [] },
  ] as const;
  expect(parseConfigurationFile(text, 'c.toml')).toEqual({
    table: { log: { level: 'warn' } },
    warnings: [],
    rejected: [],
  });
  expect(parseExceptions(text, 'c.toml')).toEqual([
    {
      id: exceptionId(['a-rule'], when),
      rules: ['a-rule'],
      when,
      reason: 'vendor updater, ticket OPS-12',
      owner: 'alice',
      expiresMs: Date.parse('2027-01-31T12:00:00Z'),
      file: 'c.toml',
      line: 3,
      keyLines: {
        rule: 4,
        expires: 7,
        when: [
          { field: 9, values: 11 },
          { field: 13, values: 12 },
        ],
      },
    },
  ]);
});

test.for([
  ['2027-01-31', Date.parse('2027-01-31T00:00')],
  ['"2027-01-31"', Date.parse('2027-01-31T00:00')],
  ['2027-01-31 12:00:00', Date.parse('2027-01-31T12:00:00')],
  ['"2027-01-31T12:00"', Date.parse('2027-01-31T12:00')],
  ['2027-01-31T12:00:00+02:00', Date.parse('2027-01-31T10:00:00Z')],
  ['"never"', undefined],
] as const)('expires = %s', ([text, expiresMs]) => {
  expect(parseExceptions(exceptionText({ expires: `expires = ${text}` }), 'c.toml')[0]?.expiresMs).toBe(expiresMs);
});

test('expires at exactly the given second', () => {
  const [exception] = parseExceptions(exceptionText(), 'c.toml');
  const end = Date.parse('2027-01-31T12:00:00Z');
  expect(exception && [isInForce(exception, end - 1), isInForce(exception, end)]).toEqual([true, false]);
});

test('accepts several rules, and hunts', () => {
  const text = exceptionText({ rule: 'rule = ["a-rule", "hunt:package-database-files"]' });
  expect(parseExceptions(text, 'c.toml')[0]?.rules).toEqual(['a-rule', 'hunt:package-database-files']);
});

const anyRule = 'the id of a rule, "hunt:" and the name of a hunt, or a list of these; there is no value for all rules';
const aDate = 'a date or time such as 2027-01-31';
const texts = 'a list of at least one text';

test.for<[change: Record<string, string>, place: string, allowed: string]>([
  [{ rule: 'rule = "*"' }, '2:1: `exceptions[0].rule` ', anyRule],
  [{ rule: 'rule = []' }, '2:1: `exceptions[0].rule` ', anyRule],
  [{ rule: 'rule = ["a-rule", "a-*"]' }, '2:1: `exceptions[0].rule` ', anyRule],
  [{ rule: 'rule = "A Rule"' }, '2:1: `exceptions[0].rule` ', anyRule],
  [{ rule: '' }, '1:1: `exceptions[0].rule` ', anyRule],
  [{ reason: '' }, '1:1: `exceptions[0].reason` ', ''],
  [{ reason: 'reason = " "' }, '3:1: `exceptions[0].reason` ', 'a text of one line that is not empty'],
  [{ reason: 'reason = "a\\nb"' }, '3:1: `exceptions[0].reason` ', 'a text of one line'],
  [{ owner: '' }, '1:1: `exceptions[0].owner` ', ''],
  [{ owner: 'ownr = "alice"' }, '4:1: ', '`exceptions[0].ownr`'],
  [{ expires: '' }, '1:1: `exceptions[0].expires` ', aDate],
  [{ expires: 'expires = "soon"' }, '5:1: `exceptions[0].expires` ', aDate],
  [{ expires: 'expires = 12:00:00' }, '5:1: `exceptions[0].expires` ', aDate],
  [{ expires: 'expires = 1801396800' }, '5:1: `exceptions[0].expires` ', aDate],
  [{ when: '', field: '', operator: '', values: '' }, '1:1: `exceptions[0].when` ', ''],
  [{ when: 'when = []', field: '', operator: '', values: '' }, '6:1: `exceptions[0].when` ', '1'],
  [{ field: 'field = "process.*.name"' }, '7:1: `exceptions[0].when[0].field` ', "a field's whole name"],
  [
    { field: 'field = "stepparent.alert.reason"' },
    '7:1: `exceptions[0].when[0].field` ',
    'a field of the event: this one is set on alerts only',
  ],
  [{ operator: 'operator = "equals"' }, '8:1: `exceptions[0].when[0].operator` ', '"is", "is_not"'],
  [{ operator: '' }, '6:1: `exceptions[0].when[0].operator` ', '"is"'],
  [{ values: '' }, '6:1: `exceptions[0].when[0].values` ', texts],
  [{ values: 'values = []' }, '9:1: `exceptions[0].when[0].values` ', texts],
  [{ values: 'values = "/opt/x"' }, '9:1: `exceptions[0].when[0].values` ', ''],
  [{ values: 'values = [7]' }, '9:1: `exceptions[0].when[0].values[0]` ', ''],
  [{ operator: 'operator = "exists"' }, '9:1: `exceptions[0].when[0].values` ', 'left out with the operator "exists"'],
  [{ values: 'values = ["x"]\nvalue = "x"' }, '10:1: ', '`exceptions[0].when[0].value`'],
  [{ head: '[exceptions]' }, '', '`exceptions`'],
])('%j is rejected', ([change, place, allowed]) => {
  const message = rejectionOf(exceptionText(change));
  expect(message.slice(0, `c.toml:${place}`.length)).toBe(`c.toml:${place}`);
  expect(message.slice(`c.toml:${place}`.length)).toContain(allowed);
  expect(message).not.toContain('\n');
});

test('adds the exceptions of several files, with positions in the right file', () => {
  const directory = mkdtempSync(join(tmpdir(), 'stepparent-exceptions-'));
  onTestFinished(() => rmSync(directory, { recursive: true }));
  mkdirSync(join(directory, 'conf.d'));
  writeFileSync(join(directory, 'config.toml'), `\n${exceptionText()}`);
  const two = `${exceptionText({ rule: 'rule = "b-rule"' })}\n\n${exceptionText({ rule: 'rule = "c-rule"' })}`;
  writeFileSync(join(directory, 'conf.d', 'a.toml'), two);
  writeFileSync(join(directory, 'conf.d', 'b.toml'), 'log.level = "warn"');
  const { exceptions } = readConfiguration(join(directory, 'config.toml'));
  expect(exceptions.map(({ rules, file, line }) => [rules[0], file.slice(directory.length), line])).toEqual([
    ['a-rule', '/config.toml', 2],
    ['b-rule', '/conf.d/a.toml', 1],
    ['c-rule', '/conf.d/a.toml', 11],
  ]);
  writeFileSync(join(directory, 'conf.d', 'b.toml'), exceptionText({ operator: 'operator = 1' }));
  expect(() => readConfiguration(join(directory, 'config.toml'))).toThrow(/conf\.d\/b\.toml:8:1: .*operator/);
});

test('warns of likely mistakes, with the position and the nearest name', () => {
  const known = { rules: ['a-rule', 'hunt:files'], fields: ['custom.field'] };
  const warningsOf = (text: string, nowMs = start) =>
    exceptionsReport(parseExceptions(text, 'c.toml'), known, nowMs).warnings;
  expect(warningsOf(exceptionText({ rule: 'rule = ["a-rule", "hunt:files"]' }))).toEqual([]);
  expect(warningsOf(exceptionText({ field: 'field = "custom.field"' }))).toEqual([]);
  expect(warningsOf(exceptionText({ field: 'field = "stepparent.hunt.row.mode"' }))).toEqual([]);
  expect(warningsOf(exceptionText({ rule: 'rule = "b-rule"' }))).toEqual([
    'c.toml:2: `rule`: no rule or hunt "b-rule" is loaded; did you mean "a-rule"?',
  ]);
  expect(warningsOf(exceptionText({ field: 'field = "process.parent.executible"' }))).toEqual([
    `c.toml:7: \`field\`: ${unknownField('process.parent.executible')}`,
  ]);
  expect(warningsOf(exceptionText({ expires: 'expires = 2099-01-01' }))).toEqual([
    'c.toml:5: `expires` is more than a year ahead',
  ]);
  expect(warningsOf(exceptionText({ expires: 'expires = "never"' }))).toEqual([]);
  expect(warningsOf(`${exceptionText()}\n${exceptionText({ owner: 'owner = "bob"' })}`)).toEqual([
    'c.toml:10: the same exception is in c.toml:1',
  ]);
  const end = Date.parse('2027-01-31T12:00:00Z');
  expect(warningsOf(exceptionText(), end - 1)).toEqual([]);
  expect(warningsOf(exceptionText(), end)).toEqual([
    expect.stringMatching(/^c\.toml:5: the exception expired 2027-.* and suppresses nothing$/),
  ]);
  expect(exceptionsReport(parseExceptions(exceptionText(), 'c.toml'), known, end)).toMatchObject({
    in_force: 0,
    expired: 1,
  });
});

test('knows the fields of events, but not those of alerts', () => {
  const leaves = (value: unknown, path: string): string[] =>
    typeof value === 'object' && value !== null && !Array.isArray(value)
      ? Object.entries(value).flatMap(([key, inner]) => leaves(inner, path === '' ? key : `${path}.${key}`))
      : [path];
  const { event, ...rest } = exampleEvent('e', start);
  const { kind: _, ...known } = event;
  const fields = leaves({ ...rest, event: known }, '');
  expect(fields.filter((field) => !isEventField(field))).toEqual([]);
  expect(fields.length).toBeGreaterThan(20);
  expect(['event.kind', 'message', 'stepparent.alert.reason', 'process.pids'].some(isEventField)).toBe(false);
});

test('hostile values survive the file unchanged, and are visible in it', () => {
  const values = ['a"]\nrule = "x"', '\u202egnp\\', '\0\x1b[2J\x7f', "'''", '\u{e0001}\u00a0', '\u{1f600}é'];
  const when = values.map((value) => ({ field: 'process.args', operator: 'is' as const, values: [value] }));
  const exception = { rules: ['a-rule'], when, reason: '# "x"', owner: '\\' };
  const text = exceptionToml(exception, { expires: 'never', comment: 'c' });
  expect(parseExceptions(text, 'c.toml')).toMatchObject([{ ...exception, expiresMs: undefined }]);
  expect(text).toMatch(/^[\n -~\u{1f600}é]*$/u);
});

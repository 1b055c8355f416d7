// Hunt files: valid ones, and errors with their position.

import { execFileSync } from 'node:child_process';
import { mkdirSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { expect, test } from 'vitest';
import { findingSql, rowIdentity } from '../../../detectors/hunts/hunt.ts';
import { parseHunt, readHunts } from '../../../detectors/hunts/load-hunts.ts';
import { TomlFileError } from '../../../detectors/rules/toml-file.ts';
import { temporaryDirectory } from '../../storage/temporary-store.ts';
import { whyUnreadable } from '../../why-unreadable.ts';

const text = (id = 'a-hunt', sql = 'SELECT 1 AS a', more = '') => `[hunt]
id = "${id}"
name = "A hunt"
description = """
of something
"""
identity = ["a"]
sql = '''
${sql};
'''
${more}`;

test('applies the defaults', () => {
  expect(parseHunt('/x/a-hunt.toml', text())).toMatchObject({
    id: 'a-hunt',
    description: 'of something',
    note: '',
    source: 'events',
    language: 'sql',
    notes: [],
    query: 'SELECT 1 AS a',
    sql: 'SELECT 1 AS a',
    windowMs: 7 * 86_400_000,
    limit: 100,
    identity: ['a'],
    finding: undefined,
    threat: [],
    file: '/x/a-hunt.toml',
  });
});

const esql = (query: string) => text().replace(/sql = '''[\s\S]*'''/, `esql = '''\n${query}\n'''`);

test('accepts ES|QL', () => {
  const query = 'from file_events\n| stats a = count()';
  expect(parseHunt('h.toml', esql(query))).toMatchObject({
    language: 'esql',
    query,
    sql: expect.stringMatching(/^SELECT .* AS "a" FROM .*file_events/),
  });
});

test.for([
  [text('A'), 2, /`hunt\.id` .*lower-case words/],
  [text().replace('name =', 'nam ='), 3, /`hunt\.nam`.*`name`/],
  [text('a-hunt', 'SELECT 1', 'window = "7"'), 11, /`hunt\.window` .*a number of days/],
  [text('a-hunt', 'SELECT 1', 'limit = 0'), 11, /`hunt\.limit` .*1/],
  [text('a-hunt', 'SELECT 1', 'source = "journal"'), 11, /`hunt\.source` .*"events", "alerts" or "host"/],
  [text('a-hunt', 'SELECT 1', '[hunt.finding]\nunless = "a"'), 11, /`hunt\.finding\.reason` /],
  [text().replace('identity = ["a"]', 'identity = []'), 7, /`hunt\.identity` .*1/],
  [esql('from events\n| where process.nam == "x"'), 10, /`hunt\.esql`: unknown column `process\.nam`/],
  [`${text()}\nesql = "from events"`, 12, /either `hunt\.sql` or `hunt\.esql`/],
  [text().replace(/sql = '''[\s\S]*'''/, ''), 1, /either `hunt\.sql` or `hunt\.esql`/],
  ['[hunt]\nid = ', 2, /TOML/],
] as const)('rejected: %#', ([source, line, message]) => {
  const refusal = () => parseHunt('h.toml', source);
  expect(refusal).toThrow(TomlFileError);
  expect(refusal).toThrow(message);
  expect(refusal).toThrow(expect.objectContaining({ line }));
});

test('reads directories in order without hidden and other files; an invalid file does not stop the others', () => {
  const directory = temporaryDirectory();
  mkdirSync(join(directory, 'more'));
  writeFileSync(join(directory, 'b.toml'), text('b'));
  writeFileSync(join(directory, 'a.toml'), text('a'));
  writeFileSync(join(directory, '.hidden.toml'), text('hidden'));
  writeFileSync(join(directory, 'loader.ts'), '');
  writeFileSync(join(directory, 'large.toml'), '#'.repeat(1024 * 1024 + 1));
  writeFileSync(join(directory, 'more', 'again.toml'), text('a'));
  writeFileSync(join(directory, 'more', 'wrong.toml'), '[hunt]\nidd = "x"\n');
  mkdirSync(join(directory, 'more', 'folder.toml'));
  execFileSync('mkfifo', [join(directory, 'more', 'fifo.toml')]);
  const { hunts, rejected } = readHunts([join(directory, 'loader.ts'), directory, '/nowhere', join(directory, 'more')]);
  expect(hunts.map(({ id }) => id)).toEqual(['a', 'b']);
  expect(rejected.map(({ file, line, message }) => `${file.slice(directory.length)}:${line}: ${message}`)).toEqual([
    '/loader.ts:1: cannot be read (ENOTDIR)',
    `/large.toml:1: ${whyUnreadable(join(directory, 'large.toml'))}`,
    `/more/again.toml:2: \`hunt.id\` "a" is that of ${directory}/a.toml already`,
    `/more/fifo.toml:1: ${whyUnreadable(join(directory, 'more', 'fifo.toml'))}`,
    `/more/folder.toml:1: ${whyUnreadable(join(directory, 'more', 'folder.toml'))}`,
    expect.stringMatching(/^\/more\/wrong\.toml:2: .*`hunt\.idd`/),
  ]);
  expect(rejected.filter(({ excerpt }) => excerpt !== '').map(({ file }) => file.slice(directory.length))).toEqual([
    '/more/again.toml',
    '/more/wrong.toml',
  ]);
});

test('reports rows that are not expected, even if the statement ends in a comment', () => {
  const more = '[hunt.finding]\nreason = "r"\nunless = "a = 1 -- one"';
  const hunt = parseHunt('h.toml', text('a-hunt', 'sql\nSELECT 1 AS a; -- x', more));
  expect(findingSql(hunt)).toBe('SELECT * FROM (\nSELECT 1 AS a\n) WHERE NOT coalesce((\na = 1 -- one\n), 0)');
  expect(rowIdentity({ ...hunt, identity: ['a', 'b', 'c'] }, { a: 1, b: null })).toEqual(['1', null, null]);
});

// The man pages: complete by the tables that they are made of, and such as man, groff and mandoc take them.

import { execFileSync, spawnSync } from 'node:child_process';
import { writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { describe, expect, test } from 'vitest';
import { configurationKeys, configurationTables } from '../../agent/configuration/configuration.ts';
import { restartKeys } from '../../agent/daemon/policy.ts';
import { journalFieldNames } from '../../agent/sinks/journald.ts';
import { commandTable } from '../../packaging/command-table.ts';
import { manPages } from '../../packaging/man-pages.ts';
import { missingTools, titled, unmet } from '../needs.ts';
import { temporaryDirectory } from '../storage/temporary-store.ts';

const pages = manPages(1_795_219_200);
const missing = unmet(missingTools('man', 'groff', 'mandoc'));

function fileOf(name: string): string {
  const page = pages.find((each) => each.name === name);
  if (page === undefined) throw new Error(`no page ${name}`);
  const file = join(temporaryDirectory(), name);
  writeFileSync(file, page.text);
  return file;
}

/** As it is read: on one wide line each, without the overstrikes that make bold. */
const shown = (name: string): string =>
  execFileSync('man', ['--nj', '--nh', '-l', fileOf(name)], {
    encoding: 'utf8',
    env: { ...process.env, MANWIDTH: '2000', LC_ALL: 'C.UTF-8', MAN_KEEP_FORMATTING: '' },
  }).replaceAll(/.[\b]/g, '');

/** The terms of a chapter's lists: what stands at that depth, alone or before its text. */
const chapterOf = (text: string, title: string): string => {
  const start = text.indexOf(`\n${title}\n`);
  expect(start, title).toBeGreaterThan(0);
  const rest = text.slice(start + title.length + 2);
  return rest.slice(0, /^\S/m.exec(rest)?.index);
};

test('there are four pages, dated by the sources', () => {
  expect(pages.map(({ name }) => name)).toEqual([
    'stepparent.8',
    'stepparent.toml.5',
    'stepparent-rules.7',
    'stepparent-hunts.7',
  ]);
  for (const { text } of pages) {
    expect(text).toMatch(/^\.TH "STEPPARENT[^"]*" "[578]" "2026-11-21" "stepparent \d/);
    expect(text).not.toMatch(/&\w+;|@[A-Z]+@|undefined|[^\0-\x7f]/);
    expect(text).not.toContain(process.cwd());
  }
  expect(manPages(1_795_219_200)).toEqual(pages);
});

describe.skipIf(missing)(titled('the man pages', missing), () => {
  test.each(pages.map(({ name }) => name))('%s passes man, groff and mandoc -T lint', (name) => {
    const file = fileOf(name);
    const outputOf = (program: string, ...args: string[]): string[] => {
      const { stdout, stderr } = spawnSync(program, [...args, file], {
        encoding: 'utf8',
        env: { ...process.env, MANROFFSEQ: '', LC_ALL: 'C.UTF-8' },
        maxBuffer: 1 << 24,
      });
      return (program === 'mandoc' ? stdout : stderr).split('\n').filter((line) => line !== '');
    };
    expect(outputOf('man', '--warnings', '-l')).toEqual([]);
    expect(outputOf('groff', '-man', '-Tutf8', '-ww')).toEqual([]);
    // Lines of the source are as long as sentences are.
    const faults = outputOf('mandoc', '-T', 'lint').filter((line) => !line.includes('input text line longer than 80'));
    expect(faults).toEqual([]);
  });

  test.each(pages.map(({ name }) => name))('%s fits a terminal of 80 columns', (name) => {
    const file = fileOf(name);
    for (const [program = '', ...args] of [
      ['groff', '-man', '-Tutf8', '-rLL=80n', '-P-c'],
      ['mandoc', '-T', 'utf8', '-O', 'width=80'],
    ]) {
      const text = execFileSync(program, [...args, file], { encoding: 'utf8', maxBuffer: 1 << 24 });
      const lines = text.replaceAll(/.[\b]/g, '').split('\n');
      expect(
        lines.filter((line) => line.length > 80),
        program,
      ).toEqual([]);
    }
  });

  test('characters with a meaning in roff are shown literally', () => {
    const rules = shown('stepparent-rules.7');
    for (const text of [
      '\\( \\) \\: \\< \\> \\" \\* \\{ \\} \\\\, \\t \\r \\n, \\u0041',
      "query = '''\n",
      '\n\n           [rule]\n',
      '^~~~~~~~',
      'İ',
      'a.b, `a-b`, ?a.b',
    ]) {
      expect(rules).toContain(text);
    }
  });

  test('stepparent(8) has every command with its arguments and options', () => {
    const text = chapterOf(shown('stepparent.8'), 'COMMANDS');
    const headings = text.split(/^ {3}(?=\S)/m).slice(1);
    const runnable = commandTable.filter(({ commands }) => commands.length === 0);
    expect(headings.length).toBe(runnable.length);
    for (const [i, { path, options, arguments: taken }] of runnable.entries()) {
      const part = headings[i] ?? '';
      expect(part.startsWith(path.join(' ')), part).toBe(true);
      for (const { flag, value } of options) {
        expect(part, part).toMatch(new RegExp(`^ +${flag}${value ? ` ${value.name}` : ''}`, 'm'));
        for (const choice of value?.choices ?? []) expect(part).toContain(choice);
      }
      for (const { name } of taken) expect(part.split('\n')[0]).toContain(name);
    }
    const general = chapterOf(shown('stepparent.8'), 'OPTIONS');
    for (const flag of ['--config file', '--version', '--help']) expect(general).toContain(flag);
  });

  test('stepparent(8) has every field of the journal, and no other', () => {
    const text = chapterOf(shown('stepparent.8'), 'JOURNAL');
    const named = new Set(
      text.match(/(?<![=\w])(?:STEPPARENT_[A-Z\d_]+|MESSAGE(?:_ID)?|PRIORITY|SYSLOG_IDENTIFIER)\b/g),
    );
    expect([...named].sort()).toEqual([...journalFieldNames].sort());
  });

  test('stepparent(8) has every exit code', () => {
    const text = chapterOf(shown('stepparent.8'), 'EXIT STATUS');
    expect(text.match(/^ {7}\d+/gm)?.map(Number)).toEqual([0, 1, 2, 4, 78]);
  });

  test('stepparent.toml(5) has every key, with the allowed values and the default', () => {
    const text = shown('stepparent.toml.5');
    for (const table of ['', ...configurationTables.keys()]) {
      const part = chapterOf(text, table === '' ? 'KEYS OF THE TOP LEVEL' : `TABLE [${table}]`);
      const keys = configurationKeys.filter((key) => key.table === table);
      expect(part.match(/^ {7}[a-z_]+(?= {1,}|$)(?=\n {14}| +[A-Z])/gm)?.length, part).toBe(keys.length);
      for (const { name, allowed, whenUnset } of keys) {
        const waits = restartKeys.includes(name) || restartKeys.includes(table);
        const key = name.slice(name.lastIndexOf('.') + 1);
        const [, text = ''] = new RegExp(`^ {7}${key}(?:\\n {14}| +)([A-Z].*)$`, 'm').exec(part) ?? [];
        expect(text, name).toContain(`Allowed: ${allowed}. ${whenUnset === undefined ? 'Default: ' : 'Without it: '}`);
        expect(text.endsWith(' A change takes effect after a restart.'), name).toBe(waits);
      }
    }
    expect(chapterOf(text, 'EXCEPTIONS')).toContain('does_not_match');
  });

  test('the pages refer to pages that exist', () => {
    const own = pages.map(({ name }) => `${name.slice(0, -2)}(${name.at(-1)})`);
    for (const { name } of pages) {
      const named = chapterOf(shown(name), 'SEE ALSO').match(/stepparent[\w.-]*\(\d\)/g) ?? [];
      expect(named.length).toBeGreaterThan(1);
      for (const page of named) expect(own).toContain(page);
    }
  });
});

// The lines by which a script is recognised in what a shell runs.

import { describe, expect, test } from 'vitest';
import { commandLines, hasLines, isLine } from '../../../collectors/script-reads/command-lines.ts';

const script = `#!/bin/sh
# comment of some words
set -e
case "$1" in
  configure)
    if [ -x /usr/sbin/a ]; then
      /usr/sbin/deluser --system  'daemon'	|| true
    fi
    ldconfig
    ;;
esac
chown root:adm "/var/log/x" >/dev/null 2>&1
exit 0
`;

test('commands of two words and more count, without quotes and syntax', () => {
  expect(commandLines(script)).toEqual([
    '/usr/sbin/deluser --system daemon || true',
    'chown root:adm /var/log/x >/dev/null 2>&1',
  ]);
});

test.each(['', '#!/bin/sh\n', 'set -e\n:\n', 'a b\n', '\0\xff\n', 'ldconfig\n'])('%j has none', (text) => {
  expect(commandLines(text)).toEqual([]);
});

test('a script of a million lines is read in part', () => {
  expect(commandLines('do something here\n'.repeat(1_000_000)).length).toBeLessThanOrEqual(1000);
});

describe('the code of an interpreter', () => {
  const lines = commandLines(script);
  test.each<[string, boolean, string]>([
    ['the whole script', true, script],
    ['half of it', true, 'x=1; chown root:adm /var/log/x >/dev/null 2>&1; y'],
    ['in one line', true, script.replaceAll('\n', ' ')],
    ['other code', false, 'chown root:adm /var/log/y'],
    ['nothing', false, ''],
  ])('%s: %s', (_, has, code) => {
    expect(hasLines(code, lines)).toBe(has);
  });
  test('one of many lines is not enough', () => {
    expect(hasLines('aaa bbb ccc', ['aaa bbb ccc', 'ddd eee fff', 'ggg hhh iii'])).toBe(false);
  });
});

describe('a command', () => {
  const lines = commandLines(script);
  test.each<[boolean, string[]]>([
    [true, ['deluser', '--system', 'daemon']],
    [true, ['/usr/sbin/deluser', '--system', 'daemon']],
    [true, ['chown', 'root:adm', '/var/log/x']],
    [false, ['chown', 'root:adm', '/var/log/x1']],
    [false, ['chown', 'root:adm']],
    [false, ['chown']],
    [false, ['true', 'chown root:adm /var/log/x']],
    [false, []],
    [false, ['']],
  ])('%s: %j', (is, args) => {
    expect(isLine(args, lines)).toBe(is);
  });
});

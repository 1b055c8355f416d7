// Which programs read scripts, and which of their arguments is the script.

import { describe, expect, test } from 'vitest';
import { isInterpreter, parseInterpreterRun } from '../../../collectors/process/interpreters.ts';

const run = (executable: string, line: string) => parseInterpreterRun(executable, line.split(' '));

describe('the script, with its own arguments', () => {
  test.each<[executable: string, args: string, script: string]>([
    // dash(1), bash(1)
    ['/usr/bin/dash', 'sh a.postinst configure', 'a.postinst configure'],
    ['/usr/bin/dash', 'sh -e -u a', 'a'],
    ['/usr/bin/dash', 'sh -oe errexit a', 'a'],
    ['/usr/bin/dash', 'sh - -x', '-x'],
    ['/usr/bin/bash', 'bash /opt/x.sh', '/opt/x.sh'],
    ['/usr/bin/bash', 'bash -euo pipefail a', 'a'],
    ['/usr/bin/bash', 'bash -e -o pipefail a', 'a'],
    ['/usr/bin/bash', 'bash -o pipefail +x a', 'a'],
    ['/usr/bin/bash', 'bash +o pipefail a -c', 'a -c'],
    ['/usr/bin/bash', 'bash -oe pipefail a', 'a'],
    ['/usr/bin/bash', 'bash -O extglob a', 'a'],
    ['/usr/bin/bash', 'bash +O extglob a', 'a'],
    ['/usr/bin/bash', 'bash --norc --rcfile x a', 'a'],
    ['/usr/bin/bash', 'bash --norc --rcfile x +x - a', 'a'],
    ['/usr/bin/bash', 'bash -norc -posix -rcfile x a', 'a'],
    ['/usr/bin/bash', 'bash -x -- a', 'a'],
    ['/usr/bin/bash', 'bash -- -a', '-a'],
    ['/usr/bin/bash', 'bash - a', 'a'],
    ['/usr/bin/bash', '-bash a', 'a'],
    ['/usr/bin/bash', 'bash -ec a', ''],
    ['/usr/bin/bash', 'bash -lc a', ''],
    ['/usr/bin/bash', 'bash -s a', ''],
    ['/usr/bin/bash', 'bash -i', ''],
    ['/usr/bin/bash', 'bash', ''],
    ['/usr/bin/bash', '-bash', ''],
    ['/usr/bin/bash', 'bash --', ''],
    ['/usr/bin/bash', 'bash -o', ''],
    // The others take what is joined: zsh(1), mksh(1), yash(1)
    ['/usr/bin/zsh', 'zsh -xoshwordsplit a', 'a'],
    ['/usr/bin/zsh', 'zsh -o shwordsplit a', 'a'],
    ['/usr/bin/zsh', 'zsh -O a b', 'a b'],
    ['/usr/bin/zsh', 'zsh --emulate sh a', 'a'],
    ['/usr/bin/mksh', 'mksh -oerrexit +x a', 'a'],
    ['/usr/bin/ksh93', 'ksh - -x', '-x'],
    ['/usr/bin/yash', 'yash --rcfile x a', 'a'],
    ['/usr/bin/yash', 'yash --rcfile=x a', 'a'],
    // tcsh(1), fish(1)
    ['/usr/bin/tcsh', 'tcsh -f a', 'a'],
    ['/usr/bin/tcsh', 'tcsh +x', '+x'],
    ['/usr/bin/tcsh', 'tcsh -t a', ''],
    ['/usr/bin/bsd-csh', 'csh -fc a', ''],
    ['/usr/bin/fish', 'fish -N a', 'a'],
    ['/usr/bin/fish', 'fish -C true -d x a', 'a'],
    ['/usr/bin/fish', 'fish -Ctrue --debug x --profile=p a', 'a'],
    ['/usr/bin/fish', 'fish +x', '+x'],
    ['/usr/bin/fish', 'fish --command=x a', ''],
    ['/usr/bin/fish', 'fish -c x a', ''],
    // busybox(1)
    ['/usr/bin/busybox', 'busybox sh a', 'a'],
    ['/usr/bin/busybox', 'busybox /x/ash -e a b', 'a b'],
    ['/usr/bin/busybox', 'busybox busybox.static sh a', 'a'],
    ['/usr/bin/busybox', 'busybox sh -c a', ''],
    ['/usr/bin/busybox1.36', 'busybox sh a', 'a'],
    ['/usr/bin/busybox', 'sh -x a', 'a'],
    ['/usr/bin/busybox', '/bin/sh a', 'a'],
    ['/usr/bin/busybox', '-sh a', 'a'],
    ['/usr/bin/busybox', 'hush a', 'a'],
    ['/usr/bin/busybox', 'sh -c x', ''],
    // perlrun(1)
    ['/usr/bin/perl', 'perl -w -I lib -Mstrict a', 'a'],
    ['/usr/bin/perl', 'perl -Ilib a', 'a'],
    ['/usr/bin/perl', 'perl -Mevil a', 'a'],
    ['/usr/bin/perl', 'perl -w -- a', 'a'],
    ['/usr/bin/perl', 'perl -we a', ''],
    ['/usr/bin/perl', 'perl -ne a b', ''],
    ['/usr/bin/perl', 'perl - a', ''],
    ['/usr/bin/perl5.36-x86_64-linux-gnu', 'perl a', 'a'],
    ['/usr/bin/perl5.36-x86_64-linux-gnu', 'perl -lne x', ''],
    // python(1)
    ['/usr/bin/python3.11', 'python3 /opt/deploy.py --all', '/opt/deploy.py --all'],
    ['/usr/bin/python3.11', 'python3 -u -W ignore a', 'a'],
    ['/usr/bin/python3.11', 'python3 -W ignore -u a', 'a'],
    ['/usr/bin/python3.11', 'python3 -Wignore a', 'a'],
    ['/usr/bin/python3.11', 'python3 --check-hash-based-pycs never a', 'a'],
    ['/usr/bin/python3.11', 'python3 -m http.server', ''],
    ['/usr/bin/python3.11', 'python3 -c a', ''],
    ['/usr/bin/python3.11', 'python3 -uc x a', ''],
    ['/usr/bin/python3.11', 'python3 -', ''],
    ['/usr/bin/python3.11', 'python3', ''],
    // ruby(1), node(1), php(1)
    ['/usr/bin/ruby3.1', 'ruby -w a', 'a'],
    ['/usr/bin/ruby3.1', 'ruby -r json -X /x --encoding utf-8 a', 'a'],
    ['/usr/bin/ruby3.1', 'ruby -ne a', ''],
    ['/usr/bin/node', 'node --require x server.js', 'server.js'],
    ['/usr/bin/nodejs', 'nodejs --require=x -C y server.js', 'server.js'],
    ['/usr/bin/node', 'node --eval x a', ''],
    ['/usr/bin/node', 'node -p x a', ''],
    ['/usr/bin/php8.2', 'php -d a=b -f a', 'a'],
    ['/usr/bin/php8.2', 'php --define a=b -e a', 'a'],
    ['/usr/bin/php8.2', 'php -S 127.0.0.1:80 -t /srv router.php', 'router.php'],
    ['/usr/bin/php8.2', 'php -S 127.0.0.1:80', ''],
    ['/usr/bin/php8.2', 'php --run x a', ''],
    ['/usr/bin/php8.2', 'php -r x a', ''],
    // lua(1), luajit(1), tclsh(1), wish(1), expect(1), Rscript(1)
    ['/usr/bin/lua5.4', 'lua5.4 -e x=1 -lstring a', 'a'],
    ['/usr/bin/lua5.4', 'lua5.4 -e x', ''],
    ['/usr/bin/luajit', 'luajit -j off -Oloop a', 'a'],
    ['/usr/bin/luajit', 'luajit -b a b', ''],
    ['/usr/bin/tclsh8.6', 'tclsh -encoding utf-8 a', 'a'],
    ['/usr/bin/wish', 'wish a', 'a'],
    ['/usr/bin/expect', 'expect -f a', 'a'],
    ['/usr/bin/expect', 'expect -c x -D 1 a', 'a'],
    ['/usr/bin/expect', 'expect -c x', ''],
    ['/usr/bin/Rscript', 'Rscript --vanilla a', 'a'],
    ['/usr/bin/Rscript', 'Rscript -e x a', ''],
  ])('%s: %s', (executable, args, script) => {
    expect(isInterpreter(executable)).toBe(true);
    expect(run(executable, args)?.script.join(' ')).toBe(script);
  });

  test.each<[string, string[], string[]]>([
    ["what the kernel gives of a first line's arguments", ['perl', '-w # -*- perl -*-', 'a'], ['a']],
    ['nothing', [], []],
    ['an empty name', ['bash', '', 'a'], ['', 'a']],
    ['a huge bundle', ['bash', `-${'x'.repeat(200_000)}`, 'a'], ['a']],
    ['many', ['bash', ...Array<string>(100_000).fill('-x')], []],
    ['more values than there are', ['bash', '-oooooooo', 'a'], []],
  ])('%s', (_, args, script) => {
    expect(parseInterpreterRun(`/usr/bin/${args[0] ?? 'bash'}`, args)?.script).toEqual(script);
  });
});

describe('commands from the standard input', () => {
  test.each<[executable: string, args: string, readsInput: boolean]>([
    ['/usr/bin/dash', 'sh', true],
    ['/usr/bin/dash', 'sh -e', true],
    ['/usr/bin/dash', 'sh -s configure', true],
    ['/usr/bin/dash', 'sh -es', true],
    ['/usr/bin/dash', 'sh -', true],
    ['/usr/bin/dash', 'sh --', true],
    ['/usr/bin/bash', '-bash', true],
    ['/usr/bin/bash', 'bash -o errexit', true],
    ['/usr/bin/tcsh', 'tcsh -t', true],
    ['/usr/bin/python3.11', 'python3', true],
    ['/usr/bin/python3.11', 'python3 - a', true],
    ['/usr/bin/perl', 'perl -w', true],
    ['/usr/bin/busybox', 'busybox sh', true],
    ['/usr/bin/dash', 'sh a', false],
    ['/usr/bin/dash', 'sh -c a', false],
    ['/usr/bin/dash', 'sh -sc a', false],
    ['/usr/bin/bash', 'bash -lc a', false],
    ['/usr/bin/python3.11', 'python3 a', false],
    ['/usr/bin/python3.11', 'python3 -c a', false],
    ['/usr/bin/python3.11', 'python3 -m http.server', false],
    ['/usr/bin/perl', 'perl -ne a', false],
    ['/usr/bin/node', 'node --eval a', false],
  ])('%s, %s: %s', (executable, args, readsInput) => {
    expect(run(executable, args)?.readsInput).toBe(readsInput);
  });
});

test.each<[string, boolean]>([
  ['dash', true],
  ['zsh', true],
  ['mksh', true],
  ['posh', true],
  ['fish', true],
  ['tcsh', true],
  ['perl', false],
  ['python3', false],
  ['tclsh', false],
  ['expect', false],
])('%s is a shell: %s', (name, isShell) => {
  expect(run(name, `${name} a`)?.isShell).toBe(isShell);
});

describe('no interpreter', () => {
  test.each([
    ['/usr/bin/cat', 'cat a'],
    ['/usr/bin/apt', 'apt a'],
    ['/usr/bin/bashful', 'bashful a'],
    ['/usr/bin/toString', 'toString a'],
    ['/usr/bin/python3.11/x', 'python3 a'],
    ['/usr/bin/xpython3', 'python3 a'],
    ['/usr/bin/bash\n', 'bash a'],
    ['', 'bash a'],
  ])('%j: %s', (executable, args) => {
    expect(isInterpreter(executable)).toBe(false);
    expect(run(executable, args)).toBe(undefined);
  });

  test.each([
    'busybox cat a',
    'cat a',
    'busybox',
    'busybox -sh a',
    'busybox --help sh a',
    '',
    `${'1'.repeat(200_000)}! a`,
  ])('busybox as %.40s', (args) => {
    expect(run('/usr/bin/busybox', args)).toBe(undefined);
  });
  test('busybox without arguments is no interpreter', () => {
    expect(parseInterpreterRun('/usr/bin/busybox', [])).toBe(undefined);
  });
});

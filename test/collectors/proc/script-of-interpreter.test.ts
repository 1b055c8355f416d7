// Which script an interpreter's arguments name, and which files are scripts at all.

import { execFileSync } from 'node:child_process';
import fs from 'node:fs';
import path from 'node:path';
import { describe, expect, test } from 'vitest';
import {
  hasShebang,
  scriptArgument,
  scriptOfInterpreter,
  shebangCommand,
  shebangInterpreter,
} from '../../../collectors/proc/script-of-interpreter.ts';
import { temporaryFolder } from '../../storage/temporary-store.ts';

const isScript = (file: string): boolean => file.startsWith('/scripts/');

describe('scriptOfInterpreter', () => {
  test.each<[executable: string, args: string[], script: string | undefined]>([
    ['/usr/bin/dash', ['/bin/sh', '/scripts/a'], '/scripts/a'],
    ['/usr/bin/bash', ['bash', '-x', '/scripts/a', 'b'], '/scripts/a'],
    ['/usr/bin/python3.11', ['python3', '/scripts/a'], '/scripts/a'],
    ['/usr/bin/perl', ['/usr/bin/perl', '-w', 'a.pl'], '/scripts/a.pl'],
    ['/usr/bin/busybox', ['/bin/sh', '/scripts/a'], '/scripts/a'],
    // The kernel puts one argument at most in front of the script.
    ['/usr/bin/bash', ['bash', '-x', '-e', '/scripts/a'], undefined],
    ['/usr/bin/bash', ['bash', '-c', '/scripts/a'], undefined],
    ['/usr/bin/perl', ['perl', '-e', '/scripts/a'], undefined],
    ['/usr/bin/bash', ['bash', '-s', '/scripts/a'], undefined],
    ['/usr/bin/bash', ['bash', '--', '/scripts/a'], undefined],
    ['/usr/bin/python3', ['python3', '-', '/scripts/a'], undefined],
    ['/usr/bin/bash', ['-bash'], undefined],
    ['/usr/bin/bash', [], undefined],
    ['/usr/bin/bash', ['bash', '/elsewhere/a'], undefined],
    ['/usr/bin/bash', ['bash', '../elsewhere/a'], undefined],
    ['/usr/bin/bash', ['bash', ''], undefined],
    ['/usr/bin/apt', ['apt', '/scripts/a'], undefined],
    ['/usr/bin/bashful', ['bashful', '/scripts/a'], undefined],
  ])('%s %j', (executable, args, script) => {
    expect(scriptOfInterpreter(executable, args, '/scripts', isScript)).toBe(script);
  });

  test('a relative name in an unknown folder', () => {
    expect(scriptOfInterpreter('/usr/bin/bash', ['bash', 'a'], undefined, () => true)).toBe(undefined);
  });
});

describe('the first line of a file', () => {
  test.each([
    ['#!/bin/sh\n', '/bin/sh'],
    ['#! \t/usr/bin/env python3\n', '/usr/bin/env'],
    ['#!/bin/sh', '/bin/sh'],
    [`#!/${'x'.repeat(300)}\n`, `/${'x'.repeat(253)}`],
    ['#!\n/bin/sh\n', undefined],
    ['#!', undefined],
  ])('a script: %j', (text, interpreter) => {
    const file = path.join(temporaryFolder(), 'script');
    fs.writeFileSync(file, text);
    expect(hasShebang(file)).toBe(true);
    expect(shebangInterpreter(file)).toBe(interpreter);
  });

  test.each(['', '#', ' #!/bin/sh', '\u007fELF', 'echo'])('no script: %j', (text) => {
    const file = path.join(temporaryFolder(), 'file');
    fs.writeFileSync(file, text);
    expect(hasShebang(file)).toBe(false);
    expect(shebangInterpreter(file)).toBe(undefined);
  });

  test('what is no file, or a fifo that nobody writes to, holds nothing up', () => {
    const folder = temporaryFolder();
    execFileSync('/usr/bin/mkfifo', [path.join(folder, 'fifo')]);
    for (const name of ['fifo', 'missing', '.', 'fifo/x']) expect(hasShebang(path.join(folder, name))).toBe(false);
  });
});

describe('scriptArgument: the file that is read', () => {
  test.each<[executable: string, args: string, script: string | undefined]>([
    ['/usr/bin/dash', 'sh a.postinst configure', 'a.postinst'],
    ['/usr/bin/dash', 'sh -e -u a', 'a'],
    ['/usr/bin/bash', 'bash -euo pipefail a', 'a'],
    ['/usr/bin/bash', 'bash -o pipefail +x a', 'a'],
    ['/usr/bin/bash', 'bash -O extglob a', 'a'],
    ['/usr/bin/bash', 'bash --norc --rcfile x a', 'a'],
    ['/usr/bin/bash', 'bash -x -- a', 'a'],
    ['/usr/bin/bash', 'bash - a', 'a'],
    ['/usr/bin/bash', 'bash -ec a', undefined],
    ['/usr/bin/bash', 'bash -s a', undefined],
    ['/usr/bin/bash', '-bash', undefined],
    ['/usr/bin/bash', 'bash --', undefined],
    ['/usr/bin/perl', 'perl -w -I lib -Mstrict a', 'a'],
    ['/usr/bin/perl', 'perl -Ilib a', 'a'],
    ['/usr/bin/perl', 'perl -Mevil a', 'a'],
    ['/usr/bin/perl', 'perl -we a', undefined],
    ['/usr/bin/perl', 'perl -ne a b', undefined],
    ['/usr/bin/perl', 'perl - a', undefined],
    ['/usr/bin/python3.11', 'python3 -u -W ignore a', 'a'],
    ['/usr/bin/python3.11', 'python3 -Wignore a', 'a'],
    ['/usr/bin/python3.11', 'python3 -m http.server', undefined],
    ['/usr/bin/python3.11', 'python3 -c a', undefined],
    ['/usr/bin/busybox', 'busybox sh a', 'a'],
    ['/usr/bin/busybox', 'sh -x a', 'a'],
    ['/usr/bin/busybox', 'busybox cat a', undefined],
    ['/usr/bin/busybox', 'cat a', undefined],
    ['/usr/bin/ruby3.1', 'ruby -w a', 'a'],
    ['/usr/bin/cat', 'cat a', undefined],
  ])('%s: %s', (executable, args, script) => {
    expect(scriptArgument(executable, args.split(' '))).toBe(script);
  });
});

test.each<[string, string[] | undefined]>([
  ['#!/bin/sh\n', ['/bin/sh']],
  ['#! /usr/bin/perl -w \nuse x;', ['/usr/bin/perl', '-w']],
  ['#!/usr/bin/env -S a b\n', ['/usr/bin/env', '-S a b']],
  ['echo\n', undefined],
])('the command of %j', (text, command) => {
  const file = path.join(temporaryFolder(), 'script');
  fs.writeFileSync(file, text);
  expect(shebangCommand(file)).toEqual(command);
});

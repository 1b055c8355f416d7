// The script of a process whose exec was not seen, and the files that count as scripts.

import { execFileSync } from 'node:child_process';
import fs from 'node:fs';
import path from 'node:path';
import { describe, expect, test } from 'vitest';
import { openHost } from '../../../collectors/host/host.ts';
import {
  hasShebang,
  scriptOfInterpreter,
  shebangCommand,
  shebangInterpreter,
} from '../../../collectors/proc/script-of-interpreter.ts';
import { temporaryDirectory } from '../../storage/temporary-store.ts';

const host = openHost();

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
    // `#!/bin/bash -` and `#!/bin/bash --` are the same as `#!/bin/bash`.
    ['/usr/bin/bash', ['bash', '-', '/scripts/a', 'b'], '/scripts/a'],
    ['/usr/bin/bash', ['bash', '--', '/scripts/a'], '/scripts/a'],
    ['/usr/bin/busybox', ['/bin/busybox', 'sh', '/scripts/a'], '/scripts/a'],
    ['/usr/bin/busybox', ['/bin/busybox', 'sh', '-x', '/scripts/a'], undefined],
    ['/usr/bin/perl', ['/usr/bin/perl', '-w # -*- perl -*-', '/scripts/a'], '/scripts/a'],
    ['/usr/bin/perl', ['/usr/bin/perl', '-I', '/scripts/a'], undefined],
    ['/usr/bin/expect', ['/usr/bin/expect', '-f', '/scripts/a'], '/scripts/a'],
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

  test('returns undefined for a relative name in an unknown directory', () => {
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
    const file = path.join(temporaryDirectory(), 'script');
    fs.writeFileSync(file, text);
    expect(hasShebang(host, file)).toBe(true);
    expect(shebangInterpreter(host, file)).toBe(interpreter);
  });

  test.each(['', '#', ' #!/bin/sh', '\u007fELF', 'echo'])('is no shebang: %j', (text) => {
    const file = path.join(temporaryDirectory(), 'file');
    fs.writeFileSync(file, text);
    expect(hasShebang(host, file)).toBe(false);
    expect(shebangInterpreter(host, file)).toBe(undefined);
  });

  test('a missing file or a fifo without a writer does not block', () => {
    const directory = temporaryDirectory();
    execFileSync('/usr/bin/mkfifo', [path.join(directory, 'fifo')]);
    for (const name of ['fifo', 'missing', '.', 'fifo/x'])
      expect(hasShebang(host, path.join(directory, name))).toBe(false);
  });
});

test.each<[string, string[] | undefined]>([
  ['#!/bin/sh\n', ['/bin/sh']],
  ['#! /usr/bin/perl -w \nuse x;', ['/usr/bin/perl', '-w']],
  ['#!/usr/bin/env -S a b\n', ['/usr/bin/env', '-S a b']],
  ['echo\n', undefined],
])('the command of %j', (text, command) => {
  const file = path.join(temporaryDirectory(), 'script');
  fs.writeFileSync(file, text);
  expect(shebangCommand(host, file)).toEqual(command);
});

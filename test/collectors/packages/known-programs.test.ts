// Which contents are known: files of a host in a directory, compared with copies, near misses and later versions.

import fs from 'node:fs';
import path from 'node:path';
import { beforeEach, describe, expect, test } from 'vitest';
import { type Clock, systemClock } from '../../../collectors/host/clock.ts';
import { openHost } from '../../../collectors/host/host.ts';
import { withFile } from '../../../collectors/host/read-file.ts';
import { openRegularFile } from '../../../collectors/host/regular-file.ts';
import { openKnownPrograms } from '../../../collectors/packages/known-programs.ts';
import { elfOf } from '../../elf-double.ts';
import { temporaryDirectory } from '../../storage/temporary-store.ts';

const linker = '/lib64/ld-linux-x86-64.so.2';
const dpkg = elfOf({ buildId: 'build-id-of-dpkg', linker, rest: 'dpkg' });
const dash = elfOf({ buildId: 'build-id-of-dash', linker, rest: 'dash' });
const busybox = elfOf({ rest: 'no build ID'.repeat(10_000) });
const dnf = `#!/usr/bin/python3\n${'# dnf is a script\n'.repeat(20)}`;
const perl = elfOf({ buildId: 'build-id-of-perl', linker });

let root: string;
let nowMs: number;
beforeEach(() => {
  root = temporaryDirectory();
  nowMs = Date.now() + 60_000;
});

/** The files are older than the clock of the host, so that they are at rest. */
const clock: Clock = { ...systemClock, nowMs: () => nowMs, monotonicMs: () => nowMs };

const put = (file: string, content: string): string => {
  const whole = path.join(root, file);
  fs.mkdirSync(path.dirname(whole), { recursive: true });
  fs.writeFileSync(whole, content, { encoding: 'latin1', mode: 0o755 });
  return whole;
};

function open(files: Readonly<Record<string, string>> = {}) {
  const all = {
    '/usr/bin/dpkg': dpkg,
    '/usr/bin/dash': dash,
    '/usr/bin/busybox': busybox,
    '/usr/bin/dnf-3': dnf,
    '/usr/bin/perl': perl,
    '/usr/bin/ls': elfOf({ buildId: 'build-id-of-ls..' }),
    '/usr/lib64/ld-linux-x86-64.so.2': elfOf({ buildId: 'build-id-of-ld.so' }),
    ...files,
  };
  for (const [file, content] of Object.entries(all)) put(file, content);
  for (const directory of ['bin', 'lib64']) fs.symlinkSync(`usr/${directory}`, path.join(root, directory));
  fs.symlinkSync('dash', path.join(root, 'usr/bin/sh'));
  const known = openKnownPrograms(openHost({ root, clock }));
  const match = (file: string) => withFile(openRegularFile(file), known.match);
  return { known, match, matchOf: (content: string) => match(put('/tmp/x', content)) };
}

describe('a file elsewhere is', () => {
  test.each<[string, content: string, program: string | undefined, basis: string]>([
    ['a copy', dpkg, '/usr/bin/dpkg', 'build_id'],
    ['a copy of a shell, named by its file and not by a link', dash, '/usr/bin/dash', 'build_id'],
    ['a copy with bytes behind it', `${dpkg}more`, '/usr/bin/dpkg', 'build_id'],
    ['a copy that is cut', dpkg.slice(0, 600), '/usr/bin/dpkg', 'build_id'],
    ['a copy of a program without a build ID', busybox, '/usr/bin/busybox', 'sha256'],
    ['the same, with bytes behind it', `${busybox}more`, '/usr/bin/busybox', 'sha256'],
    ['a copy of a script', dnf, '/usr/bin/dnf-3', 'sha256'],
    [
      'a copy of the dynamic linker',
      elfOf({ buildId: 'build-id-of-ld.so' }),
      '/usr/lib64/ld-linux-x86-64.so.2',
      'build_id',
    ],
    // Near misses
    ['another build ID', elfOf({ buildId: 'build-id-of-dpkh', linker, rest: 'dpkg' }), undefined, ''],
    ['another program without a build ID', elfOf({ rest: 'other' }), undefined, ''],
    ['a script with one byte more', `${dnf}#`, undefined, ''],
    ['a script of the same size', dnf.replace('dnf', 'DNF'), undefined, ''],
    ['a program that is neither tool nor interpreter', elfOf({ buildId: 'build-id-of-ls..' }), undefined, ''],
    ['empty', '', undefined, ''],
    ['cut within its headers', dpkg.slice(0, 60), undefined, ''],
    ['text', 'dpkg', undefined, ''],
  ])('%s', (_, content, program, basis) => {
    const { program: found, basis: foundBasis } = open().matchOf(content);
    expect(found?.path).toBe(program);
    if (program !== undefined) expect(foundBasis).toBe(basis);
  });
});

test.each<[string, Record<string, string>, content: string]>([
  [
    'a short build ID',
    { '/usr/bin/bash': elfOf({ buildId: 'short', rest: 'bash' }) },
    elfOf({ buildId: 'short', rest: 'x' }),
  ],
  ['a script with few lines', { '/usr/bin/apt': '#!/bin/sh\n' }, '#!/bin/sh\n'],
  [
    'a program of the administrator that has the name of a tool',
    { '/usr/local/bin/rpm': elfOf({ buildId: 'build-id-of-mine' }) },
    elfOf({ buildId: 'build-id-of-mine' }),
  ],
])('%s identifies nothing', (_, files, content) => {
  expect(open(files).matchOf(content).program).toBe(undefined);
});

test('an interpreter of the administrator is known', () => {
  const python = elfOf({ buildId: 'build-id-of-python' });
  expect(open({ '/usr/local/bin/python3.13': python }).matchOf(python).program?.path).toBe('/usr/local/bin/python3.13');
});

describe("the host's own file is", () => {
  test('the same file at its path and through a hard link', () => {
    const { match } = open();
    const link = path.join(root, 'tmp-link');
    fs.linkSync(path.join(root, 'usr/bin/dpkg'), link);
    for (const file of [path.join(root, 'usr/bin/dpkg'), link]) {
      expect(match(file)).toMatchObject({ program: { path: '/usr/bin/dpkg' }, basis: 'same_file' });
    }
  });

  test('known by each of its names', () => {
    const { match } = open({ '/usr/bin/perl5.36.0': perl });
    expect([...(match(path.join(root, 'usr/bin/perl')).program?.paths ?? [])]).toEqual([
      '/usr/bin/perl',
      '/usr/bin/perl5.36.0',
    ]);
  });
});

describe('after an upgrade', () => {
  const newer = elfOf({ buildId: 'build-id-of-dpkg-2', linker });

  test.each(['by rename', 'in place'])('%s, both versions are known', (way) => {
    const { known, matchOf } = open();
    const { version } = known;
    expect(matchOf(newer).program).toBe(undefined);
    if (way === 'in place') put('/usr/bin/dpkg', newer);
    else fs.renameSync(put('/usr/bin/dpkg.dpkg-new', newer), path.join(root, 'usr/bin/dpkg'));
    nowMs += 1001;
    expect(matchOf(newer).program?.path).toBe('/usr/bin/dpkg');
    expect(matchOf(dpkg).program?.path).toBe('/usr/bin/dpkg');
    expect(known.version).toBeGreaterThan(version);
  });

  test('a program that was not there before is known', () => {
    const { matchOf } = open();
    const rpm = elfOf({ buildId: 'build-id-of-rpm!', linker });
    expect(matchOf(rpm).program).toBe(undefined);
    put('/usr/bin/rpm', rpm);
    expect(matchOf(rpm).program?.path).toBe('/usr/bin/rpm');
  });
});

describe('a copy of dpkg under the name of an interpreter', () => {
  test('that appears later is none of its paths', () => {
    const { match } = open();
    nowMs += 2000;
    const copy = put('/usr/bin/lua5.4', dpkg);
    match(put('/tmp/x', elfOf({ buildId: 'something unknown' })));
    expect([...(match(copy).program?.paths ?? [])]).toEqual(['/usr/bin/dpkg']);
  });

  test('leaves copies elsewhere copies of dpkg', () => {
    expect(open({ '/usr/bin/lua5.4': dpkg }).matchOf(dpkg).program?.path).toBe('/usr/bin/dpkg');
  });
});

test('a host without programs knows none', () => {
  const known = openKnownPrograms(openHost({ root, clock }));
  expect(withFile(openRegularFile(put('/tmp/x', dpkg)), known.match).program).toBe(undefined);
});

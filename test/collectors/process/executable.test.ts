// The name of a program: links, relative names, scripts, files that are gone, and names that an attacker chose.

import fs from 'node:fs';
import path from 'node:path';
import { beforeEach, describe, expect, test } from 'vitest';
import { openHost } from '../../../collectors/host/host.ts';
import { executableOf } from '../../../collectors/process/executable.ts';
import type { Image, ProcessEntry } from '../../../collectors/process/process.ts';
import { temporaryDirectory } from '../../storage/temporary-store.ts';
import { detailsOf, inChroot } from '../proc-double.ts';

const host = openHost();

const entryWith = (change: Parameters<typeof detailsOf>[1] | undefined, parent?: ProcessEntry): ProcessEntry => ({
  pid: 30,
  startNs: 1e9,
  parent,
  parentInferred: false,
  lineageCut: false,
  depth: 0,
  image: undefined,
  parentImageAtFork: undefined,
  ended: false,
  endNs: undefined,
  lifecycle: undefined,
  transaction: undefined,
  details: change && detailsOf(30, change),
  detailsImage: undefined,
  inspectedImage: null,
});

const imageOf = (filename: string, change: Partial<Image> = {}): Image => ({ filename, execNs: 1e9, ...change });

let directory: string;
const pathOf = (name: string): string => path.join(directory, name);

beforeEach(() => {
  directory = fs.realpathSync(temporaryDirectory());
  fs.mkdirSync(pathOf('d'));
  fs.symlinkSync('d', pathOf('linked-d'));
  fs.writeFileSync(pathOf('d/program'), '\u007fELF');
  fs.writeFileSync(pathOf('other'), '\u007fELF');
  fs.writeFileSync(pathOf('script'), '#!/bin/sh\n');
  fs.writeFileSync(pathOf('env-script'), '#!/usr/bin/env python3\n');
  fs.symlinkSync('d/program', pathOf('link'));
  fs.symlinkSync('script', pathOf('script-link'));
});

const shell = fs.realpathSync('/bin/sh');
const gone = 'filename_file_gone';
const replaced = 'filename_other_program';
const none = undefined;

describe('a name and the mapped file in /proc', () => {
  test.each<[given: string, mapped: string | undefined, found: string, inferredFrom: string | undefined]>([
    ['d/program', none, 'd/program', none],
    ['d/program', 'd/program', 'd/program', none],
    ['link', none, 'd/program', none],
    ['link', 'd/program', 'd/program', none],
    ['linked-d/program', none, 'd/program', none],
    ['d/../d/./program', none, 'd/program', none],
    ['script', none, 'script', none],
    ['script', shell, 'script', none],
    ['script-link', shell, 'script', none],
    // env(1) has executed the program that it found in PATH.
    ['env-script', '/usr/bin/python3.11', 'env-script', none],
    // The file was removed, or replaced by another one of its name.
    ['missing', none, 'missing', gone],
    ['missing', 'missing', 'missing', none],
    ['linked-d/missing', 'd/missing', 'd/missing', none],
    ['missing', 'elsewhere/missing', 'missing', gone],
    ['missing', shell, 'missing', gone],
    // The link has changed, or the process has called execve again: the name must not be that of the other program.
    ['link', 'other', 'link', replaced],
    ['other', 'd/program', 'other', replaced],
    ['script', 'other', 'script', replaced],
    ['script-link', 'other', 'script-link', replaced],
  ])('%s, %s', (given, mapped, found, inferredFrom) => {
    const absolute = (name: string): string => (path.isAbsolute(name) ? name : pathOf(name));
    const executable = executableOf(host, entryWith({}), imageOf(pathOf(given)), mapped && absolute(mapped));
    expect(executable).toEqual({
      path: pathOf(found),
      certain: mapped !== undefined,
      ...(inferredFrom === undefined ? {} : { inferredFrom }),
      ...(inferredFrom === replaced ? { replaced: true } : {}),
    });
  });
});

describe('relative names', () => {
  test.each<[given: string, directories: (string | undefined)[], mapped: string | undefined, found: string]>([
    ['./program', ['d'], none, 'd/program'],
    ['../link', ['d'], none, 'd/program'],
    ['program', ['d'], 'd/program', 'd/program'],
    // A process that was not read has the directory of its nearest ancestor that was.
    ['./program', [none, 'd'], none, 'd/program'],
    ['./program', [none, none, 'd'], none, 'd/program'],
    // The process has changed its directory since: the mapped file has the same base name.
    ['./program', [''], 'd/program', 'd/program'],
  ])('%s in %j', (given, directories, mapped, found) => {
    const entry = directories.reduceRight<ProcessEntry | undefined>(
      (parent, one) => entryWith(one === undefined ? undefined : { workingDirectory: pathOf(one) }, parent),
      undefined,
    );
    expect(executableOf(host, entry as ProcessEntry, imageOf(given), mapped && pathOf(mapped)).path).toBe(
      pathOf(found),
    );
  });

  test('stay relative if the directory is unknown', () => {
    expect(executableOf(host, entryWith(undefined), imageOf('./program'))).toMatchObject({
      path: './program',
      inferredFrom: 'filename_relative',
    });
    expect(executableOf(host, entryWith(undefined), imageOf('./program'), '/x/program').path).toBe('/x/program');
  });
});

describe('names that lead to a file only inside the process', () => {
  test.each([
    '/dev/fd/3',
    '/proc/self/exe',
    '/proc/self/fd/3',
    '//proc/self/exe',
    '/./dev//fd/3',
    '/x/../proc/self/exe',
  ])('%s', (name) => {
    expect(executableOf(host, entryWith({}), imageOf(name))).toMatchObject({
      path: name,
      inferredFrom: 'filename_file_gone',
    });
    expect(executableOf(host, entryWith({}), imageOf(name), '/memfd:x')).toEqual({ path: '/memfd:x', certain: true });
  });

  test.each(['/dev/fdx/3', '/procs/x', '/x/proc/self'])('do not include %s', (name) => {
    expect(executableOf(host, entryWith({}), imageOf(name)).inferredFrom).toBe(gone);
  });
});

test.each([
  ['its own', entryWith({ place: inChroot })],
  ["its parent's", entryWith(undefined, entryWith({ place: inChroot }))],
  ["its parent's, since it is a zombie", entryWith({ place: undefined }, entryWith({ place: inChroot }))],
])('in another root nothing is looked up on the host: %s', (_, entry) => {
  expect(executableOf(host, entry, imageOf(pathOf('link'))).path).toBe(pathOf('link'));
  expect(executableOf(host, entry, imageOf(pathOf('d/../link')), pathOf('other')).path).toBe(pathOf('link'));
});

describe('the cached result', () => {
  test('stays the same if the link changes', () => {
    const [entry, image] = [entryWith({}), imageOf(pathOf('link'))];
    expect(executableOf(host, entry, image).path).toBe(pathOf('d/program'));
    fs.rmSync(pathOf('link'));
    fs.symlinkSync('other', pathOf('link'));
    expect(executableOf(host, entry, image).path).toBe(pathOf('d/program'));
    expect(executableOf(host, entry, image, pathOf('d/program'))).toEqual({ path: pathOf('d/program'), certain: true });
    expect(executableOf(host, entry, image)).toEqual({ path: pathOf('d/program'), certain: true });
  });

  test('is not compared again after one comparison', () => {
    const [entry, image] = [entryWith({}), imageOf(pathOf('link'))];
    executableOf(host, entry, image, pathOf('d/program'));
    expect(executableOf(host, entry, image, pathOf('other')).path).toBe(pathOf('d/program'));
  });

  test('is the path of the probed file if the probe was hit', () => {
    const image = imageOf(pathOf('link'), { probedImage: '/usr/bin/dpkg' });
    expect(executableOf(host, entryWith({}), image, pathOf('other'))).toEqual({ path: '/usr/bin/dpkg', certain: true });
  });

  test("a conclusion's reason", () => {
    const image = imageOf(pathOf('script'), { inferredFrom: 'interpreter_argument' });
    expect(executableOf(host, entryWith({}), image)).toMatchObject({
      path: pathOf('script'),
      inferredFrom: 'interpreter_argument',
    });
  });
});

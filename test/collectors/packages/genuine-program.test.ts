// Whether a process runs the file that its path names: this process, which does, and each case that does not.

import fs from 'node:fs';
import path from 'node:path';
import { describe, expect, test } from 'vitest';
import { openHost } from '../../../collectors/host/host.ts';
import { runsGenuine } from '../../../collectors/packages/genuine-program.ts';
import { inspectProcess, readHostNamespaces } from '../../../collectors/proc/inspect-process.ts';
import type { Image, ProcessEntry } from '../../../collectors/process/process.ts';
import { temporaryDirectory } from '../../storage/temporary-store.ts';
import { detailsOf, inChroot, inContainer } from '../proc-double.ts';

const program = fs.readlinkSync('/proc/self/exe');
const host = openHost();
const own = inspectProcess(host, readHostNamespaces(host.proc), process.pid) ?? detailsOf(0);

function snapshotOf(entry: Partial<ProcessEntry> = {}, image: Partial<Image> = {}) {
  const whole: Image = { filename: program, execNs: undefined, ...image };
  return {
    image: whole,
    entry: {
      pid: process.pid,
      startNs: own.startTicks * 1e7,
      parent: undefined,
      parentInferred: false,
      lineageCut: false,
      depth: 0,
      image: whole,
      parentImageAtFork: undefined,
      ended: false,
      endNs: undefined,
      lifecycle: undefined,
      transaction: undefined,
      details: own,
      detailsImage: whole,
      inspectedImage: whole,
      ...entry,
    },
  };
}

test('a live process that was executed by the name of its mapped file is genuine', () => {
  expect(runsGenuine(host, snapshotOf(), program)).toBe(true);
});

test('a process that was executed by a link of its user is not genuine, even if the link leads to the program', () => {
  const link = path.join(temporaryDirectory(), 'link');
  fs.symlinkSync(program, link);
  expect(runsGenuine(host, snapshotOf({}, { filename: link }), program)).toBe(false);
});

test('a copy of the file is not genuine', () => {
  const copy = path.join(temporaryDirectory(), path.basename(program));
  fs.writeFileSync(copy, '\u007fELF');
  expect(runsGenuine(host, snapshotOf({}, { filename: copy }), copy)).toBe(false);
});

test('a missing file is not genuine', () => {
  expect(runsGenuine(host, snapshotOf(), '/no/such/file')).toBe(false);
});

describe('not genuine', () => {
  test.each<[string, Partial<ProcessEntry>]>([
    ['a process that has ended', { ended: true }],
    ['a process that was not read', { details: undefined }],
    ['a process that runs another program by now', { image: { filename: program, execNs: 1 } }],
    ['a process in a container', { details: { ...own, place: inContainer } }],
    ['a process in a chroot', { details: { ...own, place: inChroot } }],
    [
      'a process in another root that counts as the host',
      { details: { ...own, place: { ...inChroot, kind: 'host' } } },
    ],
    ['a zombie', { details: { ...own, place: undefined } }],
    ['a process whose pid is gone', { pid: 4_194_304 }],
  ])('%s', (_, change) => {
    expect(runsGenuine(host, snapshotOf(change), program)).toBe(false);
  });

  test('a process without a known program', () => {
    expect(runsGenuine(host, { ...snapshotOf({ image: undefined }), image: undefined }, program)).toBe(false);
  });
});

describe('a script', () => {
  test.each<[string, string, Partial<Image>, boolean]>([
    ['executed by its name', '#!/bin/sh\n', {}, true],
    ['that only the arguments of its interpreter name', '#!/bin/sh\n', { inferredFrom: 'interpreter_argument' }, false],
    ['executed by another name', '#!/bin/sh\n', { filename: '/tmp/link' }, false],
    ['without #!', 'echo\n', {}, false],
  ])('%s', (_, text, image, genuine) => {
    const script = path.join(fs.realpathSync(temporaryDirectory()), 'script');
    fs.writeFileSync(script, text);
    expect(runsGenuine(host, snapshotOf({}, { filename: script, ...image }), script)).toBe(genuine);
  });
});

// Where a process ran its program: what it saw, which probes it hit, what its ancestors saw, and in what order these count.

import { describe, expect, test } from 'vitest';
import { onHost, type Place } from '../../../collectors/proc/place.ts';
import type { Image, ProcessEntry } from '../../../collectors/process/process.ts';
import { findPlace, isOfUnknownRoot, newRootOf } from '../../../collectors/process/process-place.ts';
import { createProcessTable } from '../../../collectors/process/process-table.ts';
import type { ProgramStart } from '../../../collectors/process/program-start.ts';
import { entryOf } from '../../detectors/observed-exec.ts';
import { detailsOf, exec, exit, fork, inChroot, inContainer, procDouble } from '../proc-double.ts';

const started = (...args: string[]): ProgramStart => ({
  probe: '/usr/lib/ld-linux.so.2',
  args,
  argc: args.length,
  truncated: false,
  credentials: undefined,
  environment: '',
  environmentTruncated: false,
});
const hit: Partial<Image> = { start: started('dpkg') };
/** A hit in a file of the host that is no linker of its system: a static program, or the linker of another root. */
const hitAt = (probe: string, change: Partial<Image> = {}): Partial<Image> => ({
  start: { ...started('dpkg'), probe },
  ...change,
});
const linkerBelow = '/srv/root/lib64/ld-linux-x86-64.so.2';
const hostFile: Partial<Image> = { probedImage: '/usr/bin/dpkg' };
const entered: Place = { ...inChroot, root: '/srv/entered' };

interface Seen {
  /** The place by /proc while the process ran the program; `earlier`: while it ran the program before. */
  own?: Place;
  earlier?: Place;
  /** The place of the parent, by /proc. */
  parent?: Place;
  image?: Partial<Image>;
}

function find({ own, earlier, parent, image: change }: Seen, probes: boolean) {
  const image: Image = { filename: '/usr/bin/dpkg', execNs: 1e9, ...change };
  const before: Image = { filename: '/usr/bin/sh', execNs: 1 };
  const place = own ?? earlier;
  const above = parent && entryOf(20, before, { details: detailsOf(20, { place: parent }), detailsImage: before });
  const entry: ProcessEntry = entryOf(30, image, {
    parent: above,
    details: place && detailsOf(30, { place }),
    detailsImage: place && (own === undefined ? before : image),
  });
  return findPlace({ entry, image }, probes);
}

describe('with probes on all linkers', () => {
  test.each<[string, Seen, Place | undefined, string | undefined]>([
    ['it was read on the host', { own: onHost, parent: inContainer }, onHost, undefined],
    ['it was read in a container', { own: inContainer, parent: onHost }, inContainer, undefined],
    ['it was read in a chroot, where it hit a probe', { own: inChroot, image: hit }, inChroot, undefined],
    ["it ran the host's dpkg, whatever it saw", { own: inContainer, image: hostFile }, onHost, 'host_program'],
    ["it ran the host's dpkg and was read on the host", { own: onHost, image: hostFile }, onHost, undefined],
    ["it ran the host's dpkg and ended", { parent: inContainer, image: hostFile }, onHost, 'host_program'],
    ["it hit the host's linker and ended", { parent: inContainer, image: hit }, onHost, 'host_program'],
    ['it hit a linker in another root', { parent: onHost, image: hitAt(linkerBelow) }, undefined, undefined],
    [
      'it hit that linker below a container',
      { parent: inContainer, image: hitAt(linkerBelow) },
      inContainer,
      'nearest_ancestor',
    ],
    [
      'it hit that linker after chroot(8)',
      { parent: onHost, image: hitAt(linkerBelow, { enteredPlace: entered }) },
      entered,
      'chroot_command',
    ],
    [
      'it hit a static program by its path',
      { parent: inContainer, image: hitAt('/opt/static', { filename: '/opt/static' }) },
      onHost,
      'host_program',
    ],
    [
      'it hit a static program by a link to it',
      { parent: onHost, image: hitAt('/opt/static', { executable: { path: '/opt/static', certain: false } }) },
      onHost,
      'host_program',
    ],
    [
      'it hit a static program of another root',
      { parent: inChroot, image: hitAt('/srv/root/bin/static', { filename: '/bin/static' }) },
      inChroot,
      'nearest_ancestor',
    ],
    ['it hit no probe, below a container', { parent: inContainer }, inContainer, 'nearest_ancestor'],
    ['it hit no probe, below a chroot', { parent: inChroot }, inChroot, 'nearest_ancestor'],
    ['it was read in a container before', { earlier: inContainer, parent: onHost }, inContainer, 'earlier_program'],
    // A program of the host would have hit a probe.
    ['it hit no probe, below the host', { parent: onHost }, undefined, undefined],
    ['it hit no probe, and was read on the host before', { earlier: onHost }, undefined, undefined],
    ['it is older than the probes', { parent: onHost, image: { execNs: undefined } }, onHost, 'nearest_ancestor'],
    ['nothing was read', {}, undefined, undefined],
    ['chroot(8) ran before', { parent: onHost, image: { enteredPlace: entered } }, entered, 'chroot_command'],
    ['chroot(8) ran before, without anything read', { image: { enteredPlace: entered } }, entered, 'chroot_command'],
    ['chroot(8) ran, and it hit a probe', { image: { ...hit, enteredPlace: entered } }, onHost, 'host_program'],
    [
      'chroot(8) led to a root directory of the host',
      { parent: onHost, image: { enteredPlace: { ...entered, kind: 'host' } } },
      undefined,
      undefined,
    ],
  ])('%s', (_, seen, place, inferredFrom) => {
    expect(find(seen, true)).toEqual({ place, ...(inferredFrom && { inferredFrom }) });
  });
});

test.each<[string, Seen, Place | undefined, string | undefined]>([
  ['below the host', { parent: onHost }, onHost, 'nearest_ancestor'],
  ['below a container', { parent: inContainer }, inContainer, 'nearest_ancestor'],
  ['of a process that was read on the host before', { earlier: onHost }, onHost, 'earlier_program'],
  ['without anything read', {}, undefined, undefined],
])('without such probes a missing hit shows nothing: %s', (_, seen, place, inferredFrom) => {
  expect(find(seen, false)).toEqual({ place, ...(inferredFrom && { inferredFrom }) });
});

test.each<[filename: string, args: string[] | undefined, directory: string | undefined]>([
  ['/usr/sbin/chroot', ['chroot', '/srv/a', 'dpkg', '-i', '/x.deb'], '/srv/a'],
  ['/sbin/chroot', ['chroot', '/srv/a/../b'], '/srv/b'],
  ['/usr/sbin/chroot', ['chroot', '--userspec=0:0', '--skip-chdir', '/srv/a', 'sh'], '/srv/a'],
  ['/usr/sbin/chroot', ['chroot', '--userspec', '0:0', '--groups', '0', '/srv/a', 'sh'], '/srv/a'],
  ['/usr/sbin/chroot', ['chroot', '--', '/srv/a', 'sh'], '/srv/a'],
  ['/usr/sbin/chroot', ['chroot', '.', 'sh', '/srv/a'], undefined],
  ['/usr/sbin/chroot', ['chroot', '--version'], undefined],
  ['/usr/sbin/chroot', ['chroot'], undefined],
  ['/usr/sbin/chroot', undefined, undefined],
  ['/tmp/chroot', ['chroot', '/srv/a', 'sh'], undefined],
  ['chroot', ['chroot', '/srv/a', 'sh'], undefined],
  ['/usr/sbin/xchroot', ['chroot', '/srv/a', 'sh'], undefined],
  ['/usr/bin/env', ['chroot', '/srv/a', 'sh'], undefined],
])('%s %j enters %s', (filename, args, directory) => {
  expect(newRootOf({ filename, execNs: 1, ...(args && { start: started(...args) }) })).toBe(directory);
});

test('a directory that the probe cut is not known', () => {
  const start = { ...started('chroot', '/srv/lon'), truncated: true };
  expect(newRootOf({ filename: '/usr/sbin/chroot', execNs: 1, start })).toBe(undefined);
});

describe('a program is of an unknown root', () => {
  const gone = { path: '/x', inferredFrom: 'filename_file_gone' } as const;
  const script: Image = { filename: '/var/lib/dpkg/info/x.postinst', execNs: 2, executable: gone };
  const dpkg: Image = { filename: '/usr/bin/dpkg', execNs: 1 };
  const start = started('sh');
  test.each<[string, boolean, Image, Image | undefined]>([
    ['neither it, whose file the host has not, nor the program before hit a probe', true, script, dpkg],
    ['it hit a probe', false, { ...script, start }, dpkg],
    ['the program before hit a probe', false, script, { ...dpkg, start }],
    ['the program before is older than the probes', false, script, { ...dpkg, execNs: undefined }],
    ['the program before is not known', false, script, undefined],
    ['the host has the file', false, { ...script, executable: { path: '/x' } }, dpkg],
    ['its name is relative', false, { ...script, filename: './x.postinst' }, dpkg],
  ])('%s: %s', (_, expected, image, formerImage) => {
    expect(isOfUnknownRoot(entryOf(30, image, { formerImage }), image)).toBe(expected);
  });
});

describe('below chroot(8)', () => {
  /** A shell of the host forks 30, which runs chroot(8) and then `program`; nothing of 30 is read. */
  function run(probes: boolean) {
    const table = createProcessTable(procDouble(detailsOf(1, { parentPid: 0 }), detailsOf(10)), {
      probesEveryLinker: () => probes,
    });
    table.seed();
    table.fork(fork(10, 30));
    const { image } = table.exec(exec(30, '/usr/sbin/chroot'));
    if (image) image.start = started('chroot', '/srv/t1', 'sh');
    table.exec(exec(30, '/bin/sh'));
    return table;
  }
  const placeOf = (table: ReturnType<typeof run>, pid: number) => {
    const entry = table.recall(pid);
    return entry && table.placeOf({ entry, image: entry.image });
  };
  const found = { place: { ...inChroot, root: '/srv/t1' }, inferredFrom: 'chroot_command' };

  test('a program, the next one of the same process, and those of its children are there', () => {
    const table = run(true);
    expect(placeOf(table, 30)).toEqual(found);
    table.exec(exec(30, '/usr/bin/perl'));
    expect(placeOf(table, 30)).toEqual(found);
    table.fork(fork(30, 31));
    table.exec(exec(31, '/usr/bin/dpkg'));
    table.exit(exit(31));
    expect(placeOf(table, 31)).toEqual(found);
  });

  test('a program that hits a probe is on the host, and what it executes is not known', () => {
    const table = run(true);
    const { image } = table.exec(exec(30, '/usr/bin/nsenter'));
    if (image) image.start = started('nsenter');
    expect(placeOf(table, 30)).toEqual({ place: onHost, inferredFrom: 'host_program' });
    table.exec(exec(30, '/usr/bin/dpkg'));
    expect(placeOf(table, 30)).toEqual({ place: undefined });
  });

  test('a later reading of the process is nearer', () => {
    const proc = procDouble(detailsOf(1, { parentPid: 0 }), detailsOf(10), detailsOf(30, { parentPid: 10 }));
    const table = createProcessTable(proc, { probesEveryLinker: () => true });
    table.seed([1, 10]);
    table.fork(fork(10, 30));
    const { image } = table.exec(exec(30, '/usr/sbin/chroot'));
    if (image) image.start = started('chroot', '/srv/t1', 'sh');
    const shell = table.exec(exec(30, '/bin/sh'));
    table.inspect(shell);
    table.exec(exec(30, '/usr/bin/dpkg'));
    // /proc showed the host: without a hit that is a contradiction.
    expect(placeOf(table, 30)).toEqual({ place: undefined });
  });

  test('nothing is concluded without probes', () => {
    expect(placeOf(run(false), 30)).toEqual({ place: onHost, inferredFrom: 'nearest_ancestor' });
  });
});

// The mounts of the host: which file systems are entered, and how a path is followed without looking at the others.

import { mkdirSync, symlinkSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { expect, test } from 'vitest';
import { openMounts, parseMounts } from '../../../collectors/watched/mounts.ts';
import { scratchRoot } from './path-watch-double.ts';

const line = (path: string, type: string): string => `36 27 0:31 / ${path} rw,relatime shared:5 - ${type} source rw\n`;

test('mount points are read with their escapes, and the last one at a place counts', () => {
  const text = [
    '27 1 254:0 / / rw,relatime - ext4 /dev/vda rw',
    '28 27 0:31 / /mnt/with\\040space\\134 rw master:1 propagate_from:2 - nfs4 server:/x rw',
    '29 27 0:32 / /srv rw - ext4 /dev/vdb rw',
    '30 27 0:33 / /srv rw shared:3 - fuse.sshfs me@there rw',
    '31 27 0:34 / /h\xc3\xa9 rw - tmpfs - rw',
    'not a line of the file',
    '',
  ].join('\n');
  expect(parseMounts(text)).toEqual([
    { path: '/', type: 'ext4' },
    { path: '/mnt/with space\\x5c', type: 'nfs4' },
    { path: '/srv', type: 'fuse.sshfs' },
    { path: '/hé', type: 'tmpfs' },
  ]);
});

test.each<[type: string, foreign: boolean]>([
  ['ext4', false],
  ['xfs', false],
  ['btrfs', false],
  ['overlay', false],
  ['tmpfs', false],
  ['nfs', true],
  ['nfs4', true],
  ['cifs', true],
  ['fuse.sshfs', true],
  ['fuse', true],
  ['fuseblk', true],
  ['autofs', true],
  ['9p', true],
  ['virtiofs', true],
  ['proc', true],
  ['unheard-of', true],
])('%s is not of this host: %s', (type, foreign) => {
  const mounts = openMounts({ monotonicMs: () => 0 }, () => line('/x', type));
  expect([mounts.isForeign('/x'), mounts.foreign().length]).toEqual([foreign, foreign ? 1 : 0]);
  expect([mounts.isForeign('/x/below'), mounts.isForeign('/y')]).toEqual([false, false]);
});

test('the mounts are read again after a second, and kept if they cannot be read', () => {
  let nowMs = 0;
  let text: string | undefined = line('/x', 'nfs');
  const mounts = openMounts({ monotonicMs: () => nowMs }, () => {
    if (text === undefined) throw new Error('EMFILE');
    return text;
  });
  expect(mounts.isForeign('/x')).toBe(true);
  text = '';
  nowMs = 999;
  expect(mounts.isForeign('/x')).toBe(true);
  nowMs = 1000;
  expect(mounts.isForeign('/x')).toBe(false);
  text = line('/x', 'nfs');
  nowMs = 2000;
  expect(mounts.isForeign('/x')).toBe(true);
  text = undefined;
  nowMs = 3000;
  expect(mounts.isForeign('/x')).toBe(true);
});

test('a path is followed up to a file system that is not of this host', () => {
  const root = scratchRoot();
  for (const path of ['real/inner', 'network/inner', 'local/inner']) mkdirSync(join(root, path), { recursive: true });
  symlinkSync('real', join(root, 'link'));
  symlinkSync('network/inner', join(root, 'away'));
  symlinkSync('round', join(root, 'round'));
  writeFileSync(join(root, 'file'), '');
  const mounts = openMounts(
    { monotonicMs: () => 0 },
    () => line(`${root}/network`, 'nfs4') + line(`${root}/local`, 'ext4'),
  );
  const at = (path: string, isNamed: boolean): string | undefined => mounts.locate(join(root, path), isNamed)?.path;
  const paths: [path: string, named: string | undefined, notNamed: string | undefined][] = [
    ['real/inner', 'real/inner', 'real/inner'],
    ['link/inner', 'real/inner', undefined],
    ['local', 'local', undefined],
    ['local/inner', 'local/inner', 'local/inner'],
    ['network', undefined, undefined],
    ['network/inner', undefined, undefined],
    ['away', undefined, undefined],
    ['round', undefined, undefined],
    ['file', undefined, undefined],
    ['none', undefined, undefined],
  ];
  for (const [path, named, notNamed] of paths) {
    expect([path, at(path, true), at(path, false)]).toEqual([
      path,
      named && join(root, named),
      notNamed && join(root, notNamed),
    ]);
  }
  expect(openMounts({ monotonicMs: () => 0 }, () => line('/', 'nfs')).locate(join(root, 'real'), true)).toBe(undefined);
});

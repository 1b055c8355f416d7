// Accesses to marked files, as the kernel reports them: who opened, read or executed which file, by which name.

import { execFileSync } from 'node:child_process';
import {
  chmodSync,
  linkSync,
  mkdirSync,
  mkdtempSync,
  readFileSync,
  renameSync,
  rmSync,
  symlinkSync,
  writeFileSync,
} from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, test, vi } from 'vitest';
import { type AccessWatch, type FileAccess, watchAccesses } from '../../../collectors/script-reads/watch-accesses.ts';
import { noRoot, titled, unmet } from '../../needs.ts';

const missing = unmet(noRoot);
const until = (_what: string, isSo: () => boolean): Promise<void> =>
  vi.waitFor(() => expect(isSo()).toBe(true), { timeout: 20_000 });

describe.skipIf(missing)(titled('the watch of accesses', missing), () => {
  let directory: string;
  let opened: FileAccess[];
  let watch: AccessWatch;
  let lost = 0;

  beforeEach(() => {
    directory = mkdtempSync(join(tmpdir(), 'opens-'));
    opened = [];
    lost = 0;
    watch = watchAccesses({
      onAccess: (one) => void opened.push(one),
      onLost: () => lost++,
      onFault(fault, error) {
        throw new Error(fault, { cause: error });
      },
      onStopped(error) {
        throw error;
      },
    });
  });
  afterEach(async () => {
    await watch.close();
    rmSync(directory, { recursive: true });
  });

  const file = (name: string): string => join(directory, name);
  const sh = (script: string): void => void execFileSync('/bin/sh', ['-c', script], { cwd: directory });
  const others = (): FileAccess[] => opened.filter(({ pid }) => pid !== process.pid);
  const paths = (): string[] => others().map(({ path }) => path);

  test('names the file and the process, and tells an exec from another open', async () => {
    writeFileSync(file('a.postinst'), '#!/bin/sh\n', { mode: 0o755 });
    writeFileSync(file('b.postinst'), '#!/bin/sh\n');
    writeFileSync(file('b.list'), '');
    await watch.add(directory, ['a.postinst', 'b.postinst']);
    sh('cat b.list; . ./b.postinst');
    await until('the open', () => others().length > 0);
    sh('./a.postinst');
    await until('the exec', () => others().some(({ executed }) => executed));
    expect(others()[0]).toMatchObject({ path: file('b.postinst'), executed: false });
    expect(new Set(paths())).toEqual(new Set([file('a.postinst'), file('b.postinst')]));
    readFileSync(file('b.postinst'));
    await until('the own open', () => opened.some(({ pid }) => pid === process.pid));
    expect(watch.report()).toEqual({ files: 2, rejected: 0, reason: undefined });
    expect(lost).toBe(0);
  });

  test('sees the file by other names: a link, a hard link, another directory', async () => {
    writeFileSync(file('a.postinst'), '#!/bin/sh\n');
    mkdirSync(file('elsewhere'));
    linkSync(file('a.postinst'), file('elsewhere/hard'));
    symlinkSync(file('a.postinst'), file('elsewhere/soft'));
    await watch.add(directory, ['a.postinst']);
    sh('cat elsewhere/hard');
    await until('the hard link', () => others().length === 1);
    sh('cat elsewhere/soft');
    await until('the link', () => others().length === 2);
    expect(paths()).toEqual([file('a.postinst'), file('a.postinst')]);
  });

  test('sees a file that replaced another after its name was added again', async () => {
    writeFileSync(file('a.postinst'), 'old');
    await watch.add(directory, ['a.postinst']);
    writeFileSync(file('a.postinst-new'), 'new');
    renameSync(file('a.postinst-new'), file('a.postinst'));
    await watch.add(directory, ['a.postinst', 'a.postinst', 'gone.postinst']);
    sh('cat a.postinst');
    await until('the open', () => others().length > 0);
    expect(watch.report()).toMatchObject({ files: 1, rejected: 0 });
  });

  test('does not block at a fifo, follow a link or stop at a bad name', async () => {
    sh('mkfifo a.postinst');
    symlinkSync('/etc/hostname', file('b.postinst'));
    writeFileSync(Buffer.concat([Buffer.from(`${directory}/`), Buffer.from([0xff]), Buffer.from('.postinst')]), '');
    chmodSync(directory, 0o700);
    await watch.add(directory, ['a.postinst', 'b.postinst', '\\xff.postinst', 'x'.repeat(300)]);
    sh('cat /etc/hostname; cat *[!ab].postinst');
    await until('the file', () => others().length > 0);
    expect(paths()).toEqual([file('\\xff.postinst')]);
    await expect(watch.add(file('none'), ['a'])).rejects.toThrow('ENOENT');
  });

  test('reports 5,000 opens by one process', async () => {
    const names = Array.from({ length: 5000 }, (_, i) => `p${i}.postinst`);
    for (const name of names) writeFileSync(file(name), '');
    await watch.add(directory, names);
    sh('grep -r none .; :');
    await until('all opens', () => new Set(paths()).size === names.length);
    expect(new Set(others().map(({ pid }) => pid)).size).toBe(1);
    expect(lost).toBe(0);
  });
});

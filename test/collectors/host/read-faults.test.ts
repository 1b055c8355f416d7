// Errors of the agent's own are reported where a read goes on without its file; answers about the file are not.

import { spawnSync } from 'node:child_process';
import { join } from 'node:path';
import { expect, onTestFinished, test } from 'vitest';
import { onOwnFault, tryRead } from '../../../collectors/host/read-faults.ts';
import { temporaryDirectory } from '../../storage/temporary-store.ts';

const failure = (code: string) => Object.assign(new Error(code), { code });

test.each([
  ['ENOENT', 0],
  ['ESRCH', 0],
  ['EACCES', 0],
  ['EMFILE', 1],
  ['ENFILE', 1],
  ['ENOMEM', 1],
  ['EIO', 1],
])('%s', (code, reports) => {
  const reported: unknown[] = [];
  onTestFinished(onOwnFault((error) => reported.push(error)));
  const read = () => {
    throw failure(code);
  };
  expect(tryRead(read)).toBe(undefined);
  expect(reported).toHaveLength(reports);
});

test('nothing is reported after the subscription ended', () => {
  const reported: unknown[] = [];
  const end = onOwnFault((error) => reported.push(error));
  end();
  tryRead(() => {
    throw failure('EMFILE');
  });
  expect(reported).toEqual([]);
});

const withoutDescriptors = (script: string): string => {
  const { stdout, stderr } = spawnSync(
    'sh',
    ['-c', 'ulimit -n 64; exec "$0" "$@"', process.execPath, '--input-type=module', '--eval', script],
    {
      cwd: join(import.meta.dirname, '../../..'),
      encoding: 'utf8',
      env: { ...process.env, TMPDIR: temporaryDirectory() },
    },
  );
  return `${stdout}${stderr}`;
};

test('each reader without a result reports that no descriptor is left', () => {
  const script = `
    import { openSync } from 'node:fs';
    import { onOwnFault } from './collectors/host/read-faults.ts';
    import { openHost } from './collectors/host/host.ts';
    import { hasShebang } from './collectors/proc/script-of-interpreter.ts';
    import { openIdNames } from './collectors/host/host-context.ts';
    import { fileTable } from './collectors/host-tables/file.ts';
    const host = openHost();
    const files = () => [...fileTable(host.proc).rows({ paths: ['/etc/%'], names: new Set(), note() {} })];
    let count = 0;
    onOwnFault(() => { count++; });
    const counts = [];
    try { for (;;) openSync('/dev/null'); } catch {}
    for (const read of [() => host.proc.readStat(1), () => host.proc.readCmdline(1, 100), () => hasShebang(host, '/bin/sh'), () => openIdNames(host, '/etc/passwd')(0), files]) {
      count = 0;
      read();
      counts.push(count);
    }
    process.stdout.write(counts.join());`;
  expect(withoutDescriptors(script)).toBe('1,1,1,1,1');
});

test('users keep their names without descriptors, and new ones are read later', () => {
  const script = `
    import { closeSync, openSync, writeFileSync } from 'node:fs';
    import { systemClock } from './collectors/host/clock.ts';
    import { openHost } from './collectors/host/host.ts';
    import { openIdNames } from './collectors/host/host-context.ts';
    const file = process.env.TMPDIR + '/passwd';
    writeFileSync(file, 'before:x:0:');
    let seconds = 0;
    const host = openHost({ clock: { ...systemClock, nowMs: () => 2000 * ++seconds } });
    const nameOf = openIdNames(host, file);
    const names = [nameOf(0)];
    writeFileSync(file, 'afterwards:x:0:');
    const held = [];
    try { for (;;) held.push(openSync('/dev/null')); } catch {}
    names.push(nameOf(0));
    for (const fd of held) closeSync(fd);
    names.push(nameOf(0));
    process.stdout.write(names.join());`;
  expect(withoutDescriptors(script)).toBe('before,before,afterwards');
});

test('the directories of the rpm database are determined once', () => {
  const script = `
    import { openSync } from 'node:fs';
    import { openHostFiles } from './collectors/host/host-files.ts';
    import { findRpmDatabase } from './collectors/packages/run-rpm.ts';
    const files = openHostFiles('');
    const before = findRpmDatabase(files);
    try { for (;;) openSync('/dev/null'); } catch {}
    process.stdout.write(String(findRpmDatabase(files) === before));`;
  expect(withoutDescriptors(script)).toBe('true');
});

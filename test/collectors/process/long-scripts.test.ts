// The scripts of packages that have run for more than ten minutes, in a process table.

import { expect, test } from 'vitest';
import { longScripts, maxLongScripts } from '../../../collectors/process/long-scripts.ts';
import { createProcessTable } from '../../../collectors/process/process-table.ts';
import { detailsOf, exec, exit, fork, procDouble } from '../proc-double.ts';

const postinst = '/var/lib/dpkg/info/x.postinst';
const minute = 60e9;
/** The start of every script. */
const startNs = 1e9;

/** A table with dpkg as process 10, and the function that runs a program below a process. */
function tableWithDpkg() {
  const table = createProcessTable(procDouble(detailsOf(10, { exe: '/usr/bin/dpkg', args: ['dpkg', '-i', 'x.deb'] })));
  table.seed();
  const run = (parent: number, pid: number, file: string, args = [file], timeNs = startNs): void => {
    table.fork(fork(parent, pid, { timeNs }));
    table.exec(exec(pid, file, { args, timeNs: timeNs + 1000 }));
  };
  return { table, run, after: (minutes: number) => longScripts(table.alive(), startNs + minutes * minute) };
}

test('a script is listed once it has run for more than ten minutes, until it ends', () => {
  const { table, run, after } = tableWithDpkg();
  run(10, 20, postinst, ['/bin/sh', postinst, 'configure', '']);
  expect(after(9)).toEqual([]);
  expect(after(10)).toEqual([]);
  expect(after(12)).toEqual([
    {
      manager: 'dpkg',
      path: postinst,
      package: 'x',
      phase: 'postinst',
      pid: 20,
      running_seconds: 720,
      command: `/bin/sh ${postinst} configure `,
    },
  ]);
  table.exit(exit(20));
  expect(after(20)).toEqual([]);
});

test('what a script starts is not listed, nor what it leaves running', () => {
  const { table, run, after } = tableWithDpkg();
  run(10, 20, postinst);
  run(20, 21, '/usr/bin/sleep');
  run(20, 22, '/usr/sbin/daemon');
  run(10, 30, '/usr/bin/tar');
  expect(after(12).map(({ pid }) => pid)).toEqual([20]);
  table.exit(exit(20));
  expect(after(12)).toEqual([]);
});

test('a script that debconf runs again below itself is listed once', () => {
  const { table, run, after } = tableWithDpkg();
  run(10, 20, postinst);
  table.exec(exec(20, '/usr/share/debconf/frontend', { args: ['perl', '/usr/share/debconf/frontend', postinst] }));
  run(20, 21, postinst);
  expect(after(12)).toMatchObject([{ pid: 20, path: postinst, package: 'x' }]);
});

test('the list has the longest runs and is bounded, as are the commands', () => {
  const { run, after } = tableWithDpkg();
  for (let index = 0; index < 100; index++) {
    run(10, 100 + index, postinst, ['/bin/sh', 'x'.repeat(10_000)], startNs + (100 - index) * 1e9);
  }
  const scripts = after(20);
  expect(scripts.map(({ pid }) => pid)).toEqual(Array.from({ length: maxLongScripts }, (_, index) => 199 - index));
  for (const { command } of scripts) expect(command.length).toBe(201);
});

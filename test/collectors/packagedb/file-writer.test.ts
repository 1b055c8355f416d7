// Who made a change: joined with a process table that may be behind, or ahead.

import { describe, expect, test } from 'vitest';
import { systemClock } from '../../../collectors/host/clock.ts';
import { createFileWriters, type FileTimes, type FileWriter } from '../../../collectors/packagedb/file-writer.ts';
import { createProcessTable } from '../../../collectors/process/process-table.ts';
import { detailsOf, exec, exit, fork, procDouble } from '../proc-double.ts';

function host(...pids: number[]) {
  const proc = procDouble(detailsOf(1, { parentPid: 0, startTicks: 1 }), ...pids.map((pid) => detailsOf(pid)));
  const table = createProcessTable(proc);
  table.seed();
  return { proc, table, writers: createFileWriters(table, systemClock) };
}
const programOf = (writer: FileWriter): string =>
  'snapshot' in writer ? (writer.snapshot.image?.filename ?? '(none)') : writer.unobserved;
const later = 1e18;

describe('resolve', () => {
  test('a known process that lives on', () => {
    const { writers } = host(10);
    expect(programOf(writers.resolve(writers.see(10)))).toBe('/no/p10');
  });

  test('an unknown process that ends at once and whose records come later', () => {
    const { table, writers } = host(10);
    const seen = writers.see(30);
    table.fork(fork(10, 30));
    table.exec(exec(30, '/usr/bin/rm'));
    table.exit(exit(30));
    expect(programOf(writers.resolve(seen))).toBe('/usr/bin/rm');
  });

  test('a process whose fork is known and whose earlier exec is not known yet', () => {
    const { table, writers } = host(10);
    table.fork(fork(10, 30));
    const seen = writers.see(30);
    expect(seen.image?.filename).toBe('/no/p10');
    table.exec(exec(30, '/usr/bin/rm'));
    expect(programOf(writers.resolve(seen))).toBe('/usr/bin/rm');
  });

  test('a process that has executed another program since', () => {
    const { table, writers } = host(10);
    const seen = writers.see(10);
    table.exec(exec(10, '/usr/bin/true', { timeNs: later }));
    expect(programOf(writers.resolve(seen))).toBe('/no/p10');
  });

  test('an unknown process that has executed another program since its fork', () => {
    const { table, writers } = host(10);
    const seen = writers.see(30);
    table.fork(fork(10, 30));
    table.exec(exec(30, '/usr/bin/true', { timeNs: later }));
    expect(programOf(writers.resolve(seen))).toBe('/no/p10');
  });

  test('a process whose pid another process has by now', () => {
    const { table, writers } = host(10);
    const seen = writers.see(10);
    table.exit(exit(10));
    table.fork(fork(1, 10, { timeNs: later }));
    table.exec(exec(10, '/usr/bin/other', { timeNs: later }));
    expect(programOf(writers.resolve(seen))).toBe('/no/p10');
  });

  test('a process whose pid another process had when the event was read', () => {
    const { table, writers } = host(10);
    const seen = writers.see(10);
    table.exit(exit(10));
    table.fork(fork(1, 10, { timeNs: 3e9 }));
    table.exec(exec(10, '/usr/bin/other', { timeNs: 3e9 }));
    expect(writers.resolve(seen)).toMatchObject({
      snapshot: { image: { filename: '/usr/bin/other' } },
      source: 'inferred',
      inferredFrom: 'reused_pid',
    });
    expect(programOf(writers.resolve(seen, { changedNs: 2e9 }))).toBe('/no/p10');
  });

  /** Started at 1 s, runs sh from then on and the other program from 5 s on. */
  test.each<[string, string, FileTimes, string, string | undefined]>([
    ['writes and becomes dpkg', '/usr/bin/dpkg', { changedNs: 2e9 }, '/bin/sh', 'program_before_exec'],
    ['becomes dpkg at once', '/usr/bin/dpkg', { changedNs: 5e9 - 4e6 }, '/bin/sh', 'program_at_exec'],
    ['becomes cp, which writes at once', '/bin/cp', { changedNs: 5e9 - 4e6 }, '/bin/cp', 'program_at_exec'],
    ['becomes dpkg, which writes', '/usr/bin/dpkg', { changedNs: 5e9 + 1 }, '/usr/bin/dpkg', undefined],
    ['has its file touched later', '/usr/bin/dpkg', { changedNs: 6e9, bornNs: 2e9 }, '/bin/sh', 'program_before_exec'],
    ['gives an old file a name', '/usr/bin/dpkg', { changedNs: 6e9, bornNs: 5e8 }, '/usr/bin/dpkg', undefined],
    ['closes what another wrote', '/usr/bin/dpkg', { changedNs: 9e8 }, '/usr/bin/dpkg', 'closing_process'],
  ])('one that %s', (_, program, times, expected, inferred) => {
    const { table, writers } = host(10);
    table.fork(fork(10, 30));
    table.exec(exec(30, '/bin/sh'));
    table.exec(exec(30, program, { timeNs: 5e9 }));
    const writer = writers.resolve(writers.see(30), times);
    expect(programOf(writer)).toBe(expected);
    expect(writer).toMatchObject({
      source: inferred === undefined ? 'kernel' : 'inferred',
      inferredFrom: inferred,
    });
  });

  test('an unknown process whose pid another process has by now', () => {
    const { table, writers } = host();
    const seen = writers.see(30);
    table.fork(fork(1, 30, { timeNs: later }));
    expect(writers.resolve(seen)).toEqual({
      unobserved: 'process_exited',
      pid: 30,
    });
  });

  test('a process that only /proc shows', () => {
    const { proc, table, writers } = host();
    proc.processes.set(30, detailsOf(30));
    expect(programOf(writers.resolve(writers.see(30)))).toBe('/no/p30');
    expect(table.find(30)).toBeDefined();
  });

  test('a process of another pid namespace', () => {
    const { writers } = host();
    expect(writers.resolve(writers.see(0))).toMatchObject({ pid: undefined });
  });
});

describe('infer', () => {
  const running = (...programs: [pid: number, parent: number, program: string][]) => {
    const made = host();
    for (const [pid, parent, program] of programs) {
      made.table.fork(fork(parent, pid));
      made.table.exec(exec(pid, program));
    }
    return made;
  };

  test.each<['dpkg' | 'rpm' | undefined, [number, number, string][], string]>([
    ['dpkg', [[10, 1, '/usr/bin/dpkg']], '/usr/bin/dpkg'],
    ['rpm', [[10, 1, '/usr/bin/dpkg']], 'no_package_manager'],
    [undefined, [[10, 1, '/usr/bin/dpkg']], '/usr/bin/dpkg'],
    ['dpkg', [], 'no_package_manager'],
    ['dpkg', [[10, 1, '/usr/bin/dpkg-query']], 'no_package_manager'],
    ['rpm', [[10, 1, '/usr/bin/dnf-3']], '/usr/bin/dnf-3'],
    ['rpm', [[10, 1, '/usr/bin/dnf-automatic']], '/usr/bin/dnf-automatic'],
    ['rpm', [[10, 1, '/usr/bin/rpmdb']], '/usr/bin/rpmdb'],
    ['rpm', [[10, 1, '/usr/bin/rpmkeys']], 'no_package_manager'],
    ['dpkg', [[10, 1, '/usr/bin/apt-get']], 'no_package_manager'],
    [
      'rpm',
      [
        [10, 1, '/usr/bin/zypper'],
        [11, 10, '/usr/bin/rpm'],
      ],
      '/usr/bin/rpm',
    ],
    [
      'rpm',
      [
        [10, 1, '/usr/bin/dnf'],
        [11, 1, '/usr/bin/rpm'],
      ],
      'several_package_managers',
    ],
  ])('of %s while %j: %s', (manager, programs, expected) => {
    const { writers } = running(...programs);
    expect(programOf(writers.infer(manager, 0))).toBe(expected);
  });

  test('a process that has ended counts within the given time', () => {
    const { table, writers } = running([10, 1, '/usr/bin/dpkg']);
    table.exit(exit(10));
    expect(programOf(writers.infer('dpkg', 2e9))).toBe('/usr/bin/dpkg');
    expect(writers.infer('dpkg', 2e9)).toMatchObject({ source: 'only_package_manager' });
    expect(programOf(writers.infer('dpkg', 2e9 + 1))).toBe('no_package_manager');
  });
});

// Runs of dpkg over a recorded host: which processes and archives belong to a run, and when nothing is known of its steps.

import { describe, expect, test } from 'vitest';
import { known } from '../../../collectors/answer.ts';
import { openInstalledVersions } from '../../../collectors/packages/installed-versions.ts';
import { openProcView } from '../../../collectors/proc/inspect-process.ts';
import { ancestorsOf } from '../../../collectors/process/ancestors.ts';
import type { ExecRecord, ProcessRecord } from '../../../collectors/process/process-record.ts';
import { createProcessTable } from '../../../collectors/process/process-table.ts';
import { openDpkgRuns } from '../../../collectors/transactions/dpkg-runs.ts';
import type { ArchiveProvenance, PackageTransaction } from '../../../collectors/transactions/package-transaction.ts';
import { parseDpkg } from '../../../detectors/facts/dpkg-options.ts';
import { plainHost, processFiles, type RecordedFile, recordedHost } from '../../recorded-host.ts';
import { exec, fork } from '../proc-double.ts';

const stanza = (name: string, version: string, status = 'install ok installed', architecture = 'all'): string =>
  `Package: ${name}\nStatus: ${status}\nArchitecture: ${architecture}\n${version === '' ? '' : `Version: ${version}\n`}`;
const unpackDirectory = '/var/lib/dpkg/tmp.ci';

/** A host on which dpkg runs as process 700. `journal`: whether updates are seen. `isLate`: its exec is reported after its end. */
async function hostWith(
  status: string,
  {
    args = ['dpkg', '-i', 'tool.deb'],
    journal = true,
    isLate = false,
    files = {} as Readonly<Record<string, RecordedFile>>,
  } = {},
) {
  const host = recordedHost({
    bootNs: 50e9,
    files: {
      ...plainHost,
      '/var/lib/dpkg/status': status,
      '/usr/bin/dpkg': '\x7fELF dpkg',
      '/usr/bin/dpkg-deb': '\x7fELF dpkg-deb',
      ...processFiles(600, { exe: '/usr/bin/apt-get', startTicks: 300 }),
      ...processFiles(700, { exe: '/usr/bin/dpkg', args, parentPid: 600, startTicks: 5002, workingDirectory: '/srv' }),
      ...files,
    },
  });
  const table = createProcessTable(openProcView(host));
  const reported: PackageTransaction[] = [];
  const faults: unknown[] = [];
  const asked: string[] = [];
  let soon: (() => void) | undefined;
  let late: (() => void) | undefined;
  let ms = 50_000;
  let serial = 0;
  const installed = openInstalledVersions(host, '/var/lib/dpkg', { onChange: (change) => runs.handleChange(change) });
  const runs = openDpkgRuns({
    host,
    directory: '/var/lib/dpkg',
    table,
    installed,
    journal: { check: () => journal, drain() {} },
    commandOf: parseDpkg,
    readNow() {},
    soon: (_ms, run) => () => {
      soon = run;
    },
    report: (transaction) => void reported.push(transaction),
    provenance: {
      follow({ path, pids }) {
        asked.push(`follow ${path} ${pids}`);
        const provenance = known<ArchiveProvenance>({ fields: { sha256: path }, unobserved: {} });
        return { provenance, again: () => void asked.push(`again ${path}`) };
      },
      refresh: async () => void asked.push('refresh'),
    },
    onFault: (...fault) => void faults.push(fault),
  });
  const pass = (): number => {
    ms += 20;
    host.setTime(ms * 1e6);
    return ms * 1e6;
  };
  const handle = (record: ProcessRecord): void => {
    if (record.kind === 'fork') table.fork(record);
    if (record.kind === 'exit') {
      const ended = table.exit(record);
      if (ended !== undefined) runs.handleExit(ended);
    }
    if (record.kind !== 'exec') return;
    const entry = table.exec(record);
    const { image, lifecycle, transaction } = entry;
    if (image === undefined) return;
    const ancestors = ancestorsOf(entry);
    const report = () => runs.handleExec({ entry, image, ancestors, timeNs: record.timeNs, lifecycle, transaction });
    if (isLate && record.pid === 700) late = report;
    else report();
  };
  const start = (
    pid: number,
    creator: number,
    file: string,
    line: readonly string[],
    change: Partial<ExecRecord> = {},
  ) => {
    handle(fork(creator, pid, { timeNs: pass() }));
    handle(exec(pid, file, { timeNs: pass(), args: [...line], ...change }));
  };
  await installed.refresh();
  table.seed([1, 600]);
  start(700, 600, '/usr/bin/dpkg', args);
  return {
    host,
    runs,
    reported,
    faults,
    asked,
    start,
    /** dpkg opens an archive, whose control file is unpacked and seen. */
    open(archive: string, control?: string, target = unpackDirectory): void {
      start(800 + serial++, 700, '/usr/bin/dpkg-deb', ['dpkg-deb', '--control', archive, target]);
      pass();
      if (control !== undefined) {
        host.change({ [`${unpackDirectory}/control`]: control });
        runs.noteFile(`${unpackDirectory}/control`);
      }
      start(800 + serial++, 700, '/usr/bin/dpkg-deb', ['dpkg-deb', '--fsys-tarfile', archive]);
    },
    exit: (pid: number): void => handle({ kind: 'exit', timeNs: pass(), pid, groupDead: true }),
    /** dpkg writes a state of a package. */
    note(text: string, pid = 700, isSeen = true): void {
      pass();
      const name = String(serial++).padStart(4, '0');
      host.change({ [`/var/lib/dpkg/updates/${name}`]: text });
      if (isSeen) runs.handleUpdate({ name, pid });
    },
    /** dpkg writes its status file and ends. `lost`: an update that the agent gets to know only now. */
    async end(text?: string, lost?: string): Promise<PackageTransaction[]> {
      pass();
      if (text !== undefined) {
        host.change({ '/var/lib/dpkg/status': text });
        for (const name of host.readDirectory('/var/lib/dpkg/updates'))
          host.change({ [`/var/lib/dpkg/updates/${name}`]: null });
      }
      handle({ kind: 'exit', timeNs: pass(), pid: 700, groupDead: true });
      late?.();
      if (lost !== undefined) runs.handleUpdate({ name: lost, pid: 700 });
      soon?.();
      await runs.stop();
      return reported;
    },
  };
}

test('an installation has its archive, its times and the process that ran it', async () => {
  const host = await hostWith(stanza('other', '1'));
  host.open('tool.deb', stanza('tool', '1'));
  host.note(stanza('tool', '1', 'install reinstreq half-installed'));
  host.note(stanza('tool', '1', 'install ok unpacked'));
  host.note(stanza('tool', '1'));
  const [transaction, ...more] = await host.end(`${stanza('other', '1')}\n${stanza('tool', '1')}`);
  expect(more).toEqual([]);
  expect(transaction).toMatchObject({
    manager: 'dpkg',
    actor: { entry: { pid: 700 }, ancestors: [{ entry: { pid: 600 } }, { entry: { pid: 1 } }] },
    outcome: 'success',
    test: false,
    changed: true,
    root: '/',
    database: '/var/lib/dpkg',
    packages: [{ name: 'tool', version: '1', action: 'install', applied: true, archive: '/srv/tool.deb' }],
    packagesCount: 1,
    notes: { unobserved: {}, inferred: {} },
  });
  expect(transaction?.startNs).toBeLessThan(transaction?.endNs ?? 0);
  expect(host.faults).toEqual([]);
});

describe('a reinstallation', () => {
  const list = '/var/lib/dpkg/info/tool.list';
  /** dpkg opens the archive, and returns to the files that are there or replaces them. */
  const reinstall = async (isUnpacked: boolean, journal: boolean, laterList = false) => {
    const host = await hostWith(stanza('tool', '1'), { journal, files: { [list]: { ctimeMs: 1000 } } });
    host.open('tool.deb', stanza('tool', '1'));
    for (const state of ['reinstreq half-installed', 'ok unpacked']) {
      if (journal) host.note(stanza('tool', '1', `install ${state}`));
    }
    if (isUnpacked) host.host.change({ [list]: '/.' });
    if (journal) host.note(stanza('tool', '1'));
    if (laterList) host.host.change({ [list]: { ctimeMs: host.host.clock.nowMs() + 1000 } });
    const [transaction] = await host.end(stanza('tool', '1'));
    return [transaction?.outcome, transaction?.packages.map(({ action, applied }) => [action, applied])];
  };
  test.each([true, false])('has succeeded if dpkg has written the list of files; journal: %s', async (journal) => {
    expect(await reinstall(true, journal)).toEqual(['success', [['reinstall', true]]]);
    expect(await reinstall(false, journal)).toEqual(['failure', [['reinstall', false]]]);
  });
  test('is unknown without its states if a later run has written the list', async () => {
    expect(await reinstall(false, false, true)).toEqual(['success', [['reinstall', undefined]]]);
  });
});

describe('selections', () => {
  const set = { args: ['dpkg', '--set-selections'] };
  const both = (first: string, second: string): string =>
    `${stanza('a', '1', first)}\n${stanza('b', '2', second, 'amd64')}`;

  test('that dpkg writes into its status file are those of its run', async () => {
    const host = await hostWith(both('install ok installed', 'hold ok installed'), set);
    const reported = await host.end(both('hold ok installed', 'install ok installed'));
    expect(reported).toMatchObject([
      {
        outcome: 'success',
        changed: true,
        root: '/',
        packages: [],
        packagesCount: 0,
        selections: [
          { name: 'a', version: '1', architecture: 'all', isHeld: true },
          { name: 'b', version: '2', architecture: 'amd64', isHeld: false },
        ],
      },
    ]);
    expect(host.faults).toEqual([]);
  });

  test('are not those of an installation that waits at the same time', async () => {
    const host = await hostWith(stanza('a', '1'), set);
    host.start(710, 600, '/usr/bin/dpkg', ['dpkg', '-i', 'tool.deb']);
    host.start(711, 710, '/usr/bin/dpkg-deb', ['dpkg-deb', '--control', 'tool.deb', unpackDirectory]);
    const reported = await host.end(stanza('a', '1', 'hold ok installed'));
    expect(reported.find(({ selections }) => selections !== undefined)?.actor.entry.pid).toBe(700);
  });

  test.each<[what: string, before: string, after: string, args?: string[]]>([
    ['that are the same', 'hold ok installed', 'hold ok installed'],
    ['of a removal to come', 'install ok installed', 'deinstall ok installed'],
    ['of a package that has only its configuration files left', 'deinstall ok config-files', 'hold ok config-files'],
    ['of a package that is not installed', 'unknown ok not-installed', 'hold ok not-installed'],
    ['in a run that reads', 'install ok installed', 'hold ok installed', ['dpkg', '--get-selections']],
  ])('%s are no transaction', async (_what, before, after, args = set.args) => {
    const host = await hostWith(`${stanza('a', '1', before)}\n${stanza('other', '1')}`, { args });
    expect(await host.end(`${stanza('a', '1', after)}\n${stanza('other', '1')}`)).toEqual([]);
  });

  test('of a package that an installation releases are part of it', async () => {
    const host = await hostWith(stanza('tool', '1', 'hold ok installed'));
    host.open('tool.deb', stanza('tool', '2'));
    host.note(stanza('tool', '1', 'install reinstreq half-installed'));
    host.note(stanza('tool', '2', 'install ok unpacked'));
    host.note(stanza('tool', '2'));
    expect(await host.end(stanza('tool', '2'))).toMatchObject([
      { packages: [{ name: 'tool', action: 'upgrade' }], selections: [{ name: 'tool', version: '2', isHeld: false }] },
    ]);
  });
});

describe('archives', () => {
  test('are joined with packages by their control files, and in their order without these', async () => {
    const host = await hostWith('');
    host.open('/srv/b.deb', stanza('second', '1'));
    host.note(stanza('second', '1', 'install reinstreq half-installed'));
    host.note(stanza('second', '1', 'install ok unpacked'));
    for (const name of ['first', 'third']) {
      host.open(`/srv/${name}.any`);
      host.note(stanza(name, '1', 'install reinstreq half-installed'));
      host.note(stanza(name, '1', 'install ok unpacked'));
    }
    const [transaction] = await host.end(['second', 'first', 'third'].map((name) => stanza(name, '1')).join('\n'));
    expect(transaction?.packages.map(({ name, archive }) => [name, archive])).toEqual([
      ['second', '/srv/b.deb'],
      ['first', '/srv/first.any'],
      ['third', '/srv/third.any'],
    ]);
  });

  test('one of them that changed nothing is a failure, with its own version or with its file name only', async () => {
    const host = await hostWith(stanza('tool', '2'));
    host.open('/srv/x.deb', stanza('tool', '3'));
    host.open('/srv/evil_1_all.deb');
    const [transaction] = await host.end();
    expect(transaction).toMatchObject({
      outcome: 'failure',
      changed: false,
      packages: [
        { name: 'tool', version: '3', formerVersion: '2', action: 'upgrade', applied: false, archive: '/srv/x.deb' },
        { name: 'evil', version: undefined, action: undefined, applied: false },
      ],
      notes: { inferred: { 'stepparent.transaction.packages': 'package_file_name' } },
    });
  });

  test('whose control files went unseen are not guessed if their number differs', async () => {
    const host = await hostWith('');
    for (const name of ['a', 'b']) host.open(`/srv/${name}.deb`);
    host.note(stanza('b', '1', 'install reinstreq half-installed'));
    host.note(stanza('b', '1', 'install ok unpacked'));
    const [transaction] = await host.end(stanza('b', '1'));
    expect(transaction?.packages).toEqual([expect.not.objectContaining({ archive: expect.anything() })]);
    expect(transaction).toMatchObject({
      outcome: 'failure',
      notes: { unobserved: { 'stepparent.transaction.packages.archive': 'archive_unseen' } },
    });
  });

  test('are followed to where they came from, each from its first opening on', async () => {
    const host = await hostWith('');
    for (const name of ['a', 'b']) {
      host.open(`${name}.deb`, stanza(name, '1'));
      host.note(stanza(name, '1', 'install reinstreq half-installed'));
      host.note(stanza(name, '1', 'install ok unpacked'));
    }
    const [transaction] = await host.end(`${stanza('a', '1')}\n${stanza('b', '1')}`);
    expect(host.asked).toEqual([
      ...['follow /srv/a.deb 700,600,1', 'refresh', 'again /srv/a.deb'],
      ...['follow /srv/b.deb 700,600,1', 'again /srv/b.deb'],
    ]);
    expect(transaction?.packages.map(({ provenance }) => provenance?.value?.fields.sha256)).toEqual([
      '/srv/a.deb',
      '/srv/b.deb',
    ]);
  });

  test('of another root are not followed', async () => {
    const host = await hostWith('', { args: ['dpkg', '--root=/mnt', '-i', 'tool.deb'] });
    host.open('tool.deb', undefined, '/mnt/var/lib/dpkg/tmp.ci');
    const [transaction] = await host.end();
    expect(transaction?.packages).toEqual([expect.not.objectContaining({ provenance: expect.anything() })]);
    expect(host.asked).toEqual([]);
  });

  test('of a dry run are none', async () => {
    const host = await hostWith('', { args: ['dpkg', '--no-act', '-i', 'tool.deb'] });
    host.open('tool.deb', undefined, '/tmp/dpkg.Xy12Z3');
    expect(await host.end()).toEqual([]);
  });
});

describe('a run', () => {
  test('that ends before its own updates are removed was killed', async () => {
    const host = await hostWith('');
    host.open('tool.deb', stanza('tool', '1'));
    host.note(stanza('tool', '1', 'install reinstreq half-installed'));
    host.note(stanza('tool', '1', 'install ok unpacked'));
    expect(await host.end()).toMatchObject([{ outcome: 'failure', packages: [{ state: 'unpacked' }] }]);
  });

  test('that was to configure what it has only unpacked has failed', async () => {
    const host = await hostWith('');
    host.note(stanza('tool', '1', 'install reinstreq half-installed'));
    host.note(stanza('tool', '1', 'install ok unpacked'));
    expect(await host.end(stanza('tool', '1', 'install ok unpacked'))).toMatchObject([{ outcome: 'failure' }]);
  });

  test('has no updates of another process', async () => {
    const host = await hostWith(stanza('tool', '1'));
    host.note(stanza('tool', '9'), 600);
    expect(await host.end(stanza('tool', '9'))).toEqual([]);
  });

  test('whose updates are not seen is known by the database before and after', async () => {
    const host = await hostWith(`${stanza('tool', '1')}\n${stanza('gone', '4')}`, { journal: false });
    host.open('tool.deb');
    const [transaction] = await host.end(stanza('tool', '2'));
    expect(transaction).toMatchObject({
      outcome: 'success',
      changed: true,
      packages: [
        { name: 'tool', version: '2', formerVersion: '1', action: 'upgrade', archive: '/srv/tool.deb' },
        { name: 'gone', version: '4', action: 'remove', applied: true },
      ],
      notes: { inferred: { 'stepparent.transaction.packages': 'database_compared' } },
    });
  });

  test('one of whose updates is gone before it is read is compared too', async () => {
    const host = await hostWith('');
    host.note(stanza('tool', '1', 'install reinstreq half-installed'));
    host.runs.handleUpdate({ name: '0009', pid: 700 });
    const [transaction] = await host.end(stanza('tool', '1'));
    expect(transaction).toMatchObject({ outcome: 'success', packages: [{ action: 'install', state: 'installed' }] });
  });

  describe('whose updates are gone before they are read', () => {
    const log = '/var/log/dpkg.log';
    const lines = (host: { host: { clock: { nowMs(): number } } }, ...texts: readonly string[]): string => {
      const now = new Date(host.host.clock.nowMs());
      const time = new Date(now.getTime() - now.getTimezoneOffset() * 60_000).toISOString().slice(0, 19);
      return texts.map((text) => `${time.replace('T', ' ')} ${text}\n`).join('');
    };
    const append = (host: Awaited<ReturnType<typeof hostWith>>, ...texts: readonly string[]): void =>
      host.host.change({ [log]: { content: lines(host, ...texts), inode: 5000 } });

    test('takes its steps from the log', async () => {
      const host = await hostWith(stanza('tool', '1'), {
        args: ['dpkg', '-r', 'tool'],
        files: { [log]: { inode: 5000 } },
      });
      host.runs.handleUpdate({ name: '0009', pid: 700 });
      append(
        host,
        'startup packages remove',
        'remove tool:all 1 <none>',
        'status half-configured tool:all 1',
        'status installed tool:all 1',
      );
      const [transaction] = await host.end(stanza('tool', '1', 'deinstall ok installed'));
      expect(transaction).toMatchObject({
        outcome: 'failure',
        packages: [{ name: 'tool', version: '1', action: 'remove', applied: false, state: 'installed' }],
        notes: { inferred: { 'stepparent.transaction.packages': 'dpkg_log' } },
      });
      expect(host.faults).toEqual([]);
    });

    test('makes the former state of the next run uncertain, which the log has too', async () => {
      const host = await hostWith('', { files: { [log]: { inode: 5000 } } });
      host.runs.handleUpdate({ name: '0008', pid: 700 });
      host.start(701, 600, '/usr/bin/dpkg', ['dpkg', '-i', 'tool2.deb']);
      host.note(stanza('tool', '1', 'install reinstreq half-installed'), 701);
      host.note(stanza('tool', '2'), 701);
      append(
        host,
        ...['startup archives install', 'install tool:all <none> 1', 'status half-installed tool:all 1'],
        ...['status unpacked tool:all 1', 'startup archives install', 'upgrade tool:all 1 2'],
        ...['status half-installed tool:all 1', 'status unpacked tool:all 2'],
      );
      host.exit(701);
      const transactions = await host.end(stanza('tool', '2'));
      expect(transactions.map(({ packages: [first] }) => [first?.action, first?.version])).toEqual([
        ['install', '1'],
        ['upgrade', '2'],
      ]);
    });
  });

  test('that goes on when the agent ends has an unknown result', async () => {
    const host = await hostWith(stanza('tool', '1'));
    host.note(stanza('tool', '2', 'install ok unpacked'));
    await host.runs.stop();
    expect(host.reported).toMatchObject([
      { outcome: 'unknown', endNs: undefined, notes: { unobserved: { 'event.outcome': 'transaction_unfinished' } } },
    ]);
  });

  test('that has ended before its exec is reported, as when the agent had no CPU time', async () => {
    const host = await hostWith(`${stanza('tool', '1')}\n${stanza('other', '1')}`, { isLate: true });
    const [transaction, ...more] = await host.end(stanza('other', '1'), '0000');
    expect(more).toEqual([]);
    expect(transaction).toMatchObject({
      outcome: 'success',
      packages: [{ name: 'tool', version: '1', action: 'remove', applied: true }],
      notes: { inferred: { 'stepparent.transaction.packages': 'database_compared' } },
    });
  });

  test('that a kill of the sensor hid counts when dpkg writes', async () => {
    const host = await hostWith(stanza('tool', '1'));
    host.host.change(processFiles(701, { exe: '/usr/bin/dpkg', args: ['dpkg', '-r', 'tool'], startTicks: 5000 }));
    host.note(stanza('tool', '1', 'deinstall ok config-files'), 701);
    await host.runs.stop();
    expect(host.reported).toMatchObject([{ actor: { entry: { pid: 701 } }, packages: [{ action: 'remove' }] }]);
  });

  test('of `dpkg -l` alone is no transaction', async () => {
    const host = await hostWith(stanza('tool', '1'), { args: ['dpkg', '-l'], journal: false });
    expect(await host.end(stanza('tool', '1', 'hold ok installed'))).toEqual([]);
  });
});

describe('a run in another root', () => {
  const elsewhere = { outcome: 'unknown', changed: undefined } as const;
  test.each([false, true])(
    'by --root has the archives and no states; its exec is reported late: %s',
    async (isLate) => {
      const host = await hostWith('', { args: ['dpkg', '--root=/srv/box', '-i', 'tool.deb'], isLate });
      host.open('tool.deb', undefined, '/srv/box/var/lib/dpkg/tmp.ci');
      expect(await host.end()).toMatchObject([
        {
          ...elsewhere,
          root: '/srv/box',
          database: '/srv/box/var/lib/dpkg',
          packages: [{ name: 'tool', action: undefined, applied: undefined, archive: '/srv/tool.deb' }],
          notes: { unobserved: { 'stepparent.transaction.packages': 'other_database' } },
        },
      ]);
    },
  );

  test('by another directory at the path of the database, which has no name on the host', async () => {
    const host = await hostWith('', {
      files: { '/proc/700/root': { link: '/srv/box' }, '/srv/box/var/lib/dpkg/status': '' },
    });
    host.open('tool.deb');
    const [transaction] = await host.end();
    expect(transaction).toMatchObject({ ...elsewhere, database: undefined });
  });

  test('removes by its arguments', async () => {
    const host = await hostWith('', { args: ['dpkg', '--root', '/srv/box', '-r', 'tool'] });
    expect(await host.end()).toMatchObject([{ ...elsewhere, root: '/srv/box', packages: [] }]);
  });
});

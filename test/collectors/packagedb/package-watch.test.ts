// The watch of real directories: each change is reported once, by fanotify, inotify or comparison.

import { execFile } from 'node:child_process';
import { createHash } from 'node:crypto';
import {
  appendFileSync,
  chmodSync,
  closeSync,
  mkdirSync,
  openSync,
  readdirSync,
  readFileSync,
  readlinkSync,
  renameSync,
  rmSync,
  symlinkSync,
  unlinkSync,
  utimesSync,
  writeFileSync,
} from 'node:fs';
import { dirname, join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { promisify } from 'node:util';
import { describe, expect, test, vi } from 'vitest';
import type { DirectoryToWatch } from '../../../collectors/packagedb/directory-to-watch.ts';
import type { openFanotify } from '../../../collectors/packagedb/fanotify.ts';
import type { FanotifyOptions } from '../../../collectors/packagedb/fanotify-group.ts';
import { fanotifyMask } from '../../../collectors/packagedb/parse-fanotify.ts';
import { locateDirectory } from '../../../collectors/packagedb/watched-directory.ts';
import { noRoot, titled, unmet } from '../../needs.ts';
import { listingMemory, noFanotify, scratch, startWatch, type TestWatch } from './watch-double.ts';

const missing = unmet(noRoot);
const within = { timeout: 20_000, interval: 50 };
const eventually = (check: () => void): Promise<void> => vi.waitFor(check, within);

/** Waits for the first comparison: what is done after it is a change. */
const listed = (watch: TestWatch, files: number): Promise<void> =>
  eventually(() => expect(watch.watch.report().directories[0]?.files).toBe(files));

const sh = async (script: string, cwd: string): Promise<void> => {
  await promisify(execFile)('sh', ['-c', script], { cwd });
};
const linkOf = (path: string): string | undefined => {
  try {
    return readlinkSync(path);
  } catch {
    return undefined;
  }
};
const sha256 = (text: string): string => createHash('sha256').update(text).digest('hex');

/** A kernel that takes marks and reports only what a test makes it report. */
function silentKernel(): { open: typeof openFanotify; options: FanotifyOptions[]; marks: string[] } {
  const options: FanotifyOptions[] = [];
  const marks: string[] = [];
  return {
    options,
    marks,
    open(given) {
      options.push(given);
      return {
        mark(directory) {
          marks.push(directory);
          return { key: directory, identity: locateDirectory(directory)?.identity ?? '' };
        },
        drain: () => true,
        close: async () => {},
      };
    },
  };
}

describe.skipIf(missing)(titled('with fanotify', missing), () => {
  test('each kind of change has the state of the file and the writer', async () => {
    const directory = scratch();
    writeFileSync(join(directory, 'old.postinst'), 'one', { mode: 0o755 });
    const watch = startWatch([directory]);
    await listed(watch, 1);

    const steps = [
      ['echo two > new.list', 'creation new.list'],
      ['chmod 700 old.postinst', 'attribute-change old.postinst'],
      ['echo three >> old.postinst', 'modification old.postinst'],
      ['mv new.list newer.list', 'rename newer.list'],
      ['mv newer.list ..', 'deletion newer.list'],
      ['rm old.postinst', 'deletion old.postinst'],
    ] as const;
    for (const [step] of steps) {
      const count = watch.events.length;
      await sh(step, directory);
      await eventually(() => expect(watch.events.length).toBeGreaterThan(count));
    }
    expect(watch.reported(directory)).toEqual(steps.map(([, reported]) => reported));
    const [created, chmod, written, renamed, moved, removed] = watch.events;
    expect(created).toMatchObject({
      event: { category: ['file'], type: ['creation'], provider: 'fanotify', dataset: 'stepparent.file' },
      file: {
        path: join(directory, 'new.list'),
        directory: directory,
        extension: 'list',
        type: 'file',
        owner: 'root',
        group: 'root',
        uid: '0',
        gid: '0',
        mode: '0644',
        size: 4,
        hash: { sha256: sha256('two\n') },
        created: expect.stringMatching(/Z$/),
        mtime: expect.stringMatching(/Z$/),
        ctime: expect.stringMatching(/Z$/),
        accessed: expect.stringMatching(/Z$/),
      },
      process: { pid: expect.any(Number) },
    });
    expect(chmod?.stepparent.file).toMatchObject({ previous: { mode: '0755' } });
    expect(written?.file?.hash).toEqual({ sha256: sha256('onethree\n') });
    expect(written?.stepparent.file).toMatchObject({
      changed: expect.arrayContaining(['size', 'mtime']),
      previous: { size: 3 },
    });
    expect(renamed?.stepparent.file).toMatchObject({ original_path: join(directory, 'new.list') });
    expect(moved?.stepparent.file).toMatchObject({ moved_out: true });
    expect(removed?.stepparent.file).toMatchObject({ moved_out: false });
    expect(new Set(watch.events.map(({ event }) => event.id)).size).toBe(watch.events.length);
    expect(watch.faults).toEqual([]);
    // Nothing is found again by a later comparison.
    await watch.stop();
    expect(watch.events).toHaveLength(6);
  });

  test('a writer that lives on is described', async () => {
    const directory = scratch();
    const watch = startWatch([directory]);
    await listed(watch, 0);
    writeFileSync(join(directory, 'mine'), '');
    await eventually(() => expect(watch.reported(directory)).toEqual(['creation mine']));
    expect(watch.events[0]?.process).toMatchObject({ pid: process.pid, executable: process.execPath });
    expect(watch.events[0]?.stepparent.file).toEqual({ writer_source: 'kernel' });
    expect(watch.events[0]?.stepparent.lineage?.length).toBeGreaterThan(0);
  });

  test('written content is read although the file is deleted as soon as it is open', async () => {
    const directory = scratch();
    const opened = (file: string) => `${directory}/opened-${file.slice(file.lastIndexOf('.') + 1)}`;
    const watch = startWatch(
      [{ path: directory, manager: 'rpm', expected: true, namePrefix: 'rpm-tmp.', temporary: true }],
      { onOpened: (file) => writeFileSync(opened(file), '') },
    );
    const scripts = Array.from(
      { length: 20 },
      (_, i) => `echo ${i} > rpm-tmp.${i}; until [ -e opened-${i} ]; do sleep 0.02; done; rm rpm-tmp.${i}`,
    );
    await Promise.all(scripts.map((script, i) => sh(`echo > other.${i}; ${script}`, directory)));
    await eventually(() => expect(watch.events).toHaveLength(40));
    const hashes = watch.events.flatMap(({ file }) => file?.hash?.sha256 ?? []);
    expect(hashes).toHaveLength(20);
    expect(new Set(hashes).size).toBe(20);
  });

  test('changes by other users in a directory where any user may write are counted, and do not affect those by root', async () => {
    const [info, temporary] = [scratch(), scratch()];
    chmodSync(dirname(temporary), 0o711);
    chmodSync(temporary, 0o1777);
    const scriptlets = { path: temporary, manager: 'rpm', expected: false, namePrefix: 'rpm-tmp.', temporary: true };
    const watch = startWatch([info, scriptlets as DirectoryToWatch]);
    await listed(watch, 0);
    const flood = 'i=0; while [ $i -lt 3000 ]; do : > rpm-tmp.f$i; i=$((i+1)); done';
    const flooding = sh(`exec setpriv --reuid 65534 --regid 65534 --clear-groups sh -c '${flood}'`, temporary);
    await eventually(() => expect(watch.watch.report().ignored).toBeGreaterThan(500));
    writeFileSync(join(info, 'evil.postinst'), 'x');
    writeFileSync(join(temporary, 'rpm-tmp.root'), 'x');
    await flooding;
    await eventually(() => expect(watch.reported(info)).toEqual(['creation evil.postinst']));
    await eventually(() => expect(watch.reported(temporary)).toContain('creation rpm-tmp.root'));
    expect(watch.reported(temporary)).toEqual(['creation rpm-tmp.root']);
    expect(watch.events.every(({ stepparent }) => stepparent.found === undefined)).toBe(true);
    expect(watch.watch.report()).toMatchObject({ dropped: 0, reported: 2 });
  });

  test('opening for writing, and taking an empty lock, are no changes', async () => {
    const directory = scratch();
    writeFileSync(join(directory, 'lock'), '');
    writeFileSync(join(directory, 'rpmdb.sqlite-shm'), 'x');
    const watch = startWatch([directory]);
    await listed(watch, 2);
    for (let i = 0; i < 3; i++) {
      closeSync(openSync(join(directory, 'rpmdb.sqlite-shm'), 'r+'));
      closeSync(openSync(join(directory, 'lock'), 'w'));
    }
    writeFileSync(join(directory, 'last'), '');
    await eventually(() => expect(watch.reported(directory)).toEqual(['creation last']));
  });

  test('repeated writes are one event, with the last content', async () => {
    const directory = scratch();
    writeFileSync(join(directory, 'status'), '');
    const watch = startWatch([directory]);
    await listed(watch, 1);
    for (let i = 0; i < 50; i++) appendFileSync(join(directory, 'status'), `${i}\n`);
    const whole = sha256([...Array(50).keys()].map((i) => `${i}\n`).join(''));
    await eventually(() => expect(watch.events.at(-1)?.file?.hash?.sha256).toBe(whole));
    expect(watch.events.length).toBeLessThan(5);
  });

  test('writes of two processes are two events', async () => {
    const directory = scratch();
    const watch = startWatch([directory]);
    await listed(watch, 0);
    writeFileSync(join(directory, 'x.postinst'), 'a');
    await sh('echo b >> x.postinst', directory);
    await eventually(() =>
      expect(watch.reported(directory)).toEqual(['creation x.postinst', 'modification x.postinst']),
    );
    const [first, second] = watch.events.map(({ process: by }) => by?.pid);
    expect(first).toBe(process.pid);
    expect(second).not.toBe(first);
  });

  test('the writer is the process that wrote, not the one that closes the file last', async () => {
    const directory = scratch();
    writeFileSync(join(directory, 'x.postinst'), 'a');
    const watch = startWatch([directory]);
    await listed(watch, 1);
    // The other has the file from before it is written.
    await sh('echo $$ > ../pid; exec 3>> x.postinst; sleep 0.5 & echo evil >&3; exec 3>&-; wait', directory);
    await eventually(() => expect(watch.reported(directory)).toEqual(['modification x.postinst']));
    expect(watch.events[0]?.process?.pid).toBe(Number(readFileSync(join(dirname(directory), 'pid'), 'utf8')));
    expect(watch.events[0]?.stepparent.inferred?.process).toBe('closed_by_other');
  });

  test('fifos, devices, links and directories are described and not opened', async () => {
    const directory = scratch();
    const watch = startWatch([directory]);
    await listed(watch, 0);
    await sh('mkfifo fifo; mknod null c 1 3; ln -s /etc/passwd link; mkdir directory', directory);
    await eventually(() => expect(watch.events).toHaveLength(4));
    expect(watch.events.map(({ file }) => [file?.name, file?.type, file?.hash, file?.target_path])).toEqual([
      ['fifo', 'fifo', undefined, undefined],
      ['null', 'char_device', undefined, undefined],
      ['link', 'symlink', undefined, '/etc/passwd'],
      ['directory', 'dir', undefined, undefined],
    ]);
  });

  test('a large file has no hash, and the event says why', async () => {
    const directory = scratch();
    const watch = startWatch([directory]);
    await listed(watch, 0);
    writeFileSync(join(directory, 'big'), Buffer.alloc(1024 * 1024 + 1));
    await eventually(() => expect(watch.events).toHaveLength(1));
    expect(watch.events[0]?.file?.hash).toBe(undefined);
    expect(watch.events[0]?.stepparent.unobserved).toMatchObject({
      'file.hash.sha256': 'too_large',
    });
  });

  test('the unpack directory of dpkg is watched each time it is created', async () => {
    const directory = scratch();
    const watch = startWatch([directory]);
    await listed(watch, 0);
    const inner = join(directory, 'tmp.ci');
    const rounds = (count: number): string[] =>
      Array.from({ length: count }, () => ['creation tmp.ci', 'creation preinst', 'deletion tmp.ci']).flat();
    // A script that is found between its creation and its writing is reported twice.
    const reported = (): string[] => watch.reported(inner).filter((line) => line !== 'modification preinst');
    for (const round of [1, 2, 3]) {
      await sh(`mkdir tmp.ci && echo ${round} > tmp.ci/preinst`, directory);
      await eventually(() => expect(reported()).toEqual(rounds(round).slice(0, -1)));
      await eventually(() => expect(watch.events.at(-1)?.file?.hash?.sha256).toBe(sha256(`${round}\n`)));
      await sh(`mv tmp.ci/preinst x${round}.preinst; rmdir tmp.ci`, directory);
      const renamed = () => watch.events.find(({ file }) => file?.name === `x${round}.preinst`);
      await eventually(() => expect(reported()).toEqual(rounds(round)));
      expect(renamed()?.stepparent.file).toMatchObject({ original_path: join(inner, 'preinst') });
    }
    expect(watch.notices).toEqual([]);
  });

  test('names that are not UTF-8, and names like their escapes, are reported', async () => {
    const directory = scratch();
    const watch = startWatch([directory]);
    await listed(watch, 0);
    const bytes = Buffer.concat([Buffer.from(`${directory}/a`), Buffer.from([0xff, 0x0a])]);
    writeFileSync(bytes, 'bytes');
    writeFileSync(join(directory, 'a\\xff\n'), 'text');
    await eventually(() => expect(watch.reported(directory)).toEqual(['creation a\\xff\n', 'creation a\\x5cxff\n']));
    expect(watch.events.map(({ file }) => file?.hash?.sha256)).toEqual([sha256('bytes'), sha256('text')]);
    unlinkSync(bytes);
    await eventually(() => expect(watch.reported(directory)).toContain('deletion a\\xff\n'));
  });
});

describe('without fanotify', () => {
  test('changes are reported with an inferred or unknown writer', async () => {
    const directory = scratch();
    writeFileSync(join(directory, 'a.postinst'), 'one');
    writeFileSync(join(directory, 'b.list'), 'b');
    const watch = startWatch([directory], { fanotify: noFanotify });
    await listed(watch, 2);
    expect(watch.watch.report().directories[0]).toMatchObject({ by: 'chokidar', reason: 'fanotify_init: EPERM' });
    // chokidar takes a moment to begin; a comparison finds what it misses.
    await sh('echo two >> a.postinst; mv b.list c.list; echo x~ > d~', directory);
    await eventually(() =>
      expect(watch.reported(directory).sort()).toEqual(['creation d~', 'modification a.postinst', 'rename c.list']),
    );
    expect(watch.events[0]).toMatchObject({ event: { provider: 'chokidar' } });
    expect(watch.events[0]?.stepparent.unobserved?.process).toMatch(
      /^(?:no_package_manager|several_package_managers|change_not_seen)$/,
    );
    const renamed = watch.events.find(({ file }) => file?.name === 'c.list');
    expect(renamed?.stepparent.file).toMatchObject({ original_path: join(directory, 'b.list') });
    await sh('chmod 700 a.postinst', directory);
    await eventually(() => expect(watch.reported(directory)).toContain('attribute-change a.postinst'));
    await sh('rm a.postinst', directory);
    await eventually(() => expect(watch.reported(directory)).toContain('deletion a.postinst'));
    expect(watch.faults).toEqual([]);
  });

  test('the unpack directory of dpkg is watched', async () => {
    const directory = scratch();
    const watch = startWatch([directory], { fanotify: noFanotify });
    await listed(watch, 0);
    await sh('mkdir tmp.ci; echo a > tmp.ci/preinst', directory);
    await eventually(() => expect(watch.reported(join(directory, 'tmp.ci'))).toContain('creation preinst'));
  });
});

describe('comparison', () => {
  test('reports exactly the changes made while no agent ran', async () => {
    const directory = scratch();
    const memory = listingMemory();
    for (const name of ['same', 'written', 'touched', 'gone', 'moved', 'chmod', 'back', 'lock']) {
      writeFileSync(join(directory, name), name === 'lock' ? '' : name);
    }
    mkdirSync(join(directory, 'inner'));
    const first = startWatch([directory], { memory, fanotify: noFanotify });
    await listed(first, 9);
    await first.stop();
    expect(first.events).toEqual([]);

    appendFileSync(join(directory, 'written'), '.');
    utimesSync(join(directory, 'touched'), 1, 1);
    unlinkSync(join(directory, 'gone'));
    renameSync(join(directory, 'moved'), join(directory, 'there'));
    chmodSync(join(directory, 'chmod'), 0o777);
    await sh('touch -r back ../stamp; echo BACK | head -c 4 > back; touch -r ../stamp back; : > lock', directory);
    writeFileSync(join(directory, 'new'), 'new');
    writeFileSync(join(directory, 'inner', 'not our business'), '');
    const second = startWatch([directory], { memory, fanotify: noFanotify });
    await eventually(() =>
      expect(second.reported(directory).sort()).toEqual([
        'attribute-change back',
        'attribute-change chmod',
        'creation new',
        'deletion gone',
        'modification touched',
        'modification written',
        'rename there',
      ]),
    );
    for (const { stepparent } of second.events) {
      expect(stepparent).toMatchObject({
        found: 'offline_diff',
        unobserved: { process: 'change_not_seen' },
      });
    }
    const back = second.events.find(({ file }) => file?.name === 'back');
    expect(back?.stepparent).toMatchObject({
      file: { changed: ['ctime'] },
      inferred: { 'event.action': 'change_time_only' },
    });
    await second.stop();

    const third = startWatch([directory], { memory, fanotify: noFanotify });
    await listed(third, 9);
    await third.stop();
    expect(third.events).toEqual([]);
  });

  test('a listing that cannot be saved does not affect the others', async () => {
    const [one, two] = [scratch(), scratch()];
    for (const directory of [one, two]) writeFileSync(join(directory, 'a'), 'a');
    const memory = listingMemory();
    const { saveKnownFiles } = memory;
    memory.saveKnownFiles = (directory, upserts, deletions) => {
      if (directory === one) throw new Error('full');
      saveKnownFiles(directory, upserts, deletions);
    };
    const watch = startWatch([one, two], { memory, fanotify: silentKernel().open });
    await eventually(() => expect(watch.watch.report().directories.map(({ files }) => files)).toEqual([1, 1]));
    await watch.stop();
    expect([...(memory.files.get(two)?.keys() ?? [])]).toContain('a');
    expect(watch.faults).toContain('the listing of a directory could not be saved: Error: full');
  });

  test('a listing is saved once the changes in it are judged', async () => {
    const directory = scratch();
    writeFileSync(join(directory, 'a'), 'a');
    const memory = listingMemory();
    const judged = Promise.withResolvers<void>();
    const watch = startWatch([directory], { memory, fanotify: noFanotify, judge: () => judged.promise });
    const saved = (): string[] => [...(memory.files.get(directory)?.keys() ?? [])].sort();
    await listed(watch, 1);
    await eventually(() => expect(saved()).toEqual(['.', 'a']));
    writeFileSync(join(directory, 'b'), 'b');
    await eventually(() => expect(watch.reported(directory)).toEqual(['creation b']));
    const stopped = watch.stop();
    await sleep(0);
    expect(saved()).toEqual(['.', 'a']);
    judged.resolve();
    await stopped;
    expect(saved()).toEqual(['.', 'a', 'b']);
  });

  test('the end has time for some changes, and says how many are left to the next start', async () => {
    const directory = scratch();
    const kernel = silentKernel();
    const judged = Promise.withResolvers<void>();
    const watch = startWatch([directory], { fanotify: kernel.open, judge: () => judged.promise });
    await listed(watch, 0);
    const waiting = 4000;
    for (let i = 0; i < waiting; i++) {
      const entry = { directory, name: `gone-${i}` };
      kernel.options[0]?.onEvent({ mask: fanotifyMask.delete, pid: 0, entry, oldEntry: undefined });
    }
    await eventually(() => expect(watch.events).not.toEqual([]));
    // The judgment of the first changes takes longer than the end waits for others.
    const stopped = watch.stop();
    await sleep(2000);
    judged.resolve();
    await stopped;
    const left = watch.faults.flatMap((fault) => /^the agent ends before.*: (\d+) changes$/.exec(fault)?.[1] ?? []);
    expect(watch.faults).toHaveLength(left.length);
    expect(Number(left[0]) + watch.events.length).toBe(waiting);
  });

  test('finds changes that the kernel did not report', async () => {
    const directory = scratch();
    writeFileSync(join(directory, 'a'), '');
    const kernel = silentKernel();
    const watch = startWatch([directory], { fanotify: kernel.open });
    await listed(watch, 1);
    expect(watch.watch.report().directories[0]?.by).toBe('fanotify');
    writeFileSync(join(directory, 'b'), 'b');
    kernel.options[0]?.onEvent({ mask: fanotifyMask.overflow, pid: 0, entry: undefined, oldEntry: undefined });
    await eventually(() => expect(watch.reported(directory)).toEqual(['creation b']));
    expect(watch.events[0]?.stepparent.found).toBe('comparison');
    expect(watch.notices).toEqual([
      { action: 'file-events-lost', reason: "the kernel's queue of file events overflowed", count: undefined },
    ]);
    // The kernel reports it late: it is not reported twice, and what follows is.
    const report = (mask: number): void =>
      kernel.options[0]?.onEvent({ mask, pid: process.pid, entry: { directory, name: 'b' }, oldEntry: undefined });
    report(fanotifyMask.create | fanotifyMask.closeWrite);
    unlinkSync(join(directory, 'b'));
    report(fanotifyMask.delete);
    await eventually(() => expect(watch.reported(directory)).toEqual(['creation b', 'deletion b']));
  });

  test('the two halves of a rename on kernels before 5.17 are one event', async () => {
    const directory = scratch();
    for (const name of ['a', 'out']) writeFileSync(join(directory, name), name);
    const kernel = silentKernel();
    const watch = startWatch([directory], { fanotify: kernel.open });
    await listed(watch, 2);
    const report = (name: string, mask: number, pid = 1): void =>
      kernel.options[0]?.onEvent({ mask, pid, entry: { directory, name }, oldEntry: undefined });
    renameSync(join(directory, 'a'), join(directory, 'b'));
    report('a', fanotifyMask.movedFrom);
    report('b', fanotifyMask.movedTo);
    await eventually(() => expect(watch.reported(directory)).toEqual(['rename b']));
    expect(watch.events[0]?.stepparent.file).toMatchObject({ original_path: join(directory, 'a') });
    // The second half is another process's: it is of another rename.
    renameSync(join(directory, 'out'), join(dirname(directory), 'out'));
    report('out', fanotifyMask.movedFrom, 1);
    writeFileSync(join(directory, 'in'), 'in');
    report('in', fanotifyMask.movedTo, 2);
    await eventually(() => expect(watch.reported(directory).slice(1)).toEqual(['deletion out', 'rename in']));
    expect(watch.events.slice(1).map(({ stepparent }) => stepparent.file?.original_path)).toEqual([
      undefined,
      undefined,
    ]);
    // No second half follows.
    unlinkSync(join(directory, 'b'));
    report('b', fanotifyMask.movedFrom);
    await eventually(() => expect(watch.reported(directory).slice(3)).toEqual(['deletion b']));
    expect(watch.events.at(-1)?.stepparent.file).toMatchObject({ moved_out: true });
  });

  test('a flood of scriptlets leaves room for the databases', async () => {
    const [info, temporary] = [scratch(), scratch()];
    const kernel = silentKernel();
    const watch = startWatch(
      [info, { path: temporary, manager: 'rpm', expected: false, namePrefix: 'rpm-tmp.', temporary: true }],
      { fanotify: kernel.open },
    );
    await listed(watch, 0);
    const report = (directory: string, name: string, mask: number): void =>
      kernel.options[0]?.onEvent({ mask, pid: 0, entry: { directory, name }, oldEntry: undefined });
    for (let i = 0; i < 5000; i++) report(temporary, `rpm-tmp.${i}`, fanotifyMask.delete);
    writeFileSync(join(info, 'evil.postinst'), 'x');
    report(info, 'evil.postinst', fanotifyMask.create);
    await eventually(() => expect(watch.reported(info)).toEqual(['creation evil.postinst']));
    // The kernel reported it, and no comparison found it.
    expect(watch.events.at(-1)?.stepparent.found).toBe(undefined);
    expect(watch.reported(temporary).length).toBeLessThan(1000);
  });

  test('a reader that stops is opened again', async () => {
    const directory = scratch();
    writeFileSync(join(directory, 'a'), '');
    const kernel = silentKernel();
    const watch = startWatch([directory], { fanotify: kernel.open });
    await listed(watch, 1);
    kernel.options[0]?.onStopped(new Error('EBADF'));
    writeFileSync(join(directory, 'b'), 'b');
    await eventually(() => expect(kernel.marks).toEqual([directory, directory]));
    await eventually(() => expect(watch.reported(directory)).toEqual(['creation b']));
    expect(watch.faults).toEqual(['the reader of file events stopped: Error: EBADF']);
  });
});

describe.each([
  ['fanotify', missing],
  ['chokidar', undefined],
])('a directory, watched by %s,', (by, why) => {
  const options = by === 'chokidar' ? { fanotify: noFanotify } : {};
  const works = async (watch: TestWatch, directory: string, name: string): Promise<void> => {
    writeFileSync(join(directory, name), name);
    await eventually(() => expect(watch.reported(directory)).toContain(`creation ${name}`));
  };

  test.skipIf(why)(titled('that is missing is reported once, and watched when it appears', why), async () => {
    const directory = scratch();
    rmSync(directory, { recursive: true });
    const watch = startWatch([directory, { path: `${directory}-2`, manager: 'rpm', expected: false }], options);
    expect(watch.watch.report()).toMatchObject({ directories: [], missing: [directory] });
    mkdirSync(directory);
    await eventually(() => expect(watch.watch.report().missing).toEqual([]));
    await works(watch, directory, 'a');
    expect(watch.notices.map(({ action }) => action)).toEqual(['package-directory-missing', 'package-directory-found']);
  });

  test.skipIf(why)(titled('that is replaced', why), async () => {
    const directory = scratch();
    writeFileSync(join(directory, 'same'), 'same');
    writeFileSync(join(directory, 'different'), 'one');
    const watch = startWatch([directory], options);
    await listed(watch, 2);
    await sh(
      `cp -a ${directory} other && echo two > other/different && mv ${directory} old && mv other ${directory}`,
      dirname(directory),
    );
    await eventually(() => expect(watch.reported(directory)).toEqual(['modification different']));
    // In between it may have been found missing.
    expect(watch.notices.at(-1)?.action).toBe('package-directory-replaced');
    await works(watch, directory, 'a');
    writeFileSync(join(dirname(directory), 'old', 'b'), '');
    await works(watch, directory, 'c');
    expect(watch.reported(directory)).not.toContain('creation b');
  });

  // Without the writer's name only root's scriptlets are reported.
  test.skipIf(why ?? missing)(titled('that becomes the one where scriptlets are', why ?? missing), async () => {
    const [directory, temporary] = [scratch(), scratch()];
    const scriptlets = { path: temporary, manager: 'rpm', expected: false, namePrefix: 'rpm-tmp.', temporary: true };
    writeFileSync(join(directory, 'same'), 'same');
    const watch = startWatch([directory, scriptlets as DirectoryToWatch], options);
    await listed(watch, 1);
    renameSync(directory, `${directory}.old`);
    symlinkSync(temporary, directory);
    await eventually(() =>
      expect(watch.notices.at(-1)).toMatchObject({
        action: 'package-directory-replaced',
        reason: expect.stringContaining(temporary),
      }),
    );
    await works(watch, temporary, 'evil.postinst');
    await works(watch, temporary, 'rpm-tmp.1');
    expect(watch.watch.report()).toMatchObject({
      directories: [{ path: directory, real_path: temporary }],
      missing: [],
    });
    // And back: each is watched again for what it is.
    unlinkSync(directory);
    renameSync(`${directory}.old`, directory);
    await eventually(() => expect(watch.watch.report().directories).toHaveLength(2));
    await works(watch, directory, 'a');
    // A file that comes before its first listing is over is no change: one of those that follow is.
    let written = 2;
    await eventually(() => {
      writeFileSync(join(temporary, `rpm-tmp.${written++}`), '');
      expect(watch.reported(temporary).join()).toMatch(/creation rpm-tmp\.(?!1\b)/);
    });
  });

  test.skipIf(why)(titled('that becomes the same as another is reported, and missing', why), async () => {
    const [directory, other] = [scratch(), scratch()];
    writeFileSync(join(directory, 'a'), '');
    const watch = startWatch([directory, other], options);
    await listed(watch, 1);
    renameSync(directory, `${directory}.old`);
    symlinkSync(other, directory);
    await eventually(() =>
      expect(watch.watch.report()).toMatchObject({ directories: [{ path: other }], missing: [directory] }),
    );
    expect(watch.notices.at(-1)).toEqual({
      action: 'package-directory-replaced',
      reason: `${directory} is another directory than before: it is now the same as ${other}`,
      count: undefined,
    });
  });

  test.skipIf(why)(titled('behind a link that changes', why), async () => {
    const directory = scratch();
    const [one, two, link] = ['one', 'two', 'link'].map((name) => join(dirname(directory), name)) as [
      string,
      string,
      string,
    ];
    mkdirSync(one);
    mkdirSync(two);
    writeFileSync(join(two, 'x'), '');
    writeFileSync(join(one, 'first'), '');
    symlinkSync(one, link);
    const watch = startWatch([link, one], options);
    await listed(watch, 1);
    expect(watch.watch.report().directories).toHaveLength(1);
    await works(watch, one, 'a');
    symlinkSync(two, `${link}.new`);
    renameSync(`${link}.new`, link);
    await eventually(() => expect(watch.watch.report().directories).toHaveLength(2));
    expect(watch.notices).toMatchObject([
      { action: 'package-directory-replaced', reason: expect.stringContaining(two) },
    ]);
    await works(watch, two, 'b');
    await works(watch, one, 'c');
    expect(readdirSync(two)).toEqual(['b', 'x']);
  });
});

test.skipIf(missing)(titled('the content of a script that is gone at once is kept', missing), async () => {
  const directory = join(scratch(), 'info');
  mkdirSync(directory);
  writeFileSync(join(directory, 'a.list'), '');
  const watch = startWatch([directory]);
  await listed(watch, 1);
  const text = '#!/bin/sh\necho gone\n';
  const path = join(directory, 'x.postinst');
  writeFileSync(path, text);
  // The file is kept open until its change is reported.
  const isOpen = () => readdirSync('/proc/self/fd').some((fd) => linkOf(`/proc/self/fd/${fd}`) === path);
  await vi.waitFor(() => expect(isOpen() || watch.events.length > 0).toBe(true), { timeout: 20_000, interval: 1 });
  unlinkSync(path);
  writeFileSync(join(directory, 'x.list'), 'y');
  await eventually(() => expect(watch.reported(directory)).toContain('deletion x.postinst'));
  const [made, ...others] = watch.events.filter(({ file }) => file?.name === 'x.postinst');
  expect(made?.stepparent.script).toEqual({
    path: join(directory, 'x.postinst'),
    package: 'x',
    phase: 'postinst',
    sha256: sha256(text),
  });
  expect(watch.contents.get(made?.event.id ?? '')).toBe(text);
  for (const { stepparent } of others) expect(stepparent.script).toBe(undefined);
  // Of other files nothing is kept.
  expect([...watch.contents.keys()]).toEqual([made?.event.id]);
});

// The watch of paths, on real directories: what appears, is replaced or goes away, loops, mounts, and storms.

import { execFile } from 'node:child_process';
import {
  appendFileSync,
  chmodSync,
  existsSync,
  mkdirSync,
  readFileSync,
  renameSync,
  rmSync,
  statSync,
  symlinkSync,
  unlinkSync,
  writeFileSync,
} from 'node:fs';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { promisify } from 'node:util';
import { describe, expect, test, vi } from 'vitest';
import { systemClock } from '../../../collectors/host/clock.ts';
import { openMounts } from '../../../collectors/watched/mounts.ts';
import { missingTools, noRoot, titled, unmet } from '../../needs.ts';
import { listingMemory, noFanotify } from '../packagedb/watch-double.ts';
import { below, scratchRoot, type TestPathWatch, watchPatterns } from './path-watch-double.ts';

const missing = unmet(noRoot, missingTools('unshare', 'mount', 'mkfifo'));
const within = { timeout: 30_000, interval: 50 };
const eventually = (check: () => void): Promise<void> => vi.waitFor(check, within);

const sh = async (script: string, cwd: string): Promise<string> =>
  (await promisify(execFile)('sh', ['-ec', script], { cwd })).stdout;

const directoriesOf = ({ watch }: TestPathWatch, root: string): string[] =>
  watch
    .directories()
    .filter((path) => path.startsWith(root))
    .map((path) => path.slice(root.length))
    .sort();

describe.skipIf(missing)(titled('with fanotify', missing), () => {
  test('each kind of change in a listed path has its kind, its state and its writer, and nothing else is reported', async () => {
    const root = scratchRoot();
    writeFileSync(below(root, '/etc/cron.d/old'), 'one');
    writeFileSync(below(root, '/etc/crontab'), 'x');
    const watch = watchPatterns(root, ['/etc/cron.d/*', '/etc/crontab']);
    await watch.found;
    const steps = [
      ['echo two > etc/cron.d/new', ['creation /etc/cron.d/new cron']],
      ['chmod 600 etc/cron.d/old', ['attribute-change /etc/cron.d/old cron']],
      ['echo three >> etc/cron.d/old', ['modification /etc/cron.d/old cron']],
      ['mv etc/cron.d/new etc/cron.d/newer', ['rename /etc/cron.d/newer cron']],
      ['mv etc/cron.d/newer etc/elsewhere', ['deletion /etc/cron.d/newer cron']],
      ['rm etc/cron.d/old', ['deletion /etc/cron.d/old cron']],
      ['echo y >> etc/crontab', ['modification /etc/crontab cron']],
      // Names beside the listed ones.
      ['echo x > etc/passwd; echo x > etc/cron.deny; rm etc/passwd', []],
      ['chmod 700 etc/cron.d', ['attribute-change /etc/cron.d parent']],
    ] as const;
    for (const [step, reported] of steps) {
      const count = watch.events.length;
      await sh(step, root);
      await eventually(() => expect(watch.reported().slice(count)).toEqual(reported));
    }
    const [created, , written] = watch.events;
    expect(created?.process?.pid).toEqual(expect.any(Number));
    expect(created).toMatchObject({ event: { provider: 'fanotify' }, file: { size: 4, owner: 'root', mode: '0644' } });
    expect(written?.stepparent.file).toMatchObject({
      previous: { size: 3 },
      changed: expect.arrayContaining(['size']),
    });
    expect(watch.faults).toEqual([]);
    await watch.stop();
    expect(watch.events).toHaveLength(steps.flatMap(([, reported]) => reported).length);
  });

  test('reading and opening cause nothing', async () => {
    const root = scratchRoot();
    writeFileSync(below(root, '/etc/cron.d/job'), 'x');
    const watch = watchPatterns(root, ['/etc/cron.d/*']);
    await watch.found;
    await sh('grep -r x etc; cat etc/cron.d/job; : >> etc/cron.d/job; tar cf /dev/null etc 2>/dev/null; ls -lR', root);
    writeFileSync(join(root, 'etc/cron.d/last'), '');
    await eventually(() => expect(watch.reported()).toEqual(['creation /etc/cron.d/last cron']));
  });

  test('a directory that does not exist yet is watched as it appears, with all that is put into it at once', async () => {
    const root = scratchRoot();
    const watch = watchPatterns(root, ['/etc/dnf/plugins/*', '/etc/apt/**']);
    await watch.found;
    expect(directoriesOf(watch, root)).toEqual(['']);
    await sh('mkdir -p etc/dnf/plugins; echo x > etc/dnf/plugins/evil.py', root);
    await eventually(() => expect(watch.reported()).toContain('creation /etc/dnf/plugins/evil.py cron'));
    await sh('mkdir -p etc/apt/a/b/c; echo x > etc/apt/a/b/c/deep; echo y > etc/apt/a/y', root);
    await eventually(() =>
      expect(watch.reported()).toEqual(
        expect.arrayContaining(['creation /etc/apt/a/b/c/deep cron', 'creation /etc/apt/a/y cron']),
      ),
    );
    expect(directoriesOf(watch, root)).toEqual(
      ['', '/etc', '/etc/apt', '/etc/apt/a', '/etc/apt/a/b', '/etc/apt/a/b/c', '/etc/dnf', '/etc/dnf/plugins'].sort(),
    );
    // From then on the kernel names the writer there.
    appendFileSync(join(root, 'etc/apt/a/b/c/deep'), 'more');
    await eventually(() => expect(watch.reported().at(-1)).toBe('modification /etc/apt/a/b/c/deep cron'));
    expect(watch.events.at(-1)?.process?.pid).toBe(process.pid);
    // Each file once.
    expect(new Set(watch.reported()).size).toBe(watch.reported().length);
    expect(watch.faults).toEqual([]);
  });

  test('a directory is removed, made again, renamed and replaced', async () => {
    const root = scratchRoot();
    writeFileSync(below(root, '/etc/apt/conf.d/a'), 'x');
    const watch = watchPatterns(root, ['/etc/apt/**']);
    await watch.found;
    const etc = join(root, 'etc');

    rmSync(join(etc, 'apt/conf.d'), { recursive: true });
    await eventually(() =>
      expect(watch.reported()).toEqual(['deletion /etc/apt/conf.d/a cron', 'deletion /etc/apt/conf.d cron']),
    );
    await eventually(() => expect(directoriesOf(watch, root)).toEqual(['', '/etc', '/etc/apt']));
    mkdirSync(join(etc, 'apt/conf.d'));
    writeFileSync(join(etc, 'apt/conf.d/b'), 'x');
    await eventually(() => expect(watch.reported().slice(2)).toContain('creation /etc/apt/conf.d/b cron'));

    renameSync(join(etc, 'apt/conf.d'), join(etc, 'apt/other.d'));
    await eventually(() => expect(directoriesOf(watch, root)).toEqual(['', '/etc', '/etc/apt', '/etc/apt/other.d']));
    writeFileSync(join(etc, 'apt/other.d/c'), 'x');
    await eventually(() => expect(watch.reported()).toContain('creation /etc/apt/other.d/c cron'));

    // Out of the watched paths, with all that is in it.
    renameSync(join(etc, 'apt'), join(root, 'gone'));
    await eventually(() => expect(directoriesOf(watch, root)).toEqual(['', '/etc']));
    writeFileSync(join(root, 'gone/other.d/d'), 'x');
    mkdirSync(join(etc, 'apt'));
    writeFileSync(join(etc, 'apt/e'), 'x');
    await eventually(() => expect(watch.reported()).toContain('creation /etc/apt/e cron'));
    expect(watch.reported().some((line) => line.includes('/d '))).toBe(false);
    expect(watch.faults).toEqual([]);
  });

  test('fifos, sockets, links and devices are described and not opened, also in the place of a directory or a file', async () => {
    const root = scratchRoot();
    mkdirSync(below(root, '/etc/x'), { recursive: true });
    const watch = watchPatterns(root, ['/etc/cron.d/*', '/etc/crontab', '/etc/apt/**']);
    await watch.found;
    await sh('mkfifo etc/cron.d etc/crontab; mknod etc/apt c 1 3', root);
    await eventually(() =>
      expect(watch.events.map(({ file }) => [file?.name, file?.type, file?.hash])).toEqual([
        ['cron.d', 'fifo', undefined],
        ['crontab', 'fifo', undefined],
        ['apt', 'char_device', undefined],
      ]),
    );
    expect(directoriesOf(watch, root)).toEqual(['', '/etc']);
    expect(watch.faults).toEqual([]);
  });

  test('a listed path that is a link is followed, a link below it is not', async () => {
    const root = scratchRoot();
    mkdirSync(below(root, '/etc/rc.d/init.d/x'), { recursive: true });
    symlinkSync('rc.d/init.d', join(root, 'etc/init.d'));
    mkdirSync(join(root, 'outside'));
    mkdirSync(join(root, 'etc/apt'));
    symlinkSync(join(root, 'outside'), join(root, 'etc/apt/inner'));
    symlinkSync('.', join(root, 'etc/apt/self'));
    const watch = watchPatterns(root, ['/etc/init.d/*', '/etc/apt/**']);
    await watch.found;
    expect(watch.watch.directories()).toContain(join(root, 'etc/init.d'));
    writeFileSync(join(root, 'etc/rc.d/init.d/service'), 'x');
    await eventually(() => expect(watch.reported()).toEqual(['creation /etc/rc.d/init.d/service cron']));
    writeFileSync(join(root, 'outside/x'), 'x');
    writeFileSync(join(root, 'etc/apt/y'), 'x');
    await eventually(() => expect(watch.reported()).toContain('creation /etc/apt/y cron'));
    expect(watch.reported()).toHaveLength(2);
    expect(directoriesOf(watch, root)).toEqual(['', '/etc', '/etc/apt', '/etc/init.d']);
  });

  test('changes while no watch ran are found, and not those of a first run or of new paths in the list', async () => {
    const root = scratchRoot();
    const memory = listingMemory();
    writeFileSync(below(root, '/etc/cron.d/a'), 'x');
    writeFileSync(below(root, '/etc/cron.d/b'), 'x');
    writeFileSync(below(root, '/etc/apt/sub/z'), 'x');
    const first = watchPatterns(root, ['/etc/cron.d/*'], { memory });
    await first.found;
    await first.stop();
    expect(first.events).toEqual([]);

    appendFileSync(join(root, 'etc/cron.d/a'), 'more');
    unlinkSync(join(root, 'etc/cron.d/b'));
    writeFileSync(join(root, 'etc/cron.d/c'), 'x');
    const second = watchPatterns(root, ['/etc/cron.d/*'], { memory, isSameList: true });
    await second.found;
    await second.stop();
    expect(second.reported().sort()).toEqual([
      'creation /etc/cron.d/c cron',
      'deletion /etc/cron.d/b cron',
      'modification /etc/cron.d/a cron',
    ]);
    expect(second.events[0]?.stepparent.found).toBe('offline_diff');

    // A list with more paths: their files are not new, and a known file that has changed is still reported.
    appendFileSync(join(root, 'etc/cron.d/a'), 'still more');
    const third = watchPatterns(root, ['/etc/cron.d/*', '/etc/apt/**'], { memory, isSameList: false });
    await third.found;
    await third.stop();
    expect(third.reported()).toEqual(['modification /etc/cron.d/a cron']);

    // A list with fewer paths leaves nothing behind, and a directory that appeared meanwhile is reported with its files.
    mkdirSync(join(root, 'etc/apt/new'));
    writeFileSync(join(root, 'etc/apt/new/file'), 'x');
    const fourth = watchPatterns(root, ['/etc/apt/**'], { memory, isSameList: true });
    await fourth.found;
    await fourth.stop();
    expect(fourth.reported().sort()).toEqual(['creation /etc/apt/new cron', 'creation /etc/apt/new/file cron']);
    expect([...memory.knownFiles(join(root, 'etc'))].map(({ name }) => name)).toEqual(['apt']);
  });

  test('a mount of its own parent is no loop, and a mount below a listed path is not entered', async () => {
    const root = scratchRoot();
    mkdirSync(below(root, '/etc/apt/loop'), { recursive: true });
    mkdirSync(below(root, '/etc/apt/data'), { recursive: true });
    mkdirSync(below(root, '/etc/cron.d'), { recursive: true });
    writeFileSync(below(root, '/outside/inner/x'), 'x');
    const mounted = ['etc/apt/loop', 'etc/apt/data', 'etc/cron.d'];
    await sh('mount --bind . etc/apt/loop; mount --bind outside etc/apt/data; mount --bind etc etc/cron.d', root);
    try {
      const watch = watchPatterns(root, ['/etc/apt/**', '/etc/cron.d/*', '/outside/*']);
      await watch.found;
      // The mount in the place of a listed directory is the directory that is watched already.
      expect(directoriesOf(watch, root)).toEqual(['', '/etc', '/etc/apt', '/outside']);
      expect(watch.faults).toEqual([]);
      writeFileSync(join(root, 'outside/y'), 'x');
      await eventually(() => expect(watch.reported()).toEqual(['creation /outside/y cron']));
    } finally {
      for (const path of mounted.reverse()) await sh(`umount ${path}`, root);
    }
  });

  test('a mount over a watched path is entered if it is local, and can be removed again', async () => {
    const root = scratchRoot();
    writeFileSync(below(root, '/etc/cron.d/under'), 'x');
    const watch = watchPatterns(root, ['/etc/cron.d/*']);
    await watch.found;
    await sh('mount -t tmpfs none etc/cron.d; echo x > etc/cron.d/over', root);
    await eventually(() =>
      expect(watch.reported().sort()).toEqual(['creation /etc/cron.d/over cron', 'deletion /etc/cron.d/under cron']),
    );
    // The agent does not keep the file system busy.
    await sh('umount etc/cron.d', root);
    await eventually(() => expect(watch.reported()).toHaveLength(4));
    expect(watch.reported().slice(2).sort()).toEqual([
      'creation /etc/cron.d/under cron',
      'deletion /etc/cron.d/over cron',
    ]);
    expect(watch.faults).toEqual([]);
  });

  test('file systems that are not of this host are not looked at', async () => {
    const root = scratchRoot();
    for (const home of ['alice', 'bob']) writeFileSync(below(root, `/home/${home}/.profile`), 'x');
    const text = (mounts: string): string =>
      `${readFileSync('/proc/self/mountinfo', 'utf8')}${mounts
        .split(' ')
        .filter(Boolean)
        .map((at) => `99 1 0:99 / ${root}${at} rw - nfs4 server:/ rw\n`)
        .join('')}`;
    let mounts = '/home/alice';
    const watch = watchPatterns(root, ['/home/*/.profile', '/srv/*'], {
      mounts: openMounts(systemClock, () => text(mounts)),
    });
    await watch.found;
    expect(directoriesOf(watch, root)).toEqual(['', '/home', '/home/bob']);
    expect(watch.watch.report().not_entered).toEqual([{ path: `${root}/home/alice`, type: 'nfs4' }]);
    appendFileSync(join(root, 'home/alice/.profile'), 'more');
    chmodSync(join(root, 'home/alice'), 0o700);
    appendFileSync(join(root, 'home/bob/.profile'), 'more');
    await eventually(() => expect(watch.reported()).toEqual(['modification /home/bob/.profile cron']));
    // Later it is not the home of bob any more, and what is below is not asked for.
    mounts = '/home/alice /home/bob';
    await eventually(() => expect(directoriesOf(watch, root)).toEqual(['', '/home']));
    expect(watch.faults).toEqual([]);
  });

  test('100,000 files: some are recorded, the rest is counted, and a change among the recorded ones is reported', async () => {
    const root = scratchRoot();
    mkdirSync(below(root, '/etc/cron.d'), { recursive: true });
    await sh('seq -f job%06g 100000 | xargs touch', join(root, 'etc/cron.d'));
    const watch = watchPatterns(root, ['/etc/cron.d/*', '/etc/crontab']);
    await watch.found;
    const { files, uncounted } = watch.watch.report();
    expect(files + uncounted).toBeGreaterThanOrEqual(100_000);
    expect(files).toBeLessThanOrEqual(30_001);
    expect(watch.faults).toEqual(['too many files in watched paths: some are counted, not compared: undefined']);
    writeFileSync(join(root, 'etc/crontab'), 'x');
    await eventually(() => expect(watch.reported()).toEqual(['creation /etc/crontab cron']));
    await sh('rm -r etc/cron.d', root);
  });

  test('a storm is bounded, counted and reported, and the last state is found by comparison', async () => {
    const root = scratchRoot();
    mkdirSync(below(root, '/etc/cron.d'), { recursive: true });
    const watch = watchPatterns(root, ['/etc/cron.d/*', '/etc/crontab'], { group: 'users' });
    await watch.found;
    await sh(
      'i=0; while [ $i -lt 3000 ]; do echo $i > job$i; i=$((i+1)); done; echo evil > last',
      join(root, 'etc/cron.d'),
    );
    await eventually(() => expect(watch.watch.report().dropped + watch.notices.length).toBeGreaterThan(0));
    await sh('rm job*', join(root, 'etc/cron.d'));
    await eventually(() => expect(watch.reported()).toContain('creation /etc/cron.d/last cron'));
    const { reported } = watch.watch.report();
    expect(reported).toBeLessThan(3000);
    expect(watch.faults).toEqual([]);
  });

  test('more directories than the bound are counted', async () => {
    const root = scratchRoot();
    mkdirSync(below(root, '/etc/apt'), { recursive: true });
    await sh('seq -f d%04g 1100 | xargs mkdir', join(root, 'etc/apt'));
    const watch = watchPatterns(root, ['/etc/apt/**']);
    await watch.found;
    const { directories, skipped_directories } = watch.watch.report();
    expect(directories).toBe(1024);
    expect(skipped_directories).toBeGreaterThan(70);
    expect(watch.faults).toHaveLength(1);
  });

  test('names that are no UTF-8, or long, or look like parts of a path, are reported as they are', async () => {
    const root = scratchRoot();
    mkdirSync(below(root, '/etc/cron.d'), { recursive: true });
    const watch = watchPatterns(root, ['/etc/cron.d/*', '/etc/apt/**']);
    await watch.found;
    const directory = join(root, 'etc/cron.d');
    writeFileSync(Buffer.concat([Buffer.from(`${directory}/`), Buffer.from([0x61, 0xff, 0x5c])]), 'x');
    writeFileSync(`${directory}/new\nline *`, 'x');
    writeFileSync(`${directory}/${'l'.repeat(255)}`, 'x');
    await eventually(() => expect(watch.events).toHaveLength(3));
    expect(watch.events.map(({ file }) => file?.name)).toEqual(['a\\xff\\x5c', 'new\nline *', 'l'.repeat(255)]);
    expect(watch.events.every(({ file }) => file?.hash !== undefined)).toBe(true);
  });
});

test('without fanotify changes are found by comparison, and the report says why', async () => {
  const root = scratchRoot();
  writeFileSync(below(root, '/etc/cron.d/a'), 'x');
  const memory = listingMemory();
  const first = watchPatterns(root, ['/etc/cron.d/*'], { memory, fanotify: noFanotify });
  await first.found;
  const { not_by_fanotify, directories } = first.watch.report();
  expect(not_by_fanotify).toEqual([{ reason: 'fanotify_init: EPERM', directories }]);
  await first.stop();
  writeFileSync(join(root, 'etc/cron.d/b'), 'x');
  const second = watchPatterns(root, ['/etc/cron.d/*'], { memory, fanotify: noFanotify, isSameList: true });
  await second.found;
  await second.stop();
  expect(second.reported()).toEqual(['creation /etc/cron.d/b cron']);
  expect(second.events[0]).toMatchObject({
    event: { provider: 'stepparent' },
    stepparent: { unobserved: { process: 'change_not_seen' } },
  });
});

test('the files that are watched are listed with their secrecy', async () => {
  const root = scratchRoot();
  writeFileSync(below(root, '/etc/cron.d/a'), 'x');
  mkdirSync(below(root, '/etc/cron.d/directory'), { recursive: true });
  const watch = watchPatterns(root, ['/etc/cron.d/*'], { fanotify: noFanotify });
  await watch.found;
  expect([...watch.watch.files()]).toEqual([{ path: join(root, 'etc/cron.d/a'), isSecret: false }]);
  await sleep(0);
  expect([existsSync(root), statSync(root).isDirectory()]).toEqual([true, true]);
});

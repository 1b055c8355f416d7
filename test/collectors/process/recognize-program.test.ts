// What a process runs, by content: real processes of copies, links and removed files, and near misses. /bin/sh stands for every known program.

import { type ChildProcess, execFileSync, spawn } from 'node:child_process';
import { once } from 'node:events';
import fs from 'node:fs';
import path from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { afterEach, describe, expect, test } from 'vitest';
import { systemClock } from '../../../collectors/host/clock.ts';
import { openHost } from '../../../collectors/host/host.ts';
import { openKnownPrograms } from '../../../collectors/packages/known-programs.ts';
import { inspectProcess, readHostNamespaces } from '../../../collectors/proc/inspect-process.ts';
import type { Image } from '../../../collectors/process/process.ts';
import { isOtherFile, openRecognizer } from '../../../collectors/process/recognize-program.ts';
import { entryOf, imageOf } from '../../detectors/observed-exec.ts';
import { elfOf } from '../../elf-double.ts';
import { missingTools, needsRoot, titled, unmet } from '../../needs.ts';
import { plainHost, recordedHost } from '../../recorded-host.ts';
import { temporaryDirectory } from '../../storage/temporary-store.ts';

const shell = fs.realpathSync('/bin/sh');
/** A clock by which the files that a test makes are at rest. */
const host = openHost({ clock: { ...systemClock, nowMs: () => Date.now() + 60_000 } });
const recognize = openRecognizer(host, openKnownPrograms(host));
const namespaces = readHostNamespaces(host.proc);
const ended = 4_194_304;

const children: ChildProcess[] = [];
afterEach(() => {
  for (const child of children.splice(0)) child.kill('SIGKILL');
});

/** Starts a program that waits; resolves with its pid when the program runs. */
async function start(file: string, args: readonly string[] = ['-c', 'read line'], options = {}): Promise<number> {
  const child = spawn(file, args, { stdio: ['pipe', 'ignore', 'inherit'], ...options });
  children.push(child);
  await once(child, 'spawn');
  return child.pid ?? 0;
}

/** The image after an exec by that name; `pid` shows what the process runs now. */
function see(filename: string, pid = ended, change: Partial<Image> = {}): Image {
  const image = imageOf(filename, change);
  const details = inspectProcess(host, namespaces, pid);
  recognize(entryOf(pid, image, { details, detailsImage: image }), image);
  return image;
}

const copyTo = (file: string, content = fs.readFileSync(shell)): string => {
  fs.writeFileSync(file, content, { mode: 0o755 });
  return file;
};

describe('a shell is recognized', () => {
  test.each<[string, make: (directory: string) => string, other: boolean, basis: string]>([
    ['at its own path', () => shell, false, 'same_file'],
    ['by its link', () => '/bin/sh', false, 'same_file'],
    ['as a copy', (directory) => copyTo(path.join(directory, 'nginx')), true, 'build_id'],
    [
      'as a copy with bytes behind it',
      (directory) => copyTo(path.join(directory, 'nginx'), Buffer.concat([fs.readFileSync(shell), Buffer.from('x')])),
      true,
      'build_id',
    ],
    [
      'through a link to a copy',
      (directory) => {
        copyTo(path.join(directory, 'nginx'));
        fs.symlinkSync('nginx', path.join(directory, 'link'));
        return path.join(directory, 'link');
      },
      true,
      'build_id',
    ],
    [
      'through a link of another name',
      (directory) => {
        fs.symlinkSync(shell, path.join(directory, 'link'));
        return path.join(directory, 'link');
      },
      false,
      'same_file',
    ],
  ])('%s, while it runs and after its end', async (_, make, other, basis) => {
    const file = make(fs.realpathSync(temporaryDirectory()));
    const { program } = see(file, await start(file));
    expect(program).toMatchObject({ path: shell, basis });
    expect(program?.readLater).toBe(undefined);
    const later = see(file).program;
    expect(later).toMatchObject({ path: shell, basis, readLater: true });
    for (const one of [program, later]) expect(one && isOtherFile(one, fs.realpathSync(file))).toBe(other);
  });

  test('as a copy that is removed while it runs', async () => {
    const file = copyTo(path.join(temporaryDirectory(), 'nginx'));
    const pid = await start(file);
    fs.rmSync(file);
    expect(see(file, pid).program).toMatchObject({ path: shell, basis: 'build_id' });
  });

  test('as a copy that is replaced while it runs', async () => {
    const file = copyTo(path.join(temporaryDirectory(), 'nginx'));
    const pid = await start(file);
    fs.renameSync(copyTo(`${file}.new`, fs.readFileSync('/bin/true')), file);
    expect(see(file, pid).program).toMatchObject({ path: shell, basis: 'build_id' });
    expect(see(file).program).toBe(undefined);
  });

  test('as another file that takes the path between two execs', async () => {
    const file = copyTo(path.join(temporaryDirectory(), 'tool'), fs.readFileSync('/bin/cat'));
    expect(see(file, await start(file, [])).program).toBe(undefined);
    fs.renameSync(copyTo(`${file}.new`), file);
    expect(see(file, await start(file)).program?.path).toBe(shell);
  });

  test('by a relative name', async () => {
    const directory = temporaryDirectory();
    copyTo(path.join(directory, 'nginx'));
    expect(see('./nginx', await start('./nginx', undefined, { cwd: directory })).program?.path).toBe(shell);
  });

  test.skipIf(unmet(missingTools('python3')))('in memory', async () => {
    const text = `import os
fd = os.memfd_create('nginx')
os.write(fd, open('${shell}', 'rb').read())
os.execve(fd, ['nginx', '-c', 'read line'], {})`;
    const pid = await start('python3', ['-c', text]);
    while (!fs.readlinkSync(`/proc/${pid}/exe`).startsWith('/memfd:')) await sleep(5);
    expect(see('/dev/fd/3', pid).program).toMatchObject({ path: shell, basis: 'build_id' });
  });

  const [linker = ''] = fs.globSync('/lib{64,}/ld-linux-*.so.*');
  test('behind the dynamic linker, once the arguments are known', async () => {
    const file = copyTo(path.join(temporaryDirectory(), 'nginx'));
    const args = [linker, '--argv0', 'x', file, '-c', 'read line'];
    const pid = await start(linker, args.slice(1));
    const expected = { path: shell, basis: 'build_id', argument: { file, index: 3 } };
    // From /proc, while it runs; later from a probe.
    expect(see(linker, pid).program).toMatchObject(expected);
    const image = see(linker);
    expect(image.program).toMatchObject({ path: fs.realpathSync(linker), basis: 'same_file' });
    image.args = args;
    recognize(entryOf(ended, image), image);
    expect(image.program).toMatchObject(expected);
    // Near miss: another program behind it.
    expect(see(linker, pid, { args: [linker, '/bin/true'] }).program?.path).toBe(fs.realpathSync(linker));
  });
});

describe.skipIf(needsRoot)(titled('in its own mounts', needsRoot), () => {
  test('a copy that is mounted over another program is recognized', async () => {
    const file = copyTo(path.join(fs.realpathSync(temporaryDirectory()), 'nginx'));
    const command = `mount --bind ${file} /bin/true && exec /bin/true -c 'read line'`;
    const pid = await start('unshare', ['--mount', 'sh', '-c', command]);
    while (!fs.readlinkSync(`/proc/${pid}/exe`).endsWith('/true')) await sleep(5);
    expect(see('/bin/true', pid).program).toMatchObject({ path: shell, basis: 'build_id' });
    expect(see('/bin/true').program).toBe(undefined);
  });
});

describe('is not recognized', () => {
  test('another program, although it has the name of a shell', async () => {
    const file = copyTo(path.join(temporaryDirectory(), 'sh'), fs.readFileSync('/bin/cat'));
    expect(see(file, await start(file, [])).program).toBe(undefined);
  });

  test('a script of a shell: its interpreter is mapped', async () => {
    const script = path.join(temporaryDirectory(), 'run');
    fs.writeFileSync(script, `#!${shell}\nread line\n`, { mode: 0o755 });
    expect(see(script, await start(script))).toMatchObject({ filename: script });
    expect(see(script, await start(script)).program).toBe(undefined);
  });

  test('a program that has executed a shell in its place since', async () => {
    const pid = await start(shell);
    const image = see('/bin/cat', pid);
    expect(image.program).toBe(undefined);
  });

  test.each<[string, make: (file: string) => void]>([
    ['a file that is gone', () => {}],
    ['a fifo', (file) => execFileSync('mkfifo', [file])],
    ['a directory', (file) => fs.mkdirSync(file)],
    ['a device', (file) => fs.symlinkSync('/dev/zero', file)],
  ])('%s, and the image says so', (_, make) => {
    const file = path.join(temporaryDirectory(), 'x');
    make(file);
    expect(see(file)).toMatchObject({ unread: 'file_gone' });
    expect(see(file).program).toBe(undefined);
  });

  test('a relative name whose directory is not known', () => {
    expect(see('./x')).toMatchObject({ unread: 'file_gone' });
  });
});

describe('a file in a directory that packages fill', () => {
  const shellFile = elfOf({ buildId: 'build-id-of-dash' });
  /** Another program first, which a copy of the shell replaces. */
  function replaced(file: string) {
    const recorded = recordedHost({
      files: { ...plainHost, '/usr/bin/dash': shellFile, [file]: elfOf({ buildId: 'build-id-of-tool' }) },
      bootNs: 40e9,
    });
    const recognizeIn = openRecognizer(recorded, openKnownPrograms(recorded));
    const run = (execNs: number, args: string[] | undefined): string | undefined => {
      recorded.setTime(execNs);
      const image = imageOf(file, { execNs, ...(args && { args }) });
      recognizeIn(entryOf(ended, image), image);
      return image.program?.path;
    };
    const before = run(50e9, ['tool']);
    recorded.change({ [file]: shellFile });
    return { before, run };
  }

  test.each<[string, args: string[] | undefined]>([
    ['an installation', ['tool', '-i', 'x.deb']],
    ['an installation, bundled', ['tool', '-BiE', '/srv']],
    ['an upgrade', ['tool', '--upgrade', '/srv/x']],
    ['a package', ['tool', 'x.rpm']],
    ['a front end', ['tool', '-y', 'dist-upgrade']],
    ['a maintainer script', ['tool', '/var/lib/dpkg/info/x.postinst', 'configure']],
    ['a preinst', ['tool', '/var/lib/dpkg/tmp.ci/preinst']],
    ['arguments that are not known', undefined],
  ])('is checked at once with arguments of %s', (_, args) => {
    const { before, run } = replaced('/usr/bin/tool');
    expect([before, run(50.1e9, args)]).toEqual([undefined, '/usr/bin/dash']);
  });

  test('is checked again after a second with other arguments', () => {
    const { run } = replaced('/usr/bin/tool');
    expect([run(50.1e9, ['tool', '-c', 'x']), run(51.1e9, ['tool', '-c', 'x'])]).toEqual([undefined, '/usr/bin/dash']);
  });

  test('elsewhere is checked at once', () => {
    expect(replaced('/opt/tool').run(50.1e9, ['tool'])).toBe('/usr/bin/dash');
  });
});

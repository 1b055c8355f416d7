// From a sensor's records to the described event over a recorded host, with identical bytes in two runs; and the files of such a host.

import { describe, expect, test } from 'vitest';
import type { Host } from '../collectors/host/host.ts';
import { readHostContext } from '../collectors/host/host-context.ts';
import { openNamedCallers } from '../collectors/packages/named-callers.ts';
import { openPackageOwner } from '../collectors/packages/package-owner.ts';
import { openPackageTools } from '../collectors/packages/package-tools.ts';
import { openScriptCopies } from '../collectors/packages/script-copies.ts';
import { openUnownedPrograms } from '../collectors/packages/unowned-programs.ts';
import { openProcView } from '../collectors/proc/inspect-process.ts';
import { openAncestorScripts } from '../collectors/process/ancestor-scripts.ts';
import { createProcessTable } from '../collectors/process/process-table.ts';
import { exec, fork } from './collectors/proc-double.ts';
import { collectExecs } from './collectors/process/collect-execs.ts';
import { plainHost, processFiles, type Recording, recordedHost } from './recorded-host.ts';

const script = '#!/bin/sh\n# A maintainer script that is long enough to be recognised where it is copied to.\nexit 0\n';

/** alice's shell starts dpkg with sudo, and dpkg starts the script of a package. */
const recording: Recording = {
  files: {
    ...plainHost,
    '/usr/bin/bash': '\x7fELF bash',
    '/usr/bin/dpkg': '\x7fELF dpkg',
    '/var/lib/dpkg/info/dpkg.list': '/usr/bin/dpkg\n',
    '/var/lib/dpkg/info/web.postinst': { content: script, mode: 0o755 },
    '/tmp/copy': { content: script, mode: 0o755, uid: 1000 },
    ...processFiles(700, { exe: '/usr/bin/bash', args: ['-bash'], startTicks: 200, userId: 1000, tty: 0x8801 }),
  },
  bootNs: 60e9,
};

async function describeExecs(host: Host & Pick<ReturnType<typeof recordedHost>, 'change'>): Promise<string> {
  const context = readHostContext(host, { id: 'the-id', version: '1.2.3' }, 'tracefs');
  const table = createProcessTable(openProcView(host));
  table.seed();
  const programs = [{ path: '/usr/bin/dpkg', package: 'dpkg' }];
  const owns = openPackageOwner(host);
  const tools = openPackageTools({ host, programs, tools: programs, owns, inspect: table.inspect });
  const documents: unknown[] = [];
  const collector = collectExecs({
    table,
    context,
    knowledge: {
      tools,
      copies: openScriptCopies(host),
      ancestorScripts: openAncestorScripts(host),
      namedCallers: openNamedCallers({ context, table, tools }),
      unowned: openUnownedPrograms(host),
    },
    onExec(observed) {
      documents.push(
        (async () => {
          await observed.pending();
          return observed.document();
        })(),
      );
    },
  });
  const dpkg = { exe: '/usr/bin/dpkg', args: ['dpkg', '-i', 'web.deb'], parentPid: 700, startTicks: 5000 };
  host.change(processFiles(800, dpkg));
  collector.handle(fork(700, 800, { timeNs: 50e9 }));
  collector.handle(exec(800, '/usr/bin/dpkg', { timeNs: 50.001e9 }));
  const postinst = '/var/lib/dpkg/info/web.postinst';
  host.change(
    processFiles(801, {
      exe: '/usr/bin/dash',
      args: ['/bin/sh', postinst, 'configure'],
      parentPid: 800,
      startTicks: 5001,
    }),
  );
  collector.handle(fork(800, 801, { timeNs: 50.01e9 }));
  collector.handle(exec(801, postinst, { timeNs: 50.011e9 }));
  host.change(
    processFiles(802, { exe: '/usr/bin/dash', args: ['/bin/sh', '/tmp/copy'], parentPid: 801, startTicks: 5002 }),
  );
  collector.handle(fork(801, 802, { timeNs: 50.02e9 }));
  collector.handle(exec(802, '/tmp/copy', { timeNs: 50.021e9 }));
  collector.flush(60e9);
  return JSON.stringify(await Promise.all(documents), null, 2);
}

test('three execs are described identically over two copies of a recording', async () => {
  const text = await describeExecs(recordedHost(recording));
  expect(await describeExecs(recordedHost(structuredClone(recording)))).toBe(text);
  const [dpkg, postinst, copy] = JSON.parse(text);
  expect(dpkg).toMatchObject({
    '@timestamp': '2026-01-02T03:04:55.001Z',
    event: { created: '2026-01-02T03:05:05.000Z' },
    host: { name: 'web1', os: { kernel: '6.12.0-amd64', version: '13' } },
    process: {
      executable: '/usr/bin/dpkg',
      args: ['dpkg', '-i', 'web.deb'],
      parent: { executable: '/usr/bin/bash', user: { id: '1000', name: 'alice' } },
    },
    stepparent: { genuine: { process: true } },
  });
  expect(postinst).toMatchObject({
    process: { executable: '/var/lib/dpkg/info/web.postinst' },
    stepparent: {
      image: { path: '/usr/bin/dash' },
      lifecycle_script: { manager: 'dpkg', package: 'web', phase: 'postinst', depth: 0 },
      genuine: { parent: true },
    },
  });
  expect(copy.stepparent.script).toEqual({ path: '/tmp/copy', copy_of: '/var/lib/dpkg/info/web.postinst' });
});

describe('files of a recording', () => {
  const host = recordedHost(recording);

  test.each<[string, string | undefined]>([
    ['/bin/sh', '/usr/bin/dash'],
    ['/usr/bin/../bin/./sh', '/usr/bin/dash'],
    ['/proc/self/root/usr/bin/sh', '/usr/bin/dash'],
    ['/usr/bin/none', undefined],
    ['/usr/bin/dash/x', undefined],
  ])('%s leads to %s', (file, real) => {
    expect(host.realPath(file)).toBe(real);
    expect(host.exists(file)).toBe(real !== undefined);
  });

  test('a replaced file has a new inode, and its directory has changed', () => {
    const changing = recordedHost(recording);
    const before = [changing.stat('/usr/bin/dpkg'), changing.stat('/usr/bin')];
    changing.setTime(100e9);
    changing.change({ '/usr/bin/dpkg': '\x7fELF another' });
    const after = [changing.stat('/usr/bin/dpkg'), changing.stat('/usr/bin')];
    expect(after[0]?.ino).not.toBe(before[0]?.ino);
    expect(after[1]?.ino).toBe(before[1]?.ino);
    expect(after.map((stat) => stat?.ctimeNs)).toEqual([1767323145000000000n, 1767323145000000000n]);
    changing.change({ '/usr': null });
    expect(changing.exists('/usr/bin/dash')).toBe(false);
  });

  test('an open file keeps its content after it was replaced', async () => {
    const changing = recordedHost(recording);
    const [script, link] = [changing.openFile('/tmp/copy'), changing.openFile('/usr/bin/sh')];
    changing.change({ '/tmp/copy': 'another' });
    expect(script?.stat.uid).toBe(1000n);
    expect((await script?.content(9))?.head.toString()).toBe('#!/bin/sh');
    expect(link?.target()).toBe('dash');
    await expect(link?.sha256()).rejects.toThrow('not a regular file');
    expect(changing.openFile('/tmp/none')).toBe(undefined);
  });

  test('the removed program of a process keeps its inode', () => {
    const removed = {
      ...processFiles(900, { exe: '/usr/bin/x' }),
      '/proc/900/exe': { link: '/usr/bin/x (deleted)', inode: 7 },
    };
    const host = recordedHost({ files: { ...plainHost, ...removed } });
    expect(host.proc.readExe(900)).toBe('/usr/bin/x');
    expect(host.proc.readMappedIdentity(900)).toBe('2049:7');
  });
});

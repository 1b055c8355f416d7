// Scripts of packages and the processes below them, from the records of the process table.

import { describe, expect, test } from 'vitest';
import { describeLifecycle, maxExecsOfScript } from '../../../collectors/process/lifecycle.ts';
import type { ProcessEntry } from '../../../collectors/process/process.ts';
import { createProcessTable, type ProcessTable } from '../../../collectors/process/process-table.ts';
import { detailsOf, exec, exit, fork, procDouble } from '../proc-double.ts';

/** Process 10 runs a package tool. */
function running(tool: string, args: string[] | undefined, changesPackages?: (args: readonly string[]) => boolean) {
  const table = createProcessTable(procDouble(detailsOf(1, { parentPid: 0 })), {
    ...(changesPackages && { changesPackages: (_, given) => changesPackages(given) }),
  });
  table.seed();
  table.fork(fork(1, 10));
  const { image } = table.exec(exec(10, tool));
  if (image && args) image.args = args;
  return table;
}
/** `parent` forks `pid`, which executes the file. */
const start = (table: ProcessTable, parent: number, pid: number, file: string): ProcessEntry => {
  table.fork(fork(parent, pid));
  return table.exec(exec(pid, file));
};
const seen = ({ lifecycle }: ProcessEntry) =>
  lifecycle && [lifecycle.script.package, lifecycle.script.phase, lifecycle.depth];

describe('scripts of dpkg', () => {
  test.each<[string, unknown[] | undefined]>([
    ['/var/lib/dpkg/info/curl.postinst', ['curl', 'postinst', 0]],
    ['/var/lib/dpkg/info/libc6:amd64.preinst', ['libc6', 'preinst', 0]],
    ['/var/lib/dpkg/info/libstdc++6:i386.prerm', ['libstdc++6', 'prerm', 0]],
    ['/var/lib/dpkg/info/x.y-z.postrm', ['x.y-z', 'postrm', 0]],
    ['/var/lib/dpkg/info/man-db.config', ['man-db', 'config', 0]],
    ['/srv/root/var/lib/dpkg/info/curl.postinst', ['curl', 'postinst', 0]],
    ['/var/lib/dpkg/tmp.ci/preinst', ['one', 'preinst', 0]],
    ['/srv/admin/tmp.ci/postrm', ['one', 'postrm', 0]],
    ['/var/lib/dpkg/info/curl.list', undefined],
    ['/var/lib/dpkg/info/curl.postinst.bak', undefined],
    ['/var/lib/dpkg/info/.postinst', undefined],
    ['/var/lib/dpkg/info/Odd.postinst', undefined],
    ['/var/tmp/rpm-tmp.Ab12Cd', undefined],
    ['/var/lib/dpkg/tmp.ci/control', undefined],
    ['/usr/bin/dpkg-deb', undefined],
    ['/usr/bin/tar', undefined],
  ])('dpkg starts %s', (file, expected) => {
    const table = running('/usr/bin/dpkg', ['dpkg', '-i', './one_1.0-1_all.deb']);
    expect(seen(start(table, 10, 11, file))).toEqual(expected);
  });

  test.each<[string, boolean]>([
    ['/var/lib/dpkg/info/curl.postinst', true],
    ['/var/lib/dpkg/tmp.ci/preinst', true],
    ['/home/me/info/curl.postinst', false],
    ['/home/me/tmp.ci/preinst', false],
    ['./info/curl.postinst', false],
    ['/var/lib/dpkg/../../../home/me/info/curl.postinst', false],
    ['/var/lib/dpkg/./info/../../dpkg//info/curl.postinst', true],
  ])('a shell starts %s', (file, expected) => {
    expect(seen(start(running('/bin/sh', ['sh']), 10, 11, file)) !== undefined).toBe(expected);
  });

  test.each<[string[] | undefined, string | undefined]>([
    [['dpkg', '-i', '/x/one_1.deb'], 'one'],
    [['dpkg', '--unpack', 'one.deb'], 'one'],
    [['dpkg', '-i', 'x.deb'], 'x'],
    [['dpkg', '-i', 'one_1_all.deb', '/some.deb/'], 'one'],
    [['dpkg', '-i', 'One.deb'], undefined],
    [['dpkg', '-i', 'one_1.deb', 'two_1.deb'], undefined],
    [['dpkg', '--configure', 'one'], undefined],
    [['dpkg', '-R', '-i', '/directory'], undefined],
    [undefined, undefined],
  ])('the package of tmp.ci/preinst when the arguments are %j', (args, name) => {
    const { lifecycle } = start(running('dpkg', args), 10, 11, '/var/lib/dpkg/tmp.ci/preinst');
    expect(lifecycle?.script.package).toBe(name);
    expect(lifecycle?.script.packageInferredFrom !== undefined).toBe(name !== undefined);
  });
});

describe('scripts of a copy under another name', () => {
  const tableOf = (path: string) => {
    const table = createProcessTable(procDouble(detailsOf(1, { parentPid: 0 })), {
      recognize(_, image) {
        if (image.filename === '/tmp/updater') image.program = { path, paths: new Set([path]), basis: 'build_id' };
      },
    });
    table.fork(fork(1, 10));
    const { image } = table.exec(exec(10, '/tmp/updater'));
    if (image) image.args = ['updater', '-i', 'one_1.deb', 'two-1-1.noarch.rpm'];
    return table;
  };

  test.each<[string, file: string, expected: unknown[] | undefined]>([
    ['/usr/bin/dpkg', '/srv/db/info/curl.postinst', ['curl', 'postinst', 0]],
    ['/usr/bin/dpkg', '/srv/db/tmp.ci/preinst', ['one', 'preinst', 0]],
    ['/usr/bin/rpm', '/bin/sh', ['two', undefined, 0]],
    ['/usr/bin/dpkg', '/bin/sh', undefined],
    ['/usr/bin/dash', '/srv/db/info/curl.postinst', undefined],
  ])('a copy of %s starts %s', (program, file, expected) => {
    expect(seen(start(tableOf(program), 10, 11, file))).toEqual(expected);
  });
});

describe('a script that dpkg did not start', () => {
  const script = '/var/lib/dpkg/info/curl.postinst';
  const notesOf = ({ lifecycle }: ProcessEntry) => {
    const notes = { unobserved: {}, inferred: {}, truncated: {} };
    if (lifecycle) describeLifecycle(lifecycle, [], notes);
    return notes.inferred;
  };
  const shellOf = (userId: number, realUserId = userId): ProcessTable => {
    const ids = {
      userId,
      realUserId,
      savedUserId: realUserId,
      userGroupId: 5,
      realUserGroupId: 5,
      savedUserGroupId: 5,
    };
    const table = createProcessTable(procDouble(detailsOf(1, { parentPid: 0 }), detailsOf(10, ids)));
    table.seed();
    return table;
  };

  test('counts if root runs it by its real path', () => {
    const entry = shellOf(0).exec(exec(10, `/var/lib/dpkg/x/..//info/curl.postinst`));
    expect(entry.lifecycle?.script.path).toBe(script);
    expect(notesOf(entry)).toEqual({});
  });

  test('does not count if another user runs it', () => {
    expect(shellOf(1000).exec(exec(10, script)).lifecycle).toBe(undefined);
    // Nor if the process of another user forks, and its child ends at once.
    expect(start(shellOf(1000), 10, 11, script).lifecycle).toBe(undefined);
  });

  test('is a conclusion if the user is not known', () => {
    const doubt = { 'stepparent.lifecycle_script': 'script_path' };
    for (const table of [shellOf(0), shellOf(1000, 0)]) expect(notesOf(start(table, 10, 11, script))).toEqual(doubt);
    // The known user is that of the program before sudo.
    const table = shellOf(1000);
    table.exec(exec(10, '/usr/bin/sudo'));
    expect(notesOf(table.exec(exec(10, script)))).toEqual(doubt);
    const below = running('/usr/bin/dpkg', undefined);
    expect(notesOf(start(below, 10, 11, script))).toEqual({});
  });
});

describe('below a script', () => {
  const script = '/var/lib/dpkg/info/curl.postinst';

  test('every program has its distance, detached ones too', () => {
    const table = running('/usr/bin/dpkg', undefined);
    start(table, 10, 11, script);
    expect(seen(start(table, 11, 12, '/usr/bin/setsid'))).toEqual(['curl', 'postinst', 1]);
    // The script forks twice; then the process in between and the script end.
    table.fork(fork(12, 13));
    table.fork(fork(13, 14));
    for (const pid of [13, 12, 11, 10]) table.exit(exit(pid));
    const detached = table.exec(exec(14, '/tmp/x'));
    expect(seen(detached)).toEqual(['curl', 'postinst', 3]);
    expect(detached.lifecycle?.script.path).toBe(script);
    expect(seen(start(table, 14, 15, '/bin/sleep'))).toEqual(['curl', 'postinst', 4]);
    expect(seen(start(table, 1, 16, '/bin/sleep'))).toBe(undefined);
  });

  test('a program executed in its place has distance 1; debconf starts the script once more', () => {
    const table = running('/usr/bin/dpkg', undefined);
    start(table, 10, 11, script);
    expect(seen(table.exec(exec(11, '/usr/share/debconf/frontend')))).toEqual(['curl', 'postinst', 1]);
    expect(seen(start(table, 11, 12, script))).toEqual(['curl', 'postinst', 0]);
    expect(seen(table.exec(exec(11, '/usr/bin/true')))).toEqual(['curl', 'postinst', 1]);
  });

  test('a package manager started by a script has scripts of its own', () => {
    const table = running('/usr/bin/dpkg', undefined);
    start(table, 10, 11, script);
    expect(seen(start(table, 11, 12, '/usr/bin/dpkg'))).toEqual(['curl', 'postinst', 1]);
    expect(seen(start(table, 12, 13, '/var/lib/dpkg/info/other.prerm'))).toEqual(['other', 'prerm', 0]);
  });

  test('the last program within the bound has a note', () => {
    const table = running('/usr/bin/dpkg', undefined);
    const { lifecycle } = start(table, 10, 11, script);
    if (!lifecycle) throw new Error('no script');
    lifecycle.script.execs = maxExecsOfScript - 1;
    const last = start(table, 11, 12, '/bin/true');
    const notes = { unobserved: {}, inferred: {}, truncated: {} };
    expect(last.lifecycle && describeLifecycle(last.lifecycle, [], notes)).toMatchObject({ depth: 1 });
    expect(notes.truncated).toEqual({ 'stepparent.lifecycle_script': maxExecsOfScript });
    expect(seen(start(table, 11, 13, '/bin/true'))).toBe(undefined);
  });

  test('programs of a script that is older than the agent are found', () => {
    const proc = procDouble(
      detailsOf(1, { parentPid: 0 }),
      detailsOf(10, { exe: '/usr/bin/dpkg' }),
      detailsOf(11, { parentPid: 10, exe: '/usr/bin/dash', filename: script }),
      detailsOf(12, { parentPid: 11, exe: '/bin/sleep' }),
    );
    const table = createProcessTable(proc);
    table.seed();
    expect(seen(table.find(12) as ProcessEntry)).toEqual(['curl', 'postinst', 1]);
    expect(seen(start(table, 12, 13, '/bin/true'))).toEqual(['curl', 'postinst', 2]);
    expect(seen(table.find(10) as ProcessEntry)).toBe(undefined);
  });
});

describe('scriptlets of rpm', () => {
  const installs = (args: readonly string[]) => args[1] === '-i';

  test.each<[string, string[] | undefined, unknown[] | undefined]>([
    ['installs', ['rpm', '-i', 'a-b-1.0-2.noarch.rpm'], ['a-b', undefined, 0]],
    ['installs a file of another name', ['rpm', '-i', '/x/a.rpm'], ['a', undefined, 0]],
    ['installs two', ['rpm', '-i', 'a.rpm', 'b.rpm'], [undefined, undefined, 0]],
    ['queries', ['rpm', '-qa'], undefined],
    ['does what was not observed', undefined, [undefined, undefined, 0]],
  ])('rpm that %s', (_, args, expected) => {
    const table = running('/usr/bin/rpm', args, installs);
    expect(seen(start(table, 10, 11, '/bin/sh'))).toEqual(expected);
    expect(seen(start(table, 11, 12, '/bin/sleep'))).toEqual(expected && [expected[0], undefined, 1]);
  });

  test('rpm that executes another tool in its place is no scriptlet, and the tool has none', () => {
    const table = running('/usr/bin/rpm', ['rpm', '-i', 'a.rpm'], installs);
    expect(seen(table.exec(exec(10, '/usr/bin/rpmkeys')))).toBe(undefined);
    expect(seen(start(table, 10, 11, '/bin/sh'))).toBe(undefined);
  });

  test('the file is found in the arguments of the interpreter, and is known below it', () => {
    const table = running('/usr/bin/rpm', ['rpm', '-i', 'a.rpm'], installs);
    const { lifecycle } = start(table, 10, 11, '/bin/sh');
    const below = start(table, 11, 12, '/bin/sleep').lifecycle;
    if (!lifecycle || !below) throw new Error('no scriptlet');
    const notes = () => ({ unobserved: {}, inferred: {}, truncated: {} });
    expect(describeLifecycle(below, ['sleep', '/tmp/rpm-tmp.zzzzzz'], notes())).not.toHaveProperty('path');
    const own = notes();
    expect(describeLifecycle(lifecycle, ['/bin/sh', '-e', '/var/tmp/rpm-tmp.aB3dEf', '1'], own)).toEqual({
      manager: 'rpm',
      path: '/var/tmp/rpm-tmp.aB3dEf',
      package: 'a',
      depth: 0,
    });
    expect(own).toMatchObject({
      inferred: { 'stepparent.lifecycle_script.package': expect.any(String) },
      unobserved: { 'stepparent.lifecycle_script.phase': expect.any(String) },
    });
    expect(describeLifecycle(below, ['sleep'], notes())).toMatchObject({ path: '/var/tmp/rpm-tmp.aB3dEf', depth: 1 });
  });
});

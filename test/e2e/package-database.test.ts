// Package databases under the real agent: installations with scripts, tampering, and changes while no agent runs.

import { execFileSync } from 'node:child_process';
import { createHash } from 'node:crypto';
import { appendFileSync, mkdirSync, readFileSync, statSync, unlinkSync, utimesSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import Database from 'better-sqlite3';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import type { StepparentEvent } from '../../collectors/event/event.ts';
import { bindMount, unmount } from '../mount-namespace.ts';
import { missingTools, titled, unmet } from '../needs.ts';
import { copyOf, makeParent } from './launchers.ts';
import { buildDeb, buildRpm } from './packages.ts';
import { endToEndMissing, enterPrivateHost, scratchDirectory } from './private-host.ts';
import { collectEvents, documents, run, testAgent, until } from './run-agent.ts';

const missing = endToEndMissing;
const rpmMissing = unmet(missingTools('rpm', 'rpmbuild'));
const info = '/var/lib/dpkg/info';

describe.skipIf(missing)(titled('package databases', missing), () => {
  const scratch = scratchDirectory();
  const rpmDatabase = join(scratch, 'var/lib/rpm');
  const directories = [info, '/var/lib/dpkg', rpmDatabase];
  const agent = testAgent(scratch, `directories.package_databases = ${JSON.stringify(directories)}\n`);
  const reported = collectEvents(agent, info);
  const eventsOf = (events: StepparentEvent[], path: string): StepparentEvent[] =>
    events.filter(({ file }) => file?.path === path);
  const ran = (events: StepparentEvent[], executable: string): StepparentEvent[] =>
    events.filter(({ event, process: of }) => event.action === 'exec' && of?.executable === executable);

  beforeAll(async () => {
    enterPrivateHost(scratch);
    mkdirSync(rpmDatabase, { recursive: true });
    await agent.start();
    // The first listing makes no events.
    await until('the first listing', async () => ((await agent.status()).packages.directories[0]?.files ?? 0) > 0);
    // The agent may watch dpkg's unpacking directory too late for the first installation, so this one is not tested.
    await run('dpkg', ['-i', buildDeb(scratch, 'e2e-first', { scripts: { postinst: '#!/bin/sh\n:\n' } })]);
    await reported();
  });
  afterAll(async () => {
    await agent.stop();
  });

  test('are listed in the status with their watch', async () => {
    const { packages } = await agent.status();
    expect(packages.missing).toEqual([]);
    expect(packages.directories.slice(0, 3)).toMatchObject(directories.map((path) => ({ path, by: 'fanotify' })));
    const { stdout } = await agent.cli('status');
    expect(stdout).toContain(`${info} by fanotify`);
  });

  test('an installation is recorded with its files, their writer, its scripts and the processes that they leave', async () => {
    const payload = copyOf(scratch, '/bin/sleep', 'payload');
    const helper = copyOf(scratch, '/bin/dash', 'helper');
    const postinst = `#!/bin/sh\n( setsid ${helper} -c '${payload} 0.2; ${payload} 0.1' >/dev/null 2>&1 & )\nexit 0\n`;
    const deb = buildDeb(scratch, 'e2e-files', { scripts: { preinst: '#!/bin/sh\nexit 0\n', postinst } });
    const before = (await agent.events()).length;
    const dpkg = await run('dpkg', ['-i', deb]);
    expect(dpkg.code).toBe(0);
    const events = (await reported()).slice(before);

    const script = `${info}/e2e-files.postinst`;
    const [renamed, ...more] = eventsOf(events, script);
    expect(more).toEqual([]);
    expect(renamed).toMatchObject({
      event: { category: ['file'], type: ['change'], action: 'rename', provider: 'fanotify' },
      file: {
        name: 'e2e-files.postinst',
        directory: info,
        owner: 'root',
        mode: '0755',
        hash: { sha256: createHash('sha256').update(postinst).digest('hex') },
      },
      process: {
        pid: dpkg.pid,
        executable: '/usr/bin/dpkg',
        args: ['dpkg', '-i', deb],
        parent: { pid: process.pid },
      },
      stepparent: {
        file: { original_path: '/var/lib/dpkg/tmp.ci/postinst' },
        package: { manager: 'dpkg', operation: 'install' },
      },
    });
    // mtime comes from the archive; ctime is the time of the change.
    expect(Date.parse(renamed?.file?.ctime ?? '')).toBeGreaterThanOrEqual(Date.parse(renamed?.file?.mtime ?? ''));
    expect(eventsOf(events, '/var/lib/dpkg/status').at(-1)?.file?.hash).toEqual({
      sha256: createHash('sha256').update(readFileSync('/var/lib/dpkg/status')).digest('hex'),
    });
    expect(eventsOf(events, '/var/lib/dpkg/tmp.ci').map(({ event }) => event.action)).toEqual(['creation', 'deletion']);

    const own = { manager: 'dpkg', package: 'e2e-files' };
    const preinst = ran(events, '/var/lib/dpkg/tmp.ci/preinst').find(({ process: by }) => by?.parent?.pid === dpkg.pid);
    expect(preinst?.stepparent).toMatchObject({
      lifecycle_script: { ...own, path: '/var/lib/dpkg/tmp.ci/preinst', phase: 'preinst', depth: 0 },
      inferred: { 'stepparent.lifecycle_script.package': expect.any(String) },
    });
    const child = { ...own, path: script, phase: 'postinst' };
    expect(ran(events, script)[0]?.stepparent.lifecycle_script).toEqual({ ...child, depth: 0 });
    expect(ran(events, helper)[0]?.stepparent.lifecycle_script).toEqual({ ...child, depth: expect.any(Number) });
    const left = await until('what was left running', async () => {
      const found = ran(await agent.events(), payload);
      return found.length === 2 && found;
    });
    expect(left.map(({ stepparent }) => stepparent.lifecycle_script)).toEqual([
      { ...child, depth: 3 },
      { ...child, depth: 3 },
    ]);
    // dpkg's own children do not belong to a script and are not stored.
    const tools = ran(events, '/usr/bin/dpkg-deb').filter(({ process: by }) => by?.parent?.pid === dpkg.pid);
    expect(tools).toEqual([]);
  });

  test('a changed script is recorded with its writer, which ends at once', async () => {
    const tamper = makeParent(scratch, 'tamper');
    const script = `${info}/e2e-files.postinst`;
    const before = eventsOf(await agent.events(), script).length;
    const { pid } = await run(tamper, ['-c', `echo /tmp/x >> ${script}`]);
    const events = eventsOf(await reported(), script).slice(before);
    expect(events).toMatchObject([
      {
        event: { action: 'modification' },
        file: { hash: { sha256: createHash('sha256').update(readFileSync(script)).digest('hex') } },
        process: { pid, executable: tamper, parent: { pid: process.pid } },
        stepparent: { file: { changed: expect.arrayContaining(['size', 'mtime', 'ctime']) } },
      },
    ]);
    expect(events[0]?.stepparent.lifecycle_script).toBe(undefined);
  });

  test('a file that a script writes is recorded with the script', async () => {
    const deb = buildDeb(scratch, 'e2e-planter', {
      scripts: { postinst: `#!/bin/sh\nsh -c 'echo x > ${info}/bash.prerm'\n` },
    });
    await run('dpkg', ['-i', deb]);
    const [event] = eventsOf(await reported(), `${info}/bash.prerm`);
    expect(event).toMatchObject({
      event: { action: 'creation' },
      // Of a shell that has ended only the path given to execve is known.
      process: { executable: expect.stringMatching(/^\/usr\/bin\/(?:da)?sh$/) },
      stepparent: { lifecycle_script: { package: 'e2e-planter', phase: 'postinst' } },
    });
  });

  test.skipIf(rpmMissing)(
    titled('an rpm is recorded with its database, its scriptlet and the processes of that', rpmMissing),
    async () => {
      const payload = copyOf(scratch, '/bin/sleep', 'rpm-payload');
      const rpm = buildRpm(scratch, 'e2e-scriptlet', { post: `sleep 0.2\n( setsid ${payload} 0.2 & )` });
      const { code, pid, stderr } = await run('rpm', ['--dbpath', rpmDatabase, '--nodeps', '-i', rpm]);
      expect({ code, stderr }).toMatchObject({ code: 0 });
      const events = await reported();
      const database = events.filter(({ file }) => file?.directory === rpmDatabase);
      expect(database.find(({ file }) => file?.name === 'rpmdb.sqlite')).toMatchObject({
        event: { action: 'creation' },
        process: { pid },
      });
      // The first file event can come before the record of the exec; it then names the program that the process ran before.
      const byRpm = database.filter(({ process: by }) => by?.pid === pid && by.executable === '/usr/bin/rpm');
      expect(byRpm.length).toBeGreaterThan(0);
      const scriptlets = events.filter(
        ({ file, process: by }) => file?.name?.startsWith('rpm-tmp.') && by?.pid === pid,
      );
      expect(scriptlets.map(({ event }) => event.action)).toEqual(['creation', 'deletion']);
      expect(scriptlets[0]?.file).toMatchObject({ mode: '0600', hash: { sha256: expect.any(String) } });

      const path = scriptlets[0]?.file?.path;
      const own = { manager: 'rpm', path, package: 'e2e-scriptlet' };
      const scriptlet = events.find(({ event, process: by }) => event.action === 'exec' && by?.parent?.pid === pid);
      expect(scriptlet?.stepparent).toMatchObject({
        lifecycle_script: { ...own, depth: 0 },
        unobserved: { 'stepparent.lifecycle_script.phase': expect.any(String) },
      });
      expect(ran(events, payload)[0]?.stepparent.lifecycle_script).toEqual({ ...own, depth: expect.any(Number) });
    },
  );

  test('changes while the agent is off are reported once, after its start', async () => {
    await agent.stop();
    appendFileSync(`${info}/e2e-files.prerm`, '');
    appendFileSync(`${info}/e2e-files.preinst`, '# planted\n');
    unlinkSync(`${info}/e2e-planter.list`);
    const before = (await agent.events()).length;
    await agent.start();
    const names = ['e2e-files.prerm', 'e2e-files.preinst', 'e2e-planter.list'];
    const found = async () =>
      (await agent.events()).slice(before).filter(({ file }) => names.includes(file?.name ?? ''));
    const events = await until('the differences', async () => (await found()).length >= 3 && found());
    expect(Object.fromEntries(events.map(({ event, file }) => [file?.name, event.action]))).toEqual({
      'e2e-files.prerm': 'creation',
      'e2e-files.preinst': 'modification',
      'e2e-planter.list': 'deletion',
    });
    for (const { process: by, stepparent } of events) {
      expect(by).toBe(undefined);
      expect(stepparent).toMatchObject({
        found: 'offline_diff',
        unobserved: { process: expect.any(String) },
      });
    }
    // After a kill the agent reports again what was reported and not saved, so the test waits until the listing is saved.
    await until('the saved listing', () => {
      const store = new Database(join(agent.directory, 'state/stepparent.db'), { readonly: true });
      try {
        const listed = store.prepare<[string], [string, number]>(
          'SELECT name, size FROM known_files WHERE directory = ?',
        );
        const sizes = new Map(listed.raw().all(info));
        const [created, modified, deleted] = names.map((name) => sizes.get(name));
        return created === 0 && modified === statSync(`${info}/e2e-files.preinst`).size && deleted === undefined;
      } finally {
        store.close();
      }
    });
    await agent.kill();
    await agent.start();
    await reported();
    expect(await found()).toHaveLength(3);
  });

  test('the hunts list planted files with their writers', async () => {
    const tool = makeParent(scratch, 'planter');
    const archive = join(scratch, 'archive-of-2001');
    writeFileSync(archive, '#!/bin/sh\n');
    const commands = [
      `echo x > ${scratch}/moved`,
      `/usr/bin/mv ${scratch}/moved ${rpmDatabase}/moved`,
      `/usr/bin/cp -p ${archive} ${info}/dropped.postinst`,
      `/usr/bin/touch -d 2001-02-03 ${info}/dropped.postinst`,
    ];
    expect(await run(tool, ['-c', commands.join('; ')])).toMatchObject({ code: 0, stderr: '' });
    const payload = copyOf(scratch, '/bin/sleep', 'detached');
    const deb = buildDeb(scratch, 'e2e-detach', { scripts: { postinst: `#!/bin/sh\n( setsid ${payload} 0.1 & )\n` } });
    expect(await run('dpkg', ['-i', deb])).toMatchObject({ code: 0 });
    await agent.stop();
    appendFileSync(`${info}/e2e-detach.postinst`, '# changed\n');
    utimesSync(`${info}/e2e-detach.postinst`, 1, 1);
    await agent.start();
    await until('what changed meanwhile', async () =>
      eventsOf(await agent.events(), `${info}/e2e-detach.postinst`).some(({ stepparent }) => stepparent.found),
    );

    const hunt = async (name: string): Promise<Record<string, unknown>[]> => {
      const { code, stdout, stderr } = await agent.cli('hunt', name, '--json', '--since', '1h');
      expect({ code, stderr }).toEqual({ code: 0, stderr: '' });
      return documents<Record<string, unknown>>(stdout);
    };
    const files = await hunt('package-database-files');
    expect(files.filter((row) => ['moved', 'dropped.postinst'].includes(String(row['file.name'])))).toMatchObject([
      { 'file.name': 'dropped.postinst', 'process.executable': '/usr/bin/cp', count: 1, agents: 1 },
      { 'file.name': 'moved', 'process.executable': '/usr/bin/mv', count: 1, agents: 1 },
    ]);
    const children = await hunt('lifecycle-script-children');
    expect(children.filter((row) => row['process.executable'] === payload)).toMatchObject([
      { 'process.command_line': `${payload} 0.1`, count: 1, script: `${info}/e2e-detach.postinst` },
    ]);
    const changes = await hunt('recent-package-database-changes');
    expect(changes.filter(({ path }) => /\/(?:dropped|e2e-detach)\.postinst$/.test(String(path)))).toMatchObject([
      { path: `${info}/dropped.postinst`, package: null, modified: expect.stringMatching(/^2001-02-0/) },
      { path: `${info}/e2e-detach.postinst`, package: 'e2e-detach', modified: '1970-01-01 00:00:01' },
    ]);
  });

  test('a directory that another one is mounted over is compared, also after the unmount', async () => {
    const other = join(scratch, 'other-info');
    execFileSync('cp', ['-a', info, other]);
    writeFileSync(join(other, 'planted.postinst'), '#!/bin/sh\n');
    bindMount(other, info);
    const [event] = await until('what differs', async () => {
      const found = eventsOf(await agent.events(), `${info}/planted.postinst`);
      return found.length > 0 && found;
    });
    expect(event?.stepparent.found).toBe('comparison');
    const events = await reported();
    expect(events.filter(({ event }) => event.action === 'package-directory-replaced')).toMatchObject([
      { message: expect.stringContaining(info) },
    ]);
    // Unchanged copies make no events.
    expect(eventsOf(events, `${info}/e2e-files.list`).at(-1)?.event.action).toBe('rename');

    unmount(info);
    await until('the old directory', async () =>
      eventsOf(await agent.events(), `${info}/planted.postinst`).some(({ event }) => event.action === 'deletion'),
    );
    await reported();
  });
});

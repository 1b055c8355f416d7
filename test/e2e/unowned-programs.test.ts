// What real package tools run: programs of packages, and programs that no package brought.

import { chmodSync, copyFileSync, cpSync, mkdirSync, rmSync, writeFileSync } from 'node:fs';
import { basename, dirname, join } from 'node:path';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { bindMount } from '../mount-namespace.ts';
import { missingTools, titled, unmet } from '../needs.ts';
import { buildDeb } from './packages.ts';
import { endToEndMissing, enterPrivateHost, scratchDirectory } from './private-host.ts';
import { run, testAgent, until, withAllRules } from './run-agent.ts';

const rule = 'package-tool-ran-unowned-program';
const missing = endToEndMissing ?? unmet(missingTools('apt-get', 'python3', 'run-parts', 'sleep'));
const script = '#!/bin/sh\nsleep 0.1\n';
/** Runs a copy of a program from memory, without a file. */
const inMemory = `import os
file = os.memfd_create('e2e')
os.write(file, open('/bin/sleep', 'rb').read())
os.execve(file, ['sleep', '0.3'], os.environ)`;

describe.skipIf(missing)(titled('programs of no package below package tools', missing), () => {
  const scratch = scratchDirectory();
  const agent = testAgent(scratch, withAllRules);
  const configuration = join(scratch, 'apt.conf');
  const env = { PATH: '/usr/sbin:/usr/bin:/sbin:/bin', HOME: '/root', LC_ALL: 'C', APT_CONFIG: configuration };
  const put = (file: string, text: string): string => {
    mkdirSync(dirname(file), { recursive: true });
    writeFileSync(file, text);
    chmodSync(file, 0o755);
    return file;
  };
  const must = async (program: string, ...args: string[]): Promise<void> => {
    const { code, stdout, stderr } = await run(program, args, { env, cwd: '/' });
    expect({ program, args, code, output: code === 0 ? '' : stdout + stderr }).toMatchObject({ code: 0, output: '' });
  };
  const alerts = async () => (await agent.alerts()).filter((alert) => alert.rule.id === rule);
  const termOf = ({ stepparent }: Awaited<ReturnType<typeof alerts>>[number]): string =>
    String(stepparent.alert.terms[0]);
  const alertOf = (term: string) =>
    until(`the alert of ${term}`, async () => (await alerts()).find((alert) => termOf(alert).startsWith(term)));
  /** Runs an update of apt with a hook in a file. */
  const update = async (...commands: string[]): Promise<void> => {
    const text = commands.map((command) => `APT::Update::Post-Invoke:: "${command}";\n`);
    writeFileSync('/etc/apt/apt.conf.d/50e2e', text.join(''));
    await must('apt-get', '-q', 'update');
    rmSync('/etc/apt/apt.conf.d/50e2e');
  };

  beforeAll(async () => {
    enterPrivateHost(scratch);
    for (const directory of ['/etc/apt', '/etc/dpkg']) {
      const copy = join(scratch, basename(directory));
      cpSync(directory, copy, { recursive: true });
      bindMount(copy, directory);
    }
    for (const directory of ['/opt', '/root']) {
      mkdirSync(join(scratch, `own-${basename(directory)}`));
      bindMount(join(scratch, `own-${basename(directory)}`), directory);
    }
    writeFileSync(
      configuration,
      'Dir::Etc::SourceList "/dev/null";\nDir::Etc::SourceParts "/none";\nAPT::Sandbox::User "root";\n',
    );
    put('/opt/tool', script);
    await agent.start();
  });
  afterAll(() => agent.stop());

  test('each is reported once, and programs of packages and of their scripts are not', async () => {
    // A package brings a hook; its script runs a program of no package, and so does a person.
    const vendor = buildDeb(scratch, 'e2e-vendor', {
      conffiles: {
        '/opt/vendor/hook': script,
        '/opt/vendor/memory.py': inMemory,
        '/etc/dpkg/dpkg.cfg.d/e2e-vendor': 'post-invoke=sh /opt/vendor/hook\n',
      },
      scripts: { postinst: '#!/bin/sh\n/opt/tool\nsh /opt/tool\n' },
    });
    for (let round = 0; round < 2; round++) await must('dpkg', '-i', vendor);
    await must('sh', '-c', 'dpkg -l | /opt/tool; /opt/tool');
    await update('/bin/true', 'test -x /usr/bin/dpkg', 'sh /opt/vendor/hook', "sh -c 'sleep 0.1; :'");
    await update();

    await update(`nice env sh -c '${put('/opt/hook.sh', script)}; :'`);
    expect(await alertOf('/opt/hook.sh')).toMatchObject({
      message: expect.stringMatching(
        / ran \/opt\/hook\.sh - a child of \/usr\/bin\/apt-get that no package brought, for the first time in 90 days$/,
      ),
      event: { severity: 47 },
      user: { id: '0' },
      stepparent: {
        unowned_program: { path: '/opt/hook.sh' },
        transaction: { executable: '/usr/bin/apt-get' },
      },
    });
    await update('/opt/hook.sh', '/opt/hook.sh');

    // A hook of dpkg, also below apt.
    put('/opt/dpkg-hook', script);
    writeFileSync('/etc/dpkg/dpkg.cfg.d/99e2e', 'post-invoke=/opt/dpkg-hook\n');
    await must('dpkg', '-i', vendor);
    await must('apt-get', '-q', '-y', 'install', '--reinstall', vendor);
    rmSync('/etc/dpkg/dpkg.cfg.d/99e2e');

    await update(`run-parts ${dirname(put('/opt/parts/part', script))}`);
    await update(`python3 ${put('/opt/hook.py', 'import time\ntime.sleep(0.1)\n')}`);
    copyFileSync('/bin/sleep', '/opt/program');
    await update('/opt/program 0.1');
    await update('python3 /opt/vendor/memory.py');
    // A name that is new each time: the content counts.
    for (const name of ['a', 'b']) await update(put(join(scratch, 'temporary', name), script));
    await update(put(join(scratch, 'temporary', 'c'), `${script}:\n`));

    const temporary = /^\/tmp\/\* \(sha256 [0-9a-f]{16}\)$/;
    const all = await until('the last alert', async () => {
      const terms = (await alerts()).map(termOf);
      return terms.filter((term) => temporary.test(term)).length === 2 && terms;
    });
    expect(all.filter((term) => !temporary.test(term)).toSorted()).toEqual([
      expect.stringMatching(/^\/memfd:e2e/),
      '/opt/dpkg-hook',
      '/opt/hook.py',
      '/opt/hook.sh',
      '/opt/parts/part',
      '/opt/program',
    ]);
  });
});

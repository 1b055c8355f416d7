// Hooks that programs put into the configuration of real package tools, and changes of these files that add none.

import { cpSync, mkdirSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { bindMount } from '../mount-namespace.ts';
import { titled } from '../needs.ts';
import { buildDeb } from './packages.ts';
import { endToEndMissing, enterPrivateHost, scratchDirectory } from './private-host.ts';
import { run, testAgent, until, watchedFilesFound, withAllRules } from './run-agent.ts';

const rule = 'package-tool-hook-added';
const missing = endToEndMissing;
const apt = '/etc/apt/apt.conf.d';
const dpkg = '/etc/dpkg/dpkg.cfg.d';
const hookOf = (program: string): string => `DPkg::Post-Invoke { "${program}"; };\n`;

describe.skipIf(missing)(titled('hooks of package tools', missing), () => {
  const scratch = scratchDirectory();
  const agent = testAgent(scratch, withAllRules);
  const deb = (version: string, hook: string): string =>
    buildDeb(scratch, 'e2e-hooks', {
      version,
      conffiles: { [`${apt}/20e2e`]: hook },
      file: `e2e-hooks-${version}.deb`,
    });

  beforeAll(async () => {
    enterPrivateHost(scratch);
    for (const directory of ['/etc/apt', '/etc/dpkg']) {
      const copy = join(scratch, `copy${directory.replaceAll('/', '-')}`);
      cpSync(directory, copy, { recursive: true });
      bindMount(copy, directory);
    }
    mkdirSync(join(scratch, 'root'));
    bindMount(join(scratch, 'root'), '/root');
    writeFileSync(`${apt}/10known`, `${hookOf('/bin/true')}`);
    await agent.start();
    await watchedFilesFound(agent);
  });
  afterAll(() => agent.stop());

  const alerts = async () => (await agent.alerts()).filter((alert) => alert.rule.id === rule);
  const alertOf = (file: string) =>
    until(`the alert of ${file}`, async () => (await alerts()).find((alert) => alert.file?.path === file));
  const sh = (script: string) => run('sh', ['-c', script]);

  test('what adds no hook raises no alert, and each hook raises one that names its command and its writer', async () => {
    // A package brings a hook, changes it, and is installed again; an administrator edits its file.
    for (const file of [deb('1', hookOf('/bin/one')), deb('2', hookOf('/bin/two'))]) {
      expect((await run('dpkg', ['--force-confnew', '-i', file])).code).toBe(0);
      expect((await run('dpkg', ['--force-confnew', '-i', file])).code).toBe(0);
    }
    const proxy = 'Acquire::http::Proxy "http://proxy.example:3128";\n';
    await sh(`cp ${apt}/20e2e ${apt}/20e2e.bak; echo '// a comment' >>${apt}/20e2e`);
    await sh(
      `printf '%s' '${proxy}' >${apt}/99proxy; printf '%s' '${proxy}' >${apt}/.tmp; mv ${apt}/.tmp ${apt}/98proxy`,
    );
    await sh(`echo 'APT::Install-Recommends "0";' >${apt}/90recommends; echo force-confold >${dpkg}/confold`);
    await sh(`printf '%%_topdir %%(echo $HOME)/rpmbuild\\n' >/root/.rpmmacros`);
    await sh(`ln -s /dev/null ${apt}/70debconf-off; mkfifo ${apt}/fifo; mkdir ${apt}/directory`);
    await sh(`printf '%s' '${hookOf('/opt/x')}' >${apt}/50off.disabled; rm ${apt}/10known`);

    await sh(`printf '%s' '${hookOf('/opt/hook.sh')}' >${apt}/01hook`);
    expect(await alertOf(`${apt}/01hook`)).toMatchObject({
      message: expect.stringMatching(
        / created \S+01hook with .* - package tools now run "DPkg::Post-Invoke:: \/opt\/hook\.sh"$/,
      ),
      event: { severity: 73 },
      process: { executable: expect.stringMatching(/\/(?:da)?sh$/) },
      stepparent: {
        file: { syntax: 'apt_conf', watched: 'apt' },
        hook: { commands: ['DPkg::Post-Invoke:: /opt/hook.sh'] },
      },
    });
    await sh(`mv ${apt}/50off.disabled ${apt}/50on`);
    await sh(`echo 'post-invoke=/bin/true hook' >${dpkg}/99-local`);
    await sh(`printf '%%_netsharedpath %%(/opt/hook)\\n' >>/root/.rpmmacros`);
    await sh(`ln -s /opt/elsewhere.conf ${apt}/60link`);
    const postinst = `#!/bin/sh\nprintf '%s' '${hookOf('/opt/vendor')}' >${apt}/80vendor\n`;
    expect((await run('dpkg', ['-i', buildDeb(scratch, 'e2e-vendor', { scripts: { postinst } })])).code).toBe(0);
    // A file of a package that got a hook beside its own.
    await sh(`printf '%s' '${hookOf('/opt/beside')}' >>${apt}/20e2e`);
    const expected: Record<string, string> = {
      [`${apt}/50on`]: 'DPkg::Post-Invoke:: /opt/x',
      [`${dpkg}/99-local`]: 'post-invoke /bin/true hook',
      '/root/.rpmmacros': '%_netsharedpath %(/opt/hook)',
      [`${apt}/60link`]: `${apt}/60link -> /opt/elsewhere.conf`,
      [`${apt}/80vendor`]: 'DPkg::Post-Invoke:: /opt/vendor',
      [`${apt}/20e2e`]: 'DPkg::Post-Invoke:: /opt/beside',
    };
    for (const [file, command] of Object.entries(expected)) {
      expect((await alertOf(file)).stepparent.hook?.commands).toEqual([command]);
    }
    expect((await alertOf(`${apt}/80vendor`)).stepparent.lifecycle_script).toMatchObject({ package: 'e2e-vendor' });
    expect((await alerts()).map(({ file }) => file?.path).toSorted()).toEqual(
      [`${apt}/01hook`, ...Object.keys(expected)].toSorted(),
    );
  });

  test('a hook that was added while the agent did not run is found at the next start', async () => {
    await agent.stop();
    writeFileSync(`${apt}/02offline`, hookOf('/opt/offline'));
    await agent.start();
    expect(await alertOf(`${apt}/02offline`)).toMatchObject({ stepparent: { found: 'offline_diff' } });
  });

  test('a configuration of 1 GB is not read, and is reported', async () => {
    await sh(`truncate -s 1G ${apt}/03large`);
    expect((await alertOf(`${apt}/03large`)).stepparent.hook?.commands).toEqual([
      '1073741824 bytes, too many to be read',
    ]);
  });
});

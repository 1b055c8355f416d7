// Set-user-ID programs that a user really runs: those of packages, and those that no package brought.

import {
  chmodSync,
  chownSync,
  copyFileSync,
  existsSync,
  mkdirSync,
  readFileSync,
  realpathSync,
  rmSync,
  writeFileSync,
} from 'node:fs';
import { dirname, join } from 'node:path';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { bindMount, mountEmpty } from '../mount-namespace.ts';
import { missingTools, titled, unmet } from '../needs.ts';
import { buildDeb } from './packages.ts';
import { endToEndMissing, enterPrivateHost, scratchDirectory } from './private-host.ts';
import { run, testAgent, until, withAllRules } from './run-agent.ts';

const rule = 'setuid-program-unowned';
const missing = endToEndMissing ?? unmet(missingTools('passwd', 'python3', 'setpriv', 'sleep', 'su'));
const asNobody = ['--reuid=65534', '--regid=65534', '--clear-groups'];

describe.skipIf(missing)(titled('set-user-ID programs', missing), () => {
  const scratch = scratchDirectory();
  const agent = testAgent(scratch, withAllRules);
  const env = { PATH: '/usr/sbin:/usr/bin:/sbin:/bin', HOME: '/', LC_ALL: 'C' };
  let python = '';
  const install = (from: string, file: string, mode: number): string => {
    mkdirSync(dirname(file), { recursive: true });
    copyFileSync(from, file);
    chmodSync(file, mode);
    return file;
  };
  const byNobody = (...command: string[]) => run('setpriv', [...asNobody, ...command], { env, cwd: '/' });
  const must = async (...command: [program: string, ...args: string[]]): Promise<void> => {
    const [program, ...args] = command;
    const { code, stdout, stderr } = await run(program, args, { env, cwd: '/' });
    expect({ command, code, output: code === 0 ? '' : stdout + stderr }).toMatchObject({ code: 0, output: '' });
  };
  // Other users of this machine may run programs that the private database does not list.
  const alerts = async () =>
    (await agent.alerts()).filter(
      ({ rule: { id }, stepparent: { lineage = [] } }) => id === rule && lineage.some(({ pid }) => pid === process.pid),
    );
  const alertOf = (term: string) =>
    until(`the alert of ${term}`, async () =>
      (await alerts()).find(({ stepparent }) => String(stepparent.alert.terms[0]).startsWith(term)),
    );

  beforeAll(async () => {
    // Some lists have /bin/su for /usr/bin/su.
    const lists = ['passwd', 'util-linux', 'login'].map((name) => `/var/lib/dpkg/info/${name}.list`).filter(existsSync);
    const texts = lists.map((file) => [file, readFileSync(file)] as const);
    enterPrivateHost(scratch);
    for (const [file, text] of texts) writeFileSync(file, text);
    // The scratch directory is root's own, and users cannot run programs there.
    mountEmpty('/opt');
    chmodSync('/opt', 0o755);
    python = realpathSync('/usr/bin/python3');
    bindMount(install(python, join(scratch, 'python'), 0o4755), python);
    await agent.start();
  });
  afterAll(() => agent.stop());

  test('are reported once if no package brought them, and not otherwise', async () => {
    // The package has a helper, on which its script sets the bit.
    const vendor = buildDeb(scratch, 'e2e-vendor', {
      conffiles: { '/opt/vendor/helper': 'helper' },
      scripts: { postinst: '#!/bin/sh\ncp /bin/sleep /opt/vendor/helper; chmod 4755 /opt/vendor/helper\n' },
    });
    await must('dpkg', '-i', vendor);
    await byNobody('/opt/vendor/helper', '0.1');
    await byNobody('passwd', '-S');
    await byNobody('su', '--version');
    await byNobody(install('/bin/sleep', '/opt/plain', 0o755), '0.1');
    const root = install('/bin/sleep', '/opt/by-root', 0o4755);
    await must(root, '0.1');
    chownSync(install('/bin/sleep', '/opt/of-another', 0o755), 1, 1);
    chmodSync('/opt/of-another', 0o4755);
    await byNobody('/opt/of-another', '0.1');

    // The script of another package leaves a shell.
    const backdoor = buildDeb(scratch, 'e2e-backdoor', {
      scripts: { postinst: '#!/bin/sh\nmkdir /opt/.cache; cp /bin/dash /opt/.cache/x; chmod 4755 /opt/.cache/x\n' },
    });
    await must('dpkg', '-i', backdoor);
    const shell = ['/opt/.cache/x', '-p', '-c'] as const;
    expect(await byNobody(...shell, 'id -u; /opt/plain 0.1; :')).toMatchObject({ code: 0, stdout: '0\n' });
    expect(await alertOf('/opt/.cache/x')).toMatchObject({
      message: expect.stringMatching(
        / ran "\/opt\/\.cache\/x -p -c .*" - set-user-ID root, but not by a package, for the first time in 90 days$/,
      ),
      event: { severity: 73 },
      process: { executable: '/opt/.cache/x' },
      stepparent: { setuid_program: { path: '/opt/.cache/x', owned: false } },
    });
    await byNobody(...shell, 'sleep 0.1; :');

    // The program has no name any more when the agent comes to it.
    install('/bin/dash', '/opt/gone', 0o4755);
    writeFileSync('/opt/wait', '');
    const gone = byNobody('/opt/gone', '-p', '-c', 'rm /opt/gone; while [ -e /opt/wait ]; do sleep 0.1; done');
    await alertOf('/opt/gone');
    rmSync('/opt/wait');
    await gone;

    // An interpreter of a package, and a name that is new each time: the content counts.
    await byNobody(python, '-c', 'import time; time.sleep(0.1)');
    for (const name of ['a', 'b']) await byNobody(install('/bin/sleep', `/opt/tmp/${name}`, 0o4755), '0.1');
    await byNobody(install('/bin/dash', '/opt/tmp/c', 0o4755), '-p', '-c', 'sleep 0.1; :');

    const temporary = /^\/opt\/tmp\/\* \(sha256 [0-9a-f]{16}\)$/;
    const all = await until('the last alert', async () => {
      const terms = (await alerts()).map(({ stepparent }) => String(stepparent.alert.terms[0]));
      return terms.filter((term) => temporary.test(term)).length === 2 && terms;
    });
    expect(all.filter((term) => !temporary.test(term)).toSorted()).toEqual(['/opt/.cache/x', '/opt/gone', python]);
    expect(await alertOf(python)).toMatchObject({ stepparent: { setuid_program: { path: python, owned: true } } });
  });
});

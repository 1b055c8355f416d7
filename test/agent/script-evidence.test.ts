// What is said of scripts that come and change, with a real store and a scratch database of dpkg's.

import { createHash } from 'node:crypto';
import { mkdirSync, renameSync, rmSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { describe, expect, test } from 'vitest';
import { openScriptEvidence, stateOfScript } from '../../agent/script-evidence.ts';
import type { StepparentEvent } from '../../collectors/event.ts';
import { openProcView, readHostNamespaces } from '../../collectors/proc/inspect-process.ts';
import { createProcessTable } from '../../collectors/process-table.ts';
import { hostContext } from '../collectors/host-context-double.ts';
import { exampleEvent, start } from '../storage/examples.ts';
import { temporaryFolder, temporaryStore } from '../storage/temporary-store.ts';

const sha256 = (text: string): string => createHash('sha256').update(text).digest('hex');

describe('the state of a content', () => {
  const seen = [
    { sha256: 'new', state: 'changed' },
    { sha256: 'old', state: 'first' },
  ] as const;
  test.each([
    ['old', seen, false, 'known'],
    ['old', seen, true, 'known'],
    ['new', seen, false, 'changed'],
    ['other', seen, false, 'changed'],
    ['other', [], false, 'first'],
    ['other', [], true, 'changed'],
  ] as const)('%s of %j, outside dpkg: %s', (content, past, outside, state) => {
    expect(stateOfScript(content, past, outside)).toBe(state);
  });
});

async function evidenceWith(packages: Record<string, string>) {
  const folder = temporaryFolder();
  for (const part of ['info', 'updates']) mkdirSync(join(folder, part));
  const status = (of: Record<string, string>): void => {
    const stanzas = Object.entries(of).map(
      ([name, version]) =>
        `Package: ${name}\nStatus: install ok installed\nArchitecture: amd64\nVersion: ${version}\nMulti-Arch: same\n`,
    );
    writeFileSync(join(folder, 'status-new'), stanzas.join('\n'));
    renameSync(join(folder, 'status-new'), join(folder, 'status'));
  };
  status(packages);
  const store = temporaryStore();
  const taken: StepparentEvent[] = [];
  const faults: string[] = [];
  const evidence = openScriptEvidence({
    store: () => store,
    table: createProcessTable(openProcView(readHostNamespaces())),
    context: hostContext,
    takeFile: (event) => taken.push(event),
    takeExec: () => {},
    onFault: (what, error) => faults.push(`${what}: ${String(error)}`),
    folder,
  });
  await evidence.prepare();
  let serial = 0;
  /** Tells of a file; `by` undefined: nobody was seen. */
  const tell = (
    name: string,
    text: string | undefined,
    by?: string,
    stepparent: StepparentEvent['stepparent'] = {},
    { ctimeMs = Date.now() - 60_000 } = {},
  ) => {
    const event: StepparentEvent = {
      ...exampleEvent(`file-${serial}`, start),
      event: { id: `file-${serial++}`, kind: 'event', category: ['file'], action: 'modification' },
      file: { path: join(folder, name), ctime: new Date(ctimeMs).toISOString() },
      stepparent,
    };
    delete event.process;
    if (by !== undefined) event.process = { pid: 7, executable: by };
    const head = text === undefined ? undefined : Buffer.from(text);
    evidence.file(event, head && { sha256: sha256(head.toString()), sizeBytes: head.length, head });
    expect(taken.at(-1)).toBe(event);
    return event.stepparent;
  };
  const fromUnpacked = (phase: string) => ({ file: { original_path: join(folder, 'tmp.ci', phase) } });
  const dpkg = '/usr/bin/dpkg';
  /** As dpkg goes about it. */
  const install = (name: string, version: string, postinst: string) => {
    tell('tmp.ci', undefined, dpkg);
    tell('tmp.ci/postinst', postinst, '/usr/bin/tar');
    tell('tmp.ci/control', `Package: ${name}\nVersion: ${version}\n`, '/usr/bin/tar');
    return tell(`info/${name}.postinst`, postinst, dpkg, fromUnpacked('postinst')).script;
  };
  return { folder, store, evidence, taken, faults, tell, install, status };
}

test('an installation, the same again, an upgrade, and another content of the same version', async () => {
  const { install, faults, store } = await evidenceWith({ cron: '1' });
  expect(install('cron', '1', 'a\n')).toMatchObject({ package: 'cron', version: '1', state: 'first' });
  expect(install('cron', '1', 'a\n')).toMatchObject({ version: '1', state: 'known' });
  expect(install('cron', '2', 'b\n')).toMatchObject({ version: '2', state: 'first' });
  const again = install('cron', '2', 'c\n');
  expect(again).toMatchObject({ version: '2', state: 'changed', diff: '@@ -1,2 +1,2 @@\n-b\n+c\n \n' });
  // What was another one once is not known for having been seen.
  expect(install('cron', '2', 'c\n')).toMatchObject({ state: 'changed' });
  expect(install('new', '1', 'a\n')).toMatchObject({ state: 'first' });
  expect(store.listScripts().map((one) => [one.package, one.version, one.state])).toEqual([
    ['cron', '1', 'first'],
    ['cron', '2', 'first'],
    ['cron', '2', 'changed'],
    ['new', '1', 'first'],
  ]);
  expect(faults).toEqual([]);
});

test('an upgrade whose control file was gone too soon is not taken for the version before', async () => {
  const { install, tell, store } = await evidenceWith({ cron: '1' });
  expect(install('cron', '1', 'a\n')).toMatchObject({ version: '1', state: 'first' });
  tell('tmp.ci', undefined, '/usr/bin/dpkg');
  const unpacked = { file: { original_path: '/var/lib/dpkg/tmp.ci/postinst' } };
  const { script, unobserved } = tell('info/cron.postinst', 'b\n', '/usr/bin/dpkg', unpacked, { ctimeMs: Date.now() });
  expect(script).toMatchObject({ package: 'cron', sha256: sha256('b\n') });
  expect([script?.state, script?.version]).toEqual([undefined, undefined]);
  expect(unobserved).toEqual({ 'stepparent.script.state': expect.any(String) });
  expect(store.listScripts().map(({ state }) => state)).not.toContain('changed');
});

test('who else writes: changed, also where there was nothing; what is put back is known', async () => {
  const { tell, install } = await evidenceWith({ cron: '1', bash: '5' });
  install('cron', '1', 'exit 0\n');
  const bad = tell('info/cron.postinst', 'setsid /opt/x &\nexit 0\n', '/usr/bin/sed').script;
  expect(bad).toMatchObject({ state: 'changed', findings: [{ id: 'detached-process', line: 1 }] });
  expect(bad?.diff).toBe('@@ -1,2 +1,3 @@\n+setsid /opt/x &\n exit 0\n \n');
  expect(tell('info/cron.postinst', 'exit 0\n', '/usr/bin/sed').script?.state).toBe('known');
  expect(tell('info/bash.prerm', 'x\n', '/usr/bin/cp').script).toMatchObject({ version: '5', state: 'changed' });
  expect(tell('info/bash:amd64.prerm', 'x\n', '/usr/bin/cp').script).toMatchObject({ version: '5' });
  expect(tell('info/made-up.prerm', 'x\n', '/usr/bin/cp').script?.state).toBe('unowned');
  expect(tell('info/made-up.list', undefined, '/usr/bin/cp').script).toBe(undefined);
});

test('while dpkg is at work and its control file was not seen nothing is said of a content that is new', async () => {
  const { tell, folder, evidence, install, status } = await evidenceWith({ cron: '1', bash: '5' });
  install('bash', '5', 'a\n');
  // Younger than what the status file said last.
  const young = { ctimeMs: Date.now() + 1000 };
  const unsure = { script: { package: 'cron' }, unobserved: { 'stepparent.script.state': expect.any(String) } };
  for (const name of ['cron', 'made-up']) {
    const stepparent = tell(`info/${name}.postinst`, 'b\n', '/usr/bin/dpkg', {}, young);
    expect(stepparent).toMatchObject({ ...unsure, script: { package: name } });
    expect(stepparent.script?.state).toBe(undefined);
  }
  // It has files there until it is done.
  writeFileSync(join(folder, 'updates', '0000'), '');
  status({ cron: '2' });
  await evidence.prepare();
  expect(tell('info/cron.postinst', 'b\n', '/usr/bin/dpkg', {}, young)).toMatchObject(unsure);
  // Another writer is one whenever it is.
  expect(tell('info/cron.postinst', 'c\n', '/usr/bin/cp', {}, young).script).toMatchObject({ state: 'changed' });
  rmSync(join(folder, 'updates', '0000'));
  await evidence.prepare();
  const settled = tell('info/cron.postinst', 'b\n', '/usr/bin/dpkg', {}, { ctimeMs: Date.now() - 60_000 });
  expect(settled.script).toMatchObject({ version: '2', state: 'changed' });
});

test('a script that could not be read: its name and its writer are enough', async () => {
  const { tell, install } = await evidenceWith({ cron: '1', bash: '5' });
  install('cron', '1', 'a\n');
  const script = (name: string) => ({ script: { path: name, package: name, phase: 'prerm' } });
  const tellUnread = (name: string, by?: string) => tell(`info/${name}.prerm`, undefined, by, script(name));
  expect(tellUnread('made-up', '/usr/bin/cp').script?.state).toBe('unowned');
  expect(tellUnread('made-up').script?.state).toBe('unowned');
  expect(tellUnread('bash', '/usr/bin/cp')).toMatchObject({
    script: { version: '5', state: 'changed' },
    inferred: { 'stepparent.script.state': expect.any(String) },
  });
  expect(tellUnread('bash').script?.state).toBe(undefined);
  expect(tellUnread('bash', '/usr/bin/dpkg').script?.state).toBe(undefined);
});

test('the first pass: once, quietly, but for what no package has', async () => {
  const { folder, evidence, store, taken, tell } = await evidenceWith({ cron: '1' });
  writeFileSync(join(folder, 'info', 'cron.postinst'), 'a\n');
  writeFileSync(join(folder, 'info', 'cron.list'), '/x\n');
  writeFileSync(join(folder, 'info', 'ghost.prerm'), 'b\n');
  // dpkg's status file is read after them, as at a start.
  await evidence.prepare();
  await evidence.takeBaseline();
  expect(taken.map(({ file, stepparent }) => [file?.name, stepparent.script?.state, stepparent.found])).toEqual([
    ['ghost.prerm', 'unowned', 'at the first look'],
  ]);
  expect(store.listScripts().map((one) => [one.package, one.version, one.state, one.origin])).toEqual([
    ['cron', '1', 'first', 'baseline'],
    ['ghost', '', 'unowned', 'change'],
  ]);
  writeFileSync(join(folder, 'info', 'cron.prerm'), 'c\n');
  await evidence.takeBaseline();
  expect(store.listScripts('cron')).toHaveLength(1);
  // Found by comparison later, with nobody seen.
  expect(tell('info/cron.postinst', 'z\n').script).toMatchObject({ state: 'changed' });
});

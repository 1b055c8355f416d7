// The scripts above dpkg and rpm that are read, and those that are not: other programs, paths that identify them, changed and removed files.

import { spawn } from 'node:child_process';
import { createHash } from 'node:crypto';
import { existsSync, realpathSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { describe, expect, test } from 'vitest';
import type { LineageStep } from '../../../collectors/event/event.ts';
import { openHost } from '../../../collectors/host/host.ts';
import { openAncestorScripts } from '../../../collectors/process/ancestor-scripts.ts';
import type { ExecSnapshot, Image, ProcessEntry } from '../../../collectors/process/process.ts';
import { entryOf, imageOf } from '../../detectors/observed-exec.ts';
import { plainHost, processFiles, type RecordedFile, recordedHost } from '../../recorded-host.ts';
import { temporaryDirectory } from '../../storage/temporary-store.ts';

const script = '/tmp/deploy_1234.sh';
const content = '#!/bin/sh\ndpkg -i /srv/agent.deb\n';
const sha256Of = (text: string): string => createHash('sha256').update(text).digest('hex');
/** The time of the exec, after that of the recorded files. */
const execNs = 60e9;

interface Case {
  files?: Record<string, RecordedFile>;
  step?: Partial<LineageStep>;
  image?: Partial<Image>;
  entry?: Partial<ProcessEntry>;
  tool?: Image;
}

/** dpkg below process 700, which runs the script. */
function above({ files = {}, step = {}, image = {}, entry = {}, tool = imageOf('/usr/bin/dpkg') }: Case) {
  const host = recordedHost({
    files: { ...plainHost, [script]: content, ...processFiles(700, { exe: '/usr/bin/dash' }), ...files },
    bootNs: 61e9,
  });
  const face = imageOf(script, { execNs, ...image });
  const parent = entryOf(700, face, entry);
  const exec = {
    entry: entryOf(701, tool, { parent }),
    image: tool,
    ancestors: [{ entry: parent, image: face }],
  } as unknown as ExecSnapshot;
  const lineage: LineageStep[] = [{ entity_id: 'a', pid: 700, executable: script, ...step }];
  const scripts = openAncestorScripts(host);
  return { read: () => scripts.above(exec, lineage), mayBe: () => scripts.mayBeAbove(exec) };
}

async function hashOf(one: Case) {
  const [found] = above(one).read();
  await found?.hash.pending;
  return found && { path: found.path, ...found.hash.value };
}

describe('is read', () => {
  const sha256 = sha256Of(content);
  test.each<[string, Case, path: string]>([
    ['a script that was executed', {}, script],
    ['below rpm', { tool: imageOf('/usr/bin/rpm') }, script],
    [
      'below a copy of dpkg',
      {
        tool: imageOf('/tmp/x', {
          program: { path: '/usr/bin/dpkg', paths: new Set(['/usr/bin/dpkg']), basis: 'build_id' },
        }),
      },
      script,
    ],
    ['a script that a shell was given', { step: { executable: '/usr/bin/dash', args: ['sh', '-xe', script] } }, script],
    [
      'a script by a relative name',
      { step: { executable: '/usr/bin/dash', args: ['sh', 'deploy_1234.sh'], working_directory: '/tmp' } },
      script,
    ],
    [
      'a script that a shell was given, without its first line',
      { files: { '/tmp/x': content }, step: { executable: '/usr/bin/dash', args: ['sh', '/tmp/x'] } },
      '/tmp/x',
    ],
  ])('%s', async (_, one, path) => {
    expect(await hashOf(one)).toEqual({ path, sha256 });
  });

  test('once for its process', async () => {
    const { read } = above({});
    const [first] = read();
    const [second] = read();
    expect(second?.hash).toBe(first?.hash);
  });
});

test('a script that removes itself is read as its shell has it open', async () => {
  const host = openHost();
  const file = join(realpathSync(temporaryDirectory()), 'install.sh');
  const text = '#!/bin/sh\nrm "$0"\nread line\n';
  writeFileSync(file, text, { mode: 0o755 });
  const image = imageOf(file, { execNs: host.clock.bootNs() });
  const child = spawn(file, { stdio: ['pipe', 'ignore', 'inherit'] });
  try {
    while (existsSync(file)) await sleep(5);
    const parent = entryOf(child.pid ?? 0, image);
    const tool = imageOf('/usr/bin/dpkg');
    const exec = {
      entry: entryOf(701, tool, { parent }),
      image: tool,
      ancestors: [{ entry: parent, image }],
    } as unknown as ExecSnapshot;
    const [found] = openAncestorScripts(host).above(exec, [{ entity_id: 'a', pid: child.pid ?? 0, executable: file }]);
    await found?.hash.pending;
    expect(found?.hash.value).toEqual({ sha256: sha256Of(text) });
  } finally {
    child.kill('SIGKILL');
  }
});

describe('may be above a run of dpkg', () => {
  const shell = (args?: string[]): Partial<Image> => ({ filename: '/usr/bin/dash', ...(args && { args }) });
  const copyOfDpkg = { path: '/usr/bin/dpkg', paths: new Set(['/usr/bin/dpkg']), basis: 'build_id' } as const;
  test.each<[string, Case, boolean]>([
    ['a script that was executed', {}, true],
    ['a script above a copy of dpkg', { tool: imageOf('/tmp/x', { program: copyOfDpkg }) }, true],
    ['the script of a shell', { image: shell(['sh', '-xe', script]) }, true],
    ['the script of a shell by a relative name', { image: shell(['sh', 'deploy.sh']) }, true],
    ['that of a shell whose arguments are not known', { image: shell() }, true],
    ['no script above another program', { tool: imageOf('/usr/bin/tar') }, false],
    ['no script at a path that identifies it', { image: { filename: '/opt/vendor/install.sh' } }, false],
    ['no script of a shell without one', { image: shell(['sh', '-c', script]) }, false],
    ['no script of a shell with a path that identifies it', { image: shell(['sh', '/opt/install.sh']) }, false],
  ])('%s', (_, one, expected) => {
    expect(above(one).mayBe()).toBe(expected);
  });
});

describe('is not read', () => {
  test.each<[string, Case]>([
    ['at a path that identifies it', { step: { executable: '/opt/vendor/install.sh' } }],
    ['without a path', { step: { executable: undefined as unknown as string } }],
    ['a shell without a script', { step: { executable: '/usr/bin/dash', args: ['sh', '-c', script] } }],
    ['a shell whose arguments were not observed', { step: { executable: '/usr/bin/dash' } }],
    ['a relative script in an unknown directory', { step: { executable: '/usr/bin/dash', args: ['sh', 'x.sh'] } }],
    ['a pipe', { step: { executable: '/usr/bin/bash', args: ['bash', '/dev/fd/63'] } }],
    [
      'a module of Ansible',
      {
        step: {
          executable: '/usr/bin/python3',
          args: ['python3', '/root/.ansible/tmp/ansible-tmp-1.2-3/AnsiballZ_apt.py'],
        },
      },
    ],
  ])('%s', async (_, one) => {
    expect(await hashOf(one)).toBe(undefined);
  });

  test('a program that is no script', async () => {
    expect(await hashOf({ files: { [script]: '\x7fELF' } })).toEqual({ path: script });
  });

  test.each<[reason: string, Case]>([
    ['file_gone', { step: { executable: '/tmp/gone_1.sh' } }],
    ['process_exited', { entry: { ended: true } }],
    ['process_exited', { entry: { image: imageOf('/usr/bin/true') } }],
    ['file_replaced', { image: { execNs: -1e9 } }],
    ['too_large', { files: { [script]: `#!/bin/sh\n${'#'.repeat(1024 * 1024)}` } }],
    ['not_regular_file', { files: { [script]: { directory: true } } }],
  ])('with the reason %s', async (unobserved, one) => {
    expect(await hashOf(one)).toMatchObject({ unobserved });
  });
});

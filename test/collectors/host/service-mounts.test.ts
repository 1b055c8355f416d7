// What the agent makes of the host's processes when it has mounts of its own, as every hardened service has.

import { execFileSync } from 'node:child_process';
import fs from 'node:fs';
import path from 'node:path';
import { describe, expect, test } from 'vitest';
import { openHost } from '../../../collectors/host/host.ts';
import type { ProcessDetails } from '../../../collectors/proc/inspect-process.ts';
import { missingTools, noRoot, titled, unmet } from '../../needs.ts';
import { temporaryDirectory } from '../../storage/temporary-store.ts';

const missing = unmet(noRoot, missingTools('unshare', 'chroot', 'mkfifo'));
const collectors = path.join(import.meta.dirname, '../../../collectors');

/** Looks at a process from a mount namespace of its own, as at one that was started by the name `program`. */
const check = `
  const [collectors, pid, program] = process.argv.slice(1);
  const { inspectProcess, readHostNamespaces } = await import(collectors + '/proc/inspect-process.ts');
  const { runsGenuine } = await import(collectors + '/packages/genuine-program.ts');
  const { openHost } = await import(collectors + '/host/host.ts');
  const host = openHost();
  const details = inspectProcess(host, readHostNamespaces(host.proc), Number(pid));
  const image = { filename: program, execNs: 1 };
  const genuine = runsGenuine(host, { image, entry: { pid: Number(pid), image, details, ended: false } }, program);
  console.log(JSON.stringify({ details, genuine }));
`;

/** A small host with a readable pid 1. The command prints a line, is read and ends. */
const host = `
  cd "$1"; node=$2; look=$3; collectors=$4; program=$5; shift 5
  mkfifo in out
  "$@" <in >out & exec 3>in
  read -r line <out
  unshare --mount "$node" --input-type=module -e "$look" "$collectors" $! "$program"
  echo >&3
`;

const fromService = (program: string, ...command: string[]): { details: ProcessDetails; genuine: boolean } => {
  const unshare = ['--mount', '--pid', '--fork', '--kill-child', '--mount-proc', 'sh', '-ec', host, 'host'];
  const args = [...unshare, temporaryDirectory(), process.execPath, check, collectors, program, ...command];
  return JSON.parse(execFileSync('unshare', args, { encoding: 'utf8', timeout: 60_000 }));
};

const script = (): string => {
  const file = path.join(fs.realpathSync(temporaryDirectory()), 'script');
  fs.writeFileSync(file, '#!/bin/sh\necho ready; read -r line\n', { mode: 0o755 });
  return file;
};

describe.skipIf(missing)(titled('an agent with mounts of its own', missing), () => {
  test("a script among the host's mounts is genuine", () => {
    const file = script();
    expect(fromService(file, file)).toMatchObject({ genuine: true, details: { place: { kind: 'host' } } });
  });

  test('a process with mounts of its own is not genuine, since it may have seen another file', () => {
    const file = script();
    const { genuine, details } = fromService(file, 'unshare', '--mount', file);
    // JSON has no undefined values.
    expect({ genuine, place: details.place }).toEqual({ genuine: false, place: { kind: 'host' } });
  });

  test('a chroot is no container', () => {
    // Where /lib and /bin are links into /usr, that directory is a root to itself.
    const { details } = fromService('/bin/sh', 'chroot', '/usr', '/bin/sh', '-c', 'echo ready; read -r line');
    expect(details.place).toEqual({ kind: 'chroot', root: '/usr' });
  });
});

test('the agent’s own mounts always count', () => {
  expect(openHost().proc.readHostMounts()).toContain(openHost().proc.readNamespaces('self')?.mnt);
});

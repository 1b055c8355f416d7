// Which parts of a path are new in each run, and near misses: words, versions, short numbers, and paths that packages own.

import { describe, expect, test } from 'vitest';
import { foldPath } from '../../../collectors/process/folded-path.ts';

const hex = (length: number): string => '9f8e7d6c5b4a3210'.repeat(4).slice(0, length);
const uuid = '3f2b8a1c-1d2e-4f5a-8b9c-0d1e2f3a4b5c';

const folded: readonly [tool: string, file: string, text: string][] = [
  ['terraform', '/tmp/terraform_1670512345.sh', '/tmp/terraform_*.sh'],
  ['packer', '/tmp/script_4711.sh', '/tmp/script_*.sh'],
  ['packer', '/var/tmp/packer-shell204857612', '/var/tmp/packer-shell*'],
  ['Jenkins', '/tmp/jenkins8372615243.sh', '/tmp/jenkins*.sh'],
  ['Jenkins', '/srv/site@tmp/durable-1a2b3c4d/script.sh', '/srv/site@tmp/durable-*/script.sh'],
  ['mktemp', '/tmp/tmp.aB3dE6gH1j', '/tmp/tmp.*'],
  ['mktemp', '/tmp/tmp.aB3dE6gH1j/install.sh', '/tmp/tmp.*/install.sh'],
  ['mktemp', '/srv/tmp.aBcdEfghIj/install.sh', '/srv/tmp.*/install.sh'],
  ['mktemp with a template', '/srv/setup.aB3dE6/install.sh', '/srv/setup.*/install.sh'],
  ['mktemp with a template', '/tmp/build-aB3dE6/install.sh', '/tmp/build-*/install.sh'],
  ['mktemp with a template', '/tmp/build_aBcDeF/tool', '/tmp/build_*/tool'],
  ['mktemp with a suffix', '/tmp/build-Qx7Lp0.sh', '/tmp/build-*.sh'],
  ['Python', '/tmp/tmpk3_j9x2m/tool', '/tmp/tmp*/tool'],
  ['Python', '/opt/work/tmpk3j9x2mq.sh', '/opt/work/tmp*.sh'],
  ['pip', '/tmp/pip-build-env-k3j9x2mq/overlay/bin/ninja', '/tmp/pip-build-env-*/overlay/bin/ninja'],
  ['pip', '/tmp/pip-install-a_bcdefg/setup', '/tmp/pip-install-*/setup'],
  ['Ruby', '/tmp/chef-script20260110-1234-k3j9x2', '/tmp/chef-script*'],
  [
    'Ansible',
    '/root/.ansible/tmp/ansible-tmp-1670512345.12-345-678901234/AnsiballZ_apt.py',
    '/root/.ansible/tmp/ansible-tmp-*/AnsiballZ_apt.py',
  ],
  ['rpm', '/var/tmp/rpm-tmp.aBcdef', '/var/tmp/rpm-tmp.*'],
  ['systemd', `/tmp/systemd-private-${hex(32)}-app.service-aB3dE6/tmp/x`, '/tmp/systemd-private-*-app.service-*/tmp/x'],
  ['AppImage', '/tmp/.mount_vieweraB3dE6/usr/bin/viewer', '/tmp/.mount_viewer*/usr/bin/viewer'],
  ['npm', `/root/.npm/_npx/${hex(16)}/node_modules/.bin/tool`, '/root/.npm/_npx/*/node_modules/.bin/tool'],
  ['Yarn', '/tmp/xfs-1a2b3c4d/node', '/tmp/xfs-*/node'],
  ['Yarn', '/tmp/xfs-1a2b3c4d/dlx-12345/tool', '/tmp/xfs-*/dlx-*/tool'],
  ['Docker', `/var/lib/docker/overlay2/${hex(64)}/merged/opt/x`, '/var/lib/docker/overlay2/*/merged/opt/x'],
  [
    'containerd',
    `/run/containerd/io.containerd.runtime.v2.task/k8s.io/${hex(64)}/rootfs/opt/x`,
    '/run/containerd/io.containerd.runtime.v2.task/k8s.io/*/rootfs/opt/x',
  ],
  [
    'containerd',
    '/var/lib/containerd/io.containerd.snapshotter.v1.overlayfs/snapshots/42/fs/opt/x',
    '/var/lib/containerd/io.containerd.snapshotter.v1.overlayfs/snapshots/*/fs/opt/x',
  ],
  ['a pod', `/var/lib/kubelet/pods/${uuid}/volumes/x`, '/var/lib/kubelet/pods/*/volumes/x'],
  ['GitHub', `/home/ci/_work/_temp/${uuid}.sh`, '/home/ci/_work/_temp/*.sh'],
  ['GitHub', '/home/ci/runner/bin.2.300.0/Runner.Worker', '/home/ci/runner/bin.*/Runner.Worker'],
  ['Nix', '/nix/store/0c1h2d3f4g5h6j7k8l9m0n1p2q3r4s5v-tool-1.2/bin/tool', '/nix/store/*-tool-1.2/bin/tool'],
  ['Guix', '/gnu/store/0c1h2d3f4g5h6j7k8l9m0n1p2q3r4s5v-tool-1.2/bin/tool', '/gnu/store/*-tool-1.2/bin/tool'],
  ['snap', '/snap/tool/1234/bin/tool', '/snap/tool/*/bin/tool'],
  ['snap, from a file', '/snap/tool/x1/bin/tool', '/snap/tool/*/bin/tool'],
  ['snap in Fedora', '/var/lib/snapd/snap/tool/7/bin/tool', '/var/lib/snapd/snap/tool/*/bin/tool'],
  ['an agent that updates itself', '/root/.local/share/claude/versions/2.0.1', '/root/.local/share/claude/versions/*'],
  ['Capistrano', '/srv/app/releases/20260110120000/install.sh', '/srv/app/releases/*/install.sh'],
  ['a date', '/srv/jobs/2026-01-10/install.sh', '/srv/jobs/*/install.sh'],
  ['a time', '/srv/jobs/2026-01-10T12:00:00/install.sh', '/srv/jobs/*/install.sh'],
  ['a time', '/srv/jobs/20260110T120000Z/install.sh', '/srv/jobs/*T*Z/install.sh'],
  ['a checkout of a commit', `/srv/app/${hex(40)}/install.sh`, '/srv/app/*/install.sh'],
  ['AWS CodeDeploy', `/opt/agent/${uuid}/d-8QK3Z2L1A/install.sh`, '/opt/agent/*/d-*/install.sh'],
  [
    'the Azure agent',
    '/var/lib/waagent/custom-script/download/7/tool',
    '/var/lib/waagent/custom-script/download/*/tool',
  ],
  ['a process', '/dev/shm/job-31337/tool', '/dev/shm/job-*/tool'],
  ['/usr/local', `/usr/local/jobs/${uuid}/tool`, '/usr/local/jobs/*/tool'],
];

const fixed: readonly string[] = [
  // Words, also in capitals and with a number.
  '/tmp/script1.sh',
  '/tmp/script2.sh',
  '/tmp/script_42.sh',
  '/tmp/build-script',
  '/tmp/build-Script',
  '/tmp/build-RELEASE',
  '/tmp/my-JavaScript.sh',
  '/tmp/my-myInstaller2.sh',
  '/tmp/tmp.installing',
  '/tmp/tmpdownload',
  '/tmp/pip-build-env-download',
  '/tmp/.mount_backup',
  '/tmp/x-aarch64',
  '/tmp/x-ppc64le/tool',
  '/tmp/x-sha256.sh',
  '/srv/facade01/x',
  '/srv/deadbeef/x',
  '/srv/My.appData/x',
  '/opt/MyInstallScript/run.sh',
  '/opt/x86_64/install.sh',
  '/opt/vendor/install.backup',
  // Versions
  '/opt/tool-1.2.3/bin/x',
  '/opt/tool-1.10.234/bin/x',
  '/tmp/tool-1.10.2345/bin/x',
  '/opt/python311/x.py',
  '/opt/tool-v2beta1/x',
  '/opt/app/releases/42/x',
  '/opt/2026/install.sh',
  '/tmp/tmp.x/install.sh',
  // Names of users
  '/home/20231234/bin/x',
  '/run/user/100012345/x',
  '/run/user/1000/app/x',
  // Packages own these.
  `/usr/lib/tmp/${uuid}/x`,
  `/usr/share/app/${hex(40)}/x`,
  '/usr/bin/tmp.aB3dE6gH1j',
  '/lib/x-12345678/y',
  '/var/lib/dpkg/tmp.ci/preinst',
  '/var/lib/dpkg/info/x-20260110.postinst',
  '/snap/tool/current/bin/tool',
  // No path
  'tmp/tmp.aB3dE6gH1j',
  '',
];

describe('a path with random parts', () => {
  test.each(folded)('%s: %s', (_, file, text) => {
    expect(foldPath(file)).toEqual({ text, isFolded: true });
    // What is left has no random part.
    expect(foldPath(text).isFolded).toBe(false);
  });
});

test.each(fixed)('is not folded: %s', (file) => {
  expect(foldPath(file)).toEqual({ text: file, isFolded: false });
});

test.each<[file: string, text: string]>([
  ['/tmp/script_*.sh', '/tmp/script_\\*.sh'],
  ['/tmp/script_\\*.sh', '/tmp/script_\\\\\\*.sh'],
  ['/tmp/a\\x2db.sh', '/tmp/a\\x2db.sh'],
  ['/tmp/script_4711.sh', '/tmp/script_*.sh'],
  ['/tmp/*/script_4711.sh', '/tmp/\\*/script_*.sh'],
  ['/tmp/a\\12345678', '/tmp/a\\\\*'],
  ['/tmp/a\\*', '/tmp/a\\\\\\*'],
  ['/tmp/\0/12345678', '/tmp/\0/12345678'],
])('a star of the path is not one of the fold: %j', (file, text) => {
  expect(foldPath(file).text).toBe(text);
});

/** Numbers that look random, the same in each run. */
function numbersFrom(seed: number): (below: number) => number {
  let state = seed;
  return (below) => {
    state = (Math.imul(state, 1664525) + 1013904223) >>> 0;
    return Math.floor((state / 2 ** 32) * below);
  };
}

const next = numbersFrom(20260110);
const pick = <T>(list: readonly T[]): T => list[next(list.length)] as T;
const letters = (count: number, of: string): string =>
  Array.from({ length: count }, () => of[next(of.length)]).join('');
const alphanumeric = 'abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789';
const python = 'abcdefghijklmnopqrstuvwxyz0123456789_';

const madePath = (): string => {
  const name = (): string =>
    pick([
      () => pick(['tmp', 'srv', 'opt', 'work', 'install.sh', 'tool-1.2.3', 'a*b', 'x\\', '.', 'é', 'Build', 'user']),
      () => `${pick(['x-', 'x.', 'x_', 'tmp.', 'tmp', '', '.mount_', 'é'])}${letters(1 + next(14), alphanumeric)}`,
      () => letters(next(24), '0123456789abcdef-'),
      () => letters(next(12), '*\\1a.-_'),
      () => `${next(3_000_000)}${pick(['', '.sh', '-', '.1'])}`,
      () => `tmp${letters(8, python)}${pick(['', '.sh'])}`,
      () => pick([uuid, '2026-01-10', `${uuid}123456`, '1234567-2026-01-10-1234']),
    ])();
  return `${pick(['', '/tmp', '/var/tmp', '/run/user', '/home', '/snap/x', '/nix/store', '/opt'])}/${Array.from({ length: 1 + next(5) }, name).join('/')}`;
};
const made = Array.from({ length: 6000 }, madePath);

const quoted = (text: string): string => text.replaceAll(/[\\^$.*+?()[\]{}|]/g, '\\$&');

/** The fixed parts of a folded path, as a regular expression: anything but a slash stands for a star. */
const fixedParts = (text: string): RegExp => {
  const parts = text.replaceAll(/(\\*)\*|[\s\S]/g, (part, slashes?: string) => {
    if (slashes === undefined) return quoted(part);
    const own = quoted('\\'.repeat(Math.floor(slashes.length / 2)));
    return slashes.length % 2 === 1 ? `${own}\\*` : `${own}[^/]+`;
  });
  return new RegExp(`^${parts}$`);
};

test('all fixed parts stay, and nothing random is left', () => {
  const bad = made.filter((file) => {
    const { text } = foldPath(file);
    return !fixedParts(text).test(file) || foldPath(text).isFolded;
  });
  expect(bad).toEqual([]);
  expect(made.filter((file) => foldPath(file).isFolded).length).toBeGreaterThan(2000);
});

test('two paths that differ in a fixed part are never one', () => {
  const bad = made.filter((file) => {
    const names = file.split('/');
    const index = 1 + next(names.length - 1);
    const other = names.with(index, `${names[index]}+other`).join('/');
    return foldPath(file).text === foldPath(other).text || foldPath(file).text === foldPath(`${file}/x`).text;
  });
  expect(bad).toEqual([]);
});

test.each<[kind: string, make: () => string, text: string, least: number]>([
  ['mktemp', () => `/tmp/tmp.${letters(10, alphanumeric)}/x`, '/tmp/tmp.*/x', 99],
  ['mktemp with a template', () => `/tmp/build-${letters(6, alphanumeric)}/x`, '/tmp/build-*/x', 85],
  ['Python', () => `/tmp/tmp${letters(8, python)}/x`, '/tmp/tmp*/x', 90],
  ['a hash', () => `/srv/${letters(40, '0123456789abcdef')}/x`, '/srv/*/x', 100],
  ['eight digits of a hash', () => `/tmp/xfs-${letters(8, '0123456789abcdef')}/x`, '/tmp/xfs-*/x', 97],
])('of the names of %s most are one', (_, make, text, least) => {
  const names = Array.from({ length: 5000 }, make);
  const found = names.filter((name) => foldPath(name).text === text);
  expect((100 * found.length) / names.length).toBeGreaterThanOrEqual(least);
});

test.each<[string, string]>([
  ['digits', '1'],
  ['letters of a hash', 'a'],
  ['hash and no hash', 'a1g'],
  ['backslashes', '\\'],
  ['stars', '*'],
  ['backslashes and stars', '\\*'],
  ['words', 'aB3.'],
  ['dashes', '-'],
  ['dates', '2026-01-10'],
  ['templates', 'tmp.'],
  ['capitals', 'AB'],
  ['directories', '/1'],
  ['temporary directories', '/tmp/x-aB3dE6'],
])('128 KiB of %s take a time that grows with the length only', (_, part) => {
  const long = `/tmp/${part.repeat(Math.ceil((128 * 1024) / part.length))}`;
  const { text, isFolded } = foldPath(long);
  expect(isFolded).toBe(false);
  expect(text.replaceAll('\\', '')).toBe(long.replaceAll('\\', ''));
  // The longest text that can be a path, with each part in a name of any length.
  for (const file of [long.slice(0, 4096), `/run/${long.slice(5, 4000)}`]) {
    expect(foldPath(foldPath(file).text).isFolded).toBe(false);
  }
});

// Which directories are watched on which host.

import { expect, onTestFinished, test } from 'vitest';
import { onOwnFault } from '../../../collectors/host/read-faults.ts';
import { askRpm, packageDirectories } from '../../../collectors/packagedb/package-directories.ts';
import { RpmFailed } from '../../../collectors/packages/run-rpm.ts';

const debian = (path: string) => path.startsWith('/usr/bin/dpkg') || path.startsWith('/var/lib/dpkg');
const listed = (...args: Parameters<typeof packageDirectories>) =>
  packageDirectories(...args).map(({ path, manager, expected, namePrefix }) =>
    [path, ...(manager ? [manager] : []), ...(expected ? ['expected'] : []), ...(namePrefix ? [namePrefix] : [])].join(
      ' ',
    ),
  );

test('Debian without rpm has the directories of dpkg', () => {
  expect(listed(undefined, undefined, debian)).toEqual([
    '/var/lib/dpkg/info dpkg expected',
    '/var/lib/dpkg dpkg expected',
    '/var/lib/dpkg/triggers dpkg',
    '/var/lib/rpm rpm',
    '/usr/lib/sysimage/rpm rpm',
    '/var/tmp rpm rpm-tmp.',
  ]);
});

test('Fedora has the directories that rpm names, each once', () => {
  const rpm = { database: '/usr/lib/sysimage/rpm', temporary: '/var/tmp' };
  expect(listed(undefined, rpm, () => false)).toEqual([
    '/var/lib/dpkg/info dpkg',
    '/var/lib/dpkg dpkg',
    '/var/lib/dpkg/triggers dpkg',
    '/usr/lib/sysimage/rpm rpm expected',
    '/var/lib/rpm rpm',
    '/var/tmp rpm rpm-tmp.',
  ]);
});

test.each([
  [debian, '/root/.rpmdb rpm'],
  [(path: string) => debian(path) || path === '/root/.rpmdb', '/root/.rpmdb rpm expected'],
])('rpm beside dpkg: its database is expected where there is one', (exists, directory) => {
  const rpm = { database: '/root/.rpmdb', temporary: '/var/tmp' };
  expect(listed(undefined, rpm, exists)).toContain(directory);
});

test("rpm's temporary files elsewhere", () => {
  const rpm = { database: undefined, temporary: '/dev/shm' };
  expect(listed(undefined, rpm, () => false).slice(-2)).toEqual(['/dev/shm rpm rpm-tmp.', '/var/tmp rpm rpm-tmp.']);
});

test('configured directories replace the databases', () => {
  expect(listed(['/mnt/dpkg/info/', '/mnt/rpmdb', '/mnt/x'], undefined, debian)).toEqual([
    '/mnt/dpkg/info dpkg expected',
    '/mnt/rpmdb rpm expected',
    '/mnt/x expected',
    '/var/tmp rpm rpm-tmp.',
  ]);
});

test.each([
  ['a host without rpm is not asked, which is no fault', false, []],
  ['an rpm that does not answer is a fault', true, ['RpmFailed: rpm: no answer']],
])('%s', async (_title, hasRpm, faults) => {
  const reported: string[] = [];
  onTestFinished(onOwnFault((error) => void reported.push(String(error))));
  const rpm = () => Promise.reject(new RpmFailed('no answer', false));
  await expect(askRpm({ rpm, exists: () => hasRpm })).resolves.toBe(undefined);
  expect(reported).toEqual(faults);
});

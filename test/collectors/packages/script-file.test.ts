// Names of scripts, control files, and the one package that rpm was given.

import { expect, test } from 'vitest';
import {
  isControlFile,
  onlyPackageFile,
  parseControl,
  rpmPackage,
  scriptOfFile,
} from '../../../collectors/packages/script-file.ts';
import { parseDebFile } from '../../../collectors/packages/tools.ts';

test.each([
  ['/var/lib/dpkg/info/cron.postinst', { package: 'cron', phase: 'postinst' }],
  ['/var/lib/dpkg/info/libc6:amd64.preinst', { package: 'libc6:amd64', phase: 'preinst' }],
  ['/srv/chroot/var/lib/dpkg/info/g++-12.config', { package: 'g++-12', phase: 'config' }],
  ['/var/lib/dpkg/info/ Odd\n.prerm', { package: ' Odd\n', phase: 'prerm' }],
  ['/var/lib/dpkg/tmp.ci/preinst', { phase: 'preinst' }],
  ['/var/tmp/rpm-tmp.Ab12Cd', {}],
  ['/var/tmp/rpm-tmp.', undefined],
  ['rpm-tmp.Ab12Cd', undefined],
  ['/var/tmp/xrpm-tmp.Ab12Cd', undefined],
  ['/var/lib/dpkg/xtmp.ci/preinst', undefined],
  ['tmp.ci/preinst', undefined],
  ['info/cron.postinst', undefined],
  ['/var/lib/dpkg/myinfo/cron.postinst', undefined],
  ['/var/lib/dpkg/info/postinst', undefined],
  ['/var/lib/dpkg/info/cron.xpostinst', undefined],
  ['/var/lib/dpkg/info/cron.list', undefined],
  ['/var/lib/dpkg/info/.postinst', undefined],
  ['/var/lib/dpkg/info/cron.postinst.dpkg-new', undefined],
  ['/var/lib/dpkg/info/cron.postinst/x', undefined],
  ['/var/lib/dpkg/tmp.ci/control', undefined],
])('%j', (file, script) => {
  expect(scriptOfFile(file)).toEqual(script);
});

test('a control file is recognized by its path', () => {
  expect(isControlFile('/var/lib/dpkg/tmp.ci/control')).toBe(true);
  expect(isControlFile('/var/lib/dpkg/info/control')).toBe(false);
  expect(parseControl('Package: cron\nversion: 1:3.0-2 \nDescription: Version: 9\n')).toEqual({
    package: 'cron',
    version: '1:3.0-2',
  });
  expect(parseControl('Package: cron\n')).toBe(undefined);
});

test("rpm's package", () => {
  expect(rpmPackage(['rpm', '-i', '/x/zsh-5.9-3.x86_64.rpm'])).toEqual({ package: 'zsh', version: '5.9-3' });
  expect(rpmPackage(['rpm', '-i', 'x.rpm'])).toEqual({ package: 'x', version: undefined });
  expect(rpmPackage(['rpm', '-i', 'a.rpm', 'b.rpm'])).toBe(undefined);
  expect(rpmPackage(['rpm', '-i', 'vim-2%3a9.1-1.x86_64.rpm'])).toEqual({ package: 'vim', version: '2:9.1-1' });
  expect(rpmPackage(['a.rpm', '-e', 'zsh'])).toBe(undefined);
  expect(onlyPackageFile(['dpkg', '-i', 'a.rpm', 'b_1_all.deb'], parseDebFile)?.package).toBe('b');
});

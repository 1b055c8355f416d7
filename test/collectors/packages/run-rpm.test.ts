// The host's own rpm among files that make it run programs, and programs in its place that do not answer.

import { execFileSync } from 'node:child_process';
import fs from 'node:fs';
import path from 'node:path';
import { afterEach, beforeEach, describe, expect, onTestFinished, test } from 'vitest';
import { openHost } from '../../../collectors/host/host.ts';
import { onOwnFault } from '../../../collectors/host/read-faults.ts';
import { rpmPackagesTable } from '../../../collectors/host-tables/rpm-packages.ts';
import { askRpm } from '../../../collectors/packagedb/package-directories.ts';
import { openPackageOwner } from '../../../collectors/packages/package-owner.ts';
import { runRpm, runRpmAndWait } from '../../../collectors/packages/run-rpm.ts';
import { bindMount, mountEmpty, mountOverlay, unmount } from '../../mount-namespace.ts';
import { missingTools, noRoot, titled, unmet } from '../../needs.ts';
import { temporaryDirectory } from '../../storage/temporary-store.ts';

const why = unmet(missingTools('rpm'), noRoot);
const database = '/root/.rpmdb';

describe.skipIf(why)(titled('macros, aliases and variables that run programs', why), () => {
  /** Directory in which every hostile program leaves its name. */
  let ran: string;
  let trap: string;
  const traces = (): string[] => fs.readdirSync(ran).sort();

  const macros = (file: string): string => `%_dbpath %(${trap} ${file})\n%_tmppath %(${trap} ${file})\n`;
  const popt = (name: string, file: string): string =>
    [
      ...['--eval', '--qf', '--dbpath'].map((option) => `${name} exec ${option} ${trap}`),
      `${name} alias -q --pipe "${trap} ${file}"`,
      '',
    ].join('\n');

  beforeEach(() => {
    const etc = temporaryDirectory();
    mountEmpty(etc, 1024 * 1024);
    for (const directory of ['upper', 'work']) fs.mkdirSync(path.join(etc, directory));
    mountOverlay('/etc', path.join(etc, 'upper'), path.join(etc, 'work'));
    mountEmpty('/root', 16 * 1024 * 1024);
    onTestFinished(() => {
      for (const directory of ['/root', '/etc', etc]) unmount(directory);
    });
    // A database, which is not hostile: rpm is run only if there is one.
    execFileSync('/usr/bin/rpm', ['--dbpath', database, '--initdb']);
    ran = temporaryDirectory();
    trap = path.join(temporaryDirectory(), 'trap');
    fs.writeFileSync(trap, `#!/bin/sh\ntouch ${ran}/"$(basename "\${1:-popt}")"\necho /trap\n`, { mode: 0o755 });
    for (const directory of ['/root/.config/rpm', '/root/configdir/macros.d', '/etc/rpm', '/etc/popt.d']) {
      fs.mkdirSync(directory, { recursive: true });
    }
  });

  test.each<[string, (file: string) => string]>([
    ['/root/.rpmmacros', macros],
    ['/root/.config/rpm/macros', macros],
    ['/etc/rpm/macros', macros],
    ['/etc/rpm/macros.site', macros],
    ['/root/configdir/macros', macros],
    ['/root/.rpmrc', () => 'macrofiles: /root/configdir/macros\n'],
    ['/root/.popt', (file) => popt('rpm', file)],
    ['/etc/popt', (file) => popt('rpm', file)],
    ['/etc/popt.d/rpm', (file) => popt('rpm', file)],
  ])('%s', async (file, text) => {
    fs.writeFileSync(file, text(file));
    const variables = { HOME: '/root', XDG_CONFIG_HOME: '/root/.config', RPM_CONFIGDIR: '/root/configdir' };
    const before = { ...process.env };
    Object.assign(process.env, variables);
    try {
      await expect(askRpm(openHost())).resolves.toEqual({ database, temporary: '/var/tmp' });
      await expect(runRpm(['--dbpath', database, '-qa', '--qf', '%{NAME}'])).resolves.toBe('');
      expect(runRpmAndWait(['--dbpath', database, '-qa', '--qf', '%{NAME}'])).toBe('');
      // The package is one of dpkg. With another name of the package only rpm can know the owner.
      const owner = openPackageOwner(openHost(), { rpmDatabase: () => database })('/usr/bin/env', ['no-such-package']);
      await owner.pending;
      expect(owner.value).toBe(undefined);
      const asked = { paths: [], names: new Set<string>(), note: () => {} };
      expect([...rpmPackagesTable(openHost(), [database]).rows(asked)]).toEqual([]);
    } finally {
      process.env = before;
    }
    expect(traces()).toEqual([]);
  });

  // Otherwise the test above could not fail.
  test.each<[string, (file: string) => string]>([
    ['/root/.rpmmacros', macros],
    ['/etc/rpm/macros', macros],
    ['/root/.popt', (file) => popt('rpm', file)],
    ['/etc/popt', (file) => popt('rpm', file)],
  ])('%s runs a program below an rpm that is run as usual', (file, text) => {
    fs.writeFileSync(file, text(file));
    const env = { PATH: '/usr/bin:/bin', HOME: '/root' };
    execFileSync('/usr/bin/rpm', ['--eval', '%{_dbpath}'], { env, stdio: 'ignore' });
    expect(traces()).not.toEqual([]);
  });
});

const whyNone = unmet(missingTools('rpm'), noRoot);
describe.skipIf(whyNone)(titled('an rpm that', whyNone), () => {
  const inItsPlace = (script: string): void => {
    const program = path.join(temporaryDirectory(), 'rpm');
    fs.writeFileSync(program, `#!/bin/sh\n${script}\n`, { mode: 0o755 });
    bindMount(program, '/usr/bin/rpm');
  };
  afterEach(() => unmount('/usr/bin/rpm'));

  test.each<[string, string, string]>([
    ['has a child that does not end', 'sleep 6 & wait', 'rpm: no answer after 3000 ms'],
    ['prints too much', 'exec yes', 'rpm: the answer has more than 65536 characters'],
    ['fails', 'exit 3', 'rpm: it ended with 3'],
    ['is killed', 'kill -9 $$', 'rpm: it ended with SIGKILL'],
  ])('%s', async (_, script, reason) => {
    inItsPlace(script);
    await expect(runRpm(['-qa'])).rejects.toThrow(reason);
  });

  test('fails both when it is asked for its directories and when its answer is waited for', async () => {
    inItsPlace('exit 3');
    await expect(askRpm(openHost())).resolves.toBe(undefined);
    expect(() => runRpmAndWait(['-qa'])).toThrow('rpm: it ended with 3');
  });

  test('does not answer is a fault when it is asked for the owner of a program', async () => {
    inItsPlace('exec sleep 6');
    const reported: unknown[] = [];
    onTestFinished(onOwnFault((error) => reported.push(String(error))));
    const { pending } = openPackageOwner(openHost(), { rpmDatabase: () => database })('/usr/bin/env', [
      'no-such-package',
    ]);
    await pending;
    expect(reported).toEqual(['RpmFailed: rpm: no answer after 3000 ms']);
  });

  test('names its directories', async () => {
    inItsPlace('printf "%s\\n" "$HOME/.rpmdb" relative');
    await expect(askRpm(openHost())).resolves.toEqual({ database, temporary: undefined });
  });
});

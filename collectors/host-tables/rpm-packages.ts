// The table `rpm_packages`: the packages that rpm(8) lists as installed.

import type { HostFiles } from '../host/host-files.ts';
import { findRpmDatabase, hasRpm, runRpmAndWait } from '../packages/run-rpm.ts';
import type { HostTable, SqlValue } from './host-table.ts';

/** What parts fields and packages; neither occurs in rpm's tags. */
const [fieldEnd, packageEnd] = ['\x1f', '\x1e'];

const tags = [
  ['name', 'TEXT', 'NAME'],
  ['version', 'TEXT', 'VERSION'],
  ['release', 'TEXT', 'RELEASE'],
  ['source', 'TEXT', 'SOURCERPM'],
  ['size', 'BIGINT', 'LONGSIZE'],
  ['sha1', 'TEXT', 'SHA1HEADER'],
  ['arch', 'TEXT', 'ARCH'],
  ['epoch', 'INTEGER', 'EPOCH'],
  ['install_time', 'INTEGER', 'INSTALLTIME'],
  ['vendor', 'TEXT', 'VENDOR'],
  ['package_group', 'TEXT', 'GROUP'],
] as const;

/** `directories` are others in tests. The first that holds a database counts; without one, rpm is not run, since it would create one. */
export const rpmPackagesTable = (files: Pick<HostFiles, 'exists'>, directories?: readonly string[]): HostTable => ({
  name: 'rpm_packages',
  columns: tags.map(([name, type]) => [name, type] as const),
  *rows() {
    const directory = findRpmDatabase(files, directories);
    if (directory === undefined || !hasRpm(files)) return;
    const format = `${tags.map(([, , tag]) => `%{${tag}}`).join(fieldEnd)}${packageEnd}`;
    const output = runRpmAndWait(['--dbpath', directory, '-qa', '--qf', format]);
    for (const record of output.split(packageEnd).slice(0, -1)) {
      yield record.split(fieldEnd).map((value, i): SqlValue => {
        if (value === '(none)') return tags[i]?.[1] === 'TEXT' ? '' : null;
        return value;
      });
    }
  },
});

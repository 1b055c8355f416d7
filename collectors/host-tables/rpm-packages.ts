// The table `rpm_packages`, from the list of installed packages by rpm(8).

import type { HostFiles } from '../host/host-files.ts';
import { findRpmDatabase, hasRpm, runRpmAndWait } from '../packages/run-rpm.ts';
import type { HostTable, SqlValue } from './host-table.ts';

/** Separators of fields and packages; neither occurs in the tags of rpm. */
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

/**
 * `directories`: tests use others. The first one with a database is used. Without a database rpm is not run, because it
 * would create one.
 */
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

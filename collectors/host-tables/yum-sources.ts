// The table `yum_sources`: repositories by yum.conf(5) and dnf.conf(5).

import { parseIni } from '../package-sources/parse-ini.ts';
import type { HostTable, SqlValue } from './host-table.ts';
import { readSourceFile, type SourceFiles, sourceFilesIn } from './source-files.ts';

const optionColumns = ['baseurl', 'mirrorlist', 'metalink', 'enabled', 'gpgcheck', 'gpgkey'] as const;

interface YumPlaces {
  /** The first that exists counts; it may name other directories (`reposdir`). */
  configurations: readonly string[];
  directories: readonly string[];
}

const places: YumPlaces = {
  configurations: ['/etc/yum.conf', '/etc/dnf/dnf.conf'],
  directories: ['/etc/yum.repos.d', '/etc/yum/repos.d', '/etc/distro.repos.d'],
};

/** Sections of all files; more are left out, with a note. */
const maxSections = 10_000;

/** `places` are others in tests. */
export const yumSourcesTable = (host: SourceFiles, { configurations, directories } = places): HostTable => ({
  name: 'yum_sources',
  columns: [
    ['name', 'TEXT'],
    ['source', 'TEXT'],
    ['baseurl', 'TEXT'],
    ['mirrorlist', 'TEXT'],
    ['metalink', 'TEXT'],
    ['enabled', 'TEXT'],
    ['gpgcheck', 'TEXT'],
    ['gpgkey', 'TEXT'],
  ],
  *rows({ note }) {
    let count = 0;
    let wanted: readonly string[] = directories;
    const read = function* (file: string): Generator<SqlValue[]> {
      for (const [section, options] of parseIni(readSourceFile(host, file, note) ?? '')) {
        if (section === 'main') {
          wanted =
            options
              .get('reposdir')
              ?.split(/[\s,]+/)
              .filter((each) => each.startsWith('/')) ?? wanted;
        } else if (++count <= maxSections) {
          yield [options.get('name') ?? '', file, ...optionColumns.map((each) => options.get(each) ?? '')];
        }
      }
    };
    for (const file of configurations) {
      if (readSourceFile(host, file, () => {}) === undefined) continue;
      yield* read(file);
      break;
    }
    for (const directory of new Set(wanted)) {
      for (const file of sourceFilesIn(host, directory, ['.repo'], note)) yield* read(file);
    }
    if (count > maxSections) note(`the table yum_sources shows the first ${maxSections} repositories only`);
  },
});

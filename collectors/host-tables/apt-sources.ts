// The table `apt_sources`: repositories by sources.list(5), each with what apt has last fetched of its Release file.

import { errorCode } from '../error-message.ts';
import { reportOwnFault } from '../host/read-faults.ts';
import { readHead, withFile } from '../host/read-file.ts';
import { type AptSource, parseAptLines, parseAptStanzas } from '../package-sources/parse-apt.ts';
import type { HostTable, SqlValue } from './host-table.ts';
import { readSourceFile, type SourceFiles, sourceFilesIn } from './source-files.ts';

interface AptDirectories {
  configuration: string;
  /** With the Release files that apt has fetched. */
  lists: string;
}

/** The fields before the digests of a Release file; these alone can be long. */
const maxReleaseBytes = 64 * 1024;
/** What one file can name by lists of URIs and suites. */
const maxSources = 10_000;

/** `directories` are others in tests. A repository that apt has not fetched yet is a row whose last columns are empty. */
export const aptSourcesTable = (
  host: SourceFiles,
  { configuration, lists }: AptDirectories = { configuration: '/etc/apt', lists: '/var/lib/apt/lists' },
): HostTable => ({
  name: 'apt_sources',
  columns: [
    ['name', 'TEXT'],
    ['source', 'TEXT'],
    ['base_uri', 'TEXT'],
    ['release', 'TEXT'],
    ['version', 'TEXT'],
    ['maintainer', 'TEXT'],
    ['components', 'TEXT'],
    ['architectures', 'TEXT'],
  ],
  *rows({ note }) {
    const parts = sourceFilesIn(host, `${configuration}/sources.list.d`, ['.list', '.sources'], note);
    let count = 0;
    for (const file of [`${configuration}/sources.list`, ...parts]) {
      const text = readSourceFile(host, file, note) ?? '';
      for (const source of file.endsWith('.sources') ? parseAptStanzas(text) : parseAptLines(text)) {
        if (++count > maxSources) {
          note(`the table apt_sources shows the first ${maxSources} repositories only`);
          return;
        }
        yield rowOf(host, lists, file, source);
      }
    }
  },
});

function rowOf(host: SourceFiles, lists: string, file: string, { uri, suite }: AptSource): SqlValue[] {
  const base = uri.replace(/\/+$/, '');
  const place = base.replace(/^[^:/]*:(?:\/\/)?/, '');
  const release = readRelease(host, `${lists}/${listName(place, suite)}`);
  const field = (name: string): string => new RegExp(`^${name}:[ \\t]*(.*)$`, 'm').exec(release)?.[1]?.trimEnd() ?? '';
  const fetched = ['Codename', 'Version', 'Origin', 'Components', 'Architectures'].map(field);
  return [`${place} ${suite}`, file, base, ...fetched];
}

/** The beginning of the names of apt's files for a suite: a path with `_` for `/`, and %-codes for some characters. */
function listName(place: string, suite: string): string {
  const below = suite.endsWith('/') ? suite.replace(/\/+$/, '') : `dists/${suite}`;
  // apt leaves the name and password of an account out.
  return `${place.replace(/^[^/]*@/, '')}/${below}`
    .replaceAll(/[\\|{}[\]<>"^~_=!@#$%&*]/g, (sign) => `%${sign.charCodeAt(0).toString(16).padStart(2, '0')}`)
    .replaceAll('/', '_');
}

function readRelease(host: SourceFiles, start: string): string {
  for (const name of ['InRelease', 'Release']) {
    try {
      return withFile(host.open(`${start}_${name}`), (file) => readHead(file, maxReleaseBytes).toString());
    } catch (error) {
      reportOwnFault(error);
      // ENAMETOOLONG, EACCES and the like: as if apt had not fetched it.
      if (errorCode(error) === 'ENOENT') continue;
      return '';
    }
  }
  return '';
}

// The table `deb_packages`, from the status file of dpkg, which is read in pieces.

import { errorCode } from '../error-message.ts';
import type { HostFiles } from '../host/host-files.ts';
import { maxDatabaseBytes, readPiecesNow } from '../host/read-file.ts';
import type { RegularFile } from '../host/regular-file.ts';
import { dpkgDirectory } from '../packages/tools.ts';
import type { HostTable, SqlValue } from './host-table.ts';

/** Maximum length of a stanza: a longer text is not from dpkg. */
const maxStanzaChars = 16 * 1024 * 1024;

type Files = Pick<HostFiles, 'open'>;

/** `directory`: the administrative directory of dpkg; tests use another one. */
export const debPackagesTable = (host: Files, directory = dpkgDirectory): HostTable => ({
  name: 'deb_packages',
  columns: [
    ['name', 'TEXT'],
    ['version', 'TEXT'],
    ['source', 'TEXT'],
    ['size', 'BIGINT'],
    ['arch', 'TEXT'],
    ['revision', 'TEXT'],
    ['status', 'TEXT'],
    ['maintainer', 'TEXT'],
    ['section', 'TEXT'],
    ['priority', 'TEXT'],
    ['admindir', 'TEXT'],
  ],
  *rows() {
    for (const stanza of readStanzas(host, `${directory}/status`)) {
      const row = rowOf(stanza, directory);
      if (row !== undefined) yield row;
    }
  },
});

/** Reads the stanzas of a control file, which are separated by blank lines (deb822(5)). A missing file has none. */
function* readStanzas(host: Files, file: string): Generator<string> {
  let opened: RegularFile;
  try {
    opened = host.open(file);
  } catch (error) {
    if (errorCode(error) === 'ENOENT') return;
    throw error;
  }
  try {
    const decoder = new TextDecoder();
    let rest = '';
    for (const piece of readPiecesNow(opened, maxDatabaseBytes)) {
      const parts = `${rest}${decoder.decode(piece, { stream: true })}`.split(/\n\n+/);
      rest = parts.pop() ?? '';
      if (rest.length > maxStanzaChars) throw new Error(`${file} is not dpkg's status file`);
      yield* parts;
    }
    yield rest;
  } finally {
    opened.close();
  }
}

/** A line of a stanza, by the name before its colon. */
const lines = new Map(
  ['Package', 'Status', 'Version', 'Installed-Size', 'Source', 'Architecture', 'Maintainer', 'Section', 'Priority'].map(
    (name) => [name, new RegExp(`^${name}:[ \\t]*(.*)$`, 'im')],
  ),
);

function rowOf(stanza: string, directory: string): SqlValue[] | undefined {
  const field = (name: string): string => lines.get(name)?.exec(stanza)?.[1]?.trimEnd() ?? '';
  const name = field('Package');
  const status = field('Status');
  if (name === '' || status.endsWith(' not-installed')) return undefined;
  const version = field('Version');
  const size = field('Installed-Size');
  return [
    name,
    version,
    field('Source'),
    /^\d+$/.test(size) ? Number(size) : null,
    field('Architecture'),
    version.includes('-') ? version.slice(version.lastIndexOf('-') + 1) : '',
    status,
    field('Maintainer'),
    field('Section'),
    field('Priority'),
    directory,
  ];
}

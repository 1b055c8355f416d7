// The tables `users` and `groups`, from /etc/passwd and /etc/group without accounts of a directory service.

import type { HostFiles } from '../host/host-files.ts';
import { maxDatabaseBytes, readText } from '../host/read-file.ts';
import type { HostTable, SqlValue } from './host-table.ts';

type Files = Pick<HostFiles, 'open'>;

/** Reads passwd(5) or group(5). Skips lines with fewer than `fields` fields, or with an id that is not a number. */
function* readAccounts(host: Files, file: string, fields: number): Generator<string[]> {
  for (const line of readText(host.open(file), maxDatabaseBytes).split('\n')) {
    const values = line.split(':');
    if (values.length >= fields && /^\d+$/.test(values[2] ?? '')) yield values;
  }
}

/** An id as a signed 32-bit integer, as in osquery's `_signed` columns. */
const signed = (id: number): number => id | 0;

/** `file`: tests use another one. */
export const usersTable = (host: Files, file = '/etc/passwd'): HostTable => ({
  name: 'users',
  columns: [
    ['uid', 'BIGINT'],
    ['gid', 'BIGINT'],
    ['uid_signed', 'BIGINT'],
    ['gid_signed', 'BIGINT'],
    ['username', 'TEXT'],
    ['description', 'TEXT'],
    ['directory', 'TEXT'],
    ['shell', 'TEXT'],
    ['uuid', 'TEXT'],
  ],
  *rows(): Generator<SqlValue[]> {
    for (const [name = '', , uid, gid, description = '', directory = '', shell = ''] of readAccounts(host, file, 7)) {
      const ids = [Number(uid), Number(gid)] as const;
      yield [...ids, signed(ids[0]), signed(ids[1]), name, description, directory, shell, ''];
    }
  },
});

/** `file`: tests use another one. */
export const groupsTable = (host: Files, file = '/etc/group'): HostTable => ({
  name: 'groups',
  columns: [
    ['gid', 'BIGINT'],
    ['gid_signed', 'BIGINT'],
    ['groupname', 'TEXT'],
  ],
  *rows(): Generator<SqlValue[]> {
    for (const [name = '', , gid] of readAccounts(host, file, 4)) yield [Number(gid), signed(Number(gid)), name];
  },
});

// The child process that reads a history of dnf: a hostile file can make SQLite run without end, and a process can be killed.
// Arguments: the file, and a DnfHistoryRequest as JSON. Writes a DnfHistoryRow[] as JSON.

import Database from 'better-sqlite3';
import { type DnfHistoryRequest, maxHistoryItems } from './run-dnf-history.ts';

/** dnf writes the row of a transaction before it begins, with 0 (dnf 4) or NULL for its end. The log of SQLite has it at once. */
const busyTimeoutMs = 200;
const maxHeapBytes = 64 * 1024 * 1024;
const maxChars = 256;

/** dnf 5 has names and architectures in tables of their own. */
const columns = {
  dnf4: { name: 'p.name', arch: 'p.arch', join: '' },
  dnf5: {
    name: 'n.name',
    arch: 'a.name',
    join: 'JOIN pkg_name n ON n.id = p.name_id JOIN arch a ON a.id = p.arch_id',
  },
} as const;

const [, , file = '', request = ''] = process.argv;
const { sinceS, startS } = JSON.parse(request) as DnfHistoryRequest;
const db = new Database(file, { readonly: true, fileMustExist: true, timeout: busyTimeoutMs });
db.pragma('trusted_schema = OFF');
db.pragma(`hard_heap_limit = ${maxHeapBytes}`);
const hasNames = db.prepare("SELECT 1 FROM sqlite_schema WHERE name = 'pkg_name'").get() !== undefined;
const { name, arch, join } = columns[hasNames ? 'dnf5' : 'dnf4'];
const cut = (column: string): string => `substr(${column}, 1, ${maxChars})`;
const items = db.prepare(
  `SELECT ${cut(name)} AS name, p.epoch AS epoch, ${cut('p.version')} AS version, ${cut('p.release')} AS release,
     ${cut(arch)} AS architecture, ${cut('o.repoid')} AS repository
   FROM trans_item i JOIN rpm p ON p.item_id = i.item_id ${join} JOIN repo o ON o.id = i.repo_id
   WHERE i.trans_id = (
     SELECT max(id) FROM trans WHERE dt_begin BETWEEN :since AND :start AND (coalesce(dt_end, 0) = 0 OR dt_end >= :start)
   ) LIMIT ${maxHistoryItems}`,
);
process.stdout.write(JSON.stringify(items.all({ since: sinceS, start: startS })));

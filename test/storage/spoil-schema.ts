// Damages a database that another connection has open, so that it shows at that one's next statement.

import Database from 'better-sqlite3';

export function spoilSchema(path: string): void {
  const db = new Database(path);
  db.unsafeMode(true);
  const version = db.pragma('schema_version', { simple: true }) as number;
  db.pragma('writable_schema = ON');
  db.exec("UPDATE sqlite_schema SET sql = 'damaged' WHERE name = 'alerts'");
  db.pragma(`schema_version = ${version + 1}`);
  db.close();
}

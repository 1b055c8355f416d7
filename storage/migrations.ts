// The database schema in steps of plain SQL, one for each version. A released step never changes.

/** Marks the file as stepparent's: "step" in ASCII, `PRAGMA application_id`. */
export const applicationId = 0x73746570;

/** Versions up to this one were never released: the agent sets such a database aside. */
export const unreleasedVersion = 12;

/** The tables of the package ledger, which a database of gathered events has as well. */
export const packageLedgerTables = `
  CREATE TABLE package_runs (
    id INTEGER PRIMARY KEY,
    manager TEXT NOT NULL,
    found_by TEXT NOT NULL,
    event_id TEXT,
    transaction_id TEXT,
    host_id TEXT,
    host_name TEXT,
    requested_by TEXT,
    initiator TEXT,
    origin TEXT,
    user_id TEXT,
    user_name TEXT
  ) STRICT;

  CREATE TABLE package_changes (
    id INTEGER PRIMARY KEY,
    run INTEGER NOT NULL,
    time_ms INTEGER NOT NULL,
    time_source TEXT,
    name TEXT NOT NULL,
    architecture TEXT,
    version TEXT,
    former_version TEXT,
    action TEXT,
    applied INTEGER,
    state TEXT,
    archive TEXT,
    sha256 BLOB,
    source TEXT,
    repository TEXT,
    signed INTEGER
  ) STRICT;
  CREATE INDEX package_changes_name ON package_changes (name);

  CREATE TABLE packages_installed (
    host TEXT NOT NULL,
    manager TEXT NOT NULL,
    name TEXT NOT NULL,
    architecture TEXT NOT NULL,
    version TEXT NOT NULL,
    state TEXT NOT NULL,
    since_ms INTEGER NOT NULL,
    PRIMARY KEY (host, manager, name, architecture, version)
  ) STRICT, WITHOUT ROWID;
  `;

/**
 * Step N takes a database from `user_version` `unreleasedVersion` + N to the next one, in one transaction; the first
 * takes an empty database. New steps are appended, and test/storage/fixtures holds a dump of every released version.
 * Times are milliseconds since 1970. `user_class` is one of user-class.ts. With `events_file` a hunt that asks who
 * changed a file, and how that is known, reads the index only. An event is stored in pieces, see event-pieces.ts. `document`, `terms` and `json`
 * are JSON text, which preserves lone surrogates and NUL.
 */
export const migrations: readonly string[] = [
  `
  CREATE TABLE meta (
    key TEXT PRIMARY KEY,
    value INTEGER NOT NULL
  ) STRICT, WITHOUT ROWID;

  CREATE TABLE agent_runs (
    id INTEGER PRIMARY KEY,
    boot_id TEXT NOT NULL,
    started_ms INTEGER NOT NULL,
    alive_ms INTEGER NOT NULL,
    ended_ms INTEGER
  ) STRICT;

  CREATE TABLE events (
    id INTEGER PRIMARY KEY,
    event_id TEXT NOT NULL UNIQUE,
    time_ms INTEGER NOT NULL,
    stored_ms INTEGER NOT NULL,
    user_class TEXT NOT NULL,
    category TEXT,
    action TEXT,
    file_name TEXT,
    file_path TEXT,
    executable TEXT,
    script_path TEXT,
    script_depth INTEGER,
    transaction_id TEXT,
    origin INTEGER NOT NULL,
    process INTEGER,
    parent INTEGER,
    session_leader INTEGER,
    group_leader INTEGER,
    lineage INTEGER,
    lifecycle_script INTEGER,
    initiator INTEGER,
    "transaction" INTEGER,
    unobserved INTEGER,
    inferred INTEGER,
    frame INTEGER NOT NULL,
    own TEXT NOT NULL,
    document TEXT
  ) STRICT;
  CREATE INDEX events_time ON events (time_ms);
  CREATE INDEX events_of_others ON events (user_class, id) WHERE user_class <> 'root';
  CREATE INDEX events_file
    ON events (file_name, executable, time_ms, action, origin, file_path, own ->> '$."file"."writer_source"')
    WHERE category = 'file';
  CREATE INDEX events_transaction ON events (transaction_id, time_ms) WHERE transaction_id IS NOT NULL;

  CREATE TABLE generations (
    id INTEGER PRIMARY KEY,
    first_event INTEGER NOT NULL
  ) STRICT;

  CREATE TABLE processes (
    id INTEGER PRIMARY KEY,
    pid INTEGER,
    entity_id TEXT,
    start TEXT,
    executable TEXT,
    name TEXT,
    args TEXT,
    args_count INTEGER,
    command_line TEXT,
    working_directory TEXT,
    rest INTEGER NOT NULL
  ) STRICT;

  CREATE TABLE parts (
    id INTEGER PRIMARY KEY,
    json TEXT NOT NULL
  ) STRICT;

  CREATE TABLE origins (
    id INTEGER PRIMARY KEY,
    host_id TEXT,
    agent_id TEXT,
    json TEXT NOT NULL
  ) STRICT;

  CREATE TABLE terms (
    rule_id TEXT NOT NULL,
    scope TEXT NOT NULL,
    terms TEXT NOT NULL,
    first_ms INTEGER NOT NULL,
    last_ms INTEGER NOT NULL,
    count INTEGER NOT NULL,
    origin TEXT NOT NULL,
    PRIMARY KEY (rule_id, scope, terms)
  ) STRICT, WITHOUT ROWID;
  CREATE INDEX terms_last ON terms (rule_id, last_ms);

  CREATE TABLE alerts (
    seq INTEGER PRIMARY KEY,
    id TEXT NOT NULL UNIQUE,
    rule_id TEXT NOT NULL,
    scope TEXT NOT NULL,
    terms TEXT NOT NULL,
    state TEXT NOT NULL,
    first_ms INTEGER NOT NULL,
    last_ms INTEGER NOT NULL,
    count INTEGER NOT NULL,
    stored_ms INTEGER NOT NULL,
    user_class TEXT NOT NULL,
    transaction_id TEXT,
    review_state TEXT,
    review_ms INTEGER,
    review_by TEXT,
    review_reason TEXT,
    review_count INTEGER,
    document TEXT NOT NULL
  ) STRICT;
  CREATE INDEX alerts_terms ON alerts (rule_id, scope, terms);
  CREATE INDEX alerts_state ON alerts (state, rule_id, stored_ms);
  CREATE INDEX alerts_first ON alerts (first_ms);
  CREATE INDEX alerts_transaction ON alerts (transaction_id, first_ms) WHERE transaction_id IS NOT NULL;

  CREATE TABLE outbox (
    id INTEGER PRIMARY KEY AUTOINCREMENT,
    sink TEXT NOT NULL,
    alert_seq INTEGER REFERENCES alerts (seq) ON DELETE CASCADE,
    document TEXT,
    attempts INTEGER NOT NULL DEFAULT 0,
    created_ms INTEGER NOT NULL,
    next_ms INTEGER NOT NULL,
    CHECK ((alert_seq IS NULL) <> (document IS NULL))
  ) STRICT;
  CREATE INDEX outbox_sink ON outbox (sink);
  CREATE INDEX outbox_alert ON outbox (alert_seq);

  CREATE TABLE rate_limits (
    rule_id TEXT PRIMARY KEY,
    from_ms INTEGER NOT NULL,
    last_ms INTEGER NOT NULL,
    count INTEGER NOT NULL,
    document TEXT NOT NULL
  ) STRICT;

  CREATE TABLE known_files (
    directory TEXT NOT NULL,
    name TEXT NOT NULL,
    ino INTEGER NOT NULL,
    size INTEGER NOT NULL,
    mtime_ns INTEGER NOT NULL,
    ctime_ns INTEGER NOT NULL,
    mode INTEGER NOT NULL,
    uid INTEGER NOT NULL,
    gid INTEGER NOT NULL,
    PRIMARY KEY (directory, name)
  ) STRICT, WITHOUT ROWID;

  CREATE TABLE hunts (
    id TEXT PRIMARY KEY,
    first_ms INTEGER NOT NULL,
    last_ms INTEGER NOT NULL
  ) STRICT, WITHOUT ROWID;

  CREATE TABLE scripts (
    sha256 TEXT PRIMARY KEY,
    size INTEGER NOT NULL,
    bytes INTEGER NOT NULL,
    first_ms INTEGER NOT NULL,
    content BLOB NOT NULL
  ) STRICT;

  CREATE TABLE script_versions (
    package TEXT NOT NULL,
    version TEXT NOT NULL,
    phase TEXT NOT NULL,
    sha256 TEXT NOT NULL REFERENCES scripts (sha256) ON DELETE CASCADE,
    path TEXT NOT NULL,
    state TEXT NOT NULL,
    origin TEXT NOT NULL,
    first_ms INTEGER NOT NULL,
    last_ms INTEGER NOT NULL,
    PRIMARY KEY (package, version, phase, sha256)
  ) STRICT, WITHOUT ROWID;
  CREATE INDEX script_versions_content ON script_versions (sha256);
  CREATE INDEX script_versions_slot ON script_versions (package, phase, last_ms);

  CREATE TABLE watched_contents (
    path TEXT PRIMARY KEY,
    sha256 TEXT NOT NULL,
    seen_ms INTEGER NOT NULL,
    bytes INTEGER NOT NULL,
    content TEXT
  ) STRICT;
  ${packageLedgerTables}
  CREATE TABLE package_lists (
    id INTEGER PRIMARY KEY,
    name TEXT NOT NULL UNIQUE,
    identity TEXT NOT NULL,
    release_identity TEXT NOT NULL,
    sha256 TEXT NOT NULL,
    site TEXT NOT NULL,
    suite TEXT,
    component TEXT,
    origin TEXT,
    label TEXT,
    signed INTEGER,
    keys TEXT NOT NULL,
    digests INTEGER NOT NULL,
    fault TEXT,
    gone_ms INTEGER
  ) STRICT;

  CREATE TABLE package_digests (
    list INTEGER NOT NULL,
    digest BLOB NOT NULL,
    superseded_ms INTEGER,
    signed INTEGER,
    PRIMARY KEY (list, digest)
  ) STRICT, WITHOUT ROWID;
  CREATE INDEX package_digests_superseded ON package_digests (superseded_ms) WHERE superseded_ms IS NOT NULL;

  CREATE TABLE package_sources (
    position INTEGER PRIMARY KEY,
    name TEXT NOT NULL UNIQUE,
    kind TEXT NOT NULL,
    file TEXT NOT NULL,
    security TEXT,
    components TEXT NOT NULL,
    configured INTEGER NOT NULL
  ) STRICT;
  `,
];

/** The `user_version` of a database that this code writes. A greater one is from a newer stepparent. */
export const schemaVersion = unreleasedVersion + migrations.length;

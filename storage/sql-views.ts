// The tables that SQL sees: events and alerts under their ECS names. They are made for each connection, not stored.

/** A column of a view: ECS name, and SQL for its value. `f` is the row of `fields`, `e` that of `events`. */
type Column = readonly [name: string, sql: string];

/** From the document: right for every field, and slower, since the whole document has to be read. */
const fromDocument =
  (document: string) =>
  (name: string): Column => {
    const path = name
      .split('.')
      .map((part) => `."${part}"`)
      .join('');
    return [name, `${document} ->> '$${path}'`];
  };

const isoTime = (ms: string): string => `strftime('%Y-%m-%dT%H:%M:%fZ', ${ms} / 1000.0, 'unixepoch')`;

const eventColumns: readonly Column[] = [
  ['@timestamp', isoTime('f.time_ms')],
  ['time_ms', 'f.time_ms'],
  ['event.id', 'e.event_id'],
  ['event.category', 'f.category'],
  ['event.action', 'f.action'],
  ['event.type', `e.document ->> '$.event.type[0]'`],
  ['host.id', 'f.host_id'],
  ['agent.id', 'f.agent_id'],
  ['file.path', 'f.file_path'],
  ['file.name', 'f.file_name'],
  ['process.executable', 'f.executable'],
  ['process.command_line', 'f.command_line'],
  ['process.parent.executable', 'f.parent_executable'],
  ['process.parent.command_line', 'f.parent_command_line'],
  ['stepparent.lifecycle_script.path', 'f.script_path'],
  ['stepparent.lifecycle_script.depth', 'f.script_depth'],
  ...[
    'host.name',
    'host.os.type',
    'user.id',
    'user.name',
    'container.id',
    'file.directory',
    'file.type',
    'file.size',
    'file.mode',
    'file.uid',
    'file.owner',
    'file.gid',
    'file.group',
    'file.inode',
    'file.accessed',
    'file.mtime',
    'file.ctime',
    'file.created',
    'file.hash.sha256',
    'process.entity_id',
    'process.pid',
    'process.name',
    'process.args',
    'process.working_directory',
    'process.parent.entity_id',
    'process.parent.pid',
    'process.parent.name',
    'process.parent.args',
    'process.session_leader.name',
    'process.group_leader.name',
    'stepparent.exec.filename',
    'stepparent.image.path',
    'stepparent.login_user.name',
    'stepparent.systemd.unit',
    'stepparent.terminal',
    'stepparent.package.manager',
    'stepparent.package.operation',
    'stepparent.package.packages',
    'stepparent.lifecycle_script.manager',
    'stepparent.lifecycle_script.package',
    'stepparent.lifecycle_script.phase',
    'stepparent.file.original_path',
    'stepparent.file.changed',
    'stepparent.found',
  ].map(fromDocument('e.document')),
  ['document', 'e.document'],
];

const alertColumns: readonly Column[] = [
  ['@timestamp', isoTime('a.first_ms')],
  ['time_ms', 'a.first_ms'],
  ['last_ms', 'a.last_ms'],
  ['rule.id', 'a.rule_id'],
  ['stepparent.alert.id', 'a.id'],
  ['stepparent.alert.state', 'a.state'],
  ['stepparent.alert.count', 'a.count'],
  ...[
    'stepparent.alert.reason',
    'rule.name',
    'event.severity',
    'event.risk_score',
    'event.action',
    'message',
    'host.id',
    'host.name',
    'agent.id',
    'user.name',
    'container.id',
    'file.path',
    'file.name',
    'process.executable',
    'process.command_line',
    'process.parent.executable',
    'process.parent.command_line',
    'stepparent.login_user.name',
    'stepparent.systemd.unit',
    'stepparent.package.packages',
    'stepparent.lifecycle_script.path',
  ].map(fromDocument('a.document')),
  ['document', 'a.document'],
];

const view = (name: string, columns: readonly Column[], from: string): string =>
  `CREATE TEMP VIEW "${name}" AS SELECT ${columns.map(([column, sql]) => `${sql} AS "${column}"`).join(', ')} FROM ${from};`;

// SQLite leaves the join out where no column of `e` is asked for.
const fromEvents = 'main.fields f LEFT JOIN main.events e ON e.id = f.event';

/** Makes the views in the schema `temp`, where they hide the tables `events` and `alerts` of the database itself. */
export const createViews = [
  view('events', eventColumns, fromEvents),
  view('process_events', eventColumns, `${fromEvents} WHERE f.category = 'process'`),
  view('file_events', eventColumns, `${fromEvents} WHERE f.category = 'file'`),
  view('alerts', alertColumns, 'main.alerts a'),
].join('\n');

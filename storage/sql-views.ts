// The tables that SQL sees: events and alerts under their ECS names. They are made for each connection, not stored.

/** A column of a view: ECS name, and SQL for its value. `f` is a row of `fields`, `a` one of `alerts`. */
type Column = readonly [name: string, sql: string];

const jsonPath = (name: string): string =>
  `'$${name
    .split('.')
    .map((part) => `."${part}"`)
    .join('')}'`;

/** Of the stored event: looked up only when the column is asked for. A join would be made for every row of a hunt. */
const fromEvent = (sql: string): string => `(SELECT ${sql} FROM main.events e WHERE e.id = f.event)`;

const isoTime = (ms: string): string => `strftime('%Y-%m-%dT%H:%M:%fZ', ${ms} / 1000.0, 'unixepoch')`;

const eventColumns: readonly Column[] = [
  ['@timestamp', isoTime('f.time_ms')],
  ['time_ms', 'f.time_ms'],
  ['event.id', fromEvent('e.event_id')],
  ['event.category', 'f.category'],
  ['event.action', 'f.action'],
  ['event.type', fromEvent(`e.document ->> '$.event.type[0]'`)],
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
  ['stepparent.transaction.id', 'f.transaction_id'],
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
    'stepparent.transaction.executable',
    'stepparent.file.original_path',
    'stepparent.file.changed',
    'stepparent.found',
    'stepparent.inferred.process',
  ].map((name): Column => [name, fromEvent(`e.document ->> ${jsonPath(name)}`)]),
  ['document', fromEvent('e.document')],
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
    'stepparent.alert.exception.id',
    'stepparent.alert.exception.reason',
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
    'stepparent.transaction.id',
  ].map((name): Column => [name, `a.document ->> ${jsonPath(name)}`]),
  ['document', 'a.document'],
];

const view = (name: string, columns: readonly Column[], from: string): string =>
  `CREATE TEMP VIEW "${name}" AS SELECT ${columns.map(([column, sql]) => `${sql} AS "${column}"`).join(', ')} FROM ${from};`;

/** Makes the views in the schema `temp`, where they hide the tables `events` and `alerts` of the database itself. */
export const createViews = [
  view('events', eventColumns, 'main.fields f'),
  view('process_events', eventColumns, "main.fields f WHERE f.category = 'process'"),
  view('file_events', eventColumns, "main.fields f WHERE f.category = 'file'"),
  view('alerts', alertColumns, 'main.alerts a'),
].join('\n');

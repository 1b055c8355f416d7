// The names of the fields that events can have, to find mistyped ones.

const words = (text: string): string[] => text.split(/\s+/).filter(Boolean);
const below = (prefix: string, names: readonly string[]): string[] => names.map((name) => `${prefix}.${name}`);

const user = words('id name');
const process = [
  ...words('entity_id pid name executable args args_count command_line start working_directory interactive'),
  ...words('user real_user saved_user group real_group saved_group supplemental_groups').flatMap((each) =>
    below(each, user),
  ),
  ...words('tty.char_device.major tty.char_device.minor'),
];

/** Every field but those of `open`. What only alerts have is not among them. */
export const eventFields: readonly string[] = [
  '@timestamp',
  'ecs.version',
  'container.id',
  ...below('event', words('id category type action module dataset provider created')),
  ...below('host', words('hostname name id architecture boot.id os.type os.platform os.name os.version os.kernel')),
  ...below('agent', words('id type version name')),
  ...words('user user.Ext.real group group.Ext.real').flatMap((each) => below(each, user)),
  ...words('process.session_leader.same_as_process process.group_leader.same_as_process'),
  ...['process', 'process.parent', 'process.session_leader', 'process.group_leader'].flatMap((at) =>
    below(at, process),
  ),
  ...below('file', words('path name directory extension type inode device mode uid gid owner group size mtime ctime')),
  ...below('file', words('accessed created target_path hash.sha256')),
  ...below('stepparent', [
    ...words('exec.filename image.path systemd.unit terminal found'),
    ...[...below('login_user', user), ...below('systemd.user', user)],
    ...below('package', words('manager operation packages packages_count root database dry_run')),
    ...below('lifecycle_script', words('manager path package phase depth')),
    ...below('initiator', words('entity_id pid name executable origin through')),
    ...below('genuine', words('process parent session_leader group_leader')),
    ...below('script', words('path sha256 package version phase state copy_of diff')),
    ...below('script.findings', words('id technique line text')),
    ...below('transaction', words('id executable')),
    ...below('lineage', [
      ...words('entity_id pid name executable args start working_directory'),
      ...below('user', user),
    ]),
    ...below('file', words('original_path moved_out changed')),
    ...below('file.previous', words('inode size mtime ctime mode uid gid')),
    ...below('sensor', words('name lost_events reason')),
    'hunt.id',
  ]),
];

/** Objects whose keys are names of fields or columns. */
const open = ['unobserved', 'inferred', 'truncated', 'hunt.row'].map((name) => `stepparent.${name}.`);

const names = new Set(eventFields);

/** Whether an event can have the field. */
export const isEventField = (field: string): boolean =>
  names.has(field) || open.some((prefix) => field.startsWith(prefix));

// The names of the fields that events and alerts can have, and the kinds of events that rules see. SQL columns and Elasticsearch
// mappings are made of the names; rules and exceptions are checked against both.

import { ecsVersion, type FieldValue } from './event.ts';
import { fitsPieces } from './read-path.ts';

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
    ...below('file', words('writer_source original_path moved_out changed')),
    ...below('file.previous', words('inode size mtime ctime mode uid gid')),
    ...below('sensor', words('name lost_events reason')),
    'hunt.id',
  ]),
];

const threatNames = words('tactic technique technique.subtechnique').flatMap((part) =>
  below(part, words('id name reference')),
);

/** What alerts have, and events do not; but `event.kind`, which tells them apart, and `message`, which the agent's own events have. */
export const alertFields: readonly string[] = [
  ...words('message tags event.kind event.severity event.risk_score event.start event.end'),
  ...below('rule', words('id name description category license author reference ruleset')),
  ...below('threat', ['framework', ...threatNames]),
  ...below('stepparent.alert', [
    ...words('id terms reason state'),
    ...below('exception', words('id reason owner expires')),
  ]),
  ...below('stepparent.summary', words('alerts from to')),
];

/** Objects whose keys are names of fields or columns. */
export const openObjects: readonly string[] = below('stepparent', words('unobserved inferred truncated hunt.row'));

/** Lists of objects: a field below one has as many values as the list has objects. */
export const objectLists: readonly string[] = [
  ...['process', 'process.parent', 'process.session_leader', 'process.group_leader'].map(
    (at) => `${at}.supplemental_groups`,
  ),
  ...words('stepparent.lineage stepparent.script.findings threat'),
];

const names = new Set(eventFields);
const open = openObjects.map((name) => `${name}.`);

/** Whether an event can have the field; of a KQL pattern such as `process.*.name`, any field that fits it. */
export const isEventField = (field: string): boolean =>
  names.has(field) ||
  open.some((prefix) => field.startsWith(prefix)) ||
  (field.includes('*') && eventFields.some((name) => fits(name, field)));

const fits = (name: string, pattern: string): boolean => fitsPieces(name, pattern.split('*'));

/** Events of one category, type and action, with what is the same in all of them and which fields none of them has. */
export interface EventClass {
  category: string;
  type: string;
  action: string;
  /** Undefined: it may be anything. */
  known(field: string): { value: FieldValue } | undefined;
}

const alike: Readonly<Record<string, FieldValue>> = {
  'ecs.version': ecsVersion,
  'event.kind': 'event',
  'event.module': 'stepparent',
  'host.os.type': 'linux',
  'agent.type': 'stepparent',
};

/** What only the agent's account of itself and a hunt's row have: no rule looks at these. */
const never = ['stepparent.sensor.', 'stepparent.hunt.'];

function eventClass(category: string, type: string, action: string, lacking: readonly string[]): EventClass {
  const values: Readonly<Record<string, FieldValue>> = {
    ...alike,
    'event.category': category,
    'event.type': type,
    'event.action': action,
    'event.dataset': `stepparent.${category}`,
  };
  const lacks = (field: string): boolean =>
    !isEventField(field) || [...never, ...lacking].some((prefix) => `${field}.`.startsWith(prefix));
  const known = (field: string): { value: FieldValue } | undefined => {
    if (Object.hasOwn(values, field)) return { value: values[field] };
    const isAbsent = field.includes('*')
      ? !eventFields.some((name) => fits(name, field) && !lacks(name))
      : lacks(field);
    return isAbsent ? { value: undefined } : undefined;
  };
  return { category, type, action, known };
}

/** The fields by which the classes differ, and what is the same in all. */
export const classFields: ReadonlySet<string> = new Set([
  ...Object.keys(alike),
  ...words('event.category event.type event.action event.dataset'),
]);

const ofFilesAlone = words('file. stepparent.file. stepparent.found.');
const ofExecsAlone = words('stepparent.exec. stepparent.script.copy_of.');

/** Every event that rules see is of one of these. */
export const eventClasses: readonly EventClass[] = [
  eventClass('process', 'start', 'exec', ofFilesAlone),
  eventClass('file', 'creation', 'creation', ofExecsAlone),
  eventClass('file', 'change', 'rename', ofExecsAlone),
  eventClass('file', 'change', 'modification', ofExecsAlone),
  eventClass('file', 'change', 'attribute-change', ofExecsAlone),
  eventClass('file', 'deletion', 'deletion', ofExecsAlone),
];

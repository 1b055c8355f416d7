// The classes of events that rules read, and the names of the fields that a rule or an exception can use.

import { ecsVersion, type FieldValue, type PackageAction, packageActions } from './event.ts';
import { type EventKind, type Field, fields, isOfEvent } from './fields.ts';
import { matchesPieces } from './read-path.ts';

/**
 * Fields that have one value in an event and another in its alert. Rules and exceptions, which apply to both, cannot
 * use them.
 */
const setByAlerts: readonly string[] = ['event.kind', 'message'];

const comparable = fields.filter((field) => isOfEvent(field) && !setByAlerts.includes(field.name));
const byName: ReadonlyMap<string, Field> = new Map(
  comparable.filter(({ type }) => type !== 'flattened' && type !== 'objects').map((field) => [field.name, field]),
);
const flattened = comparable.filter(({ type }) => type === 'flattened');

/** Every field that a rule or an exception can use by name, except for the keys of flattened fields. */
export const eventFields: readonly string[] = [...byName.keys()];

const fieldAt = (name: string): Field | undefined =>
  byName.get(name) ?? flattened.find((field) => name.startsWith(`${field.name}.`));

/**
 * Whether a rule or an exception can use the field; for a KQL pattern such as `process.*.name`, whether any such field
 * matches.
 */
export const isEventField = (field: string): boolean =>
  fieldAt(field) !== undefined || (field.includes('*') && eventFields.some((name) => matchesPattern(name, field)));

const matchesPattern = (name: string, pattern: string): boolean => matchesPieces(name, pattern.split('*'));

/** The events of one category, type and action. */
export interface EventClass {
  category: string;
  type: string;
  action: string;
  /**
   * The value of a field that is the same in all events of the class, or absent in all. Undefined: the field can have
   * any value.
   */
  known(field: string): { value: FieldValue } | undefined;
}

const sampleValues: Readonly<Record<string, FieldValue>> = {
  'ecs.version': ecsVersion,
  'event.kind': 'event',
  'event.module': 'stepparent',
  'host.os.type': 'linux',
  'agent.type': 'stepparent',
};

function eventClass(
  kind: EventKind,
  category: string,
  type: string,
  action: string,
  moreTypes: readonly string[] = [],
): EventClass {
  const values: Readonly<Record<string, FieldValue>> = {
    ...sampleValues,
    'event.category': category,
    'event.type': moreTypes.length === 0 ? type : [type, ...moreTypes],
    'event.action': action,
    'event.dataset': `stepparent.${category}`,
  };
  const lacks = (field: string): boolean => !(fieldAt(field)?.on.includes(kind) ?? false);
  const known = (field: string): { value: FieldValue } | undefined => {
    if (Object.hasOwn(values, field)) return { value: values[field] };
    const isAbsent = field.includes('*')
      ? !eventFields.some((name) => matchesPattern(name, field) && !lacks(name))
      : lacks(field);
    return isAbsent ? { value: undefined } : undefined;
  };
  return { category, type, action, known };
}

/** `event.type` of a package transaction, by what it did. */
export const packageEventTypes: Readonly<Record<PackageAction, string>> = {
  install: 'installation',
  upgrade: 'change',
  downgrade: 'change',
  reinstall: 'change',
  remove: 'deletion',
};
/** `event.action` of a package transaction that only puts packages on hold, or releases them. */
export const selectionActions = ['hold', 'unhold'] as const;
/** `event.type` of a package transaction that changed nothing. */
export const unchangedEventType = 'info';

/** The fields whose value is known in each class: those that distinguish the classes, and those equal in all. */
export const classFields: ReadonlySet<string> = new Set([
  ...Object.keys(sampleValues),
  ...['event.category', 'event.type', 'event.action', 'event.dataset'],
]);

/** The classes of events that rules read. */
export const eventClasses: readonly EventClass[] = [
  eventClass('exec', 'process', 'start', 'exec'),
  eventClass('file', 'file', 'creation', 'creation'),
  eventClass('file', 'file', 'change', 'rename'),
  eventClass('file', 'file', 'change', 'modification'),
  eventClass('file', 'file', 'change', 'attribute-change'),
  eventClass('file', 'file', 'deletion', 'deletion'),
  eventClass('file', 'file', 'access', 'script-read'),
  eventClass('file', 'file', 'change', 'tracing-changed'),
  eventClass('file', 'file', 'access', 'tracing-read'),
  ...packageActions.flatMap((action) =>
    [packageEventTypes[action], unchangedEventType].map((type) => eventClass('transaction', 'package', type, action)),
  ),
  ...selectionActions.map((action) => eventClass('transaction', 'package', 'change', action)),
  eventClass('connection', 'network', 'connection', 'connection_attempted', ['start']),
  eventClass('survivors', 'process', 'info', 'processes-left-running'),
  eventClass('start', 'process', 'info', 'agent-started'),
];

// The event: one ECS document, in the same form for rules, storage and sinks. Its fields are the rows of fields.ts.

import { type DocumentOf, fieldTable } from './fields.ts';

/** The ECS version whose field names are used; `ecs.version` in every document. */
export const ecsVersion = '9.4.0';

/**
 * An event, or an alert: an event with the fields that only alerts have. A field that could not be observed is absent,
 * and `stepparent.unobserved` has the reason.
 */
export type StepparentEvent = DocumentOf<typeof fieldTable>;

type StepparentFields = StepparentEvent['stepparent'];

/** The ECS fields `process.*`. */
export type ProcessFields = NonNullable<StepparentEvent['process']>;
/** A user or a group. The name is absent if /etc/passwd or /etc/group does not have the id. */
export type Identity = NonNullable<StepparentFields['login_user']>;
export type FileFields = NonNullable<StepparentEvent['file']>;
export type LineageStep = NonNullable<StepparentFields['lineage']>[number];
export type PackageOperation = NonNullable<StepparentFields['package']>;
export type LifecycleFields = NonNullable<StepparentFields['lifecycle_script']>;
export type InitiatorFields = NonNullable<StepparentFields['initiator']>;
export type GenuineFields = NonNullable<StepparentFields['genuine']>;
export type ScriptFields = NonNullable<StepparentFields['script']>;
export type TransactionFields = NonNullable<StepparentFields['transaction']>;
export type FileChangeFields = NonNullable<StepparentFields['file']>;
export type WriterSource = NonNullable<FileChangeFields['writer_source']>;
export type FoundBy = NonNullable<StepparentFields['found']>;

export const alertStates = fieldTable.stepparent.fields.alert.fields.state.values;
export type AlertState = (typeof alertStates)[number];

/**
 * One value of a field, or several. ECS does not distinguish a value from a list with one value. `undefined`: the field
 * is absent.
 */
export type FieldValue = undefined | string | number | boolean | readonly (string | number | boolean)[];

/**
 * Reads one field of an event by its dotted ECS name. Rules have no other access to an event, so that a collector can
 * compute a field when it is first read: most events are dismissed after one or two fields.
 */
export type FieldReader = (field: string) => FieldValue;

// The event: one ECS document, as rules, storage, sinks and people see it. Its fields are the rows of fields.ts.

import { type DocumentOf, fieldTable } from './fields.ts';

/** The ECS version whose field names are used; `ecs.version` in every document. */
export const ecsVersion = '9.4.0';

/** An event, or an alert: the event once more, with what only alerts have. Absent means not observed: `stepparent.unobserved` says so. */
export type StepparentEvent = DocumentOf<typeof fieldTable>;

type StepparentFields = StepparentEvent['stepparent'];

/** What ECS calls a process. */
export type ProcessFields = NonNullable<StepparentEvent['process']>;
/** A user or a group. No name: /etc/passwd or /etc/group does not have the id. */
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

/** One value of a field, or several: ECS makes no difference between a value and a list of one. `undefined`: absent. */
export type FieldValue = undefined | string | number | boolean | readonly (string | number | boolean)[];

/**
 * Reads one field of an event by its dotted ECS name. Rules see an event only through this, so that a collector
 * may compute a field when it is first asked for: most events are dismissed after one or two fields.
 */
export type FieldReader = (field: string) => FieldValue;

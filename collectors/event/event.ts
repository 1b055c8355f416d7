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
/** The ECS fields `file.*`: the file that changed, in its state after the change. */
export type FileFields = NonNullable<StepparentEvent['file']>;
/** One ancestor of the process, an entry of `stepparent.lineage`. */
export type LineageStep = NonNullable<StepparentFields['lineage']>[number];
/** The parsed command line of dpkg or rpm: operation, packages, root and database, in `stepparent.package`. */
export type PackageOperation = NonNullable<StepparentFields['package']>;
/** The package script that the process runs or descends from, in `stepparent.lifecycle_script`. */
export type LifecycleFields = NonNullable<StepparentFields['lifecycle_script']>;
/** The nearest ancestor that is neither a package front end nor a shell or the like, in `stepparent.initiator`. */
export type InitiatorFields = NonNullable<StepparentFields['initiator']>;
/** The innermost unit of systemd, in `stepparent.systemd`. */
export type SystemdFields = NonNullable<StepparentFields['systemd']>;
/** A user whom an environment or the journal of a daemon names, an entry of `stepparent.named_callers`. */
export type NamedCaller = NonNullable<StepparentFields['named_callers']>[number];
/** Who asked for what the initiator did, in `stepparent.initiator.requester`. */
export type RequesterFields = NonNullable<InitiatorFields['requester']>;
/**
 * Whether the process, its parent and its leaders run the distribution's own files, in `stepparent.genuine`. An absent
 * entry was not verified, or its program is neither named like a package tool nor a copy of one.
 */
export type GenuineFields = NonNullable<StepparentFields['genuine']>;
/** What a program is by its content, if it runs under another path, in `stepparent.program`. */
export type ProgramFields = NonNullable<StepparentFields['program']>;
/** The file and the content of a maintainer script or scriptlet, in `stepparent.script`. */
export type ScriptFields = NonNullable<StepparentFields['script']>;
/**
 * The topmost run of a package tool among the ancestors, in `stepparent.transaction`; of a transaction event also its
 * packages and result.
 */
export type TransactionFields = NonNullable<StepparentFields['transaction']>;
/** The fields of a file change that ECS does not define, in `stepparent.file`. */
export type FileChangeFields = NonNullable<StepparentFields['file']>;
/** What a change of the package sources did, in `stepparent.sources`. */
export type PackageSourceFields = NonNullable<StepparentFields['sources']>;
/** How an interpreter got the content of a script, in `stepparent.read`. */
export type ReadFields = NonNullable<StepparentFields['read']>;
/** How the agent knows the process that changed a file: `stepparent.file.writer_source`. */
export type WriterSource = NonNullable<FileChangeFields['writer_source']>;
/** How the agent found a file change that it did not observe: `stepparent.found`. */
export type FoundBy = NonNullable<StepparentFields['found']>;

/** What a transaction can do with a package, the strongest action first. */
export const packageActions = fieldTable.stepparent.fields.transaction.fields.packages.fields.action.values;
/** What a transaction does with a package. */
export type PackageAction = (typeof packageActions)[number];

/** All values of `stepparent.alert.state`; its row in fields.ts defines each. */
export const alertStates = fieldTable.stepparent.fields.alert.fields.state.values;
/** Whether an alert is delivered, and if not, why. */
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

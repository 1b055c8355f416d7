// Describes a process with its ancestors and leaders as ECS fields, and notes which fields could not be observed.

import path from 'node:path';
import type { Identity, LineageStep, ProcessFields, StepparentEvent, TransactionFields } from '../event/event.ts';
import type { Notes } from '../event/notes.ts';
import type { HostContext } from '../host/host-context.ts';
import { maxSupplementalGroups, type ProcessDetails } from '../proc/inspect-process.ts';
import { deviceNumbers, systemdUnit, terminalName, userOfManager } from '../proc/parse-proc.ts';
import { executableOf } from './executable.ts';
import { beginAsRecorded } from './probed-args.ts';
import type { ActorSnapshot, Image, LeaderSnapshots, ProcessEntry, ProcessSnapshot, Transaction } from './process.ts';
import type { BootNs } from './process-record.ts';
import type { ProcessTable } from './process-table.ts';

/** Maximum number of ancestors in an event. */
const maxLineage = 16;
/** Maximum size in bytes of the arguments of the event's process; one argument can have 128 KiB (execve(2)). */
export const maxEventArgsBytes = 256 * 1024;
/** The same for each ancestor; smaller, because an event has up to 16 of them. */
const maxAncestorArgsBytes = 8 * 1024;

/** The ancestors of a process in their current state, nearest first, at most 16. */
export function ancestorsOf(entry: ProcessEntry): ProcessSnapshot[] {
  const ancestors: ProcessSnapshot[] = [];
  for (let ancestor = entry.parent; ancestor && ancestors.length < maxLineage; ancestor = ancestor.parent) {
    ancestors.push({ entry: ancestor, image: ancestor.image });
  }
  return ancestors;
}

/** ECS process.entity_id: boot, pid and start together identify one process permanently. */
export const entityId = (bootId: string, entry: ProcessEntry): string =>
  `${bootId.slice(0, 8)}-${entry.pid}-${Math.floor(entry.startNs / 1e7)}`;

/** ECS process.name: the file name of the executable. */
export const nameOf = (executable: string): string => path.basename(executable);

const emptyNotes = (): Notes => ({ unobserved: {}, inferred: {}, truncated: {} });

interface Described {
  fields: ProcessFields;
  /** By name of the field in `fields`, such as `args`. */
  notes: Notes;
}

/** The last description of each process. Many events share the same ancestors, and these seldom change. */
const describedAncestors = new WeakMap<ProcessEntry, DescribedAncestor>();

type ProcessLeader = NonNullable<ProcessFields['session_leader']>;

interface DescribedAncestor extends Described {
  /** The description as an entry of `stepparent.lineage`. */
  step: LineageStep;
  /** The description as a leader: of its own session or group (`same`), or of another process (`other`). */
  leader: Readonly<Record<'same' | 'other', ProcessLeader>>;
  hasNotes: boolean;
  // The description holds as long as these three are the same.
  image: unknown;
  details: unknown;
  epochMs: number;
}

/** The time of boot is computed again for each event, in whole milliseconds, and varies by one through rounding. */
const sameEpoch = (a: number, b: number): boolean => Math.abs(a - b) < 2;

function describeAncestor(snapshot: ProcessSnapshot, context: HostContext, epochMs: number): DescribedAncestor {
  const { entry, image } = snapshot;
  const known = describedAncestors.get(entry);
  if (known && known.image === image && known.details === entry.details && sameEpoch(known.epochMs, epochMs))
    return known;
  const { fields, notes } = describeProcess(snapshot, context, epochMs, maxAncestorArgsBytes);
  const hasNotes = Object.values(notes).some(hasFields);
  const leader = {
    same: { ...(fields as ProcessLeader), same_as_process: true },
    other: { ...(fields as ProcessLeader), same_as_process: false },
  };
  const described = {
    fields,
    notes,
    hasNotes,
    step: lineageStep(fields),
    leader,
    image,
    details: entry.details,
    epochMs,
  };
  describedAncestors.set(entry, described);
  return described;
}

function describeProcess(
  { entry, image }: ProcessSnapshot,
  context: HostContext,
  epochMs: number,
  argsBytes: number,
): Described {
  const seen = entry.details;
  const current = seen !== undefined && entry.detailsImage === image;
  const notes = emptyNotes();
  const fields: ProcessFields = { pid: entry.pid, entity_id: entityId(context.bootId, entry) };
  if (entry.startNs > 0 || seen) fields.start = dateOf(epochMs, entry.startNs);
  if (image) {
    const executable = executableOf(context.host, entry, image, current ? seen?.exe : undefined);
    fields.executable = executable.path;
    fields.name = nameOf(executable.path);
    if (executable.inferredFrom) notes.inferred.executable = executable.inferredFrom;
    describeArgs(image, current && !executable.replaced ? seen : undefined, fields, argsBytes, notes);
  } else {
    notes.unobserved.executable = 'process_exited';
  }
  if (seen) {
    Object.assign(fields, describeCredentials(seen, context));
    if (seen.supplementalGroupsTruncated) notes.truncated.supplemental_groups = maxSupplementalGroups;
    if (seen.workingDirectory !== undefined) fields.working_directory = seen.workingDirectory;
    if (seen.tty !== 0) fields.tty = { char_device: deviceNumbers(seen.tty) };
    fields.interactive = seen.tty !== 0;
  }
  for (const name of fieldsOfDetails) if (isUnobserved(name, fields, seen)) notes.unobserved[name] = 'process_exited';
  return { fields, notes };
}

const credentialFields = [
  'user',
  'real_user',
  'saved_user',
  'group',
  'real_group',
  'saved_group',
  'supplemental_groups',
] as const;

/** The fields that every process has whose /proc directory could be read. */
const fieldsOfDetails = [...credentialFields, 'working_directory', 'interactive'] as const;

/** A process without supplementary groups has no value in that field, although it was observed. */
const isUnobserved = (
  name: (typeof fieldsOfDetails)[number],
  fields: ProcessFields,
  seen: ProcessDetails | undefined,
): boolean =>
  fields[name] === undefined && !(name === 'supplemental_groups' && seen?.supplementalGroupIds !== undefined);

/** All credentials that are known, equal ones too: to a rule an absent field differs from every value. */
function describeCredentials(
  seen: ProcessDetails,
  context: HostContext,
): Pick<ProcessFields, (typeof credentialFields)[number]> {
  const groups = seen.supplementalGroupIds ?? [];
  return {
    user: user(seen.userId, context),
    real_user: user(seen.realUserId, context),
    saved_user: user(seen.savedUserId, context),
    group: group(seen.userGroupId, context),
    real_group: group(seen.realUserGroupId, context),
    saved_group: group(seen.savedUserGroupId, context),
    ...(groups.length > 0 && { supplemental_groups: groups.map((id) => group(id, context)) }),
  };
}

/** The fields `user` and `group` of an event, from those of its process. */
export function ownerFields(process: ProcessFields | undefined): Pick<StepparentEvent, 'user' | 'group'> {
  const { user, real_user, group, real_group } = process ?? {};
  const withRealIds = <Known>(known: Known, real: object | undefined) => ({
    ...known,
    ...(real && { Ext: { real: real as Identity } }),
  });
  return {
    ...(user && { user: withRealIds(user, real_user) }),
    ...(group && { group: withRealIds(group, real_group) }),
  };
}

/** ISO 8601 date of a time since boot; `epochMs` is the time of boot. */
export const dateOf = (epochMs: number, ns: BootNs): string => new Date(epochMs + ns / 1e6).toISOString();

/** The fields of an event about its process, and the notes on them. */
export interface DescribedActor {
  process: ProcessFields;
  containerId: string | undefined;
  stepparent: Pick<StepparentEvent['stepparent'], 'image' | 'lineage' | 'login_user' | 'systemd' | 'terminal'>;
  leaders: LeaderSnapshots;
  /** The file that the process has mapped (/proc/PID/exe or the entry probe); undefined: it could not be read. */
  mapped: string | undefined;
  notes: Notes;
}

/** Describes a process with its ancestors. Reads /proc for each process that was not read since its last exec. */
export function describeActor(snapshot: ActorSnapshot, table: ProcessTable, context: HostContext): DescribedActor {
  const { entry, image, ancestors } = snapshot;
  const notes = emptyNotes();
  const epochMs = context.host.clock.bootEpochMs();

  const details = table.inspect(entry);
  const current = details !== undefined && entry.detailsImage === image;
  if (current && image && !executableOf(context.host, entry, image, details.exe).replaced) {
    table.completeArgs(entry, maxEventArgsBytes);
  }
  for (const ancestor of ancestors) table.inspect(ancestor.entry);
  /**
   * The nearest ancestor that could be read. It supplies the inherited values if the process ended before it was read.
   */
  const nearest = ancestors.find((ancestor) => ancestor.entry.details)?.entry.details;
  const scopeDetails = details ?? nearest;

  const noteFields = ({ fields, notes: ownNotes }: Described, field: string): ProcessFields => {
    addNotes(notes.unobserved, ownNotes.unobserved, field);
    addNotes(notes.inferred, ownNotes.inferred, field);
    addNotes(notes.truncated, ownNotes.truncated, field);
    return fields;
  };
  const describeAncestorAs = (field: string, ancestor: ProcessSnapshot): DescribedAncestor => {
    const described = describeAncestor(ancestor, context, epochMs);
    if (described.hasNotes) noteFields(described, field);
    return described;
  };

  const process = noteFields(describeProcess(snapshot, context, epochMs, maxEventArgsBytes), 'process');
  if (details !== undefined && !current) {
    for (const name of [...credentialFields, 'working_directory'] as const) {
      if (process[name] !== undefined) notes.inferred[`process.${name}`] = 'earlier_program';
    }
  } else if (details === undefined) {
    // A child inherits credentials, directory, session and terminal (fork(2)), and execve of a package tool, which is
    // not setuid, keeps them. The agent does not see a setsid or chdir in between, so that these fields get a note.
    if (nearest) {
      const { workingDirectory } = nearest;
      const inherited = {
        ...describeCredentials(nearest, context),
        ...(workingDirectory !== undefined && { working_directory: workingDirectory }),
      };
      Object.assign(process, inherited);
      for (const name of fieldsOfDetails) {
        if (!isUnobserved(name, process, nearest)) delete notes.unobserved[`process.${name}`];
      }
      for (const name of Object.keys(inherited)) {
        notes.inferred[`process.${name}`] = 'nearest_ancestor';
      }
    }
  }

  const leaders: LeaderSnapshots = {};
  const leader = (role: 'session_leader' | 'group_leader', pid: number | undefined): void => {
    const field = `process.${role}`;
    // /proc/PID/stat shows 0 if the session or the process group has no leader in this pid namespace.
    if (!pid) {
      notes.unobserved[field] = pid === undefined ? 'process_exited' : 'no_leader';
      return;
    }
    if (details === undefined) notes.inferred[field] = 'nearest_ancestor';
    const found =
      pid === entry.pid
        ? snapshot
        : (ancestors.find((ancestor) => ancestor.entry.pid === pid) ?? leaderOutside(table, pid));
    if (found === undefined) {
      process[role] = { pid, same_as_process: false };
      notes.unobserved[`${field}.name`] = 'process_exited';
      return;
    }
    leaders[role] = found;
    table.inspect(found.entry);
    process[role] = describeAncestorAs(field, found).leader[found === snapshot ? 'same' : 'other'];
  };
  leader('session_leader', scopeDetails?.sessionId);
  leader('group_leader', scopeDetails?.groupId);

  const described = ancestors.map((ancestor, index) =>
    describeAncestorAs(index === 0 ? 'process.parent' : `stepparent.lineage.${index}`, ancestor),
  );
  if (described[0]) {
    process.parent = described[0].fields as NonNullable<ProcessFields['parent']>;
    if (entry.parentInferred) notes.inferred['process.parent'] = 'proc_parent';
  } else notes.unobserved['process.parent'] = 'process_exited';
  const lineage = described.map(({ step }) => step);
  const topmost = ancestors.at(-1)?.entry;
  if (topmost?.lineageCut || topmost?.parent) notes.truncated['stepparent.lineage'] = ancestors.length;

  const unit = scopeDetails?.cgroupPath && systemdUnit(scopeDetails.cgroupPath);
  const manager = scopeDetails?.cgroupPath === undefined ? undefined : userOfManager(scopeDetails.cgroupPath);
  const terminal = scopeDetails && terminalName(scopeDetails.tty);
  const login = scopeDetails?.loginUserId;
  const mapped = image?.probedImage ?? (current && !image?.executable?.replaced ? details.exe : undefined);
  // A zombie has neither /proc/PID/exe nor namespaces, so that its container cannot be read.
  const livingDetails = [details, ...ancestors.map((ancestor) => ancestor.entry.details)].find(
    (seen) => seen?.exe !== undefined,
  );
  if (livingDetails === undefined) notes.unobserved['container.id'] = 'process_exited';
  const containerId = livingDetails?.containerId;
  if (containerId !== undefined && livingDetails !== details) {
    notes.inferred['container.id'] = 'nearest_ancestor';
  }

  return {
    process,
    containerId,
    leaders,
    mapped,
    stepparent: {
      ...(mapped === undefined ? {} : { image: { path: mapped } }),
      lineage,
      ...(login === undefined ? {} : { login_user: user(login, context) }),
      ...(unit ? { systemd: { unit, ...(manager === undefined ? {} : { user: user(manager, context) }) } } : {}),
      ...(terminal ? { terminal } : {}),
    },
    notes,
  };
}

/** Adds the notes of a description to those of the event. `field`: the event's field that gets the description. */
function addNotes<Note>(notes: Record<string, Note>, ownNotes: Record<string, Note>, field: string): void {
  const isStep = field.startsWith('stepparent.lineage.');
  for (const name in ownNotes) {
    if (!isStep || lineageFields.has(name)) notes[`${field}.${name}`] = ownNotes[name] as Note;
  }
}

/** The kinds of notes that are not empty, for the `stepparent` object of an event. */
export const notesOf = ({ unobserved, inferred, truncated }: Notes): Partial<Notes> => ({
  ...(hasFields(unobserved) && { unobserved }),
  ...(hasFields(inferred) && { inferred }),
  ...(hasFields(truncated) && { truncated }),
});

/** Called for each event, and therefore does not build a list of the fields. */
function hasFields(notes: object): boolean {
  for (const _field in notes) return true;
  return false;
}

/** The value of `stepparent.transaction`. */
export const describeTransaction = ({ root, image }: Transaction, context: HostContext): TransactionFields => ({
  id: entityId(context.bootId, root),
  executable: executableOf(context.host, root, image).path,
});

const lineageFields: ReadonlySet<string> = new Set<keyof LineageStep>([
  'entity_id',
  'pid',
  'name',
  'executable',
  'args',
  'start',
  'user',
  'working_directory',
]);

/** The entry of `stepparent.lineage` for an ancestor. */
function lineageStep(fields: ProcessFields): LineageStep {
  const { entity_id = '', pid = 0, name, executable, args, start, user, working_directory } = fields;
  return {
    entity_id,
    pid,
    ...(name === undefined ? {} : { name }),
    ...(executable === undefined ? {} : { executable }),
    ...(args === undefined ? {} : { args: args as string[] }),
    ...(start === undefined ? {} : { start }),
    ...(user === undefined ? {} : { user: user as { id?: string; name?: string } }),
    ...(working_directory === undefined ? {} : { working_directory }),
  };
}

/** A leader that is not among the process and its ancestors. */
function leaderOutside(table: ProcessTable, pid: number): ProcessSnapshot | undefined {
  const entry = table.find(pid);
  return entry && { entry, image: entry.image };
}

const identity = (id: number, name: string | undefined): Identity => ({
  id: String(id),
  ...(name === undefined ? {} : { name }),
});
const user = (id: number, context: HostContext): Identity => identity(id, context.userName(id));
const group = (id: number, context: HostContext): Identity => identity(id, context.groupName(id));

/**
 * Adds the arguments, cut at `maxBytes`: from the entry probe if it gave any, else from /proc, else from the call of
 * execve.
 */
function describeArgs(
  image: Image,
  seen: { args: string[] | undefined; argsTruncated: boolean } | undefined,
  fields: ProcessFields,
  maxBytes: number,
  notes: Notes,
): void {
  // The record of the probe comes first. If it was too short for all arguments, those that /proc showed are used,
  // provided that they begin like the record.
  const fromProc =
    image.args === undefined ||
    (image.argsTruncated === true && seen?.args !== undefined && beginAsRecorded(seen.args, image.args));
  let args = fromProc ? seen?.args : image.args;
  if (args === undefined && image.attemptArgs) {
    args = image.attemptArgs.args;
    notes.inferred.args = 'execve_args';
    if (image.attemptArgs.truncated) notes.truncated.args = maxBytes;
  }
  if (args === undefined) {
    notes.unobserved.args = 'process_exited';
    return;
  }
  const { kept, cut } = cutArgs(args, maxBytes);
  fields.args = kept;
  fields.args_count = args.length;
  fields.command_line = kept.join(' ');
  if (cut || (fromProc ? seen?.argsTruncated : image.argsTruncated)) notes.truncated.args = maxBytes;
}

/**
 * Keeps the first `maxBytes` bytes of the arguments: cuts the argument that crosses the bound and drops those after it.
 */
export function cutArgs(args: readonly string[], maxBytes: number): { kept: string[]; cut: boolean } {
  let remainingBytes = maxBytes;
  for (let i = 0; i < args.length; i++) {
    const arg = args[i] as string;
    const bytes = Buffer.byteLength(arg);
    if (bytes > remainingBytes) {
      const head = Buffer.from(arg)
        .subarray(0, remainingBytes)
        .toString('utf8')
        .replace(/\ufffd+$/, '');
      return { kept: [...args.slice(0, i), head], cut: true };
    }
    remainingBytes -= bytes;
  }
  return { kept: [...args], cut: false };
}

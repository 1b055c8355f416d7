// Describes a process with its ancestors and leaders as ECS fields, and notes which fields could not be observed.

import path from 'node:path';
import type {
  Identity,
  LineageStep,
  ProcessFields,
  ProgramFields,
  StepparentEvent,
  TransactionFields,
} from '../event/event.ts';
import { firstBytes } from '../event/first-bytes.ts';
import type { Notes } from '../event/notes.ts';
import type { UnobservedReason } from '../event/reasons.ts';
import type { HostContext } from '../host/host-context.ts';
import { maxSupplementalGroups, type ProcessDetails } from '../proc/inspect-process.ts';
import { deviceNumbers, systemdUnit, terminalName, userOfManager } from '../proc/parse-proc.ts';
import { hasHostRoot } from '../proc/place.ts';
import { startCredentials } from './credentials.ts';
import { type KnownEnvironment, knownEnvironment, selectVariables } from './environment.ts';
import { executableOf } from './executable.ts';
import { beginAsRecorded } from './probed-args.ts';
import type {
  ActorSnapshot,
  Credentials,
  Image,
  LeaderSnapshots,
  ProcessEntry,
  ProcessSnapshot,
  Transaction,
} from './process.ts';
import type { FoundPlace } from './process-place.ts';
import type { BootNs } from './process-record.ts';
import type { ProcessTable } from './process-table.ts';
import { isOtherFile } from './recognize-program.ts';

/** Maximum size in bytes of the arguments of the event's process; one argument can have 128 KiB (execve(2)). */
export const maxEventArgsBytes = 256 * 1024;
/** Maximum size in bytes of the environment that is read from /proc, of which an event has much less. */
const maxReadEnvironmentBytes = 256 * 1024;
/** The same as `maxEventArgsBytes` for each ancestor; smaller, because an event has up to 16 of them. */
const maxAncestorArgsBytes = 8 * 1024;

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
  // The description holds as long as these four are the same.
  image: unknown;
  details: unknown;
  credentials: unknown;
  epochMs: number;
}

/** The time of boot is computed again for each event, in whole milliseconds, and varies by one through rounding. */
const sameEpoch = (a: number, b: number): boolean => Math.abs(a - b) < 2;

function describeAncestor(snapshot: ProcessSnapshot, context: HostContext, epochMs: number): DescribedAncestor {
  const { entry, image } = snapshot;
  const credentials = image && startCredentials(entry, image);
  const known = describedAncestors.get(entry);
  const isSame = known?.image === image && known?.details === entry.details && known?.credentials === credentials;
  if (known && isSame && sameEpoch(known.epochMs, epochMs)) return known;
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
    step: lineageStep(fields, image),
    leader,
    image,
    details: entry.details,
    credentials,
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
  /** The reading of /proc, if it is of this program. */
  let own = current ? seen : undefined;
  if (image) {
    const executable = executableOf(context.host, entry, image, current ? seen?.exe : undefined);
    fields.executable = executable.path;
    fields.name = nameOf(executable.path);
    if (executable.inferredFrom) notes.inferred.executable = executable.inferredFrom;
    describeArgs(image, current && !executable.replaced ? seen : undefined, fields, argsBytes, notes);
    // A zombie shows no program, and a file that is gone cannot be compared: the process may have run sudo by then.
    const isComparable = seen?.exe !== undefined && executable.inferredFrom !== 'filename_file_gone';
    if (executable.replaced || !isComparable) own = undefined;
  } else {
    notes.unobserved.executable = 'process_exited';
  }
  // /proc shows the ids of a later moment: the program may have changed them.
  const credentials = (image && startCredentials(entry, image)) ?? own;
  if (credentials) Object.assign(fields, describeCredentials(credentials, context));
  if (own) describeGroups(own, context, fields, notes);
  if (seen) {
    if (seen.workingDirectory !== undefined) fields.working_directory = seen.workingDirectory;
    if (seen.tty !== 0) fields.tty = { char_device: deviceNumbers(seen.tty) };
    fields.interactive = seen.tty !== 0;
  }
  for (const name of ['working_directory', 'interactive'] as const) {
    if (fields[name] === undefined) notes.unobserved[name] = 'process_exited';
  }
  const isOther = own === undefined && ((current && seen.exe !== undefined) || entry.image !== image);
  const unread: UnobservedReason = isOther ? 'program_replaced' : 'process_exited';
  if (credentials === undefined) {
    const reason = image?.start?.credentials === undefined ? unread : 'ids_unproven';
    for (const name of credentialFields) notes.unobserved[name] = reason;
  }
  // A process without supplementary groups has no value in that field, although it was observed.
  if (own?.supplementalGroupIds === undefined) notes.unobserved.supplemental_groups = unread;
  return { fields, notes };
}

const credentialFields = ['user', 'real_user', 'saved_user', 'group', 'real_group', 'saved_group'] as const;

/** All credentials, equal ones too: to a rule an absent field differs from every value. */
const describeCredentials = (
  ids: Credentials,
  context: HostContext,
): Pick<ProcessFields, (typeof credentialFields)[number]> => ({
  user: user(ids.userId, context),
  real_user: user(ids.realUserId, context),
  saved_user: user(ids.savedUserId, context),
  group: group(ids.userGroupId, context),
  real_group: group(ids.realUserGroupId, context),
  saved_group: group(ids.savedUserGroupId, context),
});

function describeGroups(seen: ProcessDetails, context: HostContext, fields: ProcessFields, notes: Notes): void {
  const groups = seen.supplementalGroupIds ?? [];
  if (groups.length > 0) fields.supplemental_groups = groups.map((id) => group(id, context));
  if (seen.supplementalGroupsTruncated) notes.truncated.supplemental_groups = maxSupplementalGroups;
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
  container: StepparentEvent['container'];
  stepparent: Pick<
    StepparentEvent['stepparent'],
    'image' | 'lineage' | 'login_user' | 'place' | 'program' | 'systemd' | 'terminal'
  >;
  leaders: LeaderSnapshots;
  /** The file that the process has mapped (/proc/PID/exe or the entry probe); undefined: it could not be read. */
  mapped: string | undefined;
  notes: Notes;
}

/**
 * Describes a process with its ancestors. Reads /proc for each process that was not read since its last exec.
 * `withEnvironment`: also describes the environment of the process.
 */
export function describeActor(
  snapshot: ActorSnapshot,
  table: ProcessTable,
  context: HostContext,
  withEnvironment = false,
): DescribedActor {
  const { entry, image, ancestors } = snapshot;
  const notes = emptyNotes();
  const epochMs = context.host.clock.bootEpochMs();

  const details = table.inspect(entry);
  const current = details !== undefined && entry.detailsImage === image;
  const isInProc = current && image && !executableOf(context.host, entry, image, details.exe).replaced;
  if (isInProc) table.completeArgs(entry, maxEventArgsBytes);
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
    if (process.working_directory !== undefined) notes.inferred['process.working_directory'] = 'earlier_program';
  } else if (process.working_directory === undefined && nearest?.workingDirectory !== undefined) {
    // A child inherits directory, session and terminal (fork(2)). The agent does not see a setsid or chdir in between,
    // so that these fields get a note. Users and groups are never taken from an ancestor: su, cron and sshd change them.
    process.working_directory = nearest.workingDirectory;
    delete notes.unobserved['process.working_directory'];
    notes.inferred['process.working_directory'] = 'nearest_ancestor';
  }

  if (withEnvironment) {
    const readLater = () => (isInProc ? table.readEnvironment(entry, maxReadEnvironmentBytes) : undefined);
    describeEnvironment(knownEnvironment(image?.start, readLater), process, notes);
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
  if (scopeDetails === undefined) notes.unobserved['stepparent.systemd'] = 'process_exited';
  const manager = scopeDetails?.cgroupPath === undefined ? undefined : userOfManager(scopeDetails.cgroupPath);
  const terminal = scopeDetails && terminalName(scopeDetails.tty);
  const login = scopeDetails?.loginUserId;
  const mapped = image?.probedImage ?? (current && !image?.executable?.replaced ? details.exe : undefined);
  const { container, place } = describePlace(table.placeOf(snapshot), notes);

  const program = image && programFields(image, process.executable);
  const recognized = image?.program;
  if (program !== undefined && recognized?.readLater) notes.inferred['stepparent.program'] = 'file_of_name';
  if (image?.unread !== undefined && image.probedImage === undefined) {
    notes.unobserved['stepparent.program'] = image.unread;
  }

  return {
    process,
    container,
    leaders,
    mapped,
    stepparent: {
      ...(mapped === undefined ? {} : { image: { path: mapped } }),
      ...(program && { program }),
      lineage,
      ...(login === undefined ? {} : { login_user: user(login, context) }),
      ...(unit ? { systemd: { unit, ...(manager === undefined ? {} : { user: user(manager, context) }) } } : {}),
      ...(terminal ? { terminal } : {}),
      ...(place === undefined ? {} : { place }),
    },
    notes,
  };
}

/** The fields about the place of a process; none on the host itself. Adds to the notes. */
function describePlace(
  { place, inferredFrom }: FoundPlace,
  notes: Notes,
): { container?: StepparentEvent['container']; place?: StepparentEvent['stepparent']['place'] } {
  if (place === undefined) {
    for (const field of ['container.id', 'stepparent.place']) notes.unobserved[field] = 'process_exited';
    return {};
  }
  if (hasHostRoot(place)) return {};
  const { kind, root, containerId } = place;
  if (inferredFrom !== undefined) {
    notes.inferred['stepparent.place'] = inferredFrom;
    if (containerId !== undefined) notes.inferred['container.id'] = inferredFrom;
  }
  return {
    place: { kind, ...(root !== undefined && { root }) },
    ...(containerId !== undefined && { container: { id: containerId } }),
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

/** Describes a process that is no ancestor as an entry of `stepparent.lineage`. Does not read /proc. */
export const describeStep = (snapshot: ProcessSnapshot, context: HostContext): LineageStep =>
  describeAncestor(snapshot, context, context.host.clock.bootEpochMs()).step;

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

/**
 * The value of `stepparent.program`: what the program is by its content. Undefined: no known program, or one that runs
 * under its own path.
 */
export function programFields({ program }: Image, executable: string | undefined): ProgramFields | undefined {
  if (program === undefined || executable === undefined || !isOtherFile(program, executable)) return undefined;
  // The path is not known, but the file is not a copy.
  if (!path.isAbsolute(executable) && program.basis === 'same_file') return undefined;
  return {
    path: program.path,
    name: nameOf(program.path),
    recognized_by: program.basis,
    ...(program.argument && { argument: program.argument.file }),
  };
}

/** The entry of `stepparent.lineage` for an ancestor. */
function lineageStep(fields: ProcessFields, image: Image | undefined): LineageStep {
  const { entity_id = '', pid = 0, name, executable, args, start, user, working_directory } = fields;
  const program = image && programFields(image, executable);
  return {
    entity_id,
    pid,
    ...(name === undefined ? {} : { name }),
    ...(executable === undefined ? {} : { executable }),
    ...(program && { program: program.path }),
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
  // The record of the probe comes first. If it was too short for all arguments of an execution that was not probed at its
  // start, those that /proc showed are used, provided that they begin like the record.
  const fromProc =
    image.args === undefined ||
    (image.start === undefined &&
      image.argsTruncated === true &&
      seen?.args !== undefined &&
      beginAsRecorded(seen.args, image.args));
  let args = fromProc ? seen?.args : image.args;
  // Of a process that is older than the agent nothing else is known.
  if (args !== undefined && (image.argsReadLater || (fromProc && image.execNs !== undefined))) {
    notes.inferred.args = 'read_later';
  }
  if (args === undefined && image.attemptArgs) {
    args = image.attemptArgs.args;
    notes.inferred.args = 'execve_args';
    if (image.attemptArgs.truncated) notes.truncated.args = maxBytes;
  }
  if (args === undefined) {
    notes.unobserved.args = 'process_exited';
    return;
  }
  const { kept, cut, commandLine } = describedArgs(args, maxBytes);
  fields.args = kept;
  fields.args_count = args.length;
  fields.command_line = commandLine;
  if (cut || (fromProc ? seen?.argsTruncated : image.argsTruncated)) notes.truncated.args = maxBytes;
}

interface DescribedArgs {
  kept: string[];
  cut: boolean;
  commandLine: string;
}

/**
 * Long arguments are described once, so that events of one process share the description: xargs passes the names of
 * some thousands of files to a program that changes each.
 */
const longArgs = new WeakMap<readonly string[], Map<number, DescribedArgs>>();
const longArgsCount = 32;
const longArgsChars = 2048;

function describedArgs(args: readonly string[], maxBytes: number): DescribedArgs {
  const known = longArgs.get(args)?.get(maxBytes);
  if (known !== undefined) return known;
  const { kept, cut } = cutArgs(args, maxBytes);
  const described = { kept, cut, commandLine: kept.join(' ') };
  if (args.length < longArgsCount && described.commandLine.length < longArgsChars) return described;
  const byBytes = longArgs.get(args) ?? new Map<number, DescribedArgs>();
  longArgs.set(args, byBytes.set(maxBytes, described));
  return described;
}

/** Adds the variables of the environment that the table of environment variables has. */
function describeEnvironment(known: KnownEnvironment | undefined, fields: ProcessFields, notes: Notes): void {
  const field = 'process.env_vars';
  if (known === undefined) {
    notes.unobserved[field] = 'process_exited';
    return;
  }
  const { variables, cutAtBytes } = selectVariables(known.environment);
  if (variables.length > 0) fields.env_vars = variables;
  if (known.isReadLater) notes.inferred[field] = 'read_later';
  const knownBytes = known.isComplete ? undefined : bytesOf(known.environment);
  const truncated = knownBytes ?? cutAtBytes;
  if (truncated !== undefined) notes.truncated[field] = truncated;
}

/** The size of an environment, with the NUL behind each string. */
const bytesOf = (environment: readonly string[]): number =>
  environment.reduce((sum, text) => sum + Buffer.byteLength(text) + 1, 0);

/**
 * Keeps the first `maxBytes` bytes of the arguments: cuts the argument that crosses the bound and drops those after it.
 */
export function cutArgs(args: readonly string[], maxBytes: number): { kept: string[]; cut: boolean } {
  let remainingBytes = maxBytes;
  for (let i = 0; i < args.length; i++) {
    const arg = args[i] as string;
    const bytes = Buffer.byteLength(arg);
    if (bytes > remainingBytes) return { kept: [...args.slice(0, i), firstBytes(arg, remainingBytes)], cut: true };
    remainingBytes -= bytes;
  }
  return { kept: [...args], cut: false };
}
